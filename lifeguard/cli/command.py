"""What commands have in common: the daemon's options, boards, `--json`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click

from lifeguard.cli import completing
from lifeguard.cli.exits import Exit
from lifeguard.cli.selection import Selection

if TYPE_CHECKING:
    from lifeguard.cli.session import Machine, Session

EXITS = """\b
Exit status:
  0    done
  1    refused, or the configuration has mistakes
  2    the command line is wrong
  3    the daemon does not answer
  4    a board that was waited for has failed, or took too long
  130  interrupted
  141  nobody reads the output any more
With several boards, the highest counts.
"""

Flow = Callable[..., Coroutine[Any, Any, Exit]]
"""A command: takes a session, then its options by name."""


class InOrder(click.Group):
    """Lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXITS,
)
@click.option("--url", envvar="LIFEGUARD_URL", help="Where the daemon is.")
@click.option("--token", envvar="LIFEGUARD_TOKEN", help="An operator's token.")
@click.option(
    "--token-file",
    envvar="LIFEGUARD_TOKEN_FILE",
    type=click.Path(),
    help="The file with an operator's token.",
)
@click.option(
    "--ca-file",
    envvar="LIFEGUARD_CA_FILE",
    type=click.Path(),
    help="The file with the certificates that https is trusted by.",
)
@click.version_option(package_name="lifeguard", message="%(package)s %(version)s")
def cli(**options: Any) -> None:
    """Look after a lab's development boards.

    The daemon is looked for at http://127.0.0.1:8080 unless --url, LIFEGUARD_URL or
    `url` in ~/.config/lifeguard/config.toml says otherwise. On the daemon's own
    machine no token is needed; else it is taken from --token, --token-file,
    LIFEGUARD_TOKEN, LIFEGUARD_TOKEN_FILE, or `token` or `token_file` in that file.
    So is --ca-file, for a daemon whose certificate is a lab's own.
    """


def command(name: str) -> Callable[[Flow], click.Command]:
    """A command of the lab: its flow is run with a session of its own."""

    def declare(flow: Flow) -> click.Command:
        @click.option("--json", "as_json", is_flag=True, help="As the daemon says it.")
        @wraps(flow)
        def run(*, as_json: bool, **arguments: Any) -> None:
            context = click.get_current_context()
            machine = cast("Machine", context.obj)
            options = context.find_root().params
            session = machine.session(options, as_json=as_json)
            context.exit(machine.run(flow(session, **arguments)))

        return click.command(name)(run)

    return declare


def boards(*, required: bool = False) -> Callable[[Flow], Flow]:
    """`BOARD... --state --hardware`, handed to the flow as one `selection`.

    If `required`, something must be said: no board is meant by saying nothing.
    """

    def declare(flow: Flow) -> Flow:
        @click.argument(
            "names",
            metavar="BOARD..." if required else "[BOARD...]",
            nargs=-1,
            shell_complete=completing.board_names,
        )
        @click.option(
            "--state",
            "states",
            multiple=True,
            metavar="STATE",
            shell_complete=completing.states,
            help="Those in this state; also a pattern such as 'Failed*'.",
        )
        @click.option(
            "--hardware",
            default="*",
            shell_complete=completing.hardware,
            help="Those of this hardware.",
        )
        @wraps(flow)
        def selecting(
            session: Session,
            names: tuple[str, ...],
            states: tuple[str, ...],
            hardware: str,
            **arguments: Any,
        ) -> Coroutine[Any, Any, Exit]:
            selection = Selection(names, states, hardware)
            if required and selection == Selection():
                raise click.UsageError("which boards? say BOARD..., --state or '*'")
            return flow(session, selection=selection, **arguments)

        return selecting

    return declare


def group(look: click.Command) -> click.Group:
    """A command that looks, and has others below it that do something."""

    @click.group(look.name, invoke_without_command=True, help=look.help)
    @click.option("--json", "as_json", is_flag=True, help="As the daemon says it.")
    @click.pass_context
    def run(context: click.Context, *, as_json: bool) -> None:
        if context.invoked_subcommand is None:
            context.invoke(look, as_json=as_json)

    return run
