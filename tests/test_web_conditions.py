"""What a request's conditions make of a file: RFC 9110, sections 13 and 14."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers

from lifeguard.netboot.files import Version
from lifeguard.web.conditions import Unsatisfiable, part, refusal

MODIFIED = 1_700_000_000
FILE = Version(8, 1, MODIFIED * 10**9, 1000)
THIS, OTHER = f'"{FILE.tag}"', '"8-1-2-3"'

HEADERS = [
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Range",
]


def headers(**given: str) -> Headers:
    made = Headers()
    for name, value in given.items():
        made.addRawHeader(name.replace("_", "-").encode(), value.encode("latin-1"))
    return made


def date(seconds: int) -> str:
    return datetimeToString(MODIFIED + seconds).decode()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-99", range(100)),
        ("bytes=0-0", range(1)),
        ("bytes=500-", range(500, 1000)),
        ("bytes=999-", range(999, 1000)),
        ("bytes=900-5000", range(900, 1000)),
        ("bytes=0-999", range(1000)),
        ("bytes=-1", range(999, 1000)),
        ("bytes=-5000", range(1000)),
        ("BYTES=0-99", range(100)),
        (" bytes=0-99 ", range(100)),
    ],
)
def test_one_range_is_a_part(value: str, wanted: range) -> None:
    assert part(headers(range=value), FILE) == wanted


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=1000-2000", "bytes=-0"])
def test_a_range_beyond_the_end_is_unsatisfiable(value: str) -> None:
    with pytest.raises(Unsatisfiable):
        part(headers(range=value), FILE)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=0-1,5-6",
        "bytes=0-,0-,0-,0-",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=--1",
        "bytes= 0-1",
        "bytes=1.0-2",
        "bytes=\u00b2-\u00b3",
        "bytes=0-" + "9" * 5000,
        "lines=0-99",
    ],
)
def test_what_is_not_one_range_of_bytes_is_the_whole(value: str) -> None:
    assert part(headers(range=value), FILE) is None


def test_two_range_headers_are_no_range() -> None:
    both = headers(range="bytes=0-1")
    both.addRawHeader(b"Range", b"bytes=5-6")
    assert part(both, FILE) is None


def test_the_end_of_an_empty_file_is_the_whole_and_it_has_no_start() -> None:
    empty = FILE._replace(size=0)
    assert part(headers(range="bytes=-5"), empty) is None
    with pytest.raises(Unsatisfiable):
        part(headers(range="bytes=0-"), empty)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (THIS, range(10)),
        (OTHER, None),
        ("W/" + THIS, None),
        ("*", None),
        (date(0), None),
    ],
)
def test_a_range_is_for_the_version_that_it_names(
    condition: str, wanted: range | None
) -> None:
    """A date is never exact enough, nor is a weak tag: the whole file is sent."""
    assert part(headers(range="bytes=0-9", if_range=condition), FILE) == wanted


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, None),
        ({"if_none_match": THIS}, 304),
        ({"if_none_match": "W/" + THIS}, 304),
        ({"if_none_match": f"{OTHER}, {THIS}"}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": OTHER}, None),
        ({"if_modified_since": date(0)}, 304),
        ({"if_modified_since": date(1)}, 304),
        ({"if_modified_since": date(-1)}, None),
        ({"if_modified_since": "yesterday"}, None),
        ({"if_none_match": OTHER, "if_modified_since": date(0)}, None),
        ({"if_none_match": THIS, "if_modified_since": date(-1)}, 304),
        ({"if_match": THIS}, None),
        ({"if_match": "*"}, None),
        ({"if_match": OTHER}, 412),
        ({"if_match": "W/" + THIS}, 412),
        ({"if_unmodified_since": date(0)}, None),
        ({"if_unmodified_since": date(-1)}, 412),
        ({"if_match": THIS, "if_unmodified_since": date(-1)}, None),
        ({"if_match": OTHER, "if_none_match": THIS}, 412),
    ],
)
def test_a_condition_decides_whether_the_file_is_sent(
    given: dict[str, str], status: int | None
) -> None:
    assert refusal(headers(**given), FILE) == status


def test_tags_may_stand_in_several_headers() -> None:
    both = headers(if_none_match=OTHER)
    both.addRawHeader(b"If-None-Match", THIS.encode())
    assert refusal(both, FILE) == 304


VALUES = st.one_of(
    st.binary(max_size=60),
    st.from_regex(rb"bytes=[0-9-, ]{0,30}", fullmatch=True),
    st.from_regex(
        rb"Sun, [0-9]{1,30} Nov [0-9]{1,40} [0-9:]{0,30} GMT", fullmatch=True
    ),
    st.from_regex(rb'(W/)?"[^"]{0,9}"(, ?"[a-z]")*', fullmatch=True),
)


@given(st.dictionaries(st.sampled_from(HEADERS), VALUES), st.integers(0, 2000))
def test_any_headers_have_an_answer(given: dict[str, bytes], size: int) -> None:
    made = Headers()
    for name, value in given.items():
        made.addRawHeader(name.encode(), value)
    file = FILE._replace(size=size)
    assert refusal(made, file) in (None, 304, 412)
    try:
        wanted = part(made, file)
    except Unsatisfiable:
        return
    assert wanted is None or 0 <= wanted.start < wanted.stop <= size
