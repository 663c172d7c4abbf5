"""The dashboard's files: whole, alone, and readable by whoever looks at them."""

from __future__ import annotations

import gzip
import re
import runpy
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import setuptools

from lifeguard.graph.svg import as_svg
from lifeguard.lifecycle.standard import LIFECYCLE
from lifeguard.web.dashboard import FILES, PAGES, POLICY, TYPES
from tests.web_rig import web

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.name for path in FILES.iterdir())
PAGE = (FILES / "page.html").read_text()
STYLE = (FILES / "style.css").read_text()
PICTURE = "/hardware/panda/lifecycle.svg"


def text(name: str) -> str:
    return (FILES / name).read_text()


# What is served.


@pytest.mark.parametrize("path", [page.replace("<name>", "panda-01") for page in PAGES])
def test_every_page_is_the_same_document(path: str) -> None:
    reply = web().ask(path)
    assert (reply.status, reply.body.decode()) == (200, PAGE)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_has_its_type_and_the_policy(name: str) -> None:
    reply = web().ask(f"/dashboard/{name}")
    assert (reply.status, reply.body) == (200, (FILES / name).read_bytes())
    assert reply.headers["content-type"] == TYPES[Path(name).suffix]
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["cache-control"] == "no-cache"


def test_nothing_runs_but_the_files_and_nobody_frames_them() -> None:
    rules = dict(rule.strip().partition(" ")[::2] for rule in POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == rules["img-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in POLICY


def test_who_has_a_file_already_is_sent_nothing() -> None:
    parts = web()
    tag = parts.ask("/dashboard/main.js").headers["etag"]
    again = parts.ask("/dashboard/main.js", headers={"If-None-Match": tag})
    other = parts.ask("/dashboard/main.js", headers={"If-None-Match": 'W/"other"'})
    assert (again.status, again.body) == (304, b"")
    assert (other.status, other.body) == (200, (FILES / "main.js").read_bytes())


def test_who_takes_it_packed_is_sent_less() -> None:
    packed = web().ask("/dashboard/main.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) == len(packed.body)
    assert gzip.decompress(packed.body) == (FILES / "main.js").read_bytes()


def test_a_long_answer_of_the_api_is_packed_too() -> None:
    path = "/api/v1/openapi.json"
    packed = web().ask(path, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.body) == web().ask(path).body


@pytest.mark.parametrize("said", ["gzip;q=0", "br, gzip;q=0.0", "identity", "zip"])
def test_who_takes_nothing_packed_is_sent_it_as_it_is(said: str) -> None:
    reply = web().ask("/api/v1/openapi.json", headers={"Accept-Encoding": said})
    assert "content-encoding" not in reply.headers


def test_who_takes_what_nobody_can_read_is_sent_it_as_it_is() -> None:
    path = "/api/v1/openapi.json"
    reply = web().ask(path, headers={"Accept-Encoding": "\xff"})
    assert (reply.status, reply.body) == (200, web().ask(path).body)


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/nix.js",
        "/dashboard/",
        "/dashboard/../__init__.py",
        "/dashboard/..%2f__init__.py",
        "/dashboard/%00",
        "/hardware/nix/lifecycle.svg",
        "/nix",
    ],
)
def test_anything_else_is_not_found(path: str) -> None:
    reply = web().ask(path)
    assert (reply.status, list(reply.json)) == (404, ["error"])


@pytest.mark.parametrize("path", ["/", "/dashboard/main.js", PICTURE])
def test_nothing_can_be_posted_to_the_dashboard(path: str) -> None:
    reply = web().post(path, {})
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_a_lifecycle_is_drawn_with_a_name_on_each_state() -> None:
    reply = web().ask(PICTURE)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/svg+xml")
    assert reply.body.decode() == as_svg(LIFECYCLE)
    states = ElementTree.fromstring(reply.body).iterfind(".//*[@data-state]")
    assert {state.attrib["data-state"] for state in states} == set(LIFECYCLE.states)


# What the files hold.


def test_the_page_names_every_module_and_no_other_file() -> None:
    named = re.findall(r'(?:href|src)="/dashboard/([^"]+)"', PAGE)
    modules = [name for name in NAMES if name.endswith(".js")]
    assert sorted(set(named)) == sorted([*modules, "icon.svg", "style.css"])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_a_module_imports_what_is_there(name: str) -> None:
    for names, module in re.findall(r"import \{([^}]*)\} from \"\./(.*)\"", text(name)):
        exported = re.findall(
            r"export (?:async )?(?:function\*?|class|const) (\w+)", text(module)
        )
        wanted = {one.strip() for one in names.split(",") if one.strip()}
        assert wanted - set(exported) == set()
        used = text(name).partition("\n\n")[2]
        assert [one for one in wanted if used.count(one) < 2] == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    links = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text(name))
    assert set(links) - {"http://www.w3.org"} == set()


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_text_is_ever_taken_for_markup_or_code(name: str) -> None:
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert sink not in text(name)
    assert not re.search(r"\b(eval|Function|DOMParser)\(", text(name))


def test_nothing_on_the_page_is_inline() -> None:
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=", PAGE)


def test_only_the_session_knows_a_token() -> None:
    users = [name for name in NAMES if re.search(r"sessionStorage|Bearer", text(name))]
    assert users == ["session.js"]
    askers = [name for name in NAMES if re.search(r"fetch\(|EventSource", text(name))]
    assert askers == ["session.js"]


def test_a_wheel_has_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **words: said.update(words))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    assert "lifeguard.web.dashboard" in said["packages"]
    patterns = said["package_data"]["lifeguard.web.dashboard"]
    files = [f"files/{name}" for name in NAMES]
    assert [f for f in files if not any(fnmatch(f, one) for one in patterns)] == []


# Who can read it: WCAG 2, levels AA for text (4.5) and for marks of a control (3).

KINDS = ("failed", "unknown", "busy", "still", "well")


def colours(scheme: str) -> dict[str, str]:
    """The variables of a colour scheme; dark ones stand over the light ones."""
    blocks = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    ]
    assert len(blocks) == 2
    return blocks[0] if scheme == "light" else blocks[0] | blocks[1]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def texts() -> Iterator[tuple[str, str]]:
    """Colours of texts, and what they stand on."""
    yield from product(("ink", "soft", "accent"), ("page", "panel"))
    yield "on-accent", "accent"
    for kind in KINDS:
        yield f"on-{kind}", kind
        yield f"ink-{kind}", "panel"
        yield f"ink-{kind}", "page"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), list(texts()))
def test_texts_have_enough_contrast(scheme: str, ink: str, ground: str) -> None:
    found = colours(scheme)
    assert contrast(found[ink], found[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_failed_stands_out_from_what_is_well(scheme: str) -> None:
    found = colours(scheme)
    for ground in ("panel", "page", "well", "still", "busy"):
        assert contrast(found["failed"], found[ground]) >= 3


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
