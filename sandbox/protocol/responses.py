"""Responses to clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Response:
    """A response: status, JSON body (or plain text) and headers."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def raw(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)
