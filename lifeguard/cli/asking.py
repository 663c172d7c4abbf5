"""The commands that ask something of boards."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from lifeguard.cli import completing
from lifeguard.cli.actions import post_to, say, wait_for, worst
from lifeguard.cli.command import Flow, boards, command
from lifeguard.cli.selection import Selection, select_some

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.cli.documents import Document
    from lifeguard.cli.exits import Exit
    from lifeguard.cli.session import Session


def sure(flow: Flow) -> Flow:
    """`--yes`, for boards that only a pattern names."""
    words = "Yes, all boards that a pattern means."
    return click.option("--yes", "-y", is_flag=True, help=words)(flow)


def waits(flow: Flow) -> Flow:
    """`--wait` and `--timeout`."""
    flow = click.option(
        "--timeout",
        type=click.FloatRange(0),
        metavar="SECONDS",
        callback=_finite,
        help="Wait no longer.",
    )(flow)
    words = "Wait until each board has come to rest, or has failed."
    return click.option("--wait", "-w", is_flag=True, help=words)(flow)


def _finite(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is no number of seconds")
    return value


def installs(*, required: bool) -> Callable[[Flow], Flow]:
    """`--image` and `--boot-config`."""

    def declare(flow: Flow) -> Flow:
        flow = click.option(
            "--boot-config",
            metavar="JSON",
            callback=_json_object,
            help="An object that the image's installer reads.",
        )(flow)
        words = "The image to install."
        return click.option(
            "--image",
            required=required,
            shell_complete=completing.images,
            help=words,
        )(flow)

    return declare


def _json_object(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Document | None:
    if value is None:
        return None
    try:
        found = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.BadParameter("expected a JSON object")
    return found


async def _request(
    session: Session,
    event: str,
    selection: Selection,
    *,
    yes: bool,
    wait: bool,
    timeout: float | None,
    image: str | None = None,
    boot_config: Document | None = None,
) -> Exit:
    if timeout is not None and not wait:
        raise click.UsageError("--timeout goes with --wait")
    names = await select_some(session.api, selection, sure=yes)
    body = {"image": image, "boot_config": boot_config}
    given = {key: value for key, value in body.items() if value is not None}
    answers = await post_to(session, names, given, "events", event)
    if not wait:
        say(session, answers)
        return worst(answers)
    say(session, [answer for answer in answers if answer.stop is not None])
    ended = await wait_for(session, answers, event, timeout)
    return max(worst(answers), ended)


def simple(name: str, event: str, summary: str) -> click.Command:
    """A command that asks for what needs no more to be said."""

    @boards(required=True)
    @sure
    @waits
    async def ask(session: Session, selection: Selection, **how: Any) -> Exit:
        return await _request(session, event, selection, **how)

    ask.__doc__ = summary
    return command(name)(ask)


reboot = simple("reboot", "rq-reboot", "Boot what is on the disk.")
self_test = simple("self-test", "rq-self-test", "Let boards examine themselves.")
maintenance = simple(
    "maintenance", "rq-maintenance", "Boot the image that a person works with."
)
off = simple("off", "rq-power-off", "Switch boards off, until `on`.")
on = simple("on", "rq-power-on", "Switch boards on again.")


@command("reimage")
@boards(required=True)
@installs(required=True)
@sure
@waits
async def reimage(session: Session, selection: Selection, **how: Any) -> Exit:
    """Install an image."""
    return await _request(session, "rq-reimage", selection, **how)


@command("request")
@click.argument("event")
@boards(required=True)
@installs(required=False)
@sure
@waits
async def request(
    session: Session, event: str, selection: Selection, **how: Any
) -> Exit:
    """Any request, such as `rq-reboot`."""
    return await _request(session, event, selection, **how)


@command("set-state")
@boards(required=True)
@click.option(
    "--from",
    "from_",
    required=True,
    shell_complete=completing.states,
    help="The state it must be in now.",
)
@click.option("--to", required=True, help="The state to put it into.")
@sure
async def set_state(
    session: Session, selection: Selection, *, from_: str, to: str, yes: bool
) -> Exit:
    """Put boards into a state by hand."""
    names = await select_some(session.api, selection, sure=yes)
    answers = await post_to(session, names, {"from": from_, "to": to}, "state")
    say(session, answers)
    return worst(answers)
