"""The description says what is served, exactly; and nothing is served but JSON."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from lifeguard.web.dashboard import PAGES, POLICY
from tests.web_rig import HERE, OPERATOR, PANDA, STRANGER, web

PREFIX = "/api/v1"


@cache
def document() -> dict[str, Any]:
    described: dict[str, Any] = web().ask(f"{PREFIX}/openapi.json").json
    return described


def described() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, methods in document()["paths"].items()
        for method in methods
    }


def test_the_description_is_openapi() -> None:
    validate(document(), cls=OpenAPIV31SpecValidator)


def test_what_is_described_is_what_is_routed() -> None:
    app = web().site.resource._app
    routed = {
        (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD"}
    }
    beside = {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/files/{path}"),
        ("GET", "/dashboard/{name}"),
        ("GET", "/hardware/{name}/lifecycle.svg"),
        *(("GET", page.replace("<name>", "{name}")) for page in PAGES),
    }
    assert routed == beside | {(verb, PREFIX + path) for verb, path in described()}


def test_these_are_the_operations() -> None:
    assert sorted(described(), key=lambda operation: operation[::-1]) == [
        ("GET", "/alerts"),
        ("POST", "/alerts/{name}/test"),
        ("GET", "/boards"),
        ("GET", "/boards/{name}"),
        ("GET", "/boards/{name}/boot-config"),
        ("GET", "/boards/{name}/events/{event}"),
        ("POST", "/boards/{name}/events/{event}"),
        ("GET", "/boards/{name}/history"),
        ("POST", "/boards/{name}/state"),
        ("GET", "/health"),
        ("POST", "/health/release"),
        ("GET", "/images"),
        ("POST", "/images/{name}/release"),
        ("GET", "/incidents"),
        ("POST", "/inventory/apply"),
        ("POST", "/inventory/plan"),
        ("GET", "/openapi.json"),
        ("GET", "/operators"),
        ("POST", "/operators"),
        ("POST", "/operators/{name}/revoke"),
        ("GET", "/relay-boards"),
        ("GET", "/relay-boards/{name}/history"),
        ("POST", "/relay-boards/{name}/test"),
        ("GET", "/session"),
        ("POST", "/session"),
        ("POST", "/session/end"),
        ("GET", "/stream"),
        ("GET", "/unknown-boards"),
    ]


def test_a_query_and_a_body_are_described() -> None:
    paths = document()["paths"]
    parameters = paths["/boards/{name}/history"]["get"]["parameters"]
    assert [(one["name"], one["in"]) for one in parameters] == [
        ("name", "path"),
        ("limit", "query"),
        ("before", "query"),
    ]
    schema = {"$ref": "#/components/schemas/StateChange"}
    assert paths["/boards/{name}/state"]["post"]["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": schema}},
    }
    event = paths["/boards/{name}/events/{event}"]["post"]["requestBody"]
    assert event["required"] is False  # most events have nothing to say in it
    change = document()["components"]["schemas"]["StateChange"]
    assert change["required"] == ["from", "to"]


def test_each_operation_says_which_role_it_needs() -> None:
    paths = document()["paths"]
    assert paths["/boards/{name}/state"]["post"]["security"] == [
        {},
        {"token": ["admin"]},
        {"session": ["admin"]},
    ]
    event = paths["/boards/{name}/events/{event}"]
    assert event["post"]["security"] == [
        {},
        {"token": ["operate"]},
        {"session": ["operate"]},
        {"boot_token": []},
        {"boot_token_in_url": []},
    ]
    assert event["get"]["description"] == "For the board itself."
    named = {
        scheme
        for methods in paths.values()
        for operation in methods.values()
        for requirement in operation["security"]
        for scheme in requirement
    }
    assert named == document()["components"]["securitySchemes"].keys()


@pytest.mark.parametrize("path", ["/x", "/api/v1", "/api//v1/boards", "//boards", "*"])
def test_where_nothing_is_there_is_no_page(path: str) -> None:
    reply = web().ask(path)
    assert reply.status in (404, 405)
    assert b"<" not in reply.body


# Whatever comes in.

SEGMENTS = ["api", "v1", "boards", "panda-01", "bare", "events", "rq-reimage", "state"]
SEGMENTS += [
    "image-running",
    "boot-config",
    "history",
    "images",
    "relay-boards",
    "alerts",
    "test",
]
SEGMENTS += ["rack1", "health", "files", "%2e%2e", "%00", "%ff", "", "%2f", "x" * 300]

PATHS = st.one_of(
    st.lists(st.sampled_from(SEGMENTS), max_size=6).map(lambda s: "/" + "/".join(s)),
    st.sampled_from(
        [
            f"{PREFIX}/boards",
            f"{PREFIX}/boards/panda-01",
            f"{PREFIX}/boards/panda-01/history",
            f"{PREFIX}/boards/panda-01/state",
            f"{PREFIX}/boards/panda-01/boot-config",
            f"{PREFIX}/boards/panda-01/events/rq-reimage",
            f"{PREFIX}/boards/panda-01/events/rq-reboot",
            f"{PREFIX}/boards/panda-01/events/image-running",
            f"{PREFIX}/relay-boards/rack1/test",
            f"{PREFIX}/alerts/ops/test",
        ]
    ),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=50
    ).map(lambda text: "/" + text),
)
QUERIES = st.one_of(
    st.just(""),
    st.dictionaries(
        st.sampled_from(["limit", "before", "after", "name", "state", "token", "%ff"]),
        st.sampled_from(["", "1", "-1", "9" * 30, "*", "[", "[!", "%ff", "null", "x"]),
        max_size=3,
    ).map(lambda query: "?" + "&".join(f"{k}={v}" for k, v in query.items())),
)
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(["Host", "Origin", "Authorization", "Sec-Fetch-Site", "Via"]),
    PLAIN.map(str.strip),
    max_size=2,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=100),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["image", "boot_config", "from", "to"]),
        st.sampled_from(["debian", "New", "Ready", "LockedOut"]) | VALUES,
    ).map(lambda value: json.dumps(value).encode()),
)


def is_page(path: str) -> bool:
    """Whether it is one of the dashboard's, which are no part of the interface."""
    pages = "|".join(page.replace("<name>", "[^/]+") for page in PAGES)
    return re.fullmatch(pages, unquote(path.partition("?")[0])) is not None


def expected(method: str, path: str) -> set[str]:
    """The statuses that are described for a request, "200" beside the description."""
    plain = unquote(path.partition("?")[0])
    for known, operations in document()["paths"].items():
        if re.fullmatch(PREFIX + re.sub(r"{\w+}", "[^/]+", known), plain):
            return set(operations.get(method.lower(), {}).get("responses", {"405"}))
    return {"404", "405"}


@settings(max_examples=150, deadline=None)
@example("/%2f", "GET", HERE, False, {}, b"")
@given(
    path=st.builds(str.__add__, PATHS, QUERIES),
    method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "X"]),
    peer=st.sampled_from([HERE, PANDA, STRANGER, "::1"]),
    operator=st.booleans(),
    headers=HEADERS,
    body=BODIES,
)
def test_whatever_comes_in_the_answer_is_json_and_a_described_one(
    path: str,
    method: str,
    peer: str,
    operator: bool,
    headers: dict[str, str],
    body: bytes,
) -> None:
    headers = headers | OPERATOR if operator else headers
    reply = web().ask(path, method, peer, headers, body)
    if reply.status == 200 and is_page(path):
        assert reply.headers["content-security-policy"] == POLICY
        return
    assert isinstance(reply.json, dict)
    assert str(reply.status) in expected(method, path)
