"""What a lab's files say arrives whole; what is wrong is said line by line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from lifeguard.config import (
    Configuration,
    ConfigurationError,
    Health,
    Http,
    Manhole,
    Server,
    Tftp,
    load,
)
from lifeguard.config.alerts import EVERYTHING, read_password, read_url
from lifeguard.config.places import HostAndPort, health_check
from lifeguard.config.proxy_dhcp import ARCHITECTURES, IPXE
from lifeguard.config.settings import Settings
from lifeguard.health.checks import parse as parse_check
from lifeguard.lifecycle import standard
from lifeguard.model import Board, Boot, Image, Inventory, Outlet, RelayBoard
from lifeguard.power.drivers import BUILT_IN
from lifeguard.power.drivers.proxr import DRIVER, ProxrOptions
from lifeguard.wire.proxr import parse_relay

ETC = Path(__file__).parent.parent / "etc"

DRIVERS = " or ".join(f'"{name}"' for name in sorted(BUILT_IN))

SETTINGS = """
[server]
inventory = "boards.toml"
"""

BOARDS = """
[relay_boards.rack1]
driver = "proxr"
address = "192.0.2.10:2101"

[hardware.panda]
health = ["ping"]
[hardware.panda.states.RebootComplete]
timeout = 900

[images.debian]
health = ["tcp:22"]
[images.debian.boot.panda]
loader = "pxelinux"
template = "panda.cfg.j2"

[images.check]
role = "self-test"
[images.check.boot.panda]
loader = "pxelinux"
template = "panda.cfg.j2"

[boards.panda-01]
mac = "02:00:00:00:00:01"
address = "192.0.2.101"
hardware = "panda"
power = "rack1/1/3"

[boards.panda-02]
mac = "02-00-00-00-00-AB"
hardware = "panda"
power = ["rack1/1/4", "rack1/2/1"]
"""

TEMPLATE = "default {{ image.name }}\n"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present directory, with a small lab in it that has no mistake."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path)
    return tmp_path


def write(
    folder: Path,
    settings: str | bytes = SETTINGS,
    boards: str | bytes = BOARDS,
    template: str | bytes = TEMPLATE,
) -> None:
    files = {
        "lifeguard.toml": settings,
        "boards.toml": boards,
        "panda.cfg.j2": template,
    }
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)


def mistakes(path: str | Path = "lifeguard.toml") -> list[str]:
    try:
        load(path)
    except ConfigurationError as error:
        return error.mistakes
    return []


def switched_on(text: str) -> str:
    """An example with all on that it shows switched off, each key once in its table."""
    on, keys = [], set()
    for line in text.splitlines():
        found = re.fullmatch(r"#?(\[.*|([a-z0-9_-]+) = .*)", line)
        if found is None or found[2] in keys:
            continue
        keys = {*keys, found[2]} if found[2] else set()
        on.append(found[1])
    return "\n".join(on)


def test_a_lab_becomes_records(lab: Path) -> None:
    inventory = load("lifeguard.toml").inventory
    template = str(lab / "panda.cfg.j2")
    boot = {"panda": Boot(loader="pxelinux", template=template)}
    assert inventory.relay_boards == {
        "rack1": RelayBoard(
            name="rack1",
            driver="proxr",
            address="192.0.2.10:2101",
            off_seconds=1.0,
            options=ProxrOptions(address=HostAndPort("192.0.2.10", 2101)),
        )
    }
    assert inventory.images == {
        "debian": Image(name="debian", boot=boot, health=("tcp:22",)),
        "check": Image(name="check", boot=boot, role="self-test"),
    }
    assert inventory.boards == {
        "panda-01": Board(
            name="panda-01",
            mac="02:00:00:00:00:01",
            hardware="panda",
            address="192.0.2.101",
            power=(Outlet("rack1", "1/3"),),
        ),
        "panda-02": Board(
            name="panda-02",
            mac="02:00:00:00:00:ab",
            hardware="panda",
            power=(Outlet("rack1", "1/4"), Outlet("rack1", "2/1")),
        ),
    }


def test_idle_boards_are_switched_off_as_their_hardware_or_they_themselves_say(
    lab: Path,
) -> None:
    boards = BOARDS.replace("[hardware.panda]", "[hardware.panda]\nidle_off = 600")
    own = boards + "idle_off = 0\n"
    bare = own + '[boards.panda-03]\nmac = "02:00:00:00:00:03"\nhardware = "panda"\n'
    write(lab, boards=bare)
    read = load("lifeguard.toml").inventory.boards
    assert {name: board.idle_off for name, board in read.items()} == {
        "panda-01": 600.0,
        "panda-02": None,
        "panda-03": None,
    }


def test_what_loaders_need_becomes_records(lab: Path) -> None:
    boards = BOARDS.replace(
        "[hardware.panda]", '[hardware.panda]\nboot_file = "bootaa64.efi"'
    )
    pi = 'loader = "raspberry-pi"\ntemplate = "panda.cfg.j2"\nfiles = "debian/pi"\n'
    uefi = 'loader = "uefi"\nfiles = "x.efi"\n'
    write(
        lab,
        boards=f"""{boards}
        uuid = "B8945908-D6A6-41A9-611D-74A6AB80B83D"
        serial = "10000000D2F5A8D1"
        address = "192.0.2.102"
        [hardware.pi]
        boot_file = ["a", "b"]
        [images.debian.boot.pi]
        {pi}
        [images.program.boot.panda]
        {uefi}
        [unknown_boards.ipxe]
        template = "panda.cfg.j2"
        """,
    )
    inventory, template = load("lifeguard.toml").inventory, str(lab / "panda.cfg.j2")
    assert inventory.images["debian"].boot["pi"] == Boot(
        loader="raspberry-pi", template=template, files="debian/pi"
    )
    assert inventory.images["program"].boot["panda"] == Boot(
        loader="uefi", template=None, files="x.efi"
    )
    assert inventory.unknown_boards == {"ipxe": Boot(loader="ipxe", template=template)}
    assert [kind.boot_file for kind in inventory.hardware.values()] == [
        ("bootaa64.efi",),
        ("a", "b"),
    ]
    board = inventory.boards["panda-02"]
    assert (board.uuid, board.serial) == (
        "b8945908-d6a6-41a9-611d-74a6ab80b83d",
        "d2f5a8d1",
    )


def test_the_lifecycle_has_the_figures_of_its_hardware(lab: Path) -> None:
    panda = load("lifeguard.toml").inventory.hardware["panda"]
    assert panda.lifecycle["RebootComplete"].timeout == 900
    assert standard.LIFECYCLE["RebootComplete"].timeout == 600


def test_a_lab_brings_its_own_lifecycle(lab: Path) -> None:
    (lab / "lab_states.py").write_text(
        "from lifeguard.lifecycle import standard\n"
        "SLOW = standard.LIFECYCLE.with_figures({'Ready': {'timeout': 9999}})\n"
    )
    boards = BOARDS.replace(
        "[hardware.panda]", '[hardware.panda]\nlifecycle = "lab_states:SLOW"'
    )
    write(lab, boards=boards)
    panda = load("lifeguard.toml").inventory.hardware["panda"]
    assert panda.lifecycle["Ready"].timeout == 9999
    assert panda.lifecycle["RebootComplete"].timeout == 900


def test_an_empty_file_is_a_working_configuration(lab: Path) -> None:
    (lab / "empty.toml").touch()
    (lab / "boards.toml").unlink()
    assert load("empty.toml") == Configuration(
        server=Server(),
        http=Http(),
        tftp=Tftp(),
        health=Health(),
        manhole=None,
        inventory=Inventory(),
    )


def test_an_unnamed_inventory_is_read_if_it_is_there(lab: Path) -> None:
    write(lab, settings="")
    assert list(load("lifeguard.toml").inventory.boards) == ["panda-01", "panda-02"]


def test_paths_are_relative_to_their_file_and_become_absolute(lab: Path) -> None:
    (lab / "files").mkdir()
    write(
        lab,
        settings="""
        [tftp]
        root = "files"
        mode = "symlinks"
        directory = "LAB/files"
        [manhole]
        authorized_keys = "keys"
        """.replace("LAB", str(lab)),
    )
    configuration = load("lifeguard.toml")
    assert configuration.tftp.root == str(lab / "files")
    assert configuration.tftp.directory == str(lab / "files")
    assert configuration.manhole == Manhole(authorized_keys=str(lab / "keys"))


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ("sqlite:///a.sqlite", "sqlite:////state/a.sqlite"),
        ("sqlite:////var/a.sqlite", "sqlite:////var/a.sqlite"),
        ("postgresql+psycopg://me:secret@db/lab",) * 2,
    ],
)
def test_a_relative_database_lies_in_the_state_directory(
    database: str, url: str
) -> None:
    assert Server(database=database).database_url(Path("/state")) == url


def test_the_examples_load_as_they_stand() -> None:
    configuration = load(ETC / "lifeguard.toml")
    assert configuration.manhole is None
    assert list(configuration.inventory.boards) == [
        "panda-01",
        "panda-02",
        "minnow-01",
        "minnow-02",
    ]


def test_the_example_shows_every_key_and_all_can_be_switched_on(lab: Path) -> None:
    text = switched_on((ETC / "lifeguard.toml").read_text())
    (lab / "pxelinux.cfg").mkdir()
    (lab / "slack.url").write_text("https://hooks.example.org/T0/B0/secret\n")
    (lab / "mail.password").write_text("secret\n")
    write(lab, settings=text.replace("/srv/tftp", str(lab)))
    configuration = load("lifeguard.toml")
    assert configuration.manhole == Manhole(
        listen="tcp:2222:interface=127.0.0.1",
        authorized_keys=str(lab / "authorized_keys"),
    )
    assert configuration.proxy_dhcp is not None
    assert {*configuration.proxy_dhcp.loaders} < {*ARCHITECTURES.values(), IPXE}
    assert list(configuration.alerts.channels) == ["ops", "pager", "mail"]
    for table in structs.fields(Settings):
        after = text.partition(f"[{table.name}]")[2]
        shown = re.split(rf"\n\[(?!{table.name}\.)", after)[0]
        for field in structs.fields(type(getattr(configuration, table.name))):
            key = rf"\n({field.name} = |\[{table.name}\.{field.name}[].])"
            assert re.search(key, shown), f"{table.name}.{field.name}"


def test_a_secret_is_read_when_it_is_wanted_and_never_quoted(lab: Path) -> None:
    channel = '[alerts.channels.ops]\nkind = "slack"\nurl_file = "url"\n'
    mail = '[alerts.channels.mail]\nkind = "mail"\nhost = "mail"\nuser = "bob"\n'
    mail += 'sender = "a@example.org"\nto = "b@example.org"\npassword_file = "pass"\n'
    write(lab, settings=channel + mail)
    (lab / "url").write_text("https:/hunter2/")
    (lab / "pass").write_text("hunter2\nhunter3")
    assert mistakes() == [
        f"lifeguard.toml: alerts.channels.ops.url_file: {lab}/url: no URL in it",
        "lifeguard.toml: alerts.channels.mail.password_file:"
        f" {lab}/pass: no line of ASCII in it",
    ]
    (lab / "url").write_text("https://example.org/hunter2\n")
    (lab / "pass").write_text(" hunter2 \n")
    channels = load("lifeguard.toml").alerts.channels
    assert read_url(channels["ops"]) == "https://example.org/hunter2"
    assert read_password(channels["mail"]) == "hunter2"
    assert read_password(channels["ops"]) is None


# Each: what is wrong, in which file, what is replaced by what, and what is said.
L, B, T = "lifeguard.toml", "boards.toml", "panda.cfg.j2"
KINDS = " or ".join(f'"{kind}"' for kind in EVERYTHING)
LOADERS = '"pxelinux" or "ipxe" or "grub" or "raspberry-pi" or "uefi"'
# fmt: off
BROKEN = [
    ("a file without a table", L, SETTINGS, "server = 3", [
        "lifeguard.toml: server: expected a table, got 3",
    ]),
    ("an unknown table", L, SETTINGS, "[sever]", [
        'lifeguard.toml: sever: unknown key, did you mean "server"?',
    ]),
    ("an unknown key", L, SETTINGS, "[http]\nfoo = 1", [
        "lifeguard.toml: http.foo: unknown key",
    ]),
    ("a key that must be quoted", L, SETTINGS, '[http]\n"a b\\n" = 1', [
        'lifeguard.toml: http."a b\\n": unknown key',
    ]),
    ("a syntax error", L, SETTINGS, "[server]\nname", [
        "lifeguard.toml: Expected '=' after a key in a key/value pair"
        " (at end of document)",
    ]),
    ("a line that is no TOML", B, "[images.check]", "[images.check", [
        "boards.toml: Expected ']' at the end of a table declaration"
        " (at line 17, column 14)",
    ]),
    ("a board twice", B, "[boards.panda-02]", "[boards.panda-01]", [
        "boards.toml: Cannot declare ('boards', 'panda-01') twice"
        " (at line 29, column 17)",
    ]),
    ("deep nesting", B, BOARDS, f"a = {'[' * 9999}", [
        "boards.toml: nested too deeply",
    ]),
    ("a missing inventory", L, "boards.toml", "lab.toml", [
        "lab.toml: No such file or directory",
    ]),
    ("an inventory that is a directory", L, "boards.toml", ".", [
        ".: not a file",
    ]),
    ("a name with a space", L, SETTINGS, '[server]\nname = "my lab"', [
        "lifeguard.toml: server.name: expected a name of letters, digits, dots and"
        ' hyphens, at most 63, got "my lab"',
    ]),
    ("a URL without scheme", L, SETTINGS, '[server]\nurl = "192.0.2.1:8080"', [
        "lifeguard.toml: server.url: expected a URL like http://192.0.2.1:8080,"
        ' got "192.0.2.1:8080"',
    ]),
    ("a URL with a wild port", L, SETTINGS, '[server]\nurl = "http://a:99999"', [
        "lifeguard.toml: server.url: expected a URL like http://192.0.2.1:8080,"
        ' got "http://a:99999"',
    ]),
    ("another database", L, SETTINGS, '[server]\ndatabase = "mysql://u:p@h/d"', [
        "lifeguard.toml: server.database: expected sqlite:///FILE or"
        " postgresql+psycopg://USER:PASSWORD@HOST/DATABASE,"
        ' got "mysql://***@h/d"',
    ]),
    ("a database in memory", L, SETTINGS, '[server]\ndatabase = "sqlite://"', [
        "lifeguard.toml: server.database: expected sqlite:///FILE or"
        " postgresql+psycopg://USER:PASSWORD@HOST/DATABASE,"
        ' got "sqlite://"',
    ]),
    ("a database with arguments", L, SETTINGS,
     '[server]\ndatabase = "sqlite:///x?timeout=abc"', [
        "lifeguard.toml: server.database: expected sqlite:///FILE or"
        " postgresql+psycopg://USER:PASSWORD@HOST/DATABASE,"
        ' got "sqlite:///x?timeout=abc"',
    ]),
    ("an unknown endpoint", L, SETTINGS, '[http]\nlisten = "tpc:8080"', [
        'lifeguard.toml: http.listen: expected a Twisted endpoint like "tcp:8080",'
        ' got "tpc:8080"',
    ]),
    ("an endpoint without a port", L, SETTINGS, '[http]\nlisten = "tcp:http"', [
        'lifeguard.toml: http.listen: expected a Twisted endpoint like "tcp:8080",'
        ' got "tcp:http"',
    ]),
    ("no connections", L, SETTINGS, "[http]\nconnections_per_address = 0", [
        "lifeguard.toml: http.connections_per_address: expected a whole number from 10"
        " to 100000, got 0",
    ]),
    ("a flag in quotes", L, SETTINGS, '[http]\nrequire_token = "yes"', [
        'lifeguard.toml: http.require_token: expected true or false, got "yes"',
    ]),
    ("who may look", L, SETTINGS, '[http]\nread = "all"', [
        'lifeguard.toml: http.read: expected "open" or "token", got "all"',
    ]),
    ("a proxy that is no network", L, SETTINGS,
     '[http]\ntrusted_proxies = ["192.0.2.3", "::1/64"]', [
        "lifeguard.toml: http.trusted_proxies[1]: expected a network like 192.0.2.0/24"
        ' or 2001:db8::/64, got "::1/64"',
    ]),
    ("ports that are none", L, SETTINGS, "[tftp]\nport = 65536\naddress = 1", [
        "lifeguard.toml: tftp.address: expected an IPv4 address like 192.0.2.101,"
        " got 1",
        "lifeguard.toml: tftp.port: expected a whole number from 1 to 65535,"
        " got 65536",
    ]),
    ("clients that are no network", L, SETTINGS, '[tftp]\nclients = ["192.0.2.1/24"]', [
        "lifeguard.toml: tftp.clients[0]: expected an IPv4 network like 192.0.2.0/24,"
        ' got "192.0.2.1/24"',
    ]),
    ("a cache for nothing", L, SETTINGS, "[tftp]\ncache = 1000", [
        "lifeguard.toml: tftp.cache: expected a whole number from 1048576 to"
        " 1099511627776, got 1000",
    ]),
    ("a share of boards that is none", L, SETTINGS, "[alerts]\nfew_ready = 80", [
        "lifeguard.toml: alerts.few_ready: expected a number from 0 to 1, got 80",
    ]),
    ("a channel without a kind", L, SETTINGS, "[alerts.channels.ops]", [
        "lifeguard.toml: alerts.channels.ops.kind: missing",
    ]),
    ("a channel of an unknown kind", L, SETTINGS,
     '[alerts.channels.ops]\nkind = "sms"', [
        "lifeguard.toml: alerts.channels.ops.kind: expected"
        ' "webhook" or "slack" or "mail", got "sms"',
    ]),
    ("a channel that leads nowhere", L, SETTINGS,
     '[alerts.channels.ops]\nkind = "slack"\n[alerts.channels.mail]\nkind = "mail"', [
        "lifeguard.toml: alerts.channels.ops.url: missing",
        "lifeguard.toml: alerts.channels.mail.host: missing",
        "lifeguard.toml: alerts.channels.mail.sender: missing",
        "lifeguard.toml: alerts.channels.mail.to: missing",
    ]),
    ("a channel with keys of another kind", L, SETTINGS, """
[alerts.channels.ops]
kind = "webhook"
url = "http://192.0.2.9/"
url_file = "x"
security = "tls"
to = ["ops@example.org"]
[alerts.channels.mail]
kind = "mail"
host = "mail.example.org"
sender = "lab@example.org"
to = "ops@example.org"
url = "http://192.0.2.9/"
""", [
        "lifeguard.toml: alerts.channels.ops.security: not for webhook",
        "lifeguard.toml: alerts.channels.ops.to: not for webhook",
        "lifeguard.toml: alerts.channels.ops.url_file: url is given, too",
        "lifeguard.toml: alerts.channels.mail.url: not for mail",
    ]),
    ("words that no channel knows", L, SETTINGS, """
[alerts.channels.ops]
kind = "webhook"
url = "hooks.example.org/secret"
on = ["given-up", "broken"]
[alerts.channels.deaf]
kind = "webhook"
url = "http://192.0.2.9/"
on = []
""", [
        "lifeguard.toml: alerts.channels.ops.on[1]: expected"
        f" {KINDS}, got \"broken\"",
        "lifeguard.toml: alerts.channels.ops.url: expected a URL like"
        ' https://example.org/, got "hooks.example.org/secret"',
        "lifeguard.toml: alerts.channels.deaf.on: the channel would hear nothing",
    ]),
    ("secrets that cannot be read", L, SETTINGS, """
[alerts.channels.ops]
kind = "slack"
url_file = "/no/url"
[alerts.channels.mail]
kind = "mail"
host = "mail..example.org"
sender = "lab"
to = ["ops@example.org"]
security = "none"
password_file = "panda.cfg.j2"
""", [
        "lifeguard.toml: alerts.channels.mail.host: expected a host like"
        ' mail.example.org, got "mail..example.org"',
        "lifeguard.toml: alerts.channels.mail.sender: expected a mail address like"
        ' ops@example.org, got "lab"',
        "lifeguard.toml: alerts.channels.ops.url_file:"
        " /no/url: No such file or directory",
        "lifeguard.toml: alerts.channels.mail.user: missing",
        "lifeguard.toml: alerts.channels.mail.security: a password needs TLS",
    ]),
    ("symlinks without a place", L, SETTINGS, '[tftp]\nmode = "symlinks"', [
        'lifeguard.toml: tftp.directory: missing, mode = "symlinks" needs it',
    ]),
    ("a place without symlinks", L, SETTINGS, '[tftp]\ndirectory = "x"', [
        'lifeguard.toml: tftp.directory: only for mode = "symlinks"',
    ]),
    ("places that are not there", L, SETTINGS,
     '[tftp]\nroot = "/no/root"\nmode = "symlinks"\ndirectory = "/no/place"', [
        "lifeguard.toml: tftp.root: no such directory: /no/root",
        "lifeguard.toml: tftp.directory: no such directory: /no/place",
    ]),
    ("a root that is a file", L, SETTINGS, '[tftp]\nroot = "/dev/null"', [
        "lifeguard.toml: tftp.root: no such directory: /dev/null",
    ]),
    ("an unknown mode", L, SETTINGS, '[tftp]\nmode = "links"', [
        'lifeguard.toml: tftp.mode: expected "serve" or "symlinks", got "links"',
    ]),
    ("figures out of all limits", L, SETTINGS,
     "[health]\nevery = 0\nretry = nan\nmisses = 1.5\ntimeout = true\nbrake = 20", [
        "lifeguard.toml: health.every: expected a number from 0.01 to 86400, got 0",
        "lifeguard.toml: health.retry: expected a number from 0.01 to 86400, got NaN",
        "lifeguard.toml: health.misses: expected a whole number from 1 to 1000,"
        " got 1.5",
        "lifeguard.toml: health.timeout: expected a number from 0.01 to 86400,"
        " got true",
        "lifeguard.toml: health.brake: expected a number from 0 to 1, got 20",
    ]),
    ("a manhole for nobody", L, SETTINGS, "[manhole]", [
        "lifeguard.toml: manhole.authorized_keys: missing",
    ]),
    ("a name that begins with a hyphen", B, "[boards.panda-02]", "[boards.-x]", [
        "boards.toml: boards.-x: expected a name of letters, digits, dots and hyphens,"
        ' at most 63, got "-x"',
    ]),
    ("a board without anything", B, "[images.check]", "[boards.x]\n[images.check]", [
        "boards.toml: boards.x.mac: missing",
        "boards.toml: boards.x.hardware: missing",
    ]),
    ("a board that is no table", B, BOARDS, "boards.x = 2024-02-29", [
        'boards.toml: boards.x: expected a table, got "2024-02-29"',
    ]),
    ("a short MAC", B, "02:00:00:00:00:01", "zz", [
        "boards.toml: boards.panda-01.mac:"
        ' expected a MAC address like 02:00:00:00:00:01, got "zz"',
    ]),
    ("a MAC twice", B, "02-00-00-00-00-AB", "02-00-00-00-00-01", [
        "boards.toml: boards.panda-02.mac:"
        " 02:00:00:00:00:01 belongs to panda-01 already",
    ]),
    ("an address twice", B, "mac = \"02-", 'address = "192.0.2.101"\nmac = "02-', [
        "boards.toml: boards.panda-02.address:"
        " 192.0.2.101 belongs to panda-01 already",
    ]),
    ("an address that is none", B, "192.0.2.101", "192.0.2.256", [
        "boards.toml: boards.panda-01.address:"
        ' expected an IPv4 address like 192.0.2.101, got "192.0.2.256"',
    ]),
    ("an off time that does not end", B, 'driver = "proxr"',
     'driver = "proxr"\noff_seconds = 3600', [
        "boards.toml: relay_boards.rack1.off_seconds:"
        " expected a number from 0.1 to 60, got 3600",
    ]),
    ("an outlet twice", B, '"rack1/1/4"', '"rack1/1/3"', [
        "boards.toml: boards.panda-02.power: rack1/1/3 belongs to panda-01 already",
    ]),
    ("an outlet twice for one board", B, "rack1/2/1", "rack1/1/4", [
        "boards.toml: boards.panda-02.power: rack1/1/4 belongs to panda-02 already",
    ]),
    ("an outlet of nothing", B, '"rack1/2/1"', '"rack1", 7', [
        "boards.toml: boards.panda-02.power[1]:"
        ' expected an outlet like "rack1/1/3", got "rack1"',
        "boards.toml: boards.panda-02.power[2]:"
        ' expected an outlet like "rack1/1/3", got 7',
    ]),
    ("an outlet of another relay board", B, "rack1/1/3", "rack2/1/3", [
        "boards.toml: boards.panda-01.power:"
        ' no [relay_boards.rack2] in this file, did you mean "rack1"?',
    ]),
    ("a relay that no bank has", B, "rack1/1/3", "rack1/1/9", [
        "boards.toml: boards.panda-01.power: expected"
        ' BANK/RELAY with a bank from 1 to 32 and a relay from 1 to 8, got "1/9"',
    ]),
    ("an unknown driver", B, '"proxr"', '"ipmi"', [
        f'boards.toml: relay_boards.rack1.driver: expected {DRIVERS}, got "ipmi"',
    ]),
    ("a relay board without a driver", B, 'driver = "proxr"', "off_seconds = 2", [
        "boards.toml: relay_boards.rack1.driver: missing",
    ]),
    ("a key of no driver", B, 'driver = "proxr"', 'driver = "proxr"\ndialekt = "x"', [
        "boards.toml: relay_boards.rack1.dialekt:"
        ' unknown key, did you mean "dialect"?',
    ]),
    ("a key of no relay board", B, 'driver = "proxr"',
     'driver = "proxr"\ntogeter = 1', [
        "boards.toml: relay_boards.rack1.togeter:"
        ' unknown key, did you mean "together"?',
    ]),
    ("a driver's key", B, 'driver = "proxr"', 'driver = "proxr"\ndialect = "x"', [
        'boards.toml: relay_boards.rack1.dialect: expected "classic" or "advanced",'
        ' got "x"',
    ]),
    ("an inrush that takes too long", B, 'driver = "proxr"',
     'driver = "proxr"\non_apart = 5', [
        "boards.toml: relay_boards.rack1.on_apart: 16 boards together would take 75 s"
        " to be switched on, at most 30 s are allowed",
    ]),
    ("a relay board's port", B, ":2101", ":0", [
        "boards.toml: relay_boards.rack1.address: expected HOST or HOST:PORT,"
        ' got "192.0.2.10:0"',
    ]),
    ("two relay boards in one", B, "[hardware.panda]",
     '[relay_boards.b]\ndriver = "proxr"\naddress = "192.0.2.10"\n[hardware.panda]', [
        "boards.toml: relay_boards.b.address: 192.0.2.10:2101 belongs to rack1 already",
    ]),
    ("a board of unknown hardware", B, 'hardware = "panda"\npower = "',
     'hardware = "pandas"\npower = "', [
        "boards.toml: boards.panda-01.hardware:"
        ' no [hardware.pandas] in this file, did you mean "panda"?',
    ]),
    ("a boot for unknown hardware", B, "debian.boot.panda", "debian.boot.pi", [
        "boards.toml: images.debian.boot.pi: no [hardware.pi] in this file",
    ]),
    ("an unknown role", B, '"self-test"', '"selftest"', [
        "boards.toml: images.check.role:"
        ' expected "self-test" or "maintenance", got "selftest"',
    ]),
    ("two images of one role", B, "[images.debian]",
     '[images.debian]\nrole = "self-test"', [
        "boards.toml: images.check.role:"
        " the self-test of panda belongs to debian already",
    ]),
    ("a role that nothing boots", B, "[images.debian]",
     '[images.rescue]\nrole = "maintenance"\n[images.debian]', [
        "boards.toml: images.rescue.role:"
        " a maintenance image needs a boot for some hardware",
    ]),
    ("an unknown loader", B, 'loader = "pxelinux"', 'loader = "lilo"', [
        f"boards.toml: images.{image}.boot.panda.loader: expected {LOADERS},"
        ' got "lilo"'
        for image in ("debian", "check")
    ]),
    ("a loader without a template", B, 'template = "panda.cfg.j2"\n\n[images.check]',
     "[images.check]", [
        "boards.toml: images.debian.boot.panda.template: missing",
    ]),
    ("files that a loader does not need", B, "\n\n[images.check]",
     '\nfiles = "x"\n[images.check]', [
        "boards.toml: images.debian.boot.panda.files: not for pxelinux",
    ]),
    ("a Raspberry Pi without files", B, 'loader = "pxelinux"\ntemplate = "panda.cfg.j2"'
     "\n\n[images.check]", 'loader = "raspberry-pi"\ntemplate = "panda.cfg.j2"\n'
     "[images.check]", [
        "boards.toml: images.debian.boot.panda.files: missing",
    ]),
    ("UEFI that asks for nothing", B, 'loader = "pxelinux"\ntemplate = "panda.cfg.j2"'
     "\n\n[images.check]", 'loader = "uefi"\ntemplate = "x"\n[images.check]', [
        "boards.toml: hardware.panda.boot_file:"
        " missing, images.debian.boot.panda needs it",
        "boards.toml: images.debian.boot.panda.template: not for uefi",
        "boards.toml: images.debian.boot.panda.files: missing",
        "boards.toml: images.debian.boot.panda.template: x: No such file or directory",
        "boards.toml: boards.panda-02.address:"
        " missing: UEFI alone gives debian no token to report with",
    ]),
    ("an unknown way to the disk", B, "[hardware.panda]",
     '[hardware.panda]\ndisk_boot = "disk"', [
        'boards.toml: hardware.panda.disk_boot: expected "not-found" or "localboot"'
        ' or "exit" or "sanboot" or "chainload", got "disk"',
    ]),
    ("unknown boards with an unknown loader", B, "[images.debian]",
     '[unknown_boards.lilo]\ntemplate = "panda.cfg.j2"\n[images.debian]', [
        f'boards.toml: unknown_boards.lilo: expected {LOADERS}, got "lilo"',
    ]),
    ("unknown boards that do not say who they are", B, "[images.debian]",
     '[unknown_boards.uefi]\ntemplate = "panda.cfg.j2"\n[images.debian]', [
        "boards.toml: unknown_boards.uefi: no name tells UEFI from any other client",
    ]),
    ("marks that are none", B, 'hardware = "panda"\npower = "',
     'hardware = "panda"\nuuid = "1"\nserial = "12345"\npower = "', [
        "boards.toml: boards.panda-01.uuid: expected a UUID like"
        ' b8945908-d6a6-41a9-611d-74a6ab80b83d, got "1"',
        "boards.toml: boards.panda-01.serial: expected a serial number of 8 or 16 hex"
        ' digits, got "12345"',
    ]),
    ("marks of two boards", B, 'hardware = "panda"\npower',
     'hardware = "panda"\nserial = "00000000D2F5A8D1"\npower', [
        "boards.toml: boards.panda-02.serial: d2f5a8d1 belongs to panda-01 already",
    ]),
    ("a template that is not there", B,
     'template = "panda.cfg.j2"\n\n[images.check]', 'template = "x"\n[images.check]', [
        "boards.toml: images.debian.boot.panda.template:"
        " x: No such file or directory",
    ]),
    ("a template that is no template", T, "default", "\n{% if %}", [
        f"boards.toml: images.{image}.boot.panda.template: panda.cfg.j2, line 2:"
        " Expected an expression, got 'end of statement block'"
        for image in ("debian", "check")
    ]),
    ("unknown checks", B, '["tcp:22"]', '["tcp:0", "pnig", "http://{board}/"]', [
        f"boards.toml: images.debian.health[{number}]:"
        f' expected "ping", "tcp:PORT" or "http://{{address}}/PATH", got "{check}"'
        for number, check in enumerate(["tcp:0", "pnig", "http://{board}/"])
    ]),
    ("an unknown state", B, "RebootComplete", "RebootComplet", [
        "boards.toml: hardware.panda.states: RebootComplet: no such state",
    ]),
    ("an unknown figure", B, "timeout = 900", "timeot = 900", [
        "boards.toml: hardware.panda.states: RebootComplete.timeot: not a figure of a"
        " state (timeout, attempts, total, wait, forget)",
    ]),
    ("a figure that is none", B, "timeout = 900", 'timeout = "900"', [
        "boards.toml: hardware.panda.states: RebootComplete.timeout: expected a number"
        " from 0 to 1000000000, got '900'",
    ]),
    ("an idle board that cannot be switched off", B, 'power = "rack1/1/3"',
     "idle_off = 60", [
        "boards.toml: boards.panda-01.idle_off: the board has no power outlet to"
        " switch",
    ]),
    ("a lifecycle without a module", B, "[hardware.panda]",
     '[hardware.panda]\nlifecycle = "no_such_lab:X"', [
        "boards.toml: hardware.panda.lifecycle:"
        " no_such_lab:X: No module named 'no_such_lab'",
    ]),
    ("a lifecycle that is none", B, "[hardware.panda]",
     '[hardware.panda]\nlifecycle = "pathlib:Path"', [
        "boards.toml: hardware.panda.lifecycle: pathlib:Path is not a Lifecycle",
    ]),
    ("a lifecycle that is no name", B, "[hardware.panda]",
     '[hardware.panda]\nlifecycle = "fast"', [
        "boards.toml: hardware.panda.lifecycle:"
        ' expected "standard" or MODULE:NAME, got "fast"',
    ]),
]
# fmt: on


def test_each_mistake_is_named_with_its_file_key_and_reason(lab: Path) -> None:
    found = {}
    for name, file, old, new, _ in BROKEN:
        write(lab)
        good = (lab / file).read_text()
        assert old in good, name
        (lab / file).write_text(good.replace(old, new))
        found[name] = mistakes()
    assert found == {row[0]: row[-1] for row in BROKEN}


def test_the_mistakes_of_both_files_come_in_one_go(lab: Path) -> None:
    write(
        lab,
        settings="[http]\nlisten = 80",
        boards=BOARDS.replace("192.0.2.10:2101", "?").replace("00:01", "00:0x"),
    )
    assert mistakes() == [
        'lifeguard.toml: http.listen: expected a Twisted endpoint like "tcp:8080",'
        " got 80",
        "boards.toml: boards.panda-01.mac:"
        ' expected a MAC address like 02:00:00:00:00:01, got "02:00:00:00:00:0x"',
        'boards.toml: relay_boards.rack1.address: expected HOST or HOST:PORT, got "?"',
    ]


def test_the_error_says_all_mistakes(lab: Path) -> None:
    write(lab, settings="a = 1\nb = 2")
    with pytest.raises(ConfigurationError) as caught:
        load("lifeguard.toml")
    assert str(caught.value).splitlines() == caught.value.mistakes


def test_a_file_that_cannot_be_read_is_one_mistake(lab: Path) -> None:
    (lab / "latin.toml").write_bytes(b"# caf\xe9")
    assert mistakes("latin.toml") == ["latin.toml: not UTF-8 text at byte 5"]
    assert mistakes("none.toml") == ["none.toml: No such file or directory"]
    assert mistakes(lab) == [f"{lab}: not a file"]
    assert mistakes("/dev/null") == ["/dev/null: not a file"]


def test_a_labs_own_module_may_fail_in_any_way(lab: Path) -> None:
    (lab / "broken_states.py").write_text("raise SystemError('two\\nlines')")
    hardware = '[hardware.panda]\nlifecycle = "broken_states:LIFECYCLE"'
    write(lab, boards=BOARDS.replace("[hardware.panda]", hardware))
    assert mistakes() == [
        "boards.toml: hardware.panda.lifecycle: broken_states:LIFECYCLE: two lines"
    ]


def test_a_labs_own_module_does_not_end_the_process(lab: Path) -> None:
    (lab / "leaving_states.py").write_text("import sys\nsys.exit('two\\nlines')")
    hardware = '[hardware.panda]\nlifecycle = "leaving_states:LIFECYCLE"'
    write(lab, boards=BOARDS.replace("[hardware.panda]", hardware))
    assert mistakes() == [
        "boards.toml: hardware.panda.lifecycle: leaving_states:LIFECYCLE:"
        r" it calls sys.exit('two\nlines')"
    ]


POSTGRESQL = '[server]\ndatabase = "postgresql+psycopg://me:secret@db/lab"'


def test_postgresql_needs_its_driver(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lab, settings=POSTGRESQL)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert mistakes() == [
        "lifeguard.toml: server.database: import of psycopg halted; None in"
        " sys.modules; install lifeguard with its extra [postgresql]"
    ]
    monkeypatch.setitem(sys.modules, "psycopg", ModuleType("psycopg"))
    assert mistakes() == []


def test_a_long_value_is_cut_short(lab: Path) -> None:
    write(lab, settings=f'[http]\nlisten = "{"x" * 500}"')
    (line,) = mistakes()
    assert line.endswith(f'"{"x" * 76}...')


def takes(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


CHECKS = st.one_of(
    st.sampled_from(["ping", "ping\n", "PING", "tcp", "http://{board}/", ""]),
    st.from_regex(r"tcp:[0-9\u0663-]{0,6}", fullmatch=True),
    st.from_regex(
        r"https?://\{address\}(:[0-9]{0,6})?(/[ -~\n]{0,9})?", fullmatch=True
    ),
)


OUTLETS = st.one_of(
    st.builds("{}/{}".format, st.integers(0, 34), st.integers(0, 9)),
    st.from_regex(r"[0-9\u0663]{0,3}/[0-9]{0,2}[/\n]?", fullmatch=True),
)


@settings(max_examples=1000, deadline=None)
@given(CHECKS)
def test_the_inventory_takes_the_checks_that_can_be_polled(check: str) -> None:
    assert takes(health_check, check) == takes(parse_check, check)


@settings(max_examples=1000, deadline=None)
@given(OUTLETS)
def test_the_inventory_takes_the_outlets_that_can_be_switched(rest: str) -> None:
    assert takes(DRIVER.outlet.parse, rest) == takes(parse_relay, rest)


SCALARS = st.one_of(
    st.sampled_from(["nan", "-inf", "true", "1979-05-27", "07:32:00", "{}", "[[]]"]),
    st.sampled_from(['"panda"', '"rack1/1/3"', '"http://["', '"tcp:"', '"\\u0000"']),
    st.integers().map(str),
    st.floats(allow_nan=False).map(repr),
    st.text().map(lambda text: f"'''{text}'''"),
)
VALUES = SCALARS | st.lists(SCALARS).map(lambda items: f"[{', '.join(items)}]")


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """`text` with some lines dropped, doubled, torn or given another value."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(0, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        key = lines[number].split("=")[0]
        lines[number] = draw(
            st.sampled_from(["", f"{lines[number]}\n{lines[number]}"])
            | st.text().map(key.__add__)
            | VALUES.map(f"{key}= ".__add__)
        )
    return "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(
    settings_text=damaged((ETC / "lifeguard.toml").read_text()) | st.binary(),
    boards=damaged(BOARDS) | st.binary(),
    template=st.text() | st.just("{{" + "(" * 5000),
)
def test_no_file_can_do_worse_than_a_list_of_lines(
    settings_text: str | bytes, boards: str | bytes, template: str
) -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder), settings_text, boards, template)
        for line in mistakes(Path(folder, "lifeguard.toml")):
            assert line.isprintable()
            assert line.startswith(folder)
