"""What systemd's journal is given of the log."""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from typing import Any

import pytest
from constantly import NamedConstant
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from lifeguard.journal import as_journal, observer


def logged(level: NamedConstant, text: str, **fields: Any) -> str:
    said: list[str] = []
    observer: Any = lambda event: said.append(as_journal(event))  # noqa: E731
    Logger("a.module", observer=observer).emit(level, text, **fields)
    [lines] = said
    return lines


@pytest.mark.parametrize(
    ("level", "priority"),
    [("critical", 2), ("error", 3), ("warn", 4), ("info", 6), ("debug", 7)],
)
def test_a_line_has_its_priority_and_no_time(level: str, priority: int) -> None:
    named = LogLevel.levelWithName(level)
    line = logged(named, "{board} is up", board="panda-01")
    assert line == f"<{priority}>[a.module#{level}] panda-01 is up\n"


def test_each_line_of_a_traceback_has_a_priority() -> None:
    try:
        raise ValueError("a fault\nof two lines")
    except ValueError:
        lines = logged(LogLevel.critical, "ill", log_failure=Failure()).splitlines()
    assert lines[0] == "<2>[a.module#critical] ill"
    assert [line[:3] for line in lines] == ["<2>"] * len(lines)
    assert lines[-2:] == ["<2>builtins.ValueError: a fault", "<2>of two lines"]


def test_what_says_nothing_is_no_line() -> None:
    assert as_journal({"log_format": None}) == ""


def test_an_event_of_the_old_kind_is_information() -> None:
    old = {"log_system": "-", "log_format": "UDP port 69 closed"}
    assert as_journal(old) == "<6>[-] UDP port 69 closed\n"


@pytest.mark.parametrize("locale", ["ascii", "latin-1", "utf-8"])
def test_no_line_is_lost_for_what_a_locale_lacks(
    locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, locale))
    log = Logger("a.module", observer=observer())
    log.warn("{text}", text="exit code 1: \N{REPLACEMENT CHARACTER}\udcff")
    line = "<4>[a.module#warn] exit code 1: \N{REPLACEMENT CHARACTER}\\udcff\n"
    assert written.getvalue().decode() == line
