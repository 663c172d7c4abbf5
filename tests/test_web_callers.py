"""Who counts as an operator, and who may read a boot config."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import UNIXAddress

from lifeguard.web import Access
from tests.web_rig import (
    BOARDS,
    HERE,
    OPERATOR,
    PANDA,
    PANDA_01,
    STRANGER,
    booting,
    web,
)

REBOOT = f"{PANDA_01}/events/rq-reboot"
CONFIG = f"{PANDA_01}/boot-config"


def test_the_operators_token_counts_from_anywhere() -> None:
    parts = web(access=Access(require_token=True))
    assert parts.post(REBOOT, headers=OPERATOR).status == 200
    assert parts.post(REBOOT, headers=OPERATOR).status == 200
    assert parts.outcomes() == [
        ("rq-reboot", "moved", "operator token"),
        ("rq-reboot", "repeat", "operator token"),
    ]


@pytest.mark.parametrize("token", ["let-me-i", "let-me-inn", "LET-ME-IN", "", "ä"])
def test_another_token_does_not_even_from_this_machine(token: str) -> None:
    parts = web()
    headers = {"Authorization": f"Bearer {token}"}
    assert parts.post(REBOOT, peer=HERE, headers=headers).status == 403


def test_another_scheme_is_a_wrong_token() -> None:
    headers = {"Authorization": "Basic bGV0LW1lLWluOg=="}
    assert web().post(REBOOT, peer=HERE, headers=headers).status == 403


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("127.0.0.1", "operator 127.0.0.1"),
        ("127.0.1.9", "operator 127.0.1.9"),
        ("::1", "operator ::1"),
        ("::ffff:127.0.0.1", "operator 127.0.0.1"),
    ],
)
def test_who_is_on_this_machine_is_an_operator(peer: str, source: str) -> None:
    parts = web()
    assert parts.post(REBOOT, peer=peer).status == 200
    assert parts.outcomes() == [("rq-reboot", "moved", source)]


@pytest.mark.parametrize(
    "peer", [STRANGER, PANDA, "2001:db8::1", "::ffff:192.0.2.1", UNIXAddress("/x")]
)
def test_anybody_else_needs_the_token(peer: Any) -> None:
    parts = web()
    reply = parts.post(REBOOT, peer=peer)
    assert (reply.status, reply.json) == (
        403,
        {"error": "from another machine this needs an operator's token"},
    )
    assert parts.post(REBOOT, peer=peer, headers=OPERATOR).status == 200


def test_a_board_is_known_by_an_address_that_was_mapped_to_ipv6() -> None:
    parts = booting(web())
    parts.lab.clock.advance(1)
    event = f"{PANDA_01}/events/installer-running"
    assert parts.post(event, peer="::ffff:192.0.2.1").status == 200


def test_a_lab_may_ask_for_the_token_everywhere() -> None:
    parts = web(access=Access(require_token=True))
    assert parts.post(REBOOT, peer=HERE).status == 403
    assert parts.post(REBOOT, peer=HERE, headers=OPERATOR).status == 200


FOREIGN = [
    {"Forwarded": "for=203.0.113.1"},
    {"X-Forwarded-For": "203.0.113.1"},
    {"X-Real-IP": "203.0.113.1"},
    {"Via": "1.1 proxy"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://localhost:8080.evil.example"},
    {"Host": "evil.example:8080"},
    {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"},
    {"Host": "[::1"},
    {"Host": ""},
    {"Host": "\xfc"},
    {"Origin": "\xfc"},
    {"Sec-Fetch-Site": "\xfc"},
    {"Host": "127.0.0.1.evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_proxy_or_a_foreign_page_on_this_machine_needs_the_token(
    headers: dict[str, str],
) -> None:
    parts = web()
    assert parts.post(REBOOT, peer=HERE, headers=headers).status == 403
    assert parts.post(REBOOT, peer=HERE, headers=headers | OPERATOR).status == 200


OWN = [
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"},
    {"Sec-Fetch-Site": "none"},
    {"Host": "127.0.0.1:9000", "Origin": "http://127.0.0.1:9000"},
    {"Host": "[::1]:8080", "Origin": "https://[::1]:8080"},
    {"Host": "localhost"},
]


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_lifeguards_own_pages_on_this_machine_do_not(headers: dict[str, str]) -> None:
    assert web().post(REBOOT, peer=HERE, headers=headers).status == 200


def test_a_boot_config_is_for_the_board_itself_and_for_operators() -> None:
    parts = booting(web())
    parts.lab.clock.advance(1)
    token = f"?token={parts.token()}"
    foreign = f"?token={parts.token('panda-02', generation=1)}"
    replies = {
        "token": parts.ask(CONFIG + token),
        "address": parts.ask(CONFIG, peer=PANDA),
        "operator here": parts.ask(CONFIG, peer=HERE),
        "operator": parts.ask(CONFIG, headers=OPERATOR),
        "stranger": parts.ask(CONFIG),
        "another board": parts.ask(CONFIG, peer="192.0.2.2"),
        "another's token": parts.ask(CONFIG + foreign),
    }
    assert {who: reply.status for who, reply in replies.items()} == {
        "token": 200,
        "address": 200,
        "operator here": 200,
        "operator": 200,
        "stranger": 403,
        "another board": 403,
        "another's token": 403,
    }
    assert replies["token"].json == {
        "board": "panda-01",
        "image": "debian",
        "generation": 1,
        "events_url": "http://192.0.2.254:8080/api/v1/boards/panda-01/events",
        "boot_config": {},
    }
    assert parts.ask(f"{BOARDS}/nobody/boot-config").status == 404


def test_an_earlier_boot_reads_no_boot_config() -> None:
    parts = booting(web())
    parts.request("rq-reboot")
    reply = parts.ask(f"{CONFIG}?token={parts.token(generation=1)}")
    assert reply.status == 409


def test_who_is_turned_away_is_counted_once_and_leaves_no_row() -> None:
    parts = web()
    parts.ask(CONFIG)
    parts.post(REBOOT)
    parts.post(f"{PANDA_01}/events/image-running?token=x")
    parts.ask(CONFIG, peer=HERE)
    assert parts.ask("/healthz").json["forbidden"] == 3
    assert parts.outcomes() == []
