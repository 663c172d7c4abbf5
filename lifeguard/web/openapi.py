"""The interface's own description, from the declarations that route it: pure."""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from msgspec.json import schema_components
from msgspec.structs import fields

from lifeguard.web.answers import Error
from lifeguard.web.operations import JSON, PREFIX, Operation
from lifeguard.web.operator_callers import COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import Struct

VERSION = "1"

ALWAYS = (403, 429)
"""What every operation can be refused with."""

_OPERATOR = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_BOARD = {
    "boot_token": {"type": "http", "scheme": "bearer"},
    "boot_token_in_url": {"type": "apiKey", "in": "query", "name": "token"},
}

_PART = re.compile(r"<(\w+)>")

_schemas = partial(schema_components, ref_template="#/components/schemas/{name}")


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the operations."""
    types = list(dict.fromkeys(kind for each in operations for kind in _types(each)))
    schemas, components = _schemas([Error, *types])
    by_type = dict(zip([Error, *types], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        path = paths.setdefault(_PART.sub(r"{\1}", each.path), {})
        path[each.method.lower()] = _operation(each, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lifeguard", "version": VERSION},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _OPERATOR | _BOARD},
    }


def _types(operation: Operation) -> Iterator[Any]:
    yield operation.answer
    if operation.body is not None:
        yield operation.body


def _operation(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "description": _who_may(operation),
        "security": _security(operation),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": any(field.required for field in fields(operation.body)),
            "content": _content(schemas[operation.body]),
        }
    return described


def _who_may(operation: Operation) -> str:
    if operation.of_board and operation.role is None:
        return "For the board itself."
    if operation.of_board:
        return f"For the board itself, or the role `{operation.role}`."
    return f"For the role `{operation.role}`." if operation.role else "For anybody."


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Any of these will do; on lifeguard's own machine none is needed.

    A board may also call from its own address.
    """
    schemes: list[dict[str, list[str]]] = [{}]
    if operation.role is not None:
        schemes += [{scheme: [operation.role]} for scheme in _OPERATOR]
    if operation.of_board:
        schemes += [{scheme: []} for scheme in _BOARD]
    return schemes


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _PART.findall(operation.path):
        schema = {"type": "string"}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    for name, schema in _properties(operation.query).items():
        yield {"name": name, "in": "query", "schema": schema}


def _properties(form: type[Struct]) -> dict[str, Any]:
    _, components = _schemas([form])
    properties: dict[str, Any] = components[form.__name__]["properties"]
    return properties


def _responses(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    content = _content(schemas[operation.answer], operation.media)
    responses = {"200": {"description": "OK", "content": content}}
    error = _content(schemas[Error])
    for status in sorted({*operation.errors, *ALWAYS}):
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = {"description": phrase, "content": error}
    responses["default"] = {"description": "A fault of lifeguard", "content": error}
    return responses


def _content(schema: Any, media: str = JSON) -> dict[str, Any]:
    return {media: {"schema": schema}}
