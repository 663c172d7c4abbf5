"""Who sends the messages of each kind of channel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.web.client import BrowserLikePolicyForHTTPS

from lifeguard.alerts import bodies

if TYPE_CHECKING:
    from lifeguard.alerts.channel import Sender
    from lifeguard.clock import WallClock
    from lifeguard.config.alerts import AlertChannel
    from lifeguard.netboot.parameters import Server


def sender_of(
    channel: AlertChannel, server: Server, reactor: Any, wall: WallClock
) -> Sender:
    """One that sends over the network; few labs have all kinds."""
    if channel.kind == "mail":
        from lifeguard.alerts.mail import Mail

        return Mail(channel, server, reactor)
    from lifeguard.alerts.webhook import Webhook
    from lifeguard.power.agent import agent

    body = bodies.slack if channel.kind == "slack" else bodies.webhook
    web = agent(reactor, BrowserLikePolicyForHTTPS())
    return Webhook(channel, partial(body, server=server), web, reactor, wall)
