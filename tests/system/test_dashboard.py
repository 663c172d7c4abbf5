"""The dashboard in a real browser: Chromium without a screen, and a real daemon."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

from lifeguard.cli.words import LOOKS, RELAY_BOARD_LOOKS
from lifeguard.words import duration, plural
from tests.process_lab import ProcessLab, process_lab
from tests.test_dashboard import contrast

pytestmark = pytest.mark.system

CHROMIUM = shutil.which("chromium")
WORDS = "/dashboard/words.js"
LIMIT = 60_000
"""Milliseconds that anything waited for may take on a slow machine."""

HOSTILE = '<img src=x onerror="document.title=1">'
PAGES = ("/", "/boards/sim-03", "/relay-boards", "/incidents")

# What is cut off at the right, or must be scrolled to; a lifecycle's picture may.
CUT = """[...document.querySelectorAll("main *:not(svg, svg *)")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1)
    .filter((one) => getComputedStyle(one).overflowX !== "visible")
    .filter((one) => one.checkVisibility() && !one.matches(".unseen, .lifecycle"))
    .map((one) => one.textContent)"""

# Each text that is seen, its colour and that of what it stands on, in hex.
COLOURS = """[...document.querySelectorAll("body *:not(svg, svg *, :disabled)")]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3))
    .filter((one) => one.textContent.trim())
    .filter((one) => one.checkVisibility() && !one.closest(".unseen, dialog, option"))
    .map((one) => {
        const hex = (colour) => "#" + colour.match(/\\d+/g).slice(0, 3)
            .map((part) => Number(part).toString(16).padStart(2, "0")).join("");
        let ground = one;
        const of = (node) => getComputedStyle(node).backgroundColor;
        while (of(ground) === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
        return [one.textContent, hex(getComputedStyle(one).color), hex(of(ground))];
    })"""
COUNTS = (0, 1, 59, 60, 61, 3599, 3600, 7260, 86399, 86400, 90000, 10**7)


def answered(change: Callable[[str], str]) -> Callable[[Route], None]:
    """Has the page hear what `change` makes of an answer's text."""

    def answer(route: Route) -> None:
        with suppress(Error):  # a page that has gone waits for nothing any more
            true = route.fetch()
            route.fulfill(response=true, body=change(true.text()))

    return answer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=LIMIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ProcessLab]:
    """Three boards on one relay board, of which the last never comes up."""
    with process_lab(tmp_path, "--boards", "3", "--dead", "sim-03=loader") as lab:
        yield lab


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on whose console there may be nothing but what the network says."""
    page = browser.new_page()
    page.set_default_timeout(LIMIT)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda asked: print(asked.url, asked.failure))
    yield page
    print(*said, sep="\n")  # pytest shows it with a test that fails
    page.close()
    assert [line for line in said if "Failed to load resource" not in line] == []


def tile(page: Page, name: str, look: str) -> None:
    """Wait until the tile of a board says so."""
    expect(page.get_by_role("link", name=f"{name}, {look}")).to_be_visible()


def test_the_lab_is_shown_and_changes_as_it_happens(
    lab: ProcessLab, page: Page
) -> None:
    lab.start()
    page.goto(lab.url)
    for name in ("sim-01", "sim-02", "sim-03"):
        tile(page, name, "left alone, New")
    assert page.title() == "3 boards · lifeguard"
    lab.ask("/api/v1/boards/sim-02/events/rq-reimage", {"image": "debian"})
    tile(page, "sim-02", "at work, Reimage")
    tile(page, "sim-02", "well, Ready")


def test_the_url_says_what_is_chosen_and_the_keyboard_goes_about(
    lab: ProcessLab, page: Page
) -> None:
    lab.start()
    page.goto(f"{lab.url}/?group=hardware&search=sim-0")
    expect(page.get_by_role("heading", name="sim")).to_be_visible()
    page.get_by_role("button", name="3 left alone").click()
    assert page.url == f"{lab.url}/?group=hardware&kind=still&search=sim-0"
    page.get_by_role("link", name="sim-01, ").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="sim-02")).to_be_visible()
    assert page.url == f"{lab.url}/boards/sim-02"
    page.go_back()
    tile(page, "sim-02", "left alone, New")
    page.get_by_role("searchbox").fill("nix")
    expect(page.get_by_text("No board is like that.")).to_be_visible()


def test_a_request_is_confirmed_and_done(lab: ProcessLab, page: Page) -> None:
    lab.start()
    page.goto(f"{lab.url}/boards/sim-01")
    page.get_by_role("button", name="Reimage").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("sim-01 enters ReimageRebooting.")
    dialog.get_by_role("button", name="Cancel").click()
    assert lab.states()["sim-01"] == "New"
    page.get_by_role("button", name="Reimage").click()
    dialog.get_by_label("Image").select_option("debian")
    dialog.get_by_role("button", name="Reimage").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("✓ Ready")
    expect(page.locator(".lit")).to_have_attribute("data-state", "Ready")
    expect(page.get_by_role("listitem").first).to_contain_text(
        "ReimageComplete → Ready"
    )
    expect(page.locator("pre")).to_contain_text('"board": "sim-01"')


def test_a_refusal_is_shown_in_the_words_of_the_api(
    lab: ProcessLab, page: Page
) -> None:
    lab.start()
    page.goto(f"{lab.url}/boards/sim-02")
    page.get_by_role("button", name="Set state").click()
    lab.ask("/api/v1/boards/sim-02/state", {"from": "New", "to": "LockedOut"})
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").select_option("Troubleshooting")
    dialog.get_by_role("button", name="Change").click()
    _, answer = lab.ask(
        "/api/v1/boards/sim-02/state", {"from": "New", "to": "Troubleshooting"}
    )
    expect(dialog.get_by_role("alert")).to_have_text(answer["error"])


def test_a_lost_connection_is_told_and_comes_back(lab: ProcessLab, page: Page) -> None:
    daemon = lab.start()
    page.goto(lab.url)
    tile(page, "sim-01", "left alone, New")
    daemon.end(9)
    expect(page.locator("#banner")).to_contain_text("No connection to lifeguard")
    daemon = lab.start()
    lab.ask("/api/v1/boards/sim-01/state", {"from": "New", "to": "LockedOut"})
    tile(page, "sim-01", "left alone, LockedOut")
    expect(page.locator("#connection")).to_have_text("● live")
    expect(page.locator("#banner")).to_have_text("")


def test_a_token_is_asked_for_where_one_is_needed(lab: ProcessLab, page: Page) -> None:
    settings = lab.directory / "lifeguard.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[http]\n", "[http]\nrequire_token = true\n"))
    lab.start()
    token = next(lab.directory.rglob("operator.token")).read_text().strip()
    page.goto(f"{lab.url}/boards/sim-01")
    page.get_by_role("button", name="Reboot").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reboot").click()
    expect(dialog.get_by_role("alert")).to_have_text("this needs an operator's token")
    dialog.get_by_label("token").fill(token)
    dialog.get_by_role("button", name="Reboot").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reboot")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert token not in page.content()
    kept = page.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie]"
    )
    assert kept == [0, 0, ""]
    page.reload()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_where_a_look_needs_a_token_too_it_is_asked_for_at_once(
    lab: ProcessLab, page: Page
) -> None:
    settings = lab.directory / "lifeguard.toml"
    closed = '[http]\nrequire_token = true\nread = "token"\n'
    settings.write_text(settings.read_text().replace("[http]\n", closed))
    lab.start()
    token = next(lab.directory.rglob("operator.token")).read_text().strip()
    page.goto(lab.url)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("token").fill("lg_wrong")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert").last).to_have_text("not an operator's token")
    dialog.get_by_label("token").fill(token)
    dialog.get_by_role("button", name="Sign in").click()
    tile(page, "sim-01", "left alone, New")


def test_what_a_role_may_not_do_says_so(lab: ProcessLab, page: Page) -> None:
    lab.start()
    body = {"name": "eve", "role": "see"}
    _, made = lab.ask("/api/v1/operators", body)
    page.goto(f"{lab.url}/boards/sim-01")
    expect(page.get_by_role("button", name="Reboot")).to_be_enabled()
    page.get_by_role("button", name="Sign in").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("token").fill(made["token"])
    dialog.get_by_role("button", name="Sign in").click()
    button = page.get_by_role("button", name="Reboot")
    expect(button).to_be_disabled()
    why = "operator eve has the role see, this needs operate"
    expect(button).to_have_attribute("title", why)


def test_hostile_texts_stay_texts(lab: ProcessLab, page: Page) -> None:
    """Whatever the API says; a name that the daemon would take cannot do this."""
    lab.start()

    def spoil(text: str) -> str:
        return text.replace('"New"', json.dumps(HOSTILE))

    page.route("**/api/v1/boards**", answered(spoil))
    page.goto(lab.url)
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    page.goto(f"{lab.url}/boards/sim-01")
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert page.locator("img:not(.brand img)").count() == 0


def test_relay_boards_and_incidents_are_shown(lab: ProcessLab, page: Page) -> None:
    lab.start()
    page.goto(f"{lab.url}/relay-boards")
    expect(page.get_by_role("heading", name="rack1")).to_contain_text("✓ Working")
    page.get_by_role("button", name="Test its link").click()
    expect(page.get_by_text("It answers.")).to_be_visible()
    page.get_by_role("link", name="Incidents").click()
    expect(page.get_by_text("No incidents.")).to_be_visible()


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_cut_off_also_on_a_phone(
    lab: ProcessLab, page: Page, width: int
) -> None:
    """sim-03 is at work, with a strike: its tile has the most to tell."""
    lab.start()
    lab.ask("/api/v1/boards/sim-03/events/rq-reimage", {"image": "debian"})
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(lab.url)
    expect(page.get_by_text("strikes 1/30", exact=True)).to_be_visible()
    for path in PAGES:
        page.goto(lab.url + path)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#connection")).to_have_text("● live")
        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_of_two_hundred_boards_all_names_are_whole(lab: ProcessLab, page: Page) -> None:
    lab.start()

    def many(text: str) -> str:
        [board, *_] = json.loads(text)["boards"]
        names = (f"panda-rack-{number:03d}" for number in range(200))
        boards = [board | {"name": name} for name in names]
        return json.dumps({"boards": boards, "next": None})

    page.route("**/api/v1/boards?*", answered(many))
    page.goto(lab.url)
    expect(page.get_by_text("panda-rack-199", exact=True)).to_be_visible()
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(
    lab: ProcessLab, page: Page, scheme: Literal["light", "dark"]
) -> None:
    lab.start()
    change = {"from": "New", "to": "FailedReimageBooting"}
    lab.ask("/api/v1/boards/sim-01/state", change)
    lab.ask("/api/v1/boards/sim-02/state", {"from": "New", "to": "Ready"})
    lab.ask("/api/v1/boards/sim-03/events/rq-reimage", {"image": "debian"})
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page.goto(lab.url + path)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("#connection")).to_have_text("● live")
        seen = page.evaluate(COLOURS)
        assert len(seen) > 5
        ratios = [(text, contrast(ink, ground)) for text, ink, ground in seen]
        assert [(text, ratio) for text, ratio in ratios if ratio < 4.5] == []


def test_the_words_are_those_of_the_command_line(lab: ProcessLab, page: Page) -> None:
    lab.start()
    page.goto(lab.url)
    said = page.evaluate(
        f"""async ([counts]) => {{
            const words = await import("{WORDS}");
            return {{
                looks: Object.entries(words.LOOKS),
                relayBoards: Object.entries(words.RELAY_BOARD_KINDS),
                durations: counts.map(words.duration),
                counted: counts.map((count) => words.plural(count, "board")),
            }};
        }}""",
        [COUNTS],
    )
    looks = {kind: (look["mark"], look["words"]) for kind, look in said["looks"]}
    assert list(looks.items()) == [
        (kind or "unknown", (look.mark, look.words)) for kind, look in LOOKS.items()
    ]
    assert {state: looks[kind][0] for state, kind in said["relayBoards"]} == {
        state: look.mark for state, look in RELAY_BOARD_LOOKS.items()
    }
    assert said["durations"] == list(map(duration, COUNTS))
    assert said["counted"] == [plural(count, "board") for count in COUNTS]
