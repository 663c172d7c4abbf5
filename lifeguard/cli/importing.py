"""`lifeguard inventory import`: a first inventory from what others know of the lab.

It goes to standard output, for a person to look at and to edit; what could not be
taken over is said on standard error, and stands in the file as comments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import click

from lifeguard.cli.command import InOrder
from lifeguard.cli.exits import Stop, Usage
from lifeguard.cli.session import complain

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.cli.session import Machine
    from lifeguard.importing.draft import Draft

_FILE = click.Path(path_type=Path)


@click.group("import", cls=InOrder)
def import_() -> None:
    """A first inventory, from what others know of the lab.

    What is not known, or lifeguard cannot take, is a comment in it. It is complete
    when `lifeguard check` says so; and then it is yours to edit.
    """


@import_.command("netbox")
@click.option("--url", required=True, help="Where NetBox is.")
@click.option("--token-file", required=True, type=_FILE, help="The file of its token.")
@click.option("--ca-file", type=_FILE, help="The certificates it is known by.")
@click.option("--site", "sites", multiple=True, help="Devices of this site, by slug.")
@click.option("--role", "roles", multiple=True, help="Those of this role, by slug.")
@click.option("--tag", "tags", multiple=True, help="Those with this tag, by slug.")
@click.pass_context
def netbox(
    context: click.Context,
    url: str,
    token_file: Path,
    ca_file: Path | None,
    sites: tuple[str, ...],
    roles: tuple[str, ...],
    tags: tuple[str, ...],
) -> None:
    """The devices of a NetBox, and the outlets they are wired to."""
    from lifeguard.importing.draft import Unreadable
    from lifeguard.importing.netbox import read
    from lifeguard.importing.netbox_api import NetBox

    machine, url = cast("Machine", context.obj), _base(url)
    token = _text(token_file).strip()
    if not token or not token.isascii() or not token.isprintable():
        raise Usage(f"{token_file}: there is no token in it")
    there = NetBox(url, token, machine.http(ca_file), machine.clock)
    try:
        answers = machine.run(there.answers(sites, roles, tags))
    except Unreadable as error:
        raise Stop(str(error)) from error
    _write(lambda: read(answers), url)


@import_.command("labgrid")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
def labgrid(files: tuple[Path, ...]) -> None:
    """The places of a labgrid, and the resources of its exporters.

    FILE is a places.yaml of the coordinator or an exporter's configuration. Together
    they say which place hangs on which outlet.
    """
    from lifeguard.importing.labgrid import read

    _write(lambda: read(map(_text, files)), " ".join(map(str, files)))


@import_.command("pdudaemon")
@click.argument("file", type=_FILE)
def pdudaemon(file: Path) -> None:
    """The PDUs of a pdudaemon, as relay boards."""
    from lifeguard.importing.pdudaemon import read

    _write(lambda: read(_text(file)), str(file))


def _write(read: Callable[[], Draft], source: str) -> None:
    from lifeguard.importing.draft import Unreadable, written

    try:
        text, left_out = written(read(), source)
    except Unreadable as error:
        raise Stop(f"{source}: {error}") from error
    click.echo(text, nl=False)
    for line in left_out:
        complain(line)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Usage(f"{path}: not UTF-8 text at byte {error.start}") from error


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise Usage(f"{url}: expected a URL like https://netbox.example.org")
    return url.rstrip("/")
