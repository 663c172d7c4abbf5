"""Boot templates: Jinja2 in a sandbox, strict about what is undefined.

A template is the lab's own, but `boot_config` is whatever a request said. Nothing is
escaped: a text in it that has a line break adds lines to a loader's config, so a
template takes such values through the filter `tojson`, or not at all.
"""

from __future__ import annotations

from textwrap import shorten
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lifeguard.netboot.files import is_names_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LARGEST = 64 * 1024
"""Bytes that a template may come to; boot loaders have small buffers."""

_REASON_WIDTH = 200  # it has to fit a TFTP packet
_PYTHON = (".py", ">")  # how names of Python's files end; "<frozen ...>" has none


class TemplateFault(Exception):
    """A template cannot be rendered: its file, the line and the reason, in one line."""


class Templates:
    """Templates by path. Each is compiled once, and again when its file changes."""

    def __init__(self) -> None:
        self._environments: dict[Path, ImmutableSandboxedEnvironment] = {}

    def render(self, path: Path, variables: Mapping[str, Any]) -> bytes:
        """The text in UTF-8; raises TemplateFault, or OSError when this machine cannot
        open the file just now.

        The template may include and import what lies in its own directory.
        """
        try:
            template = self._environment(path.parent).get_template(path.name)
            return _bounded(template.generate(variables))
        except Exception as error:  # a template can raise whatever Python can
            if _passes(error):
                raise
            raise TemplateFault(f"{_place(error, path)}: {_reason(error)}") from error

    def _environment(self, directory: Path) -> ImmutableSandboxedEnvironment:
        if directory not in self._environments:
            self._environments[directory] = ImmutableSandboxedEnvironment(
                loader=FileSystemLoader(directory),
                undefined=StrictUndefined,
                autoescape=False,
                keep_trailing_newline=True,
            )
        return self._environments[directory]


def _bounded(pieces: Iterable[str]) -> bytes:
    text = bytearray()
    for piece in pieces:
        text += piece.encode()
        if len(text) > LARGEST:
            raise OverflowError(f"it comes to more than {LARGEST} bytes")
    return bytes(text)


def _passes(error: Exception) -> bool:
    """Whether the file may open later. Jinja2's own OSErrors have no number."""
    if not isinstance(error, OSError) or error.errno is None:
        return False
    return not is_names_fault(error)


def _place(error: Exception, path: Path) -> str:
    """Jinja2 has put the templates into the traceback, between Python's own files."""
    places = [
        f"{frame.f_code.co_filename.rpartition('/')[2]}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.endswith(_PYTHON)
    ]
    return places[-1] if places else path.name


def _reason(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"no such template: {error.name}"
    system = error.strerror if isinstance(error, OSError) else None
    return shorten(system or str(error) or type(error).__name__, _REASON_WIDTH)
