"""Masking of what must not be kept: the URLs in the texts of client libraries are signed."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PAIR = re.compile(
    r"(?i)\b(signature|listenKey|apiKey|X-MBX-APIKEY)(=|%3D|\"?: ?\"?'?)[^&\s'\",)}\]]+"
)


def masked(text: str) -> str:
    """The text with the values of signatures, listen keys and API keys left out.

    A signed URL is an order that can be sent again within its window, and a listen key opens the
    account's stream to whoever reads it.
    """
    return _PAIR.sub(r"\1\2***", text)


SHORTEST_SECRET = 8


class Masker:
    """Masks signatures, and the secrets that it is given wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A shorter one is a test's; masking it would only blot out ordinary words.
        self._secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)

    def __call__(self, text: str) -> str:
        """The text with every secret left out."""
        text = masked(text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
