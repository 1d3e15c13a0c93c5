"""Masking of what must not be kept: the URLs in the texts of client libraries are signed."""

from __future__ import annotations

import re

_PAIR = re.compile(
    r"(?i)\b(signature|listenKey|apiKey|X-MBX-APIKEY)(=|%3D|\"?: ?\"?'?)[^&\s'\",)}\]]+"
)


def masked(text: str) -> str:
    """The text with the values of signatures, listen keys and API keys left out.

    A signed URL is an order that can be sent again within its window, and a listen key opens the
    account's stream to whoever reads it.
    """
    return _PAIR.sub(r"\1\2***", text)
