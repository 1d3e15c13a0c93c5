"""What a client is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body (or plain text) and headers."""

    status: int
    body: Any
    headers: dict[str, str]

    def response(self) -> web.Response:
        """As HTTP."""
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body, headers=self.headers)
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.body),
            content_type="application/json",
            headers=self.headers,
        )

    @property
    def raw(self) -> bytes:
        """The body as it goes over the wire."""
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)
