"""The inventory read again over HTTP."""

from __future__ import annotations

from pathlib import Path

from lifeguard.config import ConfigurationError, Mistake
from tests.reload_rig import on_rack2, two_racks
from tests.rig import inventory
from tests.test_inventory_difference import changed
from tests.test_inventory_still_owed import owed
from tests.web_rig import HERE, OPERATOR, STRANGER, web

PLAN, APPLY = "/api/v1/inventory/plan", "/api/v1/inventory/apply"


def test_a_plan_is_shown_and_then_done() -> None:
    parts = web()
    parts.found[0] = changed(inventory(), "boards", "panda-01", address="192.0.2.99")
    plan = parts.post(PLAN, peer=HERE).json
    digest = plan.pop("digest")
    assert plan == {
        "entries": [
            {
                "table": "boards",
                "name": "panda-01",
                "what": "changed",
                "fields": [
                    {"name": "address", "old": "192.0.2.1", "new": "192.0.2.99"}
                ],
            }
        ],
        "boards": [{"board": "panda-01", "text": "goes on in New"}],
        "owed": [],
        "touched": 1,
        "allowed": 5,
        "restart": [],
    }
    assert parts.lab.board().board.address == "192.0.2.1"
    wrong = parts.post(APPLY, {"plan": "x" * 32}, peer=HERE)
    assert (wrong.status, list(wrong.json)) == (409, ["error"])
    done = parts.post(APPLY, {"plan": digest}, peer=HERE)
    assert (done.status, done.json["digest"]) == (200, digest)
    assert parts.lab.board().board.address == "192.0.2.99"


def test_more_than_a_share_is_409_and_done_with_a_yes() -> None:
    parts = web(inventory(boards=9))
    parts.found[0] = inventory(boards=1)
    assert parts.post(APPLY, peer=HERE).status == 409
    assert parts.post(APPLY, {"yes": True}, peer=HERE).status == 200
    assert list(parts.lab.fleet.boards) == ["panda-01", "bare"]


def test_an_outlet_that_would_stay_off_is_shown_and_given_up_with_a_yes() -> None:
    parts = web(two_racks())
    parts.relay_boards.debts = [owed("1/1")]
    parts.found[0] = on_rack2("panda-01", "panda-02")
    assert parts.post(PLAN, peer=HERE).json["owed"] == [
        {
            "outlet": "rack1/1/1",
            "board": "panda-01",
            "relay_board": "rack1",
            "what": "removed",
            "text": "is still to be switched on for panda-01:"
            " stays off if lifeguard stops before that",
        }
    ]
    assert parts.post(APPLY, peer=HERE).status == 409
    assert parts.post(APPLY, {"yes": True}, peer=HERE).status == 200


def test_mistakes_are_named_each_in_a_line() -> None:
    parts, file = web(), Path("boards.toml")
    parts.found[0] = ConfigurationError(
        [Mistake(file, ("boards", name, "mac"), "missing") for name in ("a", "b")]
    )
    for path in (PLAN, APPLY):
        reply = parts.post(path, peer=HERE)
        assert reply.status == 422
        assert reply.json["mistakes"] == [
            "boards.toml: boards.a.mac: missing",
            "boards.toml: boards.b.mac: missing",
        ]


def test_it_is_for_operators() -> None:
    parts = web()
    for path in (PLAN, APPLY):
        assert parts.post(path, peer=STRANGER).status == 403
        assert parts.post(path, headers=OPERATOR).status == 200
    assert parts.post(APPLY, {"yes": "perhaps"}, peer=HERE).status == 400
    assert parts.post(APPLY, {"files": "/etc/passwd"}, peer=HERE).status == 400


def test_without_a_store_it_is_503() -> None:
    parts = web()
    parts.lab.store.leave()
    assert parts.post(PLAN, peer=HERE).status == 200
    assert parts.post(APPLY, peer=HERE).status == 503
