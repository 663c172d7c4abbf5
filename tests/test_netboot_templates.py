"""Templates say what they were told, or one line about what is wrong with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lifeguard.netboot.templates import LARGEST, TemplateFault, Templates
from tests.test_files import no_descriptors

if TYPE_CHECKING:
    from pathlib import Path


def fault(path: Path, **variables: object) -> str:
    with pytest.raises(TemplateFault) as raised:
        Templates().render(path, variables)
    return str(raised.value)


def test_a_template_is_rendered_to_the_last_line_break(tmp_path: Path) -> None:
    path = tmp_path / "boot.j2"
    path.write_text("append {{ word }} <&>\n")
    assert Templates().render(path, {"word": "'é'"}) == "append 'é' <&>\n".encode()


def test_tojson_keeps_a_value_on_its_line(tmp_path: Path) -> None:
    path = tmp_path / "boot.j2"
    path.write_text("append {{ word | tojson }}\n")
    assert Templates().render(path, {"word": "a\nb"}) == b'append "a\\nb"\n'


def test_a_template_includes_what_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "boot.j2"
    path.write_text("{% include 'common.j2' %}")
    (tmp_path / "common.j2").write_text("common {{ word }}")
    assert Templates().render(path, {"word": "here"}) == b"common here"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path, templates = tmp_path / "boot.j2", Templates()
    path.write_text("old")
    assert templates.render(path, {}) == b"old"
    path.write_text("new")
    os.utime(path, (1, 1))
    assert templates.render(path, {}) == b"new"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n{{ absent }}", "boot.j2, line 2: 'absent' is undefined"),
        (
            "\n\n{{ boot_config.disk }}",
            "boot.j2, line 3: 'dict object' has no attribute 'disk'",
        ),
        (
            "\n{% if %}",
            "boot.j2, line 2: Expected an expression, got 'end of statement",
        ),
        ("\n{{ 1 // 0 }}", "boot.j2, line 2: integer division or modulo by zero"),
        ("{% set x = [] %}\n{{ x.append(1) }}", "boot.j2, line 2: "),
        ("{{ ''.__class__.__mro__ }}", "boot.j2, line 1: access to attribute"),
        ("{{ boot_config.clear() }}", "boot.j2, line 1: "),
        ("\n{% include 'absent.j2' %}", "boot.j2, line 2: no such template: absent.j2"),
        ("{% include '../secret' %}", "boot.j2, line 1: no such template: ../secret"),
        ("{% include 'boot.j2' %}", "boot.j2, line 1: maximum recursion depth"),
        ("\n{{ '\\ud800' }}", "boot.j2: 'utf-8' codec can't encode"),
        (
            "{% for n in range(99999) %}word{% endfor %}",
            f"boot.j2: it comes to more than {LARGEST} bytes",
        ),
    ],
)
def test_a_fault_is_one_line_with_file_line_and_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "lab" / "boot.j2"
    path.parent.mkdir()
    path.write_text(text)
    said = fault(path, boot_config={})
    assert said.startswith(reason)
    assert "\n" not in said


def test_a_fault_is_placed_in_the_file_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "boot.j2"
    path.write_text("\n\n{% include 'common.j2' %}")
    (tmp_path / "common.j2").write_text("\n{{ absent }}")
    assert fault(path) == "common.j2, line 2: 'absent' is undefined"


def test_a_template_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    assert fault(tmp_path / "boot.j2") == "boot.j2: no such template: boot.j2"


def test_a_machine_without_descriptors_is_no_fault_of_the_template(
    tmp_path: Path,
) -> None:
    path, templates = tmp_path / "boot.j2", Templates()
    path.write_text("{% include 'common.j2' %}")
    (tmp_path / "common.j2").write_text("here")
    with no_descriptors(), pytest.raises(OSError, match="open files"):
        templates.render(path, {})
    assert templates.render(path, {}) == b"here"


def test_a_template_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "boot.j2"
    path.write_bytes(b"\xff")
    assert fault(path).startswith("boot.j2: 'utf-8' codec can't decode")


def test_a_fault_that_has_been_mended_is_over(tmp_path: Path) -> None:
    path, templates = tmp_path / "boot.j2", Templates()
    path.write_text("{% if %}")
    with pytest.raises(TemplateFault):
        templates.render(path, {})
    path.write_text("mended")
    assert templates.render(path, {}) == b"mended"
