"""What is shown of boards and of what they share."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred, fail, succeed

from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.model import (
    HistoryRow,
    Outlet,
    RelayBoardChange,
    Request,
    Saved,
    Standing,
    Strikes,
)
from lifeguard.netboot.progress import Progress
from lifeguard.power import OwedOutlet
from lifeguard.store import StoreUnavailable
from lifeguard.web.consequences import Consequence, consequences
from tests.rig import EPOCH, inventory
from tests.test_inventory_difference import without
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

GONE = Standing(board="gone", state="Ready", since=EPOCH, deadline=400.0, generation=3)
OWED = OwedOutlet(
    outlet=Outlet("rack1", "1/1"),
    board="panda-01",
    generation=1,
    tries=2,
    last_error="no answer",
)


def names(reply: Any) -> list[str]:
    return [board["name"] for board in reply.json["boards"]]


def test_a_board_in_the_list() -> None:
    parts = booting(web())
    parts.lab.clock.advance(181)
    parts.lab.cycled()
    parts.lab.clock.advance(30)
    reply = parts.ask(f"{BOARDS}?name=panda-01")
    assert reply.json == {
        "boards": [
            {
                "name": "panda-01",
                "state": "ReimageBooting",
                "since": "2026-01-01T00:03:01Z",
                "deadline": "2026-01-01T00:06:01Z",
                "seconds_left": 150.0,
                "generation": 2,
                "image": None,
                "wanted_image": "debian",
                "hardware": "panda",
                "power": ["rack1/1/1"],
                "kind": "busy",
                "removed": False,
                "strikes": {"ReimageBooting": {"count": 1, "allowed": 30}},
                "version": 6,
            }
        ],
        "next": None,
    }


def test_boards_are_listed_by_name_also_those_that_were_removed() -> None:
    reply = web(saved=Saved(standings={"gone": GONE})).ask(BOARDS)
    assert names(reply) == ["bare", "gone", "panda-01", "panda-02"]
    assert [board["removed"] for board in reply.json["boards"]] == [0, 1, 0, 0]


FILTERS = [
    ("name=panda-*", ["panda-01", "panda-02"]),
    ("name=panda", []),
    ("state=New", ["bare", "panda-02"]),
    ("state=Reimage*", ["panda-01"]),
    ("hardware=bare", ["bare"]),
    ("hardware=panda&state=New", ["panda-02"]),
    ("image=debian", []),
    ("image=", ["bare", "panda-01", "panda-02"]),
    ("name=*-0[2-9]", ["panda-02"]),
]


@pytest.mark.parametrize(("query", "found"), FILTERS)
def test_a_list_is_filtered_by_shell_patterns(query: str, found: list[str]) -> None:
    assert names(booting(web()).ask(f"{BOARDS}?{query}")) == found


def test_a_list_comes_in_pages() -> None:
    parts = web(inventory(boards=7))
    pages, after = [], ""
    while after is not None and len(pages) < 5:
        reply = parts.ask(f"{BOARDS}?limit=3&after={after}")
        pages.append(names(reply))
        after = reply.json["next"]
    assert pages == [
        ["bare", "panda-01", "panda-02"],
        ["panda-03", "panda-04", "panda-05"],
        ["panda-06", "panda-07"],
    ]


BAD_QUERIES = [
    "limit=0",
    "limit=1001",
    "limit=x",
    "limit=",
    "limit=1&limit=2",
    "stat=New",
    "%ff=1",
    f"name={'*' * 101}",
]


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_is_not_understood_is_refused(query: str) -> None:
    reply = web().ask(f"{BOARDS}?{query}")
    assert (reply.status, list(reply.json)) == (400, ["error"])


def test_why_a_board_is_here_and_what_happens_next() -> None:
    parts = booting(web())
    parts.relay_boards.debts = [OWED, replace(OWED, board="panda-02")]
    shown = parts.ask(PANDA_01).json
    came = shown.pop("came")
    assert (came["event"], came["from_state"]) == ("power-cycle-ok", "ReimageRebooting")
    listed = parts.ask(f"{BOARDS}?name=panda-01").json["boards"][0]
    assert {key: shown.pop(key) for key in listed} == listed
    assert shown == {
        "mac": "02:00:00:00:00:01",
        "address": "192.0.2.1",
        "known_state": True,
        "request": None,
        "accepted": LIFECYCLE.accepted("ReimageBooting"),
        "next": [
            {
                "event": "image-set-aside",
                "does": "enters RebootRebooting",
                "state": "RebootRebooting",
            },
            {
                "event": "installer-running",
                "does": "enters ReimageInstalling",
                "state": "ReimageInstalling",
            },
            {
                "event": "only-image-set-aside",
                "does": "enters NoImage",
                "state": "NoImage",
            },
            {
                "event": "rq-maintenance",
                "does": "enters MaintenanceRebooting",
                "state": "MaintenanceRebooting",
            },
            {
                "event": "rq-power-off",
                "does": "enters PoweringOff",
                "state": "PoweringOff",
            },
            {
                "event": "rq-reboot",
                "does": "enters RebootRebooting",
                "state": "RebootRebooting",
            },
            {
                "event": "rq-reimage",
                "does": "enters ReimageRebooting",
                "state": "ReimageRebooting",
            },
            {
                "event": "rq-self-test",
                "does": "enters SelfTestRebooting",
                "state": "SelfTestRebooting",
            },
            {
                "event": "timeout",
                "does": "strike 1, 30 allowed: enters ReimageRebooting,"
                " or FailedReimageBooting if too many",
                "state": "ReimageRebooting",
            },
        ],
        "boots": {"what": "image", "image": "debian", "reason": None},
        "owed": [
            {
                "outlet": "rack1/1/1",
                "board": "panda-01",
                "generation": 1,
                "tries": 2,
                "last_error": "no answer",
            }
        ],
        "progress": None,
        "waits_for_power": False,
        "poll_withheld": False,
        "incident": None,
    }


@pytest.mark.parametrize("state", LIFECYCLE.states)
def test_every_event_of_every_state_has_a_consequence(state: str) -> None:
    told = consequences(LIFECYCLE, Standing(board="x", state=state, since=EPOCH))
    declared = LIFECYCLE[state].transitions()
    assert [one.event for one in told] == sorted(declared)
    assert all(one.state is None or one.state in LIFECYCLE for one in told)


def test_consequences_count_what_was_counted() -> None:
    standing = Standing(
        board="x",
        state="ReimageInstalling",
        since=EPOCH,
        strikes={"ReimageInstalling": Strikes(3, 0.0)},
    )
    told = {one.event: one for one in consequences(LIFECYCLE, standing)}
    assert [
        told["install-progress"],
        told["boot-config-fetched"],
        told["installer-running"],
    ] == [
        Consequence("install-progress", "restarts 900 s, up to 3600 s in all"),
        Consequence("boot-config-fetched", "is noted"),
        Consequence(
            "installer-running",
            "after boot-config-fetched: strike 4, 3 allowed: enters ReimageInstalling,"
            " or FailedReimageInstalling if too many",
            "ReimageInstalling",
        ),
    ]


def test_what_a_board_boots_is_shown_as_it_is_decided() -> None:
    parts = web()
    boots = [parts.ask(PANDA_01).json["boots"]["what"]]
    for state in ("LockedOut", "MaintenanceBooting"):
        body = {"from": parts.lab.state(), "to": state}
        parts.post(f"{PANDA_01}/state", body, peer=HERE)
        boots.append(parts.ask(PANDA_01).json["boots"])
    board = parts.lab.board()
    board.standing = replace(board.standing, state="ReimageBooting")
    boots.append(parts.ask(PANDA_01).json["boots"])
    assert boots == [
        "disk",
        {"what": "not-ours", "image": None, "reason": None},
        {"what": "image", "image": "rescue", "reason": None},
        {"what": "nothing", "image": None, "reason": "no image is wanted"},
    ]


def test_a_wait_for_the_relay_board_is_shown() -> None:
    parts = web()
    parts.request("rq-reboot")
    shown = parts.ask(PANDA_01).json
    assert (shown["waits_for_power"], shown["seconds_left"]) == (True, 1800.0)
    assert shown["request"] == {"event": "rq-reboot", "image": None}


OPEN_PATHS = [
    BOARDS,
    PANDA_01,
    f"{PANDA_01}/history",
    "/api/v1/images",
    "/api/v1/relay-boards",
    "/api/v1/health",
    "/api/v1/alerts",
]
SECRET = {"image": "debian", "boot_config": {"root_password": "hunter2"}}


def test_no_open_answer_holds_anything_of_a_boot_config() -> None:
    parts = web()
    stream = parts.connect()
    stream.send("GET", "/api/v1/stream", {}, b"")
    for _ in range(2):  # the second is a repeat
        assert parts.request("rq-reimage", SECRET).status == 200
    replies = [parts.ask(path) for path in OPEN_PATHS]
    assert replies[1].json["request"] == {"event": "rq-reimage", "image": "debian"}
    assert [reply.status for reply in replies] == [200] * len(OPEN_PATHS)
    told = [stream.transport.value(), *(reply.body for reply in replies)]
    assert all(b"panda-01" in body for body in (told[0], *told[1:4]))
    assert not [body for body in told if b"password" in body or b"hunter2" in body]
    assert parts.ask(f"{PANDA_01}/boot-config").status == 403
    stream.hang_up()


def test_nor_does_that_of_a_board_that_was_removed() -> None:
    request = Request("rq-reimage", SECRET)
    gone = replace(GONE, request=request, boot_config=SECRET["boot_config"])
    reply = web(saved=Saved(standings={"gone": gone})).ask(f"{BOARDS}/gone")
    assert reply.json["request"] == {"event": "rq-reimage", "image": "debian"}
    assert b"password" not in reply.body
    assert b"hunter2" not in reply.body


def test_while_nothing_can_be_saved_no_time_is_charged_to_a_board() -> None:
    parts = booting(web())
    parts.lab.store.leave()
    parts.lab.clock.advance(200)
    shown = parts.ask(PANDA_01).json
    assert (shown["state"], shown["seconds_left"]) == ("ReimageBooting", 180.0)
    assert shown["deadline"] == "2026-01-01T00:06:20Z"


def test_a_withheld_poll_failure_is_shown() -> None:
    parts = web()
    parts.polls.withheld = ("panda-02",)
    boards = [parts.ask(f"{BOARDS}/panda-0{n}").json for n in (1, 2)]
    assert [board["poll_withheld"] for board in boards] == [False, True]


def test_a_board_in_a_state_that_its_lifecycle_lacks_is_shown_as_it_is() -> None:
    lost = Standing(
        board="panda-01", state="Lost", since=EPOCH, strikes={"Lost": Strikes(1, 0.0)}
    )
    shown = web(saved=Saved(standings={"panda-01": lost})).ask(PANDA_01).json
    assert (shown["state"], shown["known_state"], shown["next"]) == ("Lost", False, [])
    assert shown["strikes"] == {"Lost": {"count": 1, "allowed": None}}
    assert shown["boots"]["what"] == "not-ours"


def test_a_removed_board_is_shown_and_takes_no_event() -> None:
    parts = web(saved=Saved(standings={"gone": GONE}))
    parts.relay_boards.debts = [replace(OWED, board="gone")]
    shown = parts.ask(f"{BOARDS}/gone").json
    assert (shown["removed"], shown["mac"], shown["next"]) == (True, None, [])
    assert [owed["outlet"] for owed in shown["owed"]] == ["rack1/1/1"]
    assert parts.ask(f"{BOARDS}/gone/history").json == {"history": [], "next": None}
    assert parts.request("rq-reboot", board="gone").status == 404


def test_a_board_is_shown_without_a_store_but_for_how_it_came_there() -> None:
    parts = booting(web())
    parts.lab.store.history = (  # type: ignore[method-assign]
        lambda board, limit=100, before=None: fail(
            StoreUnavailable("database postgresql://joe@db:5432/lab: refused")
        )
    )
    shown = parts.ask(PANDA_01)
    assert (shown.status, shown.json["came"]) == (200, None)
    history = parts.ask(f"{PANDA_01}/history")
    assert (history.status, history.headers["retry-after"]) == (503, "1")
    text = "lifeguard cannot reach its database just now; its log says why"
    assert history.json == {"error": text}


def test_history_comes_in_pages_the_newest_first() -> None:
    parts = web()
    rows = [
        HistoryRow(
            at=EPOCH,
            board="panda-01",
            event="e",
            source="s",
            outcome="moved",
            from_state="A",
            to_state="B",
            generation=1,
            id=number,
        )
        for number in (3, 2, 1)
    ]

    def history(
        board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[HistoryRow]]:
        older = [row for row in rows if before is None or row.id < before]
        return succeed(older[:limit])

    parts.lab.store.history = history  # type: ignore[method-assign]
    first = parts.ask(f"{PANDA_01}/history?limit=2").json
    second = parts.ask(f"{PANDA_01}/history?limit=2&before={first['next']}").json
    assert [row["id"] for row in first["history"] + second["history"]] == [3, 2, 1]
    assert (first["next"], second["next"]) == (2, None)
    assert parts.ask(f"{PANDA_01}/history?before=x").status == 400
    assert parts.ask(f"{PANDA_01}/history?before={2**70}").status == 400


@pytest.mark.parametrize(
    "name", ["nobody", "a%2Fb", "..", "%00", "%0a", "x" * 10_000, "%C3%A4", "panda-01/"]
)
def test_a_board_that_is_not_there_is_not_found(name: str) -> None:
    parts = web()
    for path in (f"/{name}", f"/{name}/history", f"/{name}/boot-config"):
        reply = parts.ask(BOARDS + path, peer=HERE)
        assert (reply.status, list(reply.json)) == (404, ["error"])
        assert len(reply.body) < 1000


@pytest.mark.parametrize("path", ["/%ff", f"{BOARDS}/%fe%ff", "/api/v1/%c3%28?x=%ff"])
def test_a_path_that_is_no_text_is_not_found(path: str) -> None:
    assert web().ask(path).json == {"error": "not found"}


@pytest.mark.parametrize("host", ["", "\xff\xfe", "a..b", "." * 300, "[", "x" * 5000])
def test_what_the_client_calls_lifeguard_decides_no_route(host: str) -> None:
    assert web().ask(BOARDS, headers={"Host": host}).status == 200


def test_a_method_that_a_route_lacks_is_told_which_it_has() -> None:
    reply = web().ask(PANDA_01, "DELETE")
    assert (reply.status, reply.json) == (405, {"error": "method not allowed"})
    assert reply.headers["allow"] == "GET, HEAD"


def test_the_headers_alone_can_be_had() -> None:
    reply = web().ask(BOARDS, "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


def test_images_are_listed_those_with_a_role_as_hidden() -> None:
    images = web().ask("/api/v1/images").json["images"]
    assert [(i["name"], i["hidden"], i["role"], i["hardware"]) for i in images] == [
        ("debian", False, None, ["panda"]),
        ("check", True, "self-test", ["panda"]),
        ("rescue", True, "maintenance", ["panda"]),
        ("elsewhere", False, None, []),
    ]


def test_relay_boards_are_shown_in_wall_time() -> None:
    parts = web()
    parts.relay_boards.debts = [OWED]
    parts.lab.clock.advance(60)
    [relay_board] = parts.ask("/api/v1/relay-boards").json["relay_boards"]
    assert [owed["outlet"] for owed in relay_board.pop("owed")] == ["rack1/1/1"]
    assert relay_board == {
        "name": "rack1",
        "driver": "proxr",
        "address": "192.0.2.250:2101",
        "state": "Working",
        "since": "2026-01-01T00:00:05Z",
        "why": None,
        "connected": True,
        "waiting": 2,
        "last_success": "2026-01-01T00:00:10Z",
        "last_error": None,
        "last_error_at": None,
    }


def test_the_history_of_a_relay_board_comes_in_pages() -> None:
    parts = web()
    rows = [
        RelayBoardChange(at=EPOCH, relay_board="rack1", state=state, why=why, id=number)
        for number, state, why in [(2, "Broken", "no answer"), (1, "Suspect", "")]
    ]

    def history(
        relay_board: str, limit: int = 100, before: int | None = None
    ) -> Deferred[list[RelayBoardChange]]:
        of_it = [row for row in rows if row.relay_board == relay_board]
        older = [row for row in of_it if before is None or row.id < before]
        return succeed(older[:limit])

    parts.lab.store.relay_board_history = history  # type: ignore[attr-defined]
    path = "/api/v1/relay-boards/rack1/history"
    first = parts.ask(f"{path}?limit=1").json
    assert [row["state"] for row in first["history"]] == ["Broken"]
    second = parts.ask(f"{path}?before={first['next']}").json
    assert [row["state"] for row in second["history"]] == ["Suspect"]
    assert second["next"] is None
    assert parts.ask("/api/v1/relay-boards/rack9/history").status == 404
    removed = without(parts.lab.fleet.inventory, "relay_boards", "rack1")
    parts.lab.fleet.inventory = removed
    assert parts.ask(path).json["history"] == first["history"] + second["history"]
    assert parts.ask(f"{path}?before=1").json == {"history": [], "next": None}


def test_a_relay_board_that_waits_to_be_closed_is_not_shown_and_not_tested() -> None:
    parts = web()
    removed = without(parts.lab.fleet.inventory, "relay_boards", "rack1")
    parts.lab.fleet.inventory = removed
    assert parts.ask("/api/v1/relay-boards").json["relay_boards"] == []
    tested = parts.post("/api/v1/relay-boards/rack1/test", peer=HERE)
    assert tested.status == 404


def test_what_is_owed_on_a_relay_board_that_is_gone_is_shown() -> None:
    parts = web()
    gone = replace(OWED, outlet=Outlet("gone", "1/1"))
    parts.relay_boards.debts = [OWED, gone]
    answer = parts.ask("/api/v1/relay-boards").json
    assert [owed["outlet"] for owed in answer["owed"]] == ["rack1/1/1", "gone/1/1"]


def test_a_relay_board_is_tested_by_an_operator() -> None:
    parts = web()
    test = "/api/v1/relay-boards/rack1/test"
    assert parts.post(test).status == 403
    assert parts.post(test, headers=OPERATOR).json["name"] == "rack1"
    assert parts.post("/api/v1/relay-boards/rack2/test", peer=HERE).status == 404
    parts.relay_boards.error = "nothing came within 5 s"
    reply = parts.post(test, headers=OPERATOR)
    assert (reply.status, reply.json) == (502, {"error": "nothing came within 5 s"})


def test_the_brake_is_shown_and_released_by_an_operator() -> None:
    parts = web()
    parts.polls.withheld = ("panda-01",)
    assert parts.ask("/api/v1/health").json["withheld"] == ["panda-01"]
    assert parts.post("/api/v1/health/release").status == 403
    assert parts.post("/api/v1/health/release", peer=HERE).json["braked"] is False


def test_lifeguard_is_ready_while_its_store_answers() -> None:
    parts = web()
    vitals = {"boards": 3, "forbidden": 0}
    assert [parts.ask(p).json for p in ("/healthz", "/readyz")] == [vitals] * 2
    parts.lab.store.leave()
    assert [parts.ask(p).status for p in ("/healthz", "/readyz")] == [200, 503]


def test_a_store_that_is_silent_is_not_waited_for() -> None:
    parts = web()
    parts.lab.store.standing = lambda board: Deferred()  # type: ignore[method-assign]
    connection = parts.connect()
    connection.send("GET", "/readyz", {}, b"")
    parts.lab.clock.advance(5)
    assert connection.reply().status == 503


def test_how_far_a_boot_came_is_shown() -> None:
    parts = booting(web())
    assert parts.ask(PANDA_01).json["progress"] is None
    progress = Progress(1, "debian", ("kernel",)).after("kernel-begun", EPOCH)
    parts.lab.fleet.saw("panda-01", "kernel-begun", progress)
    assert parts.ask(PANDA_01).json["progress"] == {
        "generation": 1,
        "image": "debian",
        "steps": {"kernel-begun": "2026-01-01T00:00:00Z"},
        "summary": "it fetched its boot config, but not all of its kernel",
    }


def test_boards_of_no_inventory_are_shown_once_they_have_asked() -> None:
    parts = web()
    assert parts.ask("/api/v1/unknown-boards").json == {"unknown_boards": []}
    name = "pxelinux.cfg/01-02-00-00-00-00-99"
    for peer in (PANDA, STRANGER):
        assert parts.ask(f"/files/{name}", peer=peer).status == 404
    assert parts.ask("/api/v1/unknown-boards").json == {
        "unknown_boards": [
            {
                "address": STRANGER,
                "mac": "02:00:00:00:00:99",
                "uuid": None,
                "serial": None,
                "first_seen": "2026-01-01T00:00:00Z",
                "last_seen": "2026-01-01T00:00:00Z",
                "requests": 1,
                "asked": [name],
            }
        ]
    }
