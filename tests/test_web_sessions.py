"""Signing in: a cookie for a token, and what becomes of it."""

from __future__ import annotations

from ipaddress import ip_network

from lifeguard.web import Access
from lifeguard.web.sessions import IDLE_SECONDS, MOST_SESSIONS
from tests.web_rig import BOARDS, OPERATOR, PANDA_01, STRANGER, WebRig, web

SESSION = "/api/v1/session"
PAGE = {"Origin": "http://localhost:8080", "X-Lifeguard": "1"}
PROXY = "192.0.2.200"
CLOSED = Access(read="token")


def looks(parts: WebRig, cookie: str) -> int:
    return parts.ask(BOARDS, headers={"Cookie": cookie}).status


def test_a_cookie_is_for_this_site_alone_and_no_script_reads_it() -> None:
    reply = web().post(SESSION, headers=OPERATOR)
    cookie, *attributes = reply.headers["set-cookie"].split("; ")
    assert cookie.startswith("lifeguard=")
    assert len(cookie) == len("lifeguard=") + 43  # 256 bits in base64
    assert attributes == ["Path=/", "HttpOnly", "SameSite=strict"]
    assert reply.json == {
        "name": "operator token",
        "role": "admin",
        "why": None,
        "signed_in": True,
    }


def test_a_cookie_that_came_by_tls_goes_by_tls_only() -> None:
    parts = web(access=Access(trusted_proxies=(ip_network(PROXY),)))
    secure = OPERATOR | {"X-Forwarded-Proto": "https"}
    for peer, is_secure in ((PROXY, True), (STRANGER, False)):
        reply = parts.post(SESSION, peer=peer, headers=secure)
        assert ("; Secure" in reply.headers["set-cookie"]) == is_secure


def test_who_calls_is_told() -> None:
    parts = web()
    cookie = parts.sign_in("let-me-in")
    told = [
        parts.ask(SESSION, peer="127.0.0.1").json,
        parts.ask(SESSION, headers={"Cookie": cookie}).json,
        parts.ask(SESSION).json,
        web(access=CLOSED).ask(SESSION).json,
    ]
    why = "from another machine this needs an operator's token"
    assert [tuple(one.values()) for one in told] == [
        ("operator 127.0.0.1", "admin", None, False),
        ("operator token", "admin", None, True),
        ("anybody", "see", why, False),
        ("anybody", None, why, False),
    ]


def test_only_a_token_signs_in_and_no_form_can_send_it() -> None:
    parts = web()
    for how in (
        {},
        {"peer": "127.0.0.1"},
        {"headers": {"Authorization": "Bearer wrong"}},
        {"body": {"token": "let-me-in"}},
    ):
        reply = parts.post(SESSION, **how)
        assert (reply.status, "set-cookie" in reply.headers) == (403, False)
    assert parts.post(f"{SESSION}?token=let-me-in").status == 403


def test_a_session_ends_when_nobody_has_used_it_for_long() -> None:
    parts = web(access=CLOSED)
    cookie = parts.sign_in("let-me-in")
    for _ in range(3):
        parts.lab.clock.advance(IDLE_SECONDS - 1)
        assert looks(parts, cookie) == 200
    parts.lab.clock.advance(IDLE_SECONDS)
    assert looks(parts, cookie) == 403


def test_who_signs_out_is_out_and_no_other_page_signs_them_out() -> None:
    parts = web(access=CLOSED)
    cookie, other = parts.sign_in("let-me-in"), parts.sign_in("let-me-in")
    assert parts.post(f"{SESSION}/end", headers={"Cookie": cookie}).status == 403
    assert looks(parts, cookie) == 200
    reply = parts.post(f"{SESSION}/end", headers=PAGE | {"Cookie": cookie})
    assert (reply.status, looks(parts, cookie), looks(parts, other)) == (200, 403, 200)
    assert reply.headers["set-cookie"].startswith("lifeguard=; Path=/; Max-Age=0; ")


def test_sessions_are_bounded_and_the_least_used_goes_first() -> None:
    parts = web(access=CLOSED)
    first, second = parts.sign_in("let-me-in"), parts.sign_in("let-me-in")
    looks(parts, first)
    for _ in range(MOST_SESSIONS - 1):
        parts.sign_in("let-me-in")
    assert (looks(parts, first), looks(parts, second)) == (200, 403)


def test_history_names_who_is_signed_in() -> None:
    parts = web()
    cookie = parts.sign_in(parts.operator("eve", "operate"))
    headers = PAGE | {"Cookie": cookie}
    assert parts.post(f"{PANDA_01}/events/rq-reboot", headers=headers).status == 200
    assert parts.outcomes() == [("rq-reboot", "moved", "operator eve")]
