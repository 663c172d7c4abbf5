"""What Prometheus reads: from the parts that count, through the library, over HTTP."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.metrics.lag import Lag
from lifeguard.model import Blamed, Cause, Saved, Standing
from lifeguard.netboot.transfer import Outcome
from lifeguard.power import OwedOutlet
from lifeguard.tally import Histogram
from lifeguard.web import Access
from tests.rig import EPOCH, inventory
from tests.test_inventory_fleet import leaving_last, take
from tests.web_rig import BOARDS, HERE, PANDA_01, STRANGER, WebRig, web

ROOT = Path(__file__).parents[1]

Labels = dict[str, str]


def rig(saved: Saved | None = None, **how: Any) -> WebRig:
    """A served lab whose numbers are counted."""
    parts = web(saved=saved, **how)
    parts.metrics.startService()
    return parts


def exposition(parts: WebRig) -> str:
    reply = parts.ask("/metrics")
    assert reply.status == 200
    body = reply.body
    packed = reply.headers.get("content-encoding") == "gzip"
    return (gzip.decompress(body) if packed else body).decode()


def families(parts: WebRig) -> dict[str, Any]:
    """What is exposed of lifeguard's own, as Prometheus's parser reads it."""
    return {
        family.name: family
        for family in text_string_to_metric_families(exposition(parts))
        if family.name.startswith("lifeguard_")
    }


def values(parts: WebRig, sample: str, **labels: str) -> dict[tuple[str, ...], float]:
    """The samples of a name that are not 0, by the values of their other labels."""
    return {
        tuple(v for k, v in sorted(each.labels.items()) if k not in labels): each.value
        for family in families(parts).values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items() and each.value
    }


def value(parts: WebRig, sample: str, **labels: str) -> float:
    found = values(parts, sample, **labels)
    assert len(found) <= 1
    return sum(found.values())


# Boards.


def test_boards_are_counted_by_hardware_kind_and_state() -> None:
    parts = rig()
    parts.request("rq-reimage", {"image": "debian"})
    assert values(parts, "lifeguard_boards") == {
        ("bare", "still", "New"): 1,
        ("panda", "still", "New"): 1,
        ("panda", "busy", "ReimageRebooting"): 1,
    }


def test_a_board_that_leaves_after_its_hardware_is_counted_still() -> None:
    parts = rig()
    take(parts.lab, leaving_last(parts.lab))
    assert values(parts, "lifeguard_boards") == {
        ("bare", "still", "New"): 1,
        ("panda", "still", "New"): 1,
    }


def test_a_state_without_boards_is_there_as_nought() -> None:
    samples = families(rig())["lifeguard_boards"].samples
    expected = {
        (hardware, state, LIFECYCLE.kind(state))
        for hardware in ("panda", "bare")
        for state in LIFECYCLE.states
    }
    shown = [
        (each.labels["hardware"], each.labels["state"], each.labels["kind"])
        for each in samples
    ]
    assert (set(shown), len(shown)) == (expected, len(expected))


def test_a_state_that_the_lifecycle_lacks_is_of_an_unknown_kind() -> None:
    strange = Standing(board="panda-01", state="Odd", since=EPOCH, version=1)
    parts = rig(Saved(standings={"panda-01": strange}))
    assert value(parts, "lifeguard_boards", kind="unknown", state="Odd") == 1


def test_events_that_wait_are_counted_over_all_boards() -> None:
    parts = rig()
    parts.lab.store.holds = True
    for name in ("panda-01", "panda-01", "panda-01", "panda-02", "panda-02"):
        parts.lab.fleet.request(name, "rq-reboot", {}, "test").addErrback(lambda _: 0)
    assert value(parts, "lifeguard_inbox_events") == 3  # each board takes one just now


# Their changes.


def test_a_move_is_counted_and_what_is_noted_or_refused_is_not() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.request("rq-nonsense")
    parts.lab.cycled()
    assert values(parts, "lifeguard_transitions_total") == {
        ("rq-reboot", "New", "RebootRebooting"): 1,
        ("power-cycle-ok", "RebootRebooting", "RebootComplete"): 1,
    }


def test_a_timeout_is_a_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.lab.cycled()
    parts.lab.clock.advance(600)
    assert parts.lab.state() == "RebootRebooting"
    assert values(parts, "lifeguard_timeouts_total") == {("RebootComplete",): 1}
    assert values(parts, "lifeguard_strikes_total") == {("RebootComplete",): 1}
    assert values(parts, "lifeguard_give_ups_total") == {}


def test_the_strike_too_many_gives_a_board_up() -> None:
    parts = rig()
    parts.request("rq-self-test")
    for _ in range(2):
        parts.lab.cycled()
        parts.lab.happens("self-test-running")
        parts.lab.clock.advance(3600)
    assert parts.lab.state() == "FailedSelfTestRunning"
    assert values(parts, "lifeguard_strikes_total") == {("SelfTestRunning",): 2}
    assert values(parts, "lifeguard_give_ups_total") == {("SelfTestRunning",): 1}


def test_a_failure_without_a_strike_gives_up_and_is_none() -> None:
    parts = rig()
    parts.request("rq-self-test")
    parts.lab.cycled()
    parts.lab.happens("self-test-running")
    parts.lab.happens("self-test-failed")
    assert values(parts, "lifeguard_strikes_total") == {}
    assert values(parts, "lifeguard_give_ups_total") == {("SelfTestRunning",): 1}


def test_a_failure_that_an_incident_excuses_is_no_strike() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.lab.cycled()
    parts.lab.clock.advance(600)
    parts.lab.cycled()
    blamed = Blamed(1, Cause("relay-board", "rack1"), True)
    parts.lab.fleet.docket.blamed = lambda board, now: blamed  # type: ignore[method-assign]
    parts.lab.clock.advance(600)
    assert values(parts, "lifeguard_timeouts_total") == {("RebootComplete",): 2}
    assert values(parts, "lifeguard_strikes_total") == {("RebootComplete",): 1}


def test_what_may_rise_is_there_before_it_does() -> None:
    found = families(rig())
    for name in ("lifeguard_timeouts", "lifeguard_strikes", "lifeguard_give_ups"):
        states = [each.labels["state"] for each in found[name].samples]
        assert states == list(LIFECYCLE.states)


# What other parts count.


def test_power_by_relay_board() -> None:
    parts = rig()
    ended = parts.relay_boards.cycles_ended
    ended.count(["rack1"], "ok", 2.5)
    ended.count(["rack1"], "void", 30.0)
    assert values(parts, "lifeguard_power_cycles_total") == {
        ("ok", "rack1"): 1,
        ("void", "rack1"): 1,
    }
    assert value(parts, "lifeguard_power_cycle_seconds_count") == 2
    assert value(parts, "lifeguard_power_cycle_seconds_sum") == 32.5
    assert values(parts, "lifeguard_relay_board_state") == {("rack1", "Working"): 1}
    assert values(parts, "lifeguard_relay_board_waiting") == {("rack1",): 2}


def test_owed_outlets() -> None:
    parts = rig()
    outlet = inventory().boards["panda-01"].power[0]
    owed = OwedOutlet(
        outlet=outlet, board="panda-01", generation=1, tries=0, last_error=None
    )
    parts.relay_boards.debts.append(owed)
    assert value(parts, "lifeguard_owed_outlets") == 1


def test_every_outcome_of_a_transfer_is_there() -> None:
    parts = rig()
    samples = families(parts)["lifeguard_tftp_transfers"].samples
    outcomes = {each.labels["outcome"] for each in samples}
    assert outcomes == {*(each.value for each in Outcome), "stopped"}


def test_the_store_goes_and_comes_back() -> None:
    parts = rig()
    shown = [value(parts, "lifeguard_store_up")]
    parts.lab.store.leave()
    shown.append(value(parts, "lifeguard_store_up"))
    parts.lab.store.come_back()
    shown.append(value(parts, "lifeguard_store_up"))
    assert shown == [1, 0, 1]


def test_commits() -> None:
    parts = rig()
    parts.lab.store.commits.ended(7, 0.004)
    parts.lab.store.commits.ended(500, 20.0)
    assert value(parts, "lifeguard_commit_seconds_bucket", le="0.0025") == 0
    assert value(parts, "lifeguard_commit_seconds_bucket", le="0.005") == 1
    assert value(parts, "lifeguard_commit_seconds_bucket", le="10.0") == 1
    assert value(parts, "lifeguard_commit_seconds_bucket", le="+Inf") == 2
    assert value(parts, "lifeguard_commit_seconds_sum") == 20.004
    assert value(parts, "lifeguard_commit_writes_sum") == 507


def test_a_value_at_a_bound_is_not_above_it() -> None:
    histogram = Histogram((1, 2, 5))
    for each in (0, 1, 1.5, 5, 6):
        histogram.observe(each)
    assert (histogram.counts, histogram.total) == ([2, 1, 1, 1], 13.5)


def test_how_late_the_reactor_is() -> None:
    clock = Clock()
    lag = Lag(clock)
    lag.start()
    clock.advance(1.0)
    clock.advance(1.3)
    lag.stop()
    assert sum(lag.seconds.counts) == 2
    assert lag.seconds.total == pytest.approx(0.3)
    assert clock.getDelayedCalls() == []


# Over HTTP.


def test_answers_are_counted_by_what_is_asked_for_as_it_is_declared() -> None:
    parts = rig()
    parts.ask(f"{BOARDS}?state=Ready")
    parts.ask(PANDA_01)
    parts.ask(f"{BOARDS}/panda-02")
    parts.ask(f"{BOARDS}/nobody")
    parts.ask("/api/v1/nothing-such", method="BREW")
    parts.ask("/")
    assert values(parts, "lifeguard_http_requests_total") == {
        ("GET /boards", "200"): 1,
        ("GET /boards/<name>", "200"): 2,
        ("GET /boards/<name>", "404"): 1,
    }


def test_an_answer_takes_as_long_as_its_commit() -> None:
    parts = rig()
    parts.lab.store.holds = True
    connection = parts.connect(HERE)
    connection.send("POST", f"{PANDA_01}/events/rq-reboot", {}, b"")
    parts.lab.clock.advance(0.25)
    parts.lab.store.held.pop()()
    assert connection.reply().status == 200
    operation = "POST /boards/<name>/events/<event>"
    name = "lifeguard_http_request_seconds"
    assert value(parts, f"{name}_sum", operation=operation) == 0.25
    assert value(parts, f"{name}_bucket", operation=operation, le="0.25") == 1


def test_the_stream_has_no_end_and_is_not_counted() -> None:
    parts = rig()
    connection = parts.connect()
    connection.send("GET", "/api/v1/stream", {}, b"")
    parts.site.doStart()
    parts.site.doStop()
    assert values(parts, "lifeguard_http_requests_total") == {}


def test_anybody_may_read_and_nobody_write() -> None:
    parts = rig(access=Access(require_token=True))
    reply = parts.ask("/metrics", peer=STRANGER)
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["cache-control"] == "no-store"
    assert parts.post("/metrics").status == 405


def test_it_is_packed_for_who_takes_it_so() -> None:
    parts = rig()
    reply = parts.ask("/metrics", headers={"Accept-Encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(reply.body).startswith(b"# HELP lifeguard_boards ")


def test_no_board_is_named() -> None:
    parts = rig()
    parts.request("rq-reboot")
    parts.lab.cycled()
    parts.ask(PANDA_01)
    assert "panda-0" not in exposition(parts)


# What people are given to it.


def busy() -> WebRig:
    """A lab in which there is something to say under every name."""
    parts = rig()
    parts.ask(BOARDS)
    parts.request("rq-reboot")
    return parts


def test_the_page_tells_of_every_metric() -> None:
    rows = re.findall(
        r"^\| `(lifeguard_\w+)` \| (\w+) \| (.*?) ?\| \w",
        (ROOT / "docs/metrics.md").read_text(),
        re.MULTILINE,
    )
    told = {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}
    assert told == {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            sorted(family.samples[0].labels.keys() - {"le"}),
        )
        for family in families(busy()).values()
    }


_NAME = r"\blifeguard_\w+"


def expressions() -> list[str]:
    dashboard = json.loads((ROOT / "etc/grafana/lifeguard.json").read_text())
    panels = [target["expr"] for p in dashboard["panels"] for target in p["targets"]]
    return [*panels, (ROOT / "etc/prometheus/lifeguard.yml").read_text()]


def test_alerts_and_dashboard_ask_for_what_there_is() -> None:
    there = {s.name for f in families(busy()).values() for s in f.samples}
    asked = {name for each in expressions() for name in re.findall(_NAME, each)}
    assert asked - there == set()
    assert len(asked) > 15


def promtool(*arguments: str, given: str = "") -> str:
    """What it says; it fails for what Prometheus would not take."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [tool, *arguments], input=given, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_the_alerts() -> None:
    said = promtool("check", "rules", str(ROOT / "etc/prometheus/lifeguard.yml"))
    assert "SUCCESS: 9 rules found" in said


def test_prometheus_has_nothing_to_say_against_the_names() -> None:
    assert promtool("check", "metrics", given=exposition(busy())) == ""


def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    """As rules, for want of another way to have them parsed."""
    rules = [
        {"record": f"panel:{n}", "expr": each.replace("$__rate_interval", "5m")}
        for n, each in enumerate(expressions()[:-1])
    ]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(path))
