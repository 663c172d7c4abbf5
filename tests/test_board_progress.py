"""How far a board's boot has come, as netboot saw it."""

from __future__ import annotations

from tests.rig import Rig, result_of, rig, seen


def rows(parts: Rig, since: int) -> list[tuple[str, str, int]]:
    found = parts.store.rows[since:]
    return [(row.event, row.outcome, row.generation) for row in found]


def test_what_netboot_saw_is_written_down_and_extends_nothing() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    before, since = parts.board().standing, len(parts.store.rows)
    parts.clock.advance(100)
    seen(parts, "boot-config-fetched", "initrd-begun")
    assert rows(parts, since) == [
        ("boot-config-fetched", "noted", 1),
        ("initrd-begun", "noted", 1),
    ]
    assert parts.board().standing == before
    assert list(parts.board().progress.steps) == ["boot-config-fetched", "initrd-begun"]


def test_a_timeout_says_how_far_the_boot_came() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched", "initrd-begun", "initrd-fetched")
    parts.clock.advance(180)
    assert parts.store.rows[-1].reason == (
        "it fetched its boot config and its initrd, but never its kernel;"
        " strike 1, 30 allowed"
    )


def test_a_failure_tells_a_person_how_far_the_boot_came() -> None:
    parts = rig()
    parts.request("rq-maintenance")
    for generation in range(1, 32):
        parts.cycled()
        seen(parts, "boot-config-fetched", generation=generation)
        parts.clock.advance(180)
    assert parts.state() == "FailedMaintenanceBooting"
    assert parts.store.rows[-1].reason == (
        "it fetched its boot config, but never its kernel and never its initrd;"
        " strike 31, 30 allowed: given up"
    )


def test_a_timeout_says_that_nothing_was_fetched_where_that_would_be_seen() -> None:
    for sees_boots, said in (
        (True, "it fetched nothing from lifeguard; strike 1, 30 allowed"),
        (False, "strike 1, 30 allowed"),
    ):
        parts = rig(sees_boots=sees_boots)
        parts.request("rq-reimage", image="debian")
        parts.cycled()
        parts.clock.advance(180)
        assert parts.store.rows[-1].reason == said


def test_a_power_cycle_that_times_out_says_nothing_of_what_was_fetched() -> None:
    parts = rig(sees_boots=True)
    parts.request("rq-reimage", image="debian")
    assert result_of(parts.fleet.about("panda-01").cycle_started(1))
    parts.clock.advance(60)
    assert parts.store.rows[-1].reason == "strike 1, 200 allowed"


def test_a_timeout_says_nothing_of_an_older_boot() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched")
    for _ in range(2):
        parts.clock.advance(180)
        parts.cycled()
    reasons = [row.reason for row in parts.store.rows if row.event == "timeout"]
    assert [reason.count("fetched") for reason in reasons] == [1, 0]


def test_a_timeout_of_a_boot_from_disk_says_nothing_of_the_network() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    seen(parts, "boot-config-fetched", "kernel-fetched")
    for event in ("installer-running", "install-ok"):
        parts.happens(event)
    parts.clock.advance(600)
    assert parts.store.rows[-1].reason == "strike 1, 10 allowed"


def test_a_fetch_that_the_state_notes_is_noted_once_and_then_counted() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    since, version = len(parts.store.rows), parts.board().standing.version
    for _ in range(3):
        seen(parts, "boot-config-fetched")
    assert rows(parts, since) == [("boot-config-fetched", "noted", 1)] * 3
    assert parts.board().standing.noted == ("boot-config-fetched",)
    assert parts.board().standing.version == version + 1


def test_a_transfer_that_outlived_its_boot_is_written_to_that_boot() -> None:
    parts = rig()
    parts.request("rq-reimage", image="debian")
    parts.cycled()
    parts.happens("installer-running")
    parts.request("rq-self-test")
    since = len(parts.store.rows)
    seen(parts, "boot-config-fetched", generation=1)
    assert rows(parts, since) == [("boot-config-fetched", "noted", 1)]
    assert parts.board().standing.noted == ()
