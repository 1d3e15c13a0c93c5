"""Finds marked secrets in files and texts, also where they were encoded on their way."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

SHOWN = 8
"""A secret must not be shown by its beginning either."""


def marked(name: str) -> str:
    """Return a secret that occurs nowhere else; it needs encoding in a URL."""
    return f"{secrets.token_hex(SHOWN)}+/={name}{secrets.token_hex(SHOWN)}"


def forms(secret: str) -> dict[str, bytes]:
    """Return how a secret may look in a file: itself and its encodings, by name."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "beginning": raw[: 2 * SHOWN],
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "url": quote(secret, safe="").encode(),
        "JSON": secret.replace("/", "\\/").encode(),
    }
    for shift in range(3):
        # In base64 a secret looks different at each of three places in what surrounds it.
        coded = base64.b64encode(b"\0" * shift + raw)
        core = coded[4 if shift else 0 : -4]
        found[f"base64 at {shift}"] = core
        found[f"base64url at {shift}"] = core.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def hits(content: bytes, known: Iterable[str]) -> list[str]:
    """Return the forms in which secrets stand in a content."""
    return [name for secret in known for name, form in forms(secret).items() if form in content]


def files_below(*folders: Path) -> Iterator[Path]:
    """Every file of these folders."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
