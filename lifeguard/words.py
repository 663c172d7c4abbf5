"""Lengths of time and counts in words: the same wherever they are shown. Pure."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Two units at most: `42 s`, `3 min 20 s`, `2 h 4 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    for name, size, below, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def plural(count: int, word: str) -> str:
    """`1 board`, `2 boards`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
