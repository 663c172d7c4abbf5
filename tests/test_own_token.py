"""The token of the state directory: made once, whole, and its owner's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeguard.own_token import FILE, EmptyToken, own_token


def test_the_first_start_makes_it_and_the_next_has_the_same(tmp_path: Path) -> None:
    token = own_token(tmp_path)
    assert own_token(tmp_path) == token
    assert len(token) == 43  # 256 bits in base64
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_what_a_crash_has_left_unfinished_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "operator.new").write_text("ha")
    assert len(own_token(tmp_path)) == 43


def test_an_empty_one_would_let_in_everybody(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(" \n")
    with pytest.raises(EmptyToken, match=r"operator\.token: empty; remove it"):
        own_token(tmp_path)
