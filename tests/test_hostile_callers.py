"""Every operation of the interface, asked by everybody who should not.

Who is let in follows from the table of operations: a new one is tried by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_network
from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred

from lifeguard.model import OperatorRole
from lifeguard.web import Access
from lifeguard.web.app import described
from lifeguard.web.callers import Callers
from lifeguard.web.operations import PREFIX
from lifeguard.web.peers import Proxies
from lifeguard.web.stream import Stream
from lifeguard.web.table import operations
from tests.rig import result_of
from tests.web_rig import HERE, OPEN, PANDA, STRANGER, WebRig, web

OWN = {"Host": "lab.example:8080", "Origin": "http://lab.example:8080"}
"""A browser on a page of ours."""
PAGE = OWN | {"X-Lifeguard": "1"}

ROLES: tuple[OperatorRole, ...] = ("see", "operate", "admin")


class Subject(NamedTuple):
    """Something to ask for, and who may."""

    method: str
    path: str
    role: OperatorRole | None
    is_boards: bool

    @property
    def changes(self) -> bool:
        return self.method == "POST"


class Lab:
    """A lab with operators of each role, and of some that are none any more."""

    def __init__(self, access: Access = OPEN) -> None:
        self.web = web(access=access)
        self.web.lab.request("rq-reboot")
        self.web.lab.cycled()
        self.web.lab.clock.advance(1)
        self.tokens = {role: self.web.operator(role, role) for role in ROLES}
        self.tokens["expired"] = self.web.operator("expired", "admin", lifetime=60)
        self.tokens["revoked"] = self.web.operator("revoked", "admin")
        cookies = ("see", "operate", "admin", "expired", "revoked")
        self.cookies = {name: self.web.sign_in(self.tokens[name]) for name in cookies}
        revoking = self.web.operators.revoke("revoked")
        result_of(Deferred.fromCoroutine(revoking))
        self.web.lab.clock.advance(120)

    def lets_in(
        self,
        subject: Subject,
        query: str = "",
        peer: str = STRANGER,
        body: bytes = b"",
        **headers: str,
    ) -> bool:
        """Whether it does; who is not let in is told so, and has moved nothing."""
        rows = len(self.web.lab.store.rows)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = PREFIX + subject.path + query
        status = self.web.ask(path, subject.method, peer, named, body).status
        assert status != 500
        if status == 403:
            assert len(self.web.lab.store.rows) == rows
        return status != 403

    def knows(self, subject: Subject, token: str) -> bool:
        return self.lets_in(subject, Authorization=f"Bearer {token}")


@cache
def subjects() -> list[Subject]:
    """What the table has; of an event, a request and what only its board may say."""
    return list(_subjects(web()))


def _subjects(parts: WebRig) -> Iterator[Subject]:
    proxies = Proxies(())
    callers = Callers(parts.world, OPEN, proxies)
    stream = Stream(parts.world, callers, proxies)
    for one in described(operations(parts.world, callers, stream)):
        path = re.sub("<name>", "panda-01", one.path)
        if "<event>" not in path:
            yield Subject(one.method, path, one.role, one.of_board)
            continue
        image_running = path.replace("<event>", "image-running")
        yield Subject(one.method, image_running, None, True)
        if one.role is not None:
            yield Subject(
                one.method, path.replace("<event>", "rq-reboot"), one.role, False
            )


def guarded() -> list[Subject]:
    return [one for one in subjects() if one.role is not None or one.is_boards]


EVERY = [pytest.param(one, id=f"{one.method} {one.path}") for one in guarded()]


def may(subject: Subject, has: str | None) -> bool:
    if has is None or subject.role is None:
        return False
    return ROLES.index(has) >= ROLES.index(subject.role)  # type: ignore[arg-type]


def test_nothing_but_the_session_is_for_everybody() -> None:
    rest = [one for one in subjects() if one not in guarded()]
    assert [(one.method, one.path) for one in rest] == [
        ("GET", "/session"),
        ("POST", "/session"),
        ("POST", "/session/end"),
    ]


@pytest.mark.parametrize("subject", EVERY)
def test_without_a_token_a_stranger_looks_and_only_where_the_lab_is_open(
    subject: Subject,
) -> None:
    for access, has in ((OPEN, "see"), (Access(read="token"), None)):
        lab = Lab(access)
        assert lab.lets_in(subject) == may(subject, has)
        form = {"body": b"{}", "Content_Type": "text/plain"}
        assert lab.lets_in(subject, **form) == may(subject, has)


@pytest.mark.parametrize("subject", EVERY)
def test_a_token_is_good_for_what_its_role_may(subject: Subject) -> None:
    lab = Lab(Access(require_token=True, read="token"))
    for role in ROLES:
        assert lab.knows(subject, lab.tokens[role]) == may(subject, role)


@pytest.mark.parametrize("subject", EVERY)
def test_no_other_token_is_good_for_anything_even_to_look(subject: Subject) -> None:
    lab = Lab()
    admin = lab.tokens["admin"]
    for wrong in ("lg_wrong", "", admin[:-1], f"{admin},{admin}"):
        assert not lab.knows(subject, wrong)
    for name in ("expired", "revoked"):
        assert not lab.knows(subject, lab.tokens[name])
    assert not lab.lets_in(subject, Authorization=f"Basic {admin}")
    assert not lab.knows(subject, f"{admin}\r\nAuthorization: Bearer {admin}")


@pytest.mark.parametrize("subject", EVERY)
def test_an_operators_token_in_the_url_is_refused_whoever_it_is(
    subject: Subject,
) -> None:
    lab = Lab()
    admin = lab.tokens["admin"]
    assert not lab.lets_in(subject, f"?token={admin}")
    assert not lab.lets_in(subject, f"?token={admin}", peer=HERE)
    header = f"Bearer {admin}"
    assert not lab.lets_in(subject, f"?token={admin}", Authorization=header)


@pytest.mark.parametrize("subject", EVERY)
def test_a_board_is_good_for_its_own_and_nothing_else(subject: Subject) -> None:
    lab = Lab()
    foreign = lab.web.token("panda-02", 1)
    assert not lab.lets_in(subject, f"?token={foreign}")
    assert not lab.knows(subject, foreign)
    assert lab.lets_in(subject, f"?token={lab.web.token()}") == subject.is_boards
    assert lab.knows(subject, lab.web.token()) == subject.is_boards
    by_address = lab.lets_in(subject, peer=PANDA)
    assert by_address == (subject.is_boards or may(subject, "see"))


@pytest.mark.parametrize("subject", EVERY)
def test_nobody_speaks_for_a_board_or_for_this_machine(subject: Subject) -> None:
    for networks in ((), (ip_network(STRANGER), ip_network("127.0.0.0/8"))):
        lab = Lab(Access(trusted_proxies=networks))
        for header in ("X_Forwarded_For", "Forwarded", "Via", "X_Real_IP"):
            for peer in (STRANGER, PANDA, HERE):
                for said in ("127.0.0.1", PANDA):
                    is_in = lab.lets_in(subject, peer=peer, **{header: said})
                    assert is_in == may(subject, "see")


@pytest.mark.parametrize("subject", EVERY)
def test_where_a_proxy_is_trusted_nobody_needs_no_token(subject: Subject) -> None:
    lab = Lab(Access(trusted_proxies=(ip_network("127.0.0.0/8"),)))
    assert lab.lets_in(subject, peer=HERE) == may(subject, "see")


@pytest.mark.parametrize("subject", EVERY)
def test_a_session_is_good_for_what_its_token_was_on_a_page_of_ours(
    subject: Subject,
) -> None:
    lab = Lab(Access(read="token"))
    for role in ROLES:
        is_in = lab.lets_in(subject, Cookie=lab.cookies[role], **PAGE)
        assert is_in == may(subject, role)


@pytest.mark.parametrize("subject", EVERY)
def test_a_session_ends_with_its_token(subject: Subject) -> None:
    lab = Lab(Access(read="token"))
    for name in ("expired", "revoked"):
        assert not lab.lets_in(subject, Cookie=lab.cookies[name], **PAGE)
    assert not lab.lets_in(subject, Cookie="lifeguard=lg_guessed", **PAGE)


FORGED: list[dict[str, str]] = [
    OWN,
    {"Host": OWN["Host"]},
    {"Host": OWN["Host"], "X-Lifeguard": "1"},
    OWN | {"Content-Type": "text/plain"},
    OWN | {"Content-Type": "application/x-www-form-urlencoded"},
]
"""What a page of ours would not send when it changes something."""

FOREIGN: list[dict[str, str]] = [
    PAGE | {"Origin": "http://evil.example"},
    PAGE | {"Origin": "http://lab.example:8081"},
    PAGE | {"Origin": "http://lab.example:8080.evil.example"},
    PAGE | {"Origin": "null"},
    PAGE | {"Sec-Fetch-Site": "cross-site"},
    PAGE | {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("subject", EVERY)
def test_no_other_page_does_anything_with_a_session(subject: Subject) -> None:
    lab = Lab(Access(read="token"))
    cookie = lab.cookies["admin"]
    for headers in FORGED:
        is_in = lab.lets_in(subject, Cookie=cookie, body=b"{}", **headers)
        assert is_in == (may(subject, "admin") and not subject.changes)
    for headers in FOREIGN:
        assert not lab.lets_in(subject, Cookie=cookie, **headers)


@pytest.mark.parametrize("subject", EVERY)
def test_on_this_machine_nothing_is_needed_but_no_browser_is_led_astray(
    subject: Subject,
) -> None:
    lab = Lab()
    for led in (
        {"Host": "evil.example:8080"},
        {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    ):
        is_in = lab.lets_in(subject, peer=HERE, body=b"{}", **led)
        assert is_in == may(subject, "see")
    assert lab.lets_in(subject, peer=HERE) == may(subject, "admin")
