"""The roles in `docs/security.md` are those of the interface's own table."""

from __future__ import annotations

import re
from pathlib import Path

from lifeguard.web.callers import Callers
from lifeguard.web.peers import Proxies
from lifeguard.web.stream import Stream
from lifeguard.web.table import operations
from tests.web_rig import OPEN, web

PAGE = Path(__file__).parents[1] / "docs" / "security.md"

WORDS = {
    "POST /boards/<name>/events/<event>": "requests of boards",
    "GET /boards/<name>/boot-config": "boot configs",
    "POST /boards/<name>/state": "put a board into a state by hand",
    "POST /images/<name>/release": "the release of images",
    "POST /health/release": "withheld polls",
    "POST /relay-boards/<name>/test": "tests of relay boards",
    "POST /alerts/<name>/test": "alert channels",
    "POST /inventory/plan": "plan",
    "POST /inventory/apply": "apply an inventory",
    "GET /operators": "make and revoke tokens",
    "POST /operators": "make and revoke tokens",
    "POST /operators/<name>/revoke": "make and revoke tokens",
}
"""Of each operation for which it is not enough to look, what the page calls it."""


def beyond_looking() -> dict[str, str]:
    """The role that each of them needs."""
    parts, proxies = web(), Proxies(())
    callers = Callers(parts.world, OPEN, proxies)
    stream = Stream(parts.world, callers, proxies)
    return {
        f"{each.method} {each.path}": each.role
        for each in operations(parts.world, callers, stream)
        if each.role not in (None, "see")
    }


def test_the_page_says_what_each_role_may_do_besides() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    needed = beyond_looking()
    assert needed.keys() == WORDS.keys()
    told = {
        operation: next(role for role, text in rows.items() if words in text)
        for operation, words in WORDS.items()
    }
    assert told == needed
