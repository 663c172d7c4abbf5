"""Operators in a real database: what is saved comes back at the next start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from lifeguard.model import Operator
from tests.postgres import KINDS, fresh_url
from tests.test_store import NOON, Rig, reloaded, result, rig


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def opened(url: str) -> Iterator[Rig]:
    parts = rig(url)
    yield parts
    parts.close()


def test_operators_come_back_in_the_order_in_which_they_were_made(
    opened: Rig, url: str
) -> None:
    first = Operator(name="ci", role="operate", digest="ff", made=NOON)
    later = NOON + timedelta(days=1)
    second = Operator(name="eve", role="see", digest="00", made=later, expires=later)
    for each in (second, first):
        result(opened.store.save_operator(each))
    revoked = replace(first, revoked=later, last_used=later)
    result(opened.store.save_operator(revoked))
    assert reloaded(url).operators == (revoked, second)
