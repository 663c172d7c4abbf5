"""The dashboard's routes: one page with its files, and the picture of a lifecycle.

The page asks the API for everything that it shows. Names and reasons come from boards,
so nothing but the files here may be run, or loaded from anywhere.
"""

from __future__ import annotations

import gzip
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from twisted.web.http import CACHED

from lifeguard.graph.svg import STYLE, as_svg
from lifeguard.web.answers import takes_gzip
from lifeguard.web.errors import Missing

if TYPE_CHECKING:
    from klein import Klein

    from lifeguard.lifecycle import Lifecycle
    from lifeguard.web.callers import Callers
    from lifeguard.web.request import LabRequest
    from lifeguard.web.world import World

FILES = Path(__file__).with_name("files")

PAGE = "page.html"

PAGES = ("/", "/boards/<name>", "/relay-boards", "/incidents")
"""What a person can go to; the page itself knows what to show there."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

# A picture brings its colours along, and nothing else; the page takes it apart.
_COLOURS = f"'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"

PICTURE_POLICY = f"default-src 'none'; style-src {_COLOURS}"

POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_COLOURS};"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


class Asset(NamedTuple):
    """Something to send, as it is and packed; `tag` stands for this version."""

    type: str
    body: bytes
    packed: bytes
    tag: bytes

    @classmethod
    def of(cls, kind: str, body: bytes) -> Asset:
        digest = urlsafe_b64encode(sha256(body).digest()[:12])
        return cls(kind, body, gzip.compress(body, mtime=0), b'W/"%s"' % digest)


def route_dashboard(app: Klein, world: World, callers: Callers) -> None:
    """Serve the dashboard to whoever may reach the port: the API decides what it may.

    A lifecycle's picture is of the lab, so it is for those who may see that.

    The files are read now; one that changes on the disk is served after a start.
    """
    assets = {
        path.name: Asset.of(TYPES[path.suffix], path.read_bytes())
        for path in FILES.iterdir()
    }

    def page(request: LabRequest, name: str = "") -> bytes:
        return send(request, assets[PAGE], POLICY)

    for number, path in enumerate(PAGES):
        app.route(path, methods=["GET"], endpoint=f"page {number}")(page)

    @app.route("/dashboard/<name>", methods=["GET"])
    def file(request: LabRequest, name: str) -> bytes:
        if name not in assets:
            raise Missing(f"no such file: {name}")
        return send(request, assets[name], POLICY)

    @app.route("/hardware/<name>/lifecycle.svg", methods=["GET"])
    def picture(request: LabRequest, name: str) -> bytes:
        callers.operator(request, "see")
        hardware = world.fleet.inventory.hardware.get(name)
        if hardware is None:
            raise Missing(f"no such hardware: {name}")
        return send(request, drawn(hardware.lifecycle), PICTURE_POLICY)


@cache
def drawn(lifecycle: Lifecycle) -> Asset:
    """A lifecycle's picture, drawn when it is first asked for."""
    return Asset.of(TYPES[".svg"], as_svg(lifecycle).encode())


def send(request: LabRequest, asset: Asset, policy: str) -> bytes:
    """The asset, packed for who takes it so; nothing to who has it already."""
    request.setHeader("Content-Type", asset.type)
    request.setHeader("Content-Security-Policy", policy)
    request.setHeader("Referrer-Policy", "no-referrer")
    request.setHeader("X-Frame-Options", "DENY")
    request.setHeader("Cache-Control", "no-cache")
    request.setHeader("Vary", "Accept-Encoding")
    if request.setETag(asset.tag) is CACHED:
        return b""
    body = asset.body
    if takes_gzip(request):
        request.setHeader("Content-Encoding", "gzip")
        body = asset.packed
    request.setHeader("Content-Length", str(len(body)))
    return body
