"""The commands that need no daemon: what a configuration says, what a lifecycle is."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import click

from lifeguard.cli.exits import Exit, Stop
from lifeguard.cli.session import dump
from lifeguard.cli.views.graph import as_document, as_text
from lifeguard.cli.words import plural
from lifeguard.graph.svg import as_svg
from lifeguard.lifecycle import Lifecycle
from lifeguard.lifecycle.standard import LIFECYCLE

if TYPE_CHECKING:
    from lifeguard.cli.session import Machine


json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


class Mistaken(Stop):
    """What was to be read has mistakes."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(context: click.Context, file: Path, *, as_json: bool) -> None:
    """Read a configuration as the daemon would."""
    # Only here: it takes its time to be imported.
    from lifeguard.config import ConfigurationError
    from lifeguard.inventory.reading import checked

    try:
        lab = checked(file).inventory
    except ConfigurationError as error:
        if as_json:
            dump({"mistakes": list(error.mistakes)})
        else:
            click.echo("\n".join(error.mistakes), err=True)
        context.exit(Exit.REFUSED)
    if as_json:
        dump({"mistakes": []})
        return
    counts = [
        plural(len(lab.boards), "board"),
        plural(len(lab.relay_boards), "relay board"),
        plural(len(lab.images), "image"),
    ]
    click.echo(f"{file}: no mistakes; {', '.join(counts)}")


@click.command()
@click.argument("lifecycle", default="standard")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration in which LIFECYCLE is a hardware.",
)
@click.option("--svg", is_flag=True, help="As a picture, not as text.")
@json_option
@click.pass_context
def graph(
    context: click.Context,
    lifecycle: str,
    file: Path | None,
    *,
    svg: bool,
    as_json: bool,
) -> None:
    """Draw a lifecycle.

    LIFECYCLE is "standard", or MODULE:NAME, or with --config a hardware's name.
    """
    if svg and as_json:
        raise click.UsageError("--svg or --json, not both")
    found = _named(lifecycle) if file is None else _of_hardware(lifecycle, file)
    if as_json:
        dump(as_document(found))
        return
    if svg:
        click.echo(as_svg(found))
        return
    machine: Machine = context.obj
    machine.out.print(as_text(found))


def _named(name: str) -> Lifecycle:
    if name == "standard":
        return LIFECYCLE
    try:
        found = resolve_name(name)
    except (Exception, SystemExit) as error:  # importing runs a lab's own code
        raise Mistaken(f"{name}: {error}") from error
    if not isinstance(found, Lifecycle):
        raise Mistaken(f"{name}: this is not a Lifecycle")
    return found


def _of_hardware(name: str, file: Path) -> Lifecycle:
    from lifeguard.config import ConfigurationError, load

    try:
        hardware = load(file).inventory.hardware
    except ConfigurationError as error:
        raise Mistaken(error.mistakes[0]) from error
    if name not in hardware:
        known = ", ".join(hardware) or "none"
        raise Mistaken(f"{file}: no hardware {name}; there is {known}")
    return hardware[name].lifecycle
