"""Who has a token, what it is good for, and what is left of it in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from lifeguard.model import Operator
from lifeguard.operators import Made, NameTaken, NoSuchOperator, Operators, digest
from lifeguard.store import StoreUnavailable
from tests.rig import EPOCH, FakeStore, result_of

HOUR = timedelta(hours=1)


@dataclass
class Rig:
    """The operators of a store; `now` is the wall time."""

    store: FakeStore = field(default_factory=lambda: FakeStore([]))
    now: Any = EPOCH
    operators: Operators = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        saved = self.store.operators.values()
        self.operators = Operators(saved, "own", self.store, lambda: self.now)

    def make(self, name: str = "ci", lifetime: timedelta | None = None) -> Made:
        made: Made = result_of(
            Deferred.fromCoroutine(self.operators.make(name, "operate", lifetime))
        )
        return made

    def revoke(self, name: str = "ci") -> Any:
        return result_of(Deferred.fromCoroutine(self.operators.revoke(name)))

    def is_known(self, token: str) -> bool:
        found = self.operators.find(digest(token))
        return found is not None and self.operators.counts(found)


def test_a_token_is_kept_as_its_digest_and_counts_after_a_start() -> None:
    parts = Rig()
    operator, token = parts.make()
    assert token.startswith("lg_")
    assert len(token) == 3 + 43  # 256 bits in base64
    assert list(parts.store.operators.values()) == [operator]
    assert token not in repr(parts.store.operators)
    parts.start()
    assert parts.is_known(token)
    assert not parts.is_known(token[:-1])
    assert parts.make("other").token != token


def test_the_token_of_the_state_directory_is_an_admins_and_is_not_listed() -> None:
    parts = Rig()
    found = parts.operators.find(digest("own"))
    assert found is not None
    assert (found.name, found.role) == ("token", "admin")
    parts.operators.used(found)
    assert (parts.operators.all(), parts.store.operators) == ([], {})


def test_a_token_expires() -> None:
    parts = Rig()
    token = parts.make(lifetime=HOUR).token
    parts.now += HOUR - timedelta(seconds=1)
    assert parts.is_known(token)
    parts.now += timedelta(seconds=1)
    assert not parts.is_known(token)
    assert parts.is_known(parts.make().token)  # whose name is free again


def test_a_revoked_token_counts_no_more_also_after_a_start() -> None:
    parts = Rig()
    token = parts.make().token
    parts.now += HOUR
    assert parts.revoke().revoked == EPOCH + HOUR
    parts.now += HOUR
    assert parts.revoke().revoked == EPOCH + HOUR
    parts.start()
    assert not parts.is_known(token)
    with pytest.raises(NoSuchOperator):
        parts.revoke("nobody")


def test_a_name_belongs_to_one_token_at_a_time_and_the_last_is_revoked() -> None:
    parts = Rig()
    parts.make()
    with pytest.raises(NameTaken):
        parts.make()
    parts.revoke()
    token = parts.make().token
    parts.revoke()
    assert not parts.is_known(token)
    assert [each.revoked for each in parts.operators.all()] == [EPOCH, EPOCH]


def test_without_a_store_no_token_is_made_and_one_is_revoked_at_once() -> None:
    parts = Rig()
    token = parts.make().token
    parts.store.leave()
    with pytest.raises(StoreUnavailable):
        parts.make("other")
    with pytest.raises(StoreUnavailable):
        parts.revoke()
    assert [each.name for each in parts.operators.all() if not each.revoked] == []
    assert not parts.is_known(token)
    parts.store.come_back()
    parts.revoke()
    parts.start()
    assert not parts.is_known(token)


def test_what_is_over_for_long_is_forgotten_and_what_counts_never() -> None:
    parts = Rig()
    for name, lifetime in (("never", None), ("expires", HOUR), ("revoked", None)):
        parts.make(name, lifetime)
    parts.revoke("revoked")
    left = []
    for limit in (EPOCH, EPOCH + HOUR, EPOCH + 2 * HOUR):
        parts.operators.forget(limit)
        left.append([each.name for each in parts.operators.all()])
    assert left == [
        ["never", "expires", "revoked"],
        ["never", "expires"],
        ["never"],
    ]
    with pytest.raises(NoSuchOperator):
        parts.revoke("revoked")


def test_the_last_use_is_saved_once_an_hour() -> None:
    parts = Rig()
    operator = parts.make().operator
    saved = []
    for minutes in (0, 1, 59, 60, 61, 180):
        parts.now = EPOCH + timedelta(minutes=minutes)
        found = parts.operators.find(operator.digest)
        assert found is not None
        parts.operators.used(found)
        last_used = parts.store.operators[operator.digest].last_used
        assert last_used is not None
        saved.append((last_used - EPOCH) // timedelta(minutes=1))
    assert saved == [0, 0, 0, 60, 60, 180]


def test_a_use_that_cannot_be_saved_harms_nobody() -> None:
    parts = Rig()
    token = parts.make().token
    parts.store.leave()
    found = parts.operators.find(digest(token))
    assert found is not None
    parts.operators.used(found)
    assert parts.is_known(token)


class Doubtful(FakeStore):
    """Saves, and answers nothing."""

    def save_operator(self, operator: Operator) -> Deferred[None]:
        super().save_operator(operator)
        return Deferred()


def test_a_token_that_nobody_was_told_counts_neither_now_nor_after_a_start() -> None:
    parts = Rig(Doubtful([]))
    making = Deferred.fromCoroutine(parts.operators.make("ci", "admin", None))
    making.cancel()
    with pytest.raises(CancelledError):
        result_of(making)
    [saved] = parts.store.operators.values()
    assert saved.revoked == EPOCH
    parts.start()
    Deferred.fromCoroutine(parts.operators.make("ci", "admin", None))
    assert [each.revoked for each in parts.operators.all()] == [EPOCH, None]


def test_all_tokens_of_a_name_are_revoked() -> None:
    parts = Rig()
    token = parts.make().token
    parts.now += HOUR
    other = Operator(name="ci", role="admin", digest=digest("lost"), made=parts.now)
    parts.store.save_operator(other)
    parts.start()
    parts.revoke()
    parts.start()
    assert (parts.is_known(token), parts.is_known("lost")) == (False, False)
    parts.store.leave()
    with pytest.raises(StoreUnavailable):
        parts.revoke()
