"""Standard output as the command line needs it: what ails it ends the command."""

from __future__ import annotations

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from lifeguard.cli.exits import Exit, Stop

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class PipeClosed(Stop):
    """Whoever read the output has read enough; there is nothing to be said."""

    status = Exit.PIPE_CLOSED


class Output(FileIO):
    """A file descriptor; the first write that fails raises Stop, the rest is dropped.

    So the interpreter has nothing to complain of when it flushes at its end.
    """

    _has_failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self._has_failed:
            return len(memoryview(data))
        try:
            return super().write(data)
        except BrokenPipeError as error:
            self._has_failed = True
            raise PipeClosed from error
        except OSError as error:
            self._has_failed = True
            raise Stop(f"standard output: {error.strerror}") from error


def guarded(stdout: TextIO | None) -> TextIO:
    """What stands for `stdout` from now on; closed (None), it takes and drops all."""
    if stdout is None:
        return open(os.devnull, "w", encoding=sys.getfilesystemencoding())
    return TextIOWrapper(
        BufferedWriter(Output(stdout.fileno(), "w", closefd=False)),
        encoding=stdout.encoding,
        # A terminal that lacks a sign is shown another, not a traceback.
        errors="replace",
        line_buffering=stdout.isatty(),
    )
