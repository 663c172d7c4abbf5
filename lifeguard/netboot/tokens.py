"""Boot tokens: proof that an event comes from one boot of one board.

A token is `GENERATION.MAC`; the MAC is 128 bits of HMAC-SHA256, in lower case hex.
There is one right spelling of each, so nothing else passes.
"""

from __future__ import annotations

import hmac
import re

_TOKEN = re.compile(r"([0-9]{1,18})\.[0-9a-f]{32}")

_MAC_DIGITS = 32


class Tokens:
    """Makes and checks the tokens of every board, under one secret `key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, board: str, generation: int) -> str:
        """What a board is given when it boots in that generation."""
        # A generation is digits only, so the first slash ends it in every message.
        message = f"{generation}/{board}".encode()
        mac = hmac.digest(self._key, message, "sha256").hex()
        return f"{generation}.{mac[:_MAC_DIGITS]}"

    def check(self, board: str, text: str) -> int | None:
        """The generation of a token that is this board's, or None for any other text.

        Whether it is the present generation is for the caller to see.
        """
        match = _TOKEN.fullmatch(text)
        if match is None:
            return None
        generation = int(match[1])
        right = hmac.compare_digest(text, self.token(board, generation))
        return generation if right else None
