"""What a request says, in its body or its query, as the record that its route takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from lifeguard.web.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    from lifeguard.web.request import LabRequest

Form = TypeVar("Form", bound=Struct)


def read_body(request: LabRequest, form: type[Form]) -> Form:
    """The JSON object in the body; an empty body is an empty object.

    Raises TooLarge or BadRequest.
    """
    if request.is_too_large:
        raise TooLarge("the body is too large")
    try:
        return msgspec.json.decode(request.content.read() or b"{}", type=form)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body: {error}") from error


def read_query(request: LabRequest, form: type[Form]) -> Form:
    """What stands behind the `?`; raises BadRequest."""
    values = {}
    for name, given in request.args.items():
        key = name.decode("utf-8", "replace")
        if len(given) > 1:
            raise BadRequest(f"{key} is given twice")
        values[key] = given[0].decode("utf-8", "replace")
    try:
        return msgspec.convert(values, form, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"the query: {error}") from error
