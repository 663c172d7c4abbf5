"""Where the daemon is, and whose token is shown to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeguard.cli.access import DEFAULT_URL, FILE, Access, access
from lifeguard.cli.exits import Usage
from lifeguard.cli.trust import policy

LAB = "http://lab.example:8080"


def home(path: Path, text: str) -> Path:
    (path / FILE).parent.mkdir(parents=True)
    (path / FILE).write_text(text)
    return path


def test_without_any_word_it_is_on_this_machine(tmp_path: Path) -> None:
    assert access(None, None, None, None, tmp_path) == Access(DEFAULT_URL, None)


def test_a_file_says_which_lab_is_meant(tmp_path: Path) -> None:
    home(tmp_path, f'url = "{LAB}/"\ntoken_file = "~/token"\n')
    (tmp_path / "token").write_text("secret\n")
    assert access(None, None, None, None, tmp_path) == Access(LAB, "secret")


def test_options_count_more_than_the_file(tmp_path: Path) -> None:
    home(tmp_path, f'url = "{LAB}"\ntoken = "of-the-file"\n')
    assert access(LAB, "mine", None, None, tmp_path) == Access(LAB, "mine")
    assert access(LAB, None, None, None, tmp_path) == Access(LAB, "of-the-file")


def test_another_server_never_sees_the_token_of_the_file(tmp_path: Path) -> None:
    home(tmp_path, f'url = "{LAB}"\ntoken = "of-the-file"\n')
    assert access("https://other.example", None, None, None, tmp_path).token is None


def test_a_lab_of_its_own_authority_is_known_by_a_file(tmp_path: Path) -> None:
    home(tmp_path, f'url = "{LAB}"\nca_file = "~/ca.pem"\n')
    own, other = tmp_path / "ca.pem", "https://other.example"
    assert access(None, None, None, None, tmp_path).ca_file == own
    assert access(None, None, None, "/ca.pem", tmp_path).ca_file == Path("/ca.pem")
    assert access(other, None, None, None, tmp_path).ca_file is None


@pytest.mark.parametrize("text", [None, "", "-----BEGIN CERTIFICATE-----\n"])
def test_a_file_without_certificates_is_named(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Usage, match=r"(?i)ca\.pem: no "):
        policy(path if text is not None else tmp_path / "no ca.pem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url = 3", "Expected `str | null`, got `int` - at `$.url`"),
        ('uri = "http://x"', "Object contains unknown field `uri`"),
        ("url =", "Invalid value (at end of document)"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(
    text: str, said: str, tmp_path: Path
) -> None:
    home(tmp_path, text)
    with pytest.raises(Usage) as caught:
        access(None, None, None, None, tmp_path)
    assert str(caught.value) == f"{tmp_path / FILE}: {said}"


@pytest.mark.parametrize(
    "url",
    ["", "lab", "ftp://lab", "http://", "http://lab:x", "http://me@lab", "http://a/?b"],
)
def test_what_is_no_url_is_said_so(url: str, tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        access(url, None, None, None, tmp_path)
    assert str(caught.value) == f"{url}: expected a URL like {DEFAULT_URL}"


def test_a_token_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Usage, match=r"/no/token: No such file or directory"):
        access(None, None, "/no/token", None, tmp_path)


@pytest.mark.parametrize("token", ["", "ü", "a\nb"])
def test_a_token_that_cannot_be_sent_is_not_shown(token: str, tmp_path: Path) -> None:
    with pytest.raises(Usage) as caught:
        access(None, token, None, None, tmp_path)
    assert "one line of printable characters" in str(caught.value)
