"""The channels of alerts, over HTTP and on the command line."""

from __future__ import annotations

import json
from datetime import timedelta

from msgspec.structs import replace

from lifeguard.alerts import ChannelStatus
from lifeguard.alerts.channel import Tally
from tests.cli_rig import CliRig, cli
from tests.rig import EPOCH
from tests.web_rig import HERE, OPERATOR, STRANGER, WebRig, web

ALERTS = "/api/v1/alerts"

OPS = ChannelStatus(
    name="ops",
    kind="slack",
    works=False,
    waiting=12,
    tries=3,
    last_error="answered 503 Service Unavailable",
    last_error_at=EPOCH - timedelta(minutes=2),
    last_sent=EPOCH - timedelta(hours=2),
    failed=1,
)
MAIL = ChannelStatus(name="mail", kind="mail")


def lab() -> WebRig:
    parts = web()
    parts.alerts.channels = [OPS, replace(MAIL, works=True)]
    return parts


def test_each_channel_says_how_it_is_doing() -> None:
    [ops, mail] = lab().ask(ALERTS).json["channels"]
    assert ops == {
        "name": "ops",
        "kind": "slack",
        "works": False,
        "waiting": 12,
        "tries": 3,
        "last_error": "answered 503 Service Unavailable",
        "last_error_at": "2025-12-31T23:58:00Z",
        "last_sent": "2025-12-31T22:00:00Z",
        "failed": 1,
    }
    assert (mail["works"], mail["last_error"], mail["waiting"]) == (True, None, 0)


def test_a_channel_is_tried_by_an_operator() -> None:
    parts = lab()
    assert parts.post(f"{ALERTS}/ops/test", peer=STRANGER).status == 403
    reply = parts.post(f"{ALERTS}/ops/test", headers=OPERATOR)
    assert (reply.status, reply.json["name"]) == (200, "ops")
    assert parts.post(f"{ALERTS}/no/test", peer=HERE).status == 404
    assert parts.alerts.tested == ["ops"]


def test_a_try_that_fails_says_why() -> None:
    parts = lab()
    parts.alerts.error = "answered 404 Not Found: no_service"
    reply = parts.post(f"{ALERTS}/ops/test", peer=HERE)
    assert (reply.status, reply.json) == (502, {"error": parts.alerts.error})


def test_channels_are_counted_for_prometheus() -> None:
    parts = lab()
    parts.alerts.counted = {"ops": Tally(sent=5, failed=1, tries=7)}
    body = parts.ask("/metrics").body.decode()
    lines = {line for line in body.splitlines() if line.startswith("lifeguard_alert")}
    assert lines == {
        'lifeguard_alerts_waiting{channel="ops"} 12.0',
        'lifeguard_alerts_waiting{channel="mail"} 0.0',
        'lifeguard_alert_messages_total{channel="ops",outcome="sent"} 5.0',
        'lifeguard_alert_messages_total{channel="ops",outcome="failed"} 1.0',
        'lifeguard_alert_tries_failed_total{channel="ops"} 7.0',
    }


# The command line.


def test_a_line_for_each_channel() -> None:
    assert cli(lab()).run("alerts").out == [
        "   CHANNEL  KIND   WAITING  SENT     GIVEN UP  LAST ERROR",
        "✗  ops      slack  12       2 h ago  1"
        "         answered 503 Service Unavailable (2 min ago)",
        "✓  mail     mail   0        never    0",
    ]


def test_a_lab_that_tells_nobody_says_so() -> None:
    parts = web()
    parts.alerts.channels = []
    assert cli(parts).run("alerts").out == ["no channels: nobody is told but the log"]


def test_the_channels_as_the_daemon_says_them() -> None:
    [line] = cli(lab()).run("alerts", "--json").out
    assert [each["name"] for each in json.loads(line)["channels"]] == ["ops", "mail"]


def test_a_channel_is_tried() -> None:
    rig = cli(lab())
    assert rig.run("alerts", "test", "ops") == (0, ["ops has taken it"], [])
    [line] = rig.run("alerts", "test", "ops", "--json").out
    assert json.loads(line)["name"] == "ops"


def test_what_is_wrong_with_a_channel_is_said() -> None:
    rig: CliRig = cli(lab())
    status, _, [line] = rig.run("alerts", "test", "o/ps")
    assert (status, line.endswith("/alerts/o%2Fps/test: not found")) == (1, True)
    rig.web.alerts.error = "no such host"
    assert rig.run("alerts", "test", "ops") == (
        1,
        [],
        ["lifeguard: http://127.0.0.1:8080/api/v1/alerts/ops/test: no such host"],
    )
