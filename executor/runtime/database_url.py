"""The address of a PostgreSQL ledger: it holds no password, and is shown without one."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

SCHEMES = ("postgresql", "postgres")


def problem_of(url: str) -> str:
    """What is wrong with an address, as a sentence; empty when nothing is."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.path.strip("/"):
        return "a ledger's url is postgresql://USER@HOST:PORT/DATABASE"
    if parts.password or "password" in parse_qs(parts.query):
        return (
            "the url has a password; put it into NOCTURNE_LEDGER_PASSWORD in the environment or in"
            " .env, and take it out of the settings"
        )
    return ""


def shown(url: str) -> str:
    """The address for messages: scheme, host and database."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{parts.hostname or 'localhost'}{port}{parts.path}"
