"""The boards of a labgrid, from its places and its exporters' resources: pure.

An exporter's group is a board unless a place has it; a place is a board, with the
resources of all groups that it matches. labgrid knows no MACs.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from lifeguard.importing.draft import Draft, Table, Unreadable, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HARDWARE: Final = ("board", "hardware", "devicetype", "device-type")
"""The tags of a place that may say what it is, the likeliest first."""

UNKNOWN: Final = "unknown"
"""The hardware type of a board whose tags say nothing."""

_WEB: Final[dict[str, Table]] = {
    "tasmota": {"driver": "tasmota"},
    "shelly_gen1": {"driver": "shelly", "generation": 1},
    "shelly_gen2": {"driver": "shelly", "generation": 2},
}
"""Models of a NetworkPowerPort that lifeguard switches itself."""

_POWER: Final = ("PowerPort", "PDUDaemonPort", "USBPowerPort", "SiSPMPowerPort")


class Resource(NamedTuple):
    """One resource of an exporter's group."""

    group: str
    kind: str
    options: dict[str, Any]


def read(texts: Iterable[str]) -> Draft:
    """What places and exporters say, a file each. Raises Unreadable."""
    places: dict[str, dict[str, Any]] = {}
    resources: list[Resource] = []
    for text in texts:
        for name, content in _document(text).items():
            if "matches" in content:
                places[str(name)] = content
            else:
                resources += _resources(str(name), content)
    draft = Draft()
    for name, (hardware, found) in _boards(places, resources).items():
        _board(draft, name, hardware, found)
    return draft


def _document(text: str) -> dict[str, dict[str, Any]]:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Unreadable(f"not YAML, or a template still: {reason}") from error
    if not isinstance(document, dict) or not all(
        isinstance(content, dict) for content in document.values()
    ):
        raise Unreadable("neither places nor an exporter of labgrid")
    return document


def _resources(group: str, content: dict[str, Any]) -> Iterator[Resource]:
    for name, options in content.items():
        if isinstance(options, dict):
            yield Resource(group, str(options.get("cls", name)), options)


def _boards(
    places: dict[str, dict[str, Any]], resources: list[Resource]
) -> dict[str, tuple[str, list[Resource]]]:
    """By name, the hardware type and the resources."""
    if not places:
        groups = dict.fromkeys(each.group for each in resources)
        return {
            group: (UNKNOWN, [each for each in resources if each.group == group])
            for group in groups
        }
    return {
        name: (_hardware(place), [each for each in resources if _matches(place, each)])
        for name, place in places.items()
    }


def _hardware(place: dict[str, Any]) -> str:
    tags = place.get("tags")
    found = [tags[tag] for tag in HARDWARE if tag in tags] if tags else []
    return name_of(str(found[0])) if found else UNKNOWN


def _matches(place: dict[str, Any], resource: Resource) -> bool:
    """A match is EXPORTER/GROUP/CLASS as text, or a table of these."""
    for match in place.get("matches") or ():
        if isinstance(match, str):
            _, group, kind, *_ = [*match.split("/"), "*", "*"]
        elif isinstance(match, dict):
            group, kind = match.get("group", "*"), match.get("cls", "*")
        else:
            continue
        if fnmatchcase(resource.group, str(group)) and fnmatchcase(
            resource.kind, str(kind)
        ):
            return True
    return False


def _board(draft: Draft, name: str, hardware: str, found: list[Resource]) -> None:
    power, address = [], None
    for resource in found:
        if resource.kind == "NetworkService":
            address = str(resource.options.get("address", "")).partition("%")[0]
        elif (outlet := _outlet(draft, resource)) is not None:
            power.append(outlet)
        elif resource.kind.endswith(_POWER):
            kind = " ".join(
                filter(None, (resource.kind, resource.options.get("model")))
            )
            draft.notes.append(f"{name}: no driver for its {kind}")
    draft.board(name_of(name) or name, hardware, address=address, power=power)


def _outlet(draft: Draft, resource: Resource) -> str | None:
    """The outlet that a power resource is; its relay board is in the draft then."""
    options = resource.options
    host, index = str(options.get("host", "")), options.get("index")
    if resource.kind == "PDUDaemonPort":
        pdu = str(options.get("pdu", ""))
        name, table = pdu, {"driver": "pdudaemon", "url": f"http://{host}:16421"}
        table["hostname"] = pdu
    elif options.get("model") in _WEB:
        name, table = host, {**_WEB[options["model"]], "url": f"http://{host}"}
    else:
        return None
    draft.relay_boards[name_of(name)] = table
    return f"{name_of(name)}/{index}"
