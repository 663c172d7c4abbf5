"""What people are told away from the log: webhooks, Slack, mail.

A notice is a row of the commit that it tells of. From there it goes on in three more
commits, so that no crash loses it: it becomes an alert of each channel that wants it
(see `lifeguard.notify`), what a channel has gathered becomes a message, and the message
is sent. A crash between sending and the commit that says so has that one message sent
once more, with the same key.
"""

from lifeguard.alerts.alerts import Alerts, UnknownChannel
from lifeguard.alerts.channel import ChannelStatus
from lifeguard.alerts.delivery import NotDelivered

__all__ = ["Alerts", "ChannelStatus", "NotDelivered", "UnknownChannel"]
