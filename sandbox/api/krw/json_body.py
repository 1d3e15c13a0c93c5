"""Requests whose parameters come as a JSON body."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from sandbox.api.requests import ApiRequest


def has_json_body(request: ApiRequest) -> bool:
    """Whether the body of a request is a JSON object."""
    return request.body.lstrip().startswith("{")


def read_body(request: ApiRequest) -> ApiRequest:
    """Return the request with the values of a JSON body; any other body stays a form."""
    if not has_json_body(request):
        return request
    try:
        document = orjson.loads(request.body)
    except ValueError:
        return request
    values = {str(name): _text(value) for name, value in document.items() if value is not None}
    return replace(request, values=values, repeated={})


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
