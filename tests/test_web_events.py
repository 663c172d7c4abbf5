"""Events from boards and requests from people: what is checked, in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.logger import capturedLogs, formatEvent

from lifeguard.event import Event
from lifeguard.model import Board, Inventory, Saved, Standing
from tests.rig import EPOCH, inventory
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

REIMAGE = {"image": "debian"}


def test_an_event_with_the_token_moves_the_board() -> None:
    parts = booting(web())
    reply = parts.happens("installer-running")
    assert (reply.status, reply.json) == (
        200,
        {"board": "panda-01", "state": "ReimageInstalling", "generation": 1},
    )
    assert parts.outcomes() == [
        ("rq-reimage", "moved", "operator 127.0.0.1"),
        ("power-cycle-started", "noted", "power"),
        ("power-cycle-ok", "moved", "power"),
        ("installer-running", "moved", "token"),
    ]


def test_the_token_may_be_a_bearer_token() -> None:
    parts = booting(web())
    headers = {"Authorization": f"bearer {parts.token()}"}
    reply = parts.post(f"{PANDA_01}/events/installer-running", headers=headers)
    assert reply.status == 200


def test_a_boot_loader_may_get_its_event() -> None:
    parts = booting(web())
    reply = parts.ask(f"{PANDA_01}/events/installer-running?token={parts.token()}")
    assert (reply.status, parts.lab.state()) == (200, "ReimageInstalling")


def test_to_ask_for_the_headers_alone_is_no_event() -> None:
    parts = booting(web())
    path = f"{PANDA_01}/events/installer-running?token={parts.token()}"
    reply = parts.ask(path, "HEAD")
    assert (reply.status, parts.lab.state()) == (405, "ReimageBooting")


def test_requests_are_posted() -> None:
    parts = web()
    reply = parts.ask(f"{PANDA_01}/events/rq-reboot", peer=HERE)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert parts.outcomes() == []


def test_the_address_of_the_board_is_enough_for_the_present_generation() -> None:
    parts = booting(web())
    parts.lab.clock.advance(1)
    reply = parts.post(f"{PANDA_01}/events/installer-running", peer=PANDA)
    assert (reply.status, parts.outcomes()[-1]) == (
        200,
        ("installer-running", "moved", "address 192.0.2.1"),
    )


def test_a_connection_older_than_the_switch_on_proves_nothing() -> None:
    parts = web()
    early = parts.connect(PANDA)
    booting(parts)
    parts.lab.clock.advance(1)
    early.send("POST", f"{PANDA_01}/events/installer-running", {}, b"{}")
    reply = early.reply()
    assert (reply.status, parts.lab.state()) == (403, "ReimageBooting")
    assert "older than the last switch-on" in reply.json["error"]


def test_before_the_first_switch_on_any_connection_is_new() -> None:
    parts = web()
    parts.lab.board().change("New", "RebootComplete", "test")
    reply = parts.post(f"{PANDA_01}/events/image-running", peer=PANDA)
    assert (reply.status, parts.lab.state()) == (200, "Ready")


def test_a_simulated_board_counts_by_its_loopback_address() -> None:
    simulated = Board(
        name="sim", mac="02:00:00:00:00:01", hardware="panda", address="127.0.1.1"
    )
    parts = web(Inventory(hardware=inventory().hardware, boards={"sim": simulated}))
    parts.lab.board("sim").change("New", "RebootComplete", "test")
    event = f"{BOARDS}/sim/events/image-running"
    assert parts.post(event, peer="127.0.1.2").status == 403
    assert parts.post(event, peer="127.0.1.1").status == 200
    assert parts.outcomes()[-1] == ("image-running", "moved", "address 127.0.1.1")


WRONG_TOKENS = ["", "1.", "1", "x", "1." + "0" * 32, "9" * 19 + "." + "0" * 32, "%ff"]


@pytest.mark.parametrize("token", WRONG_TOKENS)
def test_a_wrong_token_is_refused_even_from_the_right_address(token: str) -> None:
    parts = booting(web())
    parts.lab.clock.advance(1)
    rows = len(parts.outcomes())
    reply = parts.post(f"{PANDA_01}/events/installer-running?token={token}", peer=PANDA)
    assert (reply.status, list(reply.json)) == (403, ["error"])
    assert (parts.lab.state(), len(parts.outcomes())) == ("ReimageBooting", rows)


def test_the_token_of_another_board_is_a_wrong_one() -> None:
    parts = booting(web())
    token = parts.token("panda-02", generation=1)
    path = f"{PANDA_01}/events/installer-running?token={token}"
    assert parts.post(path).status == 403


def test_two_tokens_are_none() -> None:
    parts = booting(web())
    token = parts.token()
    path = f"{PANDA_01}/events/installer-running?token={token}"
    headers = {"Authorization": f"Bearer {token}"}
    assert parts.post(path, headers=headers).status == 403


def test_a_token_of_an_older_generation_is_stale_and_a_row() -> None:
    parts = booting(web())
    parts.request("rq-reboot")
    reply = parts.happens("installer-running", generation=1)
    assert (reply.status, list(reply.json)) == (409, ["error"])
    row = parts.lab.store.rows[-1]
    assert (row.event, row.outcome, row.generation) == ("installer-running", "stale", 1)


def test_the_operators_token_sends_no_board_events() -> None:
    parts = booting(web())
    reply = parts.post(f"{PANDA_01}/events/installer-running", headers=OPERATOR)
    assert (reply.status, reply.json) == (
        403,
        {"error": "an operator's token is not for a board's events"},
    )


def test_checks_come_in_order() -> None:
    """Each request has all the mistakes that come after its own."""
    parts = booting(web())
    parts.request("rq-reboot")
    parts.lab.cycled()
    old, now = parts.token(generation=1), parts.token()
    statuses = [
        parts.post(f"{BOARDS}/nobody/events/nothing?token=x").status,
        parts.post(f"{PANDA_01}/events/nothing?token=x").status,
        parts.post(f"{PANDA_01}/events/nothing?token={old}").status,
        parts.post(f"{PANDA_01}/events/install-ok?token={old}").status,
        parts.post(f"{PANDA_01}/events/install-ok?token={now}").status,
    ]
    assert statuses == [404, 403, 404, 409, 409]
    assert [outcome for _, outcome, _ in parts.outcomes()[-3:]] == [
        "refused",
        "stale",
        "refused",
    ]


def test_a_refusal_by_the_state_names_what_is_accepted() -> None:
    reply = booting(web()).happens("image-running")
    assert (reply.status, reply.json) == (
        409,
        {
            "error": "image-running is not accepted in ReimageBooting",
            "accepted": [
                "installer-running",
                "rq-maintenance",
                "rq-power-off",
                "rq-reboot",
                "rq-reimage",
                "rq-self-test",
            ],
        },
    )


@pytest.mark.parametrize("event", ["timeout", "power-cycle-ok", "poll-failed"])
def test_nobody_sends_lifeguards_own_events(event: str) -> None:
    assert booting(web()).happens(event).status == 404


def test_an_unknown_event_is_told_and_kept() -> None:
    parts = booting(web())
    reply = parts.happens("image-runing")
    assert reply.status == 404
    assert "no such event: image-runing" in reply.json["error"]
    assert parts.outcomes()[-1] == ("unknown-event", "refused", "token")


@pytest.mark.parametrize("event", ["x" * 64, "Installer", "a%0Ab", "%C3%A4", "rq-%00"])
def test_what_cannot_be_an_event_is_worth_no_row(event: str) -> None:
    parts = booting(web())
    rows = len(parts.outcomes())
    token = "" if event.startswith("rq-") else f"?token={parts.token()}"
    reply = parts.post(f"{PANDA_01}/events/{event}{token}", peer=HERE)
    assert (reply.status, len(parts.outcomes())) == (404, rows)
    assert "\n" not in reply.json["error"]


def test_a_repeated_event_is_acknowledged_and_does_nothing() -> None:
    parts = booting(web())
    parts.happens("installer-running")
    standing = parts.lab.board().standing
    reply = parts.happens("installer-running")
    assert (reply.status, reply.json["repeat"]) == (200, True)
    assert parts.lab.board().standing == standing


def test_a_repeated_request_is_told_by_its_meaning() -> None:
    parts = web()
    bodies: list[Any] = [REIMAGE, {"boot_config": {}, "image": "debian"}]
    replies = [parts.request("rq-reimage", body).json for body in bodies]
    assert [reply.get("repeat", False) for reply in replies] == [False, True]
    other = parts.request("rq-reimage", {**REIMAGE, "boot_config": {"x": 1}})
    assert other.json["generation"] == 2


def test_while_power_is_cycled_a_board_is_asked_to_come_again() -> None:
    parts = web()
    parts.request("rq-reimage", REIMAGE)
    reply = parts.happens("installer-running")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_without_a_store_nothing_is_acknowledged() -> None:
    parts = booting(web())
    parts.lab.store.leave()
    replies = [parts.happens("installer-running"), parts.request("rq-reboot")]
    assert [(r.status, r.headers["retry-after"]) for r in replies] == [(503, "1")] * 2
    parts.lab.store.come_back()
    parts.lab.clock.advance(1)
    assert parts.happens("installer-running").status == 200


def test_nothing_is_answered_before_it_is_saved() -> None:
    parts = booting(web())
    parts.lab.store.holds = True
    connection = parts.connect(PANDA)
    path = f"{PANDA_01}/events/installer-running?token={parts.token()}"
    connection.send("POST", path, {}, b"")
    assert connection.transport.value() == b""
    parts.lab.store.held.pop()()
    assert connection.reply().json["state"] == "ReimageInstalling"


def test_who_hangs_up_ends_only_the_waiting() -> None:
    parts = booting(web())
    parts.lab.store.holds = True
    connection = parts.connect(PANDA)
    path = f"{PANDA_01}/events/installer-running?token={parts.token()}"
    connection.send("POST", path, {}, b"")
    connection.hang_up()
    parts.lab.store.held.pop()()
    assert parts.lab.state() == "ReimageInstalling"
    parts.lab.store.holds = False
    assert parts.happens("install-ok").status == 200


def test_a_reimage_takes_its_image_and_boot_config() -> None:
    parts = web()
    body = {"image": "debian", "boot_config": {"disk": "/dev/sda", "parts": [1, 2]}}
    assert parts.request("rq-reimage", body).json == {
        "board": "panda-01",
        "state": "ReimageRebooting",
        "generation": 1,
    }
    standing = parts.lab.board().standing
    assert (standing.wanted_image, standing.boot_config) == (
        "debian",
        {"disk": "/dev/sda", "parts": [1, 2]},
    )


def nested(levels: int) -> bytes:
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return b'{"image": "debian", "boot_config": {"x": ' + inner + b"}}"


BAD_REIMAGES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"debian"',
    b"{",
    b"\xff",
    b'{"image": 1}',
    b'{"image": null}',
    b'{"image": ""}',
    b'{"image": "debian", "boot-config": {}}',
    b'{"image": "debian", "boot_config": []}',
    b'{"image": "debian", "boot_config": {"x": NaN}}',
    b'{"image": "\xff"}',
    nested(33),
    nested(900),
    nested(30000),
]


def test_a_name_that_no_event_has_is_what_is_wrong_whatever_the_body() -> None:
    parts = booting(web())
    token = parts.token()
    replies = [
        parts.request("rq-remage", REIMAGE),
        parts.post(f"{PANDA_01}/events/image-runing?token={token}", REIMAGE),
    ]
    assert [reply.status for reply in replies] == [404, 404]
    assert parts.outcomes()[-2:] == [
        ("unknown-event", "refused", "operator 127.0.0.1"),
        ("unknown-event", "refused", "token"),
    ]


@pytest.mark.parametrize("body", BAD_REIMAGES, ids=lambda body: repr(body[:50]))
def test_a_bad_body_is_named_and_moves_nothing(body: bytes) -> None:
    parts = web()
    reply = parts.ask(f"{PANDA_01}/events/rq-reimage", "POST", HERE, body=body)
    assert (reply.status, list(reply.json)) == (400, ["error"])
    assert reply.json["error"].startswith("the body: ")
    assert parts.outcomes() == []


def test_a_boot_config_may_be_deep_within_reason() -> None:
    body = nested(32)
    path = f"{PANDA_01}/events/rq-reimage"
    assert web().ask(path, "POST", HERE, body=body).status == 200


def test_other_requests_take_no_body() -> None:
    parts = web()
    assert parts.request("rq-reboot", REIMAGE).status == 400
    assert parts.request("rq-reboot", {}).status == 200
    form = b"image=debian"
    assert parts.ask(
        f"{PANDA_01}/events/rq-reboot", "POST", HERE, body=form
    ).status == (400)


def test_a_body_may_have_64_kilobytes_and_no_more() -> None:
    parts = web()
    empty = {"image": "debian", "boot_config": {"x": ""}}
    room = 64 * 1024 - len(json.dumps(empty))
    fits = {"image": "debian", "boot_config": {"x": "y" * room}}
    larger = {"image": "debian", "boot_config": {"x": "y" * (room + 1)}}
    assert parts.request("rq-reimage", larger).status == 413
    assert parts.request("rq-reimage", fits).status == 200


def test_a_large_body_is_not_kept() -> None:
    connection = web().connect(HERE)
    head = b"POST /api/v1/boards HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.receive(head)
    for _ in range(200):
        connection.receive(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    request = connection._channel.requests[0]
    assert len(request.content.getvalue()) == 64 * 1024


IMPOSSIBLE = [
    ("panda-01", "rq-reimage", {"image": "nonesuch"}, "no such image: nonesuch"),
    (
        "panda-01",
        "rq-reimage",
        {"image": "elsewhere"},
        "image elsewhere has no boot for hardware panda",
    ),
    ("bare", "rq-reboot", {}, "the board has no power outlet to switch"),
    ("bare", "rq-power-off", {}, "the board has no power outlet to switch"),
]


@pytest.mark.parametrize(("board", "event", "body", "error"), IMPOSSIBLE)
def test_what_cannot_be_fulfilled_is_not_begun(
    board: str, event: str, body: Any, error: str
) -> None:
    parts = web()
    reply = parts.request(event, body, board)
    assert (reply.status, reply.json) == (422, {"error": error})
    assert parts.lab.said == [("owe",)]


def test_tokens_and_addresses_of_boards_authorise_no_requests() -> None:
    parts = web()
    path = f"{PANDA_01}/events/rq-reboot"
    change = f"{PANDA_01}/state"
    token = f"?token={parts.token()}"
    statuses = [
        parts.post(path, peer=PANDA).status,
        parts.post(path + token, peer=PANDA).status,
        parts.post(path + token, peer=HERE).status,
        parts.post(change, {"from": "New", "to": "Ready"}, peer=PANDA).status,
        parts.post(change + token, {"from": "New", "to": "Ready"}).status,
    ]
    assert statuses == [403] * 5
    assert parts.outcomes() == []


def test_a_locked_out_board_accepts_no_request() -> None:
    parts = web()
    path = f"{PANDA_01}/state"
    parts.post(path, {"from": "New", "to": "LockedOut"}, peer=HERE)
    reply = parts.request("rq-reboot")
    assert (reply.status, reply.json["accepted"]) == (409, [])


def test_a_change_by_hand_has_a_condition() -> None:
    parts = web()
    path = f"{PANDA_01}/state"
    body = {"from": "New", "to": "Troubleshooting"}
    first = parts.post(path, body, headers=OPERATOR)
    assert (first.status, first.json["state"]) == (200, "Troubleshooting")
    second = parts.post(path, body, headers=OPERATOR)
    assert (second.status, second.json["error"]) == (
        409,
        "the board is in Troubleshooting, not in New",
    )
    assert parts.outcomes() == [
        ("set-state", "moved", "operator token"),
        ("set-state", "refused", "operator token"),
    ]


BAD_CHANGES: list[tuple[Any, int]] = [
    ({"from": "New"}, 400),
    ({"to": "Ready"}, 400),
    ({"from": "New", "to": 1}, 400),
    ({"from": "New", "to": "x" * 64}, 400),
    ({"from": "New", "to": "Ready", "now": True}, 400),
    ({"from": "New", "to": "Nowhere"}, 404),
]


@pytest.mark.parametrize(("body", "status"), BAD_CHANGES)
def test_a_change_names_two_states(body: Any, status: int) -> None:
    assert web().post(f"{PANDA_01}/state", body, peer=HERE).status == status


def test_a_board_leaves_a_state_that_its_lifecycle_lacks_by_hand() -> None:
    lost = Standing(board="panda-01", state="Lost", since=EPOCH)
    parts = web(saved=Saved(standings={"panda-01": lost}))
    body = {"from": "Lost", "to": "Troubleshooting"}
    reply = parts.post(f"{PANDA_01}/state", body, peer=HERE)
    assert reply.json["state"] == "Troubleshooting"


def test_a_stopped_fleet_acknowledges_nothing() -> None:
    parts = booting(web())
    parts.lab.fleet.stopService()
    assert parts.happens("installer-running").status == 503


def test_an_unforeseen_fault_is_logged_and_told_without_a_traceback(
    logged_failures: list[Any],
) -> None:
    parts = web()

    def broken(event: Event) -> Any:
        raise ZeroDivisionError("secret")

    parts.lab.board().deliver = broken  # type: ignore[method-assign]
    reply = parts.request("rq-reboot")
    assert (reply.status, list(reply.json)) == (500, ["error"])
    assert b"secret" not in reply.body
    assert [e["log_failure"].type for e in logged_failures] == [ZeroDivisionError]
    logged_failures.clear()


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"image": "debian"}', b"x=1"])
def test_a_board_event_has_nothing_to_say_in_its_body(body: bytes) -> None:
    parts = booting(web())
    path = f"{PANDA_01}/events/installer-running?token={parts.token()}"
    assert parts.ask(path, "POST", body=body).status == 400
    assert parts.ask(path, "POST", body=b"{}").status == 200


def test_a_request_shows_no_token_to_whoever_logs_it() -> None:
    parts = booting(web())
    parts.lab.store.holds = True
    connection, token = parts.connect(), parts.token()
    connection.send(
        "GET", f"{PANDA_01}/events/installer-running?token={token}", {}, b""
    )
    [request] = connection._channel.requests
    assert "uri=/api/v1/boards/panda-01/events/installer-running " in repr(request)
    connection.hang_up()


def test_no_boot_token_is_logged_or_kept() -> None:
    parts = booting(web())
    token = parts.token()
    with capturedLogs() as events:
        parts.happens("installer-running")
        parts.happens("nothing")
        parts.post(f"{BOARDS}/nobody/events/x?token={token}", peer=STRANGER)
    mac = token.partition(".")[2]
    logged = [formatEvent(event) + repr(event) for event in events]
    assert logged
    assert not [line for line in logged if mac in line]
    assert mac not in repr(parts.lab.store.rows)


def test_a_board_is_switched_off_and_on_by_request() -> None:
    parts = web()
    refused = parts.request("rq-power-on", {})
    assert refused.status == 409
    assert "rq-power-off" in refused.json["accepted"]
    assert parts.request("rq-power-off", {}).json["state"] == "PoweringOff"
    parts.lab.fleet.about("panda-01").switched_off(1)
    assert parts.lab.state() == "Off"
    assert parts.request("rq-power-on", {}).json["state"] == "RebootRebooting"
