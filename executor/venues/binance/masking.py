"""Masking of signatures and keys in the texts that Binance's URLs and messages end up in."""

from __future__ import annotations

import re

_PAIR = re.compile(
    r"(?i)\b(signature|listenKey|apiKey|X-MBX-APIKEY)(=|%3D|\"?: ?\"?'?)[^&\s'\",)}\]]+"
)


def masked(text: str) -> str:
    """The text without the values of signatures, listen keys and API keys.

    A signed URL can be sent again within its window, and a listen key opens the account's stream
    to whoever reads it.
    """
    return _PAIR.sub(r"\1\2***", text)
