"""What a daemon of lifeguard's libraries costs that does nothing at all."""

from __future__ import annotations

from importlib import import_module

from twisted.web.resource import Resource

for library in (
    "automat",
    "jinja2.sandbox",
    "klein",
    "msgspec",
    "sqlalchemy.dialects.sqlite",
    "treq",
):
    import_module(library)


class Empty(Resource):
    """A site without pages."""
