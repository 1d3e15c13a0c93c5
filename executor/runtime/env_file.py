"""A file of secrets: NAME=VALUE lines that only its owner may read."""

from __future__ import annotations

import stat
from pathlib import Path

from trading.errors import SettingsError


def read_env(env_file: Path) -> dict[str, str]:
    """Return the variables of a `.env` file.

    Raises:
        SettingsError: others can read the file, or it cannot be read at all.
    """
    try:
        mode = stat.S_IMODE(env_file.stat().st_mode)
        text = env_file.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{env_file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{env_file} is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None  # The error holds the text, which is secret.
    if mode & 0o077:
        raise SettingsError(
            f"{env_file} holds keys but has mode {mode:o}; run `chmod 600 {env_file}` first"
        )
    pairs = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#") and "=" in stripped:
            name, _, value = stripped.removeprefix("export ").partition("=")
            pairs[name.strip()] = value.strip().strip("\"'")
    return pairs
