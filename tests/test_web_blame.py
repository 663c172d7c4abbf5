"""Incidents and failed images over HTTP."""

from __future__ import annotations

from msgspec.structs import replace

from lifeguard.model import Cause, Incident, Saved
from tests.rig import EPOCH
from tests.web_rig import HERE, STRANGER, WebRig, web

IMAGES, INCIDENTS = "/api/v1/images", "/api/v1/incidents"


def incident(number: int, name: str = "debian", closed: bool = False) -> Incident:
    return Incident(
        id=number,
        cause=Cause("image", name),
        opened=EPOCH,
        since=0.0,
        boards=("panda-01", "panda-02"),
        failing=(),
        text=f"image {name} is set aside: it failed",
        closed=EPOCH if closed else None,
        set_aside=not closed,
    )


def lab(*incidents: Incident) -> WebRig:
    """What has been judged before the start."""
    saved = Saved(
        incidents=tuple(each for each in incidents if each.closed is None),
        last_incident=len(incidents),
    )
    parts = web(saved=saved)
    parts.inquiry.load(saved)
    parts.inquiry.begin(saved)
    parts.lab.store.judged = {each.id: each for each in incidents}
    return parts


def test_an_image_that_is_set_aside_says_why() -> None:
    parts = lab(incident(1))
    images = {image["name"]: image for image in parts.ask(IMAGES).json["images"]}
    assert images["debian"]["failed"] == {
        "incident": 1,
        "since": "2026-01-01T00:00:00Z",
        "boards": ["panda-01", "panda-02"],
        "text": "image debian is set aside: it failed",
    }
    assert images["check"]["failed"] is None
    parts.inquiry.stop()


def test_a_request_for_it_is_refused_with_the_evidence() -> None:
    parts = lab(incident(1))
    reply = parts.request("rq-reimage", {"image": "debian"})
    assert (reply.status, reply.json["error"]) == (
        422,
        "image debian is set aside: it failed",
    )
    parts.inquiry.stop()


def test_an_operator_releases_it() -> None:
    parts = lab(incident(1))
    assert parts.post(f"{IMAGES}/debian/release", peer=STRANGER).status == 403
    reply = parts.post(f"{IMAGES}/debian/release", peer=HERE)
    assert (reply.status, reply.json["failed"]) == (200, None)
    assert parts.request("rq-reimage", {"image": "debian"}).status == 200
    again = parts.post(f"{IMAGES}/debian/release", peer=HERE)
    assert (again.status, again.json) == (
        409,
        {"error": "image debian is not set aside"},
    )
    assert parts.post(f"{IMAGES}/bsd/release", peer=HERE).status == 404
    parts.inquiry.stop()


def test_an_image_is_not_released_before_that_is_saved() -> None:
    parts = lab(incident(1))
    parts.lab.store.away = True
    assert parts.post(f"{IMAGES}/debian/release", peer=HERE).status == 503
    reply = parts.request("rq-reimage", {"image": "debian"})
    assert reply.status == 422
    parts.inquiry.stop()


def test_open_incidents_come_first_a_page_at_a_time() -> None:
    parts = lab(*(incident(n, f"i{n}", closed=n in (2, 5)) for n in range(1, 6)))
    first = parts.ask(f"{INCIDENTS}?limit=2").json
    assert [each["id"] for each in first["incidents"]] == [4, 3]
    second = parts.ask(f"{INCIDENTS}?limit=2&after={first['next']}").json
    assert [each["id"] for each in second["incidents"]] == [1, 5]
    last = parts.ask(f"{INCIDENTS}?limit=2&after={second['next']}").json
    assert (len(last["incidents"]), last["next"]) == (1, None)
    assert last["incidents"][0] == {
        "id": 2,
        "opened": "2026-01-01T00:00:00Z",
        "closed": "2026-01-01T00:00:00Z",
        "kind": "image",
        "name": "i2",
        "text": "image i2 is set aside: it failed",
        "boards": ["panda-01", "panda-02"],
        "failing": [],
        "set_aside": False,
    }
    assert parts.ask(f"{INCIDENTS}?after=x").status == 400
    parts.inquiry.stop()


def test_a_board_names_the_incident_that_it_is_failing_in() -> None:
    shared = Cause("relay-board", "rack1")
    alone = replace(incident(2), cause=Cause("board", "bare"), set_aside=False)
    parts = lab(
        replace(
            incident(1),
            cause=shared,
            set_aside=False,
            failing=("panda-01",),
            text="ill",
        ),
        replace(alone, failing=("bare",), text="dead"),
    )
    found = {
        name: parts.ask(f"/api/v1/boards/{name}").json["incident"]
        for name in ("panda-01", "panda-02", "bare")
    }
    assert found == {
        "panda-01": {
            "id": 1,
            "kind": "relay-board",
            "name": "rack1",
            "text": "ill",
            "excuses": True,
        },
        "panda-02": None,
        "bare": {
            "id": 2,
            "kind": "board",
            "name": "bare",
            "text": "dead",
            "excuses": False,
        },
    }
    parts.lab.fleet.docket.patience = 0
    board = parts.ask("/api/v1/boards/panda-01").json
    assert (board["incident"]["id"], board["incident"]["excuses"]) == (1, False)
    parts.inquiry.stop()
