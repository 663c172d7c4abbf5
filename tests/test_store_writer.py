"""The writer: groups while the store is there, and what becomes of them when not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, execute
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from lifeguard.store import Presence, Replaced, StoreError, StoreUnavailable, Superseded
from lifeguard.store.calls import LIMIT_SECONDS
from lifeguard.store.group import Ask
from lifeguard.store.writer import (
    GATHERING_SECONDS,
    GROUP,
    TRIAL_SECONDS,
    GroupWriter,
)
from lifeguard.turns import TURN_SECONDS
from tests.clocks import PromptClock

NO_ANSWER = f"the database has not answered within {LIMIT_SECONDS:g} s"


class Thread:
    """One thread, which runs what it is given when it is told; or at once."""

    def __init__(self) -> None:
        self.held = False
        self._given: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def write(self, function: Callable[[], Any]) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self._given.append((function, answer))
        if not self.held:
            self.run()
        return answer

    def read(self, function: Callable[[], Any]) -> Deferred[Any]:
        raise AssertionError("the writer does not read")

    def close(self) -> Deferred[None]:
        raise AssertionError("the threads are their owner's")

    def run(self) -> None:
        """All that it was given, and what comes of that."""
        while self._given:
            self.run_one()

    def run_one(self) -> None:
        function, answer = self._given.pop(0)
        execute(function).chainDeferred(answer)


class Disk:
    """Transactions and presence; `said` is all that happened, in order."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.error: Exception | None = None
        self.writes_now = False
        self.refused: dict[str, StoreError] = {}

    def write_now(self, asks: Sequence[Ask[Any]], now: float) -> Written | None:
        if not self.writes_now:
            return None
        self.said.append(("now", now, *(ask.item for ask in asks)))
        return Written(self)

    def write(self, asks: Sequence[Ask[Any]], now: float) -> list[StoreError | None]:
        if self.error is not None:
            raise self.error
        self.said.append(("write", now, *(ask.item for ask in asks)))
        return [self.refused.get(ask.item) for ask in asks]

    def try_out(self) -> None:
        self.said.append("trial")
        if self.error is not None:
            raise self.error

    def cut(self) -> None:
        self.said.append("cut")

    def store_is_away(self) -> None:
        self.said.append("away")

    def store_is_back(self) -> None:
        self.said.append("back")


class Written:
    """What the disk has written in the reactor."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._has_ended = False

    def commit(self) -> None:
        self._has_ended = True
        self._disk.said.append("commit")
        if self._disk.error is not None:
            raise self._disk.error

    def abandon(self) -> None:
        self._disk.said.append("nothing" if self._has_ended else "taken back")


class Rig(NamedTuple):
    writer: GroupWriter
    thread: Thread
    disk: Disk
    clock: PromptClock

    def ask(self, item: str) -> None:
        """What it met is said, too."""

        def met(result: object) -> None:
            text = result.getErrorMessage() if isinstance(result, Failure) else "well"
            self.disk.said.append((item, text))

        self.writer.ask(Ask(lambda connection, items: None, item)).addBoth(met)


def rig(*presences: Presence) -> Rig:
    """Whose presences hear the news in this order, and the disk last."""
    thread, disk, clock = Thread(), Disk(), PromptClock()
    writer = GroupWriter(disk, thread, clock, clock.seconds, disk.said.append)
    for presence in (*presences, disk):
        writer.tell(presence)
    return Rig(writer, thread, disk, clock)


def test_what_is_asked_during_a_transaction_makes_the_next_group() -> None:
    parts = rig()
    parts.thread.held = True
    for item in ("one", "two", "three"):
        parts.ask(item)
    parts.thread.run()
    assert parts.disk.said == [
        ("write", 0.0, "one"),
        ("one", "well"),
        ("write", 0.0, "two", "three"),
        ("two", "well"),
        ("three", "well"),
    ]


def test_groups_are_counted_with_their_size_and_time() -> None:
    parts = rig()
    parts.thread.held = True
    for item in ("one", "two", "three"):
        parts.ask(item)
    parts.clock.rightNow += 0.75
    parts.thread.run()
    commits = parts.writer.commits
    assert (sum(commits.writes.counts), commits.writes.total) == (2, 3)
    assert (sum(commits.seconds.counts), commits.seconds.total) == (2, 0.75)


def test_a_group_has_an_end() -> None:
    parts = rig()
    parts.thread.held = True
    for number in range(GROUP + 2):
        parts.ask(str(number))
    parts.thread.run()
    sizes = [len(said) - 2 for said in parts.disk.said if said[0] == "write"]
    assert sizes == [1, GROUP, 1]


def test_what_comes_in_the_next_turns_joins_the_group() -> None:
    parts = rig()
    parts.clock.skips_turns = False
    parts.clock.callLater(0, parts.ask, "three")
    parts.ask("one")
    parts.ask("two")
    parts.clock.advance(0)
    assert parts.disk.said[0] == ("write", 0.0, "one", "two", "three")


def test_a_group_waits_for_more_no_longer_than_its_time() -> None:
    parts = rig()
    parts.clock.skips_turns = False

    def ask(number: int) -> None:
        parts.ask(str(number))
        parts.clock.rightNow += GATHERING_SECONDS / 4
        if number < 20:
            parts.clock.callLater(0, ask, number + 1)

    ask(0)
    parts.clock.advance(0)
    sizes = [len(said) - 2 for said in parts.disk.said if said[0] == "write"]
    assert max(sizes) <= 5
    assert sum(sizes) == 21


# A group that is written in the reactor.


def test_what_the_reactor_has_written_is_made_durable_by_the_thread() -> None:
    parts = rig()
    parts.disk.writes_now = parts.thread.held = True
    parts.ask("one")
    assert parts.disk.said == [("now", 0.0, "one")]
    parts.thread.run()
    assert parts.disk.said[1:] == ["commit", ("one", "well")]


def test_a_commit_that_fails_sends_the_store_away() -> None:
    parts = rig()
    parts.disk.writes_now, parts.disk.error = True, StoreUnavailable("no disk")
    parts.ask("one")
    assert parts.disk.said == [
        ("now", 0.0, "one"),
        "commit",
        "nothing",
        "away",
        ("one", "no disk"),
    ]


def test_a_commit_that_was_given_up_before_it_began_is_taken_back() -> None:
    parts = rig()
    parts.disk.writes_now = parts.thread.held = True
    parts.ask("one")
    parts.clock.advance(LIMIT_SECONDS)
    parts.thread.run()
    assert parts.disk.said == [
        ("now", 0.0, "one"),
        "cut",
        "away",
        ("one", NO_ANSWER),
        "taken back",
    ]


def test_while_the_thread_has_a_guest_the_group_is_left_to_it() -> None:
    """The guest waits for the transaction's end, and the commit for the guest's."""
    parts = rig()
    parts.disk.writes_now = parts.thread.held = True
    heard: list[str] = []
    parts.writer.between(lambda: "a step").addCallback(heard.append)
    parts.ask("one")
    parts.thread.run()
    parts.ask("two")
    assert heard == ["a step"]
    assert [said for said in parts.disk.said if len(said) > 2] == [
        ("write", 0.0, "one"),
        ("now", 0.0, "two"),
    ]


def test_a_guest_that_was_given_up_may_still_be_in_the_thread() -> None:
    parts = rig()
    parts.disk.writes_now = parts.thread.held = True
    parts.writer.between(lambda: "a step").addErrback(lambda _: None)
    parts.clock.advance(LIMIT_SECONDS)
    parts.ask("one")
    parts.thread.run()
    assert parts.disk.said == ["cut", ("write", LIMIT_SECONDS, "one"), ("one", "well")]


def test_one_that_is_refused_does_not_send_the_store_away() -> None:
    parts = rig()
    parts.disk.refused["one"] = Superseded("moved on")
    parts.ask("one")
    assert parts.disk.said == [("write", 0.0, "one"), ("one", "moved on")]


def test_a_failure_is_told_before_its_callers_hear_of_it() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    assert parts.disk.said == ["away", ("one", "no disk")]


def test_whatever_waits_for_an_absent_store_fails_at_once() -> None:
    parts = rig()
    parts.thread.held = True
    parts.ask("one")
    parts.ask("two")
    parts.disk.error = StoreUnavailable("no disk")
    parts.thread.run()
    parts.ask("three")
    assert parts.disk.said == [
        "away",
        ("two", "no disk"),
        ("one", "no disk"),
        ("three", "no disk"),
    ]


def test_an_absent_store_is_tried_until_it_is_back() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.said.clear()
    parts.clock.pump([TRIAL_SECONDS / 2] * 4)
    parts.disk.error = None
    parts.clock.advance(TRIAL_SECONDS)
    parts.ask("two")
    assert parts.disk.said == [
        "trial",
        "trial",
        "trial",
        "back",
        ("write", 3 * TRIAL_SECONDS, "two"),
        ("two", "well"),
    ]


def test_a_trial_that_another_daemon_prevents_is_repeated() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.error = StoreError("in use by another lifeguard")
    parts.clock.advance(TRIAL_SECONDS)
    parts.ask("two")
    parts.disk.error = None
    parts.clock.advance(TRIAL_SECONDS)
    assert parts.disk.said[2:] == [
        "trial",
        ("two", "in use by another lifeguard"),
        "trial",
        "back",
    ]


def test_a_transaction_that_hangs_is_cut_and_given_up() -> None:
    parts = rig()
    parts.thread.held = True
    parts.ask("one")
    parts.clock.advance(LIMIT_SECONDS)
    assert parts.disk.said == ["cut", "away", ("one", NO_ANSWER)]


def test_what_hangs_is_cut_until_it_ends_and_what_was_given_up_never_begins() -> None:
    parts = rig()
    parts.thread.held = True
    parts.ask("one")
    parts.clock.advance(LIMIT_SECONDS)
    parts.disk.said.clear()
    parts.clock.pump([LIMIT_SECONDS] * 6)
    assert parts.disk.said == ["cut"] * 6
    parts.thread.held = False
    parts.thread.run()
    assert parts.disk.said == ["cut"] * 6 + ["trial", "back"]
    assert parts.clock.getDelayedCalls() == []


def test_a_trial_that_is_late_is_cut_and_followed_by_another() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.said.clear()
    parts.disk.error = None
    parts.thread.held = True
    parts.clock.advance(TRIAL_SECONDS)
    parts.thread.run_one()  # the thread was free; now it has the trial
    parts.clock.advance(LIMIT_SECONDS)
    assert parts.disk.said == ["cut"]
    parts.thread.held = False
    parts.thread.run()
    parts.clock.advance(TRIAL_SECONDS)
    assert parts.disk.said == ["cut", "trial", "back"]


def test_a_fault_of_ours_fails_its_group_and_no_more(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig()
    parts.disk.error = ZeroDivisionError("ours")
    parts.ask("one")
    parts.disk.error = None
    parts.ask("two")
    assert parts.disk.said == [
        ("one", "ours"),
        ("write", 0.0, "two"),
        ("two", "well"),
    ]
    assert len(logged_failures) == 1
    logged_failures.clear()


def test_a_closed_writer_tries_no_more() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.writer.close()
    assert parts.clock.getDelayedCalls() == []


def test_a_writer_closed_while_a_write_hangs_begins_no_trial() -> None:
    parts = rig()
    parts.thread.held = True
    parts.ask("one")
    parts.writer.close()
    parts.clock.advance(LIMIT_SECONDS)
    parts.thread.run()
    parts.clock.advance(TRIAL_SECONDS)
    parts.thread.run()
    assert parts.disk.said == ["cut", "away", ("one", NO_ANSWER)]
    assert parts.clock.getDelayedCalls() == []


def test_a_trial_that_hangs_is_cut_though_the_writer_was_closed_meanwhile() -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.said.clear()
    parts.thread.held = True
    parts.clock.advance(TRIAL_SECONDS)
    parts.thread.run_one()  # the thread was free; now it has the trial
    parts.writer.close()
    parts.clock.pump([LIMIT_SECONDS] * 2)
    assert parts.disk.said == ["cut", "cut"]
    parts.thread.run()
    assert parts.clock.getDelayedCalls() == []


class Broken:
    """One whom the news break."""

    def store_is_away(self) -> None:
        raise ZeroDivisionError("away")

    def store_is_back(self) -> None:
        raise ZeroDivisionError("back")


def test_the_news_that_break_one_reach_the_others(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig(Broken())
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.error = None
    parts.clock.advance(TRIAL_SECONDS)
    parts.ask("two")
    assert parts.disk.said == [
        "away",
        ("one", "no disk"),
        "trial",
        "back",
        ("write", TRIAL_SECONDS, "two"),
        ("two", "well"),
    ]
    assert len(logged_failures) == 2
    logged_failures.clear()


def test_a_trial_that_breaks_is_repeated(logged_failures: list[LogEvent]) -> None:
    parts = rig()
    parts.disk.error = StoreUnavailable("no disk")
    parts.ask("one")
    parts.disk.error = ZeroDivisionError("ours")
    parts.clock.advance(TRIAL_SECONDS)
    parts.disk.error = None
    parts.clock.advance(TRIAL_SECONDS)
    assert parts.disk.said == ["away", ("one", "no disk"), "trial", "trial", "back"]
    assert len(logged_failures) == 1
    logged_failures.clear()


def test_a_clock_that_breaks_fails_its_group_and_no_more(
    logged_failures: list[LogEvent],
) -> None:
    parts = rig()
    seconds, parts.writer._service_seconds = parts.writer._service_seconds, _broken
    parts.ask("one")
    parts.writer._service_seconds = seconds
    parts.ask("two")
    assert parts.disk.said == [("one", "ours"), ("write", 0.0, "two"), ("two", "well")]
    assert len(logged_failures) == 1
    logged_failures.clear()


def _broken() -> float:
    raise ZeroDivisionError("ours")


def test_a_writer_that_was_replaced_says_so_and_tries_no_more() -> None:
    parts = rig()
    parts.disk.error = Replaced("taken over")
    parts.ask("one")
    parts.clock.advance(TRIAL_SECONDS)
    parts.ask("two")
    assert parts.disk.said == [
        "taken over",
        "away",
        ("one", "taken over"),
        ("two", "taken over"),
    ]
    assert parts.clock.getDelayedCalls() == []


def test_many_answers_take_many_turns_of_the_reactor() -> None:
    parts = rig()
    turns: list[float] = []

    def slow(_: None) -> None:
        parts.clock.rightNow += TURN_SECONDS / 2
        turns.append(len(parts.clock.getDelayedCalls()))

    parts.thread.held, parts.clock.skips_turns = True, False
    for number in range(5):
        item = Ask(lambda connection, items: None, str(number))
        parts.writer.ask(item).addCallback(slow)
    parts.clock.advance(0)
    parts.thread.run()
    assert turns == [0, 0]  # the others wait for turns to come
    parts.clock.advance(0)
    assert len(turns) == 5
