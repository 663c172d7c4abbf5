"""A token passes as it was made, for the board it was made for, and no other text."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lifeguard.netboot.tokens import Tokens

TOKENS = Tokens(b"secret")

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}", fullmatch=True)
generations = st.integers(0, 10**12)


@given(names, generations)
def test_a_token_tells_its_generation(board: str, generation: int) -> None:
    assert TOKENS.check(board, TOKENS.token(board, generation)) == generation


def test_a_token_is_its_generation_and_128_bits() -> None:
    generation, mac = TOKENS.token("panda-01", 7).split(".")
    assert (generation, len(bytes.fromhex(mac)) * 8) == ("7", 128)


def test_tokens_outlive_the_daemon() -> None:
    made = "7.de6586e47996bc9180b2fad1dc2c1084"
    assert TOKENS.token("panda-01", 7) == made


@given(names, generations, names, generations)
def test_boards_and_generations_share_no_token(
    board: str, generation: int, other: str, later: int
) -> None:
    same = (board, generation) == (other, later)
    assert (TOKENS.token(board, generation) == TOKENS.token(other, later)) is same


@given(names, names, generations)
def test_a_token_of_another_board_is_none(
    board: str, other: str, generation: int
) -> None:
    if board != other:
        assert TOKENS.check(board, TOKENS.token(other, generation)) is None


@given(names, generations)
def test_a_token_under_another_key_is_none(board: str, generation: int) -> None:
    assert TOKENS.check(board, Tokens(b"other").token(board, generation)) is None


@given(st.data(), names, generations)
def test_no_mutation_passes(data: st.DataObject, board: str, generation: int) -> None:
    token = TOKENS.token(board, generation)
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, len(token)))
    mutated = token[:start] + data.draw(st.text(max_size=3)) + token[end:]
    if mutated != token:
        assert TOKENS.check(board, mutated) is None


@given(st.text())
@example("")
@example("٣." + "0" * 32)
@example("9" * 5000 + "." + "0" * 32)
@example("1." + "é" * 32)
def test_no_garbage_passes(text: str) -> None:
    assert TOKENS.check("panda-01", text) is None


def test_other_spellings_of_a_right_token_are_none() -> None:
    token = TOKENS.token("panda-01", 7)
    spellings = [f"0{token}", f"+{token}", f" {token}", f"{token}\n", token.upper()]
    assert [TOKENS.check("panda-01", text) for text in spellings] == [None] * 5
