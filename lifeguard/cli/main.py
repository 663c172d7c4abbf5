"""The command line from its words to its exit status; nothing of it is a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from twisted.internet.defer import CancelledError

from lifeguard.cli.alerting import alerts
from lifeguard.cli.asking import (
    maintenance,
    off,
    on,
    reboot,
    reimage,
    request,
    self_test,
    set_state,
)
from lifeguard.cli.checking import check, graph
from lifeguard.cli.command import cli
from lifeguard.cli.exits import Exit, Stop
from lifeguard.cli.inventory import inventory
from lifeguard.cli.looking import (
    history,
    incidents,
    show,
    status,
    watch,
)
from lifeguard.cli.output import PipeClosed
from lifeguard.cli.session import complain
from lifeguard.cli.sharing import images, polls, relay_boards
from lifeguard.cli.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifeguard.cli.session import Machine

for _command in (
    status, show, watch, history, relay_boards, incidents, images, polls, alerts,
    reboot, reimage, self_test, maintenance, off, on, request, set_state,
    inventory, check, graph, tokens,
):  # fmt: skip
    cli.add_command(_command)


def run(arguments: Sequence[str], machine: Machine) -> int:
    """The exit status; what is wrong has been said."""
    try:
        return int(
            cli.main(list(arguments), "lifeguard", standalone_mode=False, obj=machine)
            or Exit.DONE
        )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        complain(_usage(error))
        return Exit.USAGE
    except PipeClosed as closed:
        return closed.status
    except Stop as stop:
        complain(str(stop))
        return stop.status
    except (CancelledError, click.Abort):
        return Exit.INTERRUPTED


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = "lifeguard" if context is None else context.command_path
    return f"{error.format_message()} ({path} --help tells more)"
