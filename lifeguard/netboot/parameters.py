"""What a board is told when it boots: as a template's variables, or as JSON.

The JSON names no token: it can be read again at any time, a token is for one boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lifeguard.model import Image, Standing
    from lifeguard.netboot.decision import Situation
    from lifeguard.netboot.names import SearchName


class Server(NamedTuple):
    """This daemon, as boards see it; `url` has no last slash."""

    name: str
    url: str


def events_url(server: Server, board: str) -> str:
    """Where a board reports: `URL/EVENT`, by the token or from its own address."""
    return f"{server.url}/api/v1/boards/{board}/events"


def boot_config(standing: Standing, server: Server) -> dict[str, Any]:
    """What the installer reads; `boot_config` is the reimage request's, untouched.

    `image` is the one that was last wanted, None before the first reimage.
    """
    return {
        "board": standing.board,
        "image": standing.wanted_image,
        "generation": standing.generation,
        "events_url": events_url(server, standing.board),
        "boot_config": standing.boot_config,
    }


def template_variables(
    situation: Situation, image: Image, server: Server, token: str
) -> dict[str, Any]:
    """Everything that a boot template can name."""
    board, url = situation.board, events_url(server, situation.board.name)
    return {
        "board": board,
        "image": image,
        "hardware": situation.hardware,
        "boot_config": situation.standing.boot_config,
        "server": server,
        "events_url": url,
        "token": token,
        "cmdline": f"lifeguard.board={board.name} lifeguard.url={url}"
        f" lifeguard.token={token}",
    }


def unknown_board_variables(
    name: SearchName, address: str, server: Server
) -> dict[str, Any]:
    """All that is known of a board that is not in the inventory; the rest is None."""
    return {
        "mac": name.mac,
        "uuid": name.uuid,
        "serial": name.serial,
        "address": address,
        "server": server,
    }
