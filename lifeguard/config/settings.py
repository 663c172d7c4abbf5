"""What `lifeguard.toml` says: the daemon itself, not the lab it looks after.

Every key has a default that works; times are in seconds.
"""

from __future__ import annotations

import os
from importlib import import_module
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from msgspec import Struct, structs
from sqlalchemy.engine import make_url

from lifeguard.config.alerts import Alerts, check_alerts
from lifeguard.config.forms import (
    CacheSize,
    Connections,
    Count,
    Days,
    Flag,
    Name,
    Prefix,
    Rate,
    Reading,
    Seconds,
    Share,
    Text,
    TftpMode,
    Window,
)
from lifeguard.config.places import (
    Address,
    AnyNetwork,
    BaseUrl,
    DatabaseUrl,
    Endpoint,
    Network,
    Port,
)
from lifeguard.config.proxy_dhcp import ProxyDhcp, check_proxy_dhcp
from lifeguard.config.reader import reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from lifeguard.config.reader import Reader


RESUME_RATE = 50.0
"""Boards a second: a relay board of 16 has some 3 s for them, a lab of 1,000 20 s."""

PATIENCE = 86400.0
"""Service seconds for which an incident excuses its boards."""


class Server(Struct, frozen=True, kw_only=True):
    """Who this daemon is, and where it keeps things.

    `url` is where boards reach it, without a last slash. `inventory` is as it was
    written; None: `boards.toml`, if there is one. When it is read again, a larger
    share of the boards than `reload_share` is not changed or removed without a
    person's yes. At a start, the polls and power cycles under way are taken up for
    `resume_rate` boards a second.
    """

    name: Name = "lifeguard"
    url: BaseUrl = "http://127.0.0.1:8080"
    database: DatabaseUrl = "sqlite:///lifeguard.sqlite"
    inventory: Text | None = None
    reload_share: Share = 0.2
    resume_rate: Rate = RESUME_RATE
    history_days: Days = 365.0

    def database_url(self, state_dir: Path) -> str:
        """The database's URL; a relative SQLite file is one of `state_dir`."""
        url = make_url(self.database)
        if url.drivername == "sqlite":
            url = url.set(database=str(state_dir / (url.database or "")))
        return url.render_as_string(hide_password=False)


class Http(Struct, frozen=True, kw_only=True):
    """Where HTTP is served, and to whom.

    `require_token` even asks loopback for a token, `read` "token" all who only look.
    `trusted_proxies` are believed when they say for whom they ask. Others have at most
    `connections_per_address` open: by default, what a browser opens at most is there
    for 160 dashboards behind one address.
    """

    listen: Endpoint = "tcp:8080"
    require_token: Flag = False
    read: Reading = "open"
    trusted_proxies: tuple[AnyNetwork, ...] = ()
    connections_per_address: Connections = 1000


class Tftp(Struct, frozen=True, kw_only=True):
    """How boards get their boot configs and kernels.

    `mode` "symlinks" leaves TFTP to another server and writes boot configs below
    `directory`. Without a `root` only boot configs are served. Both are absolute.
    Only `clients` are answered. `cache` is how many bytes of memory may hold files
    that boards are fetching.
    """

    address: Address = "0.0.0.0"
    port: Port = 69
    root: Text | None = None
    mode: TftpMode = "serve"
    directory: Text | None = None
    clients: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"),)
    cache: CacheSize = 128 * 2**20


class Health(Struct, frozen=True, kw_only=True):
    """How boards are polled.

    `misses` polls in a row, `retry` apart, make a failure; `brake` is the share of
    boards that may fail at once before lifeguard doubts its own network.
    """

    every: Seconds = 300.0
    retry: Seconds = 10.0
    misses: Count = 3
    timeout: Seconds = 5.0
    brake: Share = 0.2


class Blame(Struct, frozen=True, kw_only=True):
    """When an image is set aside, and when boards are taken to fail together.

    An image by `image_boards` boards on each of which it failed `image_strikes` times,
    within `image_window`. A cause by `boards` boards that share it, which must be more
    than `share` of those, each failing for `settle` and last seen to within `window`.
    `patience` is how long an incident excuses its boards; boards whose addresses
    agree in `address_prefix` bits share a network. Times are service seconds.
    """

    image_boards: Count = 3
    image_strikes: Count = 3
    image_window: Window = 86400.0
    boards: Count = 5
    share: Share = 0.5
    settle: Window = 600.0
    window: Window = 1800.0
    patience: Window = PATIENCE
    address_prefix: Prefix = 24


class Manhole(Struct, frozen=True, kw_only=True):
    """An SSH shell in the daemon; `authorized_keys` is absolute."""

    authorized_keys: Text
    listen: Endpoint = "tcp:2222:interface=127.0.0.1"


class Settings(Struct, frozen=True, kw_only=True):
    """The tables of `lifeguard.toml`.

    Without a `manhole` table there is no shell, without `proxy_dhcp` no DHCP.
    """

    server: Server = Server()
    http: Http = Http()
    tftp: Tftp = Tftp()
    proxy_dhcp: ProxyDhcp | None = None
    health: Health = Health()
    blame: Blame = Blame()
    alerts: Alerts = Alerts()
    manhole: Manhole | None = None


def read_settings(reader: Reader) -> Settings | None:
    """The settings with all paths absolute, or None for a file that is no TOML."""
    settings = reader.read(Settings)
    if settings is None:
        return None
    settings = _anchored(settings, reader.path.parent.absolute())
    _check_driver(settings.server.database, reader)
    _check_tftp(settings.tftp, reader)
    if settings.proxy_dhcp is not None:
        check_proxy_dhcp(settings.proxy_dhcp, reader)
    check_alerts(settings.alerts, reader)
    return settings


def _check_driver(database: str, reader: Reader) -> None:
    """Whether PostgreSQL's driver is installed; SQLite's is Python's own."""
    if make_url(database).get_backend_name() != "postgresql":
        return
    try:
        import_module("psycopg")
    except ImportError as error:
        install = f"{reason_of(error)}; install lifeguard with its extra [postgresql]"
        reader.mistake(install, "server", "database")


def _check_tftp(tftp: Tftp, reader: Reader) -> None:
    if reader.mistaken("tftp"):
        return
    if tftp.mode == "symlinks" and tftp.directory is None:
        reader.mistake('missing, mode = "symlinks" needs it', "tftp", "directory")
    if tftp.mode == "serve" and tftp.directory is not None:
        reader.mistake('only for mode = "symlinks"', "tftp", "directory")
    for key, path in (("root", tftp.root), ("directory", tftp.directory)):
        if path is None or reader.mistaken("tftp", key):
            continue
        if not os.path.isdir(path):
            reader.mistake(f"no such directory: {path}", "tftp", key)


def _anchored(settings: Settings, folder: Path) -> Settings:
    tftp, manhole = settings.tftp, settings.manhole
    if tftp.root is not None:
        tftp = structs.replace(tftp, root=str(folder / tftp.root))
    if tftp.directory is not None:
        tftp = structs.replace(tftp, directory=str(folder / tftp.directory))
    if manhole is not None:
        keys = str(folder / manhole.authorized_keys)
        manhole = structs.replace(manhole, authorized_keys=keys)
    alerts = settings.alerts.anchored(folder)
    return structs.replace(settings, tftp=tftp, manhole=manhole, alerts=alerts)
