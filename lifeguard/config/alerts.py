"""The table `[alerts]`: who is told what, and how often.

What must stay secret is named by a file; its text is read when it is needed, so that a
new one holds at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from msgspec import Struct, structs

from lifeguard.config.forms import (
    Form,
    Seconds,
    Share,
    Text,
    matching,
    one_of,
    text,
)
from lifeguard.config.places import Port, host_name, http_url
from lifeguard.config.reader import read_text, reason_of
from lifeguard.model import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lifeguard.config.reader import Key, Reader

ChannelKind = Literal["webhook", "slack", "mail"]
Security = Literal["starttls", "tls", "none"]

EVERYTHING: Final[tuple[NoticeKind, ...]] = get_args(NoticeKind)

PORTS: Final[dict[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}

_FILES: Final = ("url_file", "password_file")

_OF_HTTP: Final = frozenset({"url", "url_file"})
_OF_MAIL: Final = frozenset(
    {"host", "port", "security", "sender", "to", "user", "password_file"}
)

MailAddress = Annotated[
    str,
    Form(
        "a mail address like ops@example.org",
        matching(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"),
    ),
]


def mail_host(value: object) -> str:
    """A name that DNS could have, or an IPv4 address."""
    return host_name(text(value))


def password(value: object) -> str:
    """What can be said in a login of SMTP."""
    written = text(value)
    if not written.isascii():
        raise ValueError(value)
    return written


class AlertChannel(Struct, frozen=True, kw_only=True):
    """One way to people; which keys go with which `kind`, `check_alerts` says.

    Without `boards` it hears of all; what is about more than one board, it hears in
    any case. Paths are absolute.
    """

    kind: Annotated[ChannelKind, one_of(*get_args(ChannelKind))]
    on: tuple[Annotated[NoticeKind, one_of(*EVERYTHING)], ...] = EVERYTHING
    boards: tuple[Text, ...] = ()
    url: Annotated[str, Form("a URL like https://example.org/", http_url)] | None = None
    url_file: Text | None = None
    host: Annotated[str, Form("a host like mail.example.org", mail_host)] | None = None
    port: Port | None = None
    security: Annotated[Security, one_of(*get_args(Security))] = "starttls"
    sender: MailAddress | None = None
    to: tuple[MailAddress, ...] = ()
    user: Text | None = None
    password_file: Text | None = None


class Alerts(Struct, frozen=True, kw_only=True):
    """The channels, and what they have in common; times in seconds.

    For `group` what comes is gathered into one message; `pause` lies between two of
    one channel. `few_ready` is the share of boards that shall be Ready, of those that
    nobody has taken away; it counts when it has been missed for `few_ready_for`. 0: no
    matter how many are.
    """

    group: Seconds = 10.0
    pause: Seconds = 60.0
    few_ready: Share = 0.5
    few_ready_for: Seconds = 300.0
    channels: dict[str, AlertChannel] = {}

    def anchored(self, folder: Path) -> Alerts:
        """The same with absolute paths."""
        channels = {
            name: _anchored(channel, folder) for name, channel in self.channels.items()
        }
        return structs.replace(self, channels=channels)


def read_url(channel: AlertChannel) -> str:
    """Where a webhook is. OSError or ValueError, which holds nothing of it."""
    return channel.url or _secret(channel.url_file, http_url, "no URL in it")


def read_password(channel: AlertChannel) -> str | None:
    """What a mail server wants to hear; None: nothing. Fails as `read_url` does."""
    if channel.password_file is None:
        return None
    return _secret(channel.password_file, password, "no line of ASCII in it")


def check_alerts(alerts: Alerts, reader: Reader) -> None:
    """Whether each channel has what its kind needs, and no more."""
    for name, channel in alerts.channels.items():
        keys = ("alerts", "channels", name)
        for key in sorted(_foreign(channel)):
            reader.mistake(f"not for {channel.kind}", *keys, key)
        for key in _missing(channel):
            if not reader.mistaken(*keys, key):
                reader.mistake("missing", *keys, key)
        if channel.url is not None and channel.url_file is not None:
            reader.mistake("url is given, too", *keys, "url_file")
        if channel.password_file is not None and channel.security == "none":
            reader.mistake("a password needs TLS", *keys, "security")
        if not channel.on and not reader.mistaken(*keys, "on"):
            reader.mistake("the channel would hear nothing", *keys, "on")
        _check_files(channel, reader, *keys)


def _foreign(channel: AlertChannel) -> set[str]:
    """The keys that stand in its table and mean nothing there."""
    foreign = _OF_HTTP if channel.kind == "mail" else _OF_MAIL
    return {
        field.name
        for field in structs.fields(channel)
        if field.name in foreign and getattr(channel, field.name) != field.default
    }


def _missing(channel: AlertChannel) -> list[str]:
    if channel.kind != "mail":
        return [] if channel.url or channel.url_file else ["url"]
    needed = ["host", "sender", "to"]
    if channel.user is not None or channel.password_file is not None:
        needed += ["user", "password_file"]
    return [key for key in needed if not getattr(channel, key)]


def _check_files(channel: AlertChannel, reader: Reader, *keys: Key) -> None:
    for key, read in (("url_file", read_url), ("password_file", read_password)):
        if (path := getattr(channel, key)) is None or reader.mistaken(*keys, key):
            continue
        try:
            read(channel)
        except (OSError, ValueError) as error:
            reader.mistake(f"{path}: {reason_of(error)}", *keys, key)


def _secret(path: str | None, form: Callable[[object], str], otherwise: str) -> str:
    assert path is not None, "checked when the configuration was read"
    written = read_text(Path(path)).strip()
    try:
        return form(written)
    except ValueError:
        raise ValueError(otherwise) from None


def _anchored(channel: AlertChannel, folder: Path) -> AlertChannel:
    found = {
        key: str(folder / path)
        for key in _FILES
        if (path := getattr(channel, key)) is not None
    }
    return structs.replace(channel, **found)
