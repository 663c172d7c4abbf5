"""The PDUs of a pdudaemon, from its configuration: pure.

It knows no boards; each PDU of its is a relay board here, which pdudaemon switches.
"""

from __future__ import annotations

import json

from lifeguard.importing.draft import Draft, Unreadable, name_of

PORT = 16421


def read(text: str) -> Draft:
    """What `pdudaemon.conf` says. Raises Unreadable."""
    try:
        document = json.loads(text)
        daemon, pdus = document["daemon"], document["pdus"]
        names = list(dict(pdus))
        host, port = str(daemon.get("hostname")), daemon.get("port", PORT)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise Unreadable("not the configuration of a pdudaemon") from error
    draft = Draft()
    for name in names:
        draft.relay_boards[name_of(name) or name] = {
            "driver": "pdudaemon",
            "url": f"http://{_reachable(host)}:{port}",
            "hostname": name,
        }
    if daemon.get("listener") != "http":
        draft.notes.append('daemon.listener: lifeguard needs it to be "http"')
    draft.notes.append("boards: a pdudaemon knows none")
    return draft


def _reachable(host: str) -> str:
    """Where one that listens everywhere is: on this machine, for all it says."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "None", "") else host
