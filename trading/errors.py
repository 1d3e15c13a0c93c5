"""Every error that a user of Nocturne can cause or must know about.

::

    NocturneError                 one clear sentence: what, where, the value, the next step
    ├── ParameterError            a strategy parameter or a grid is unknown, out of bounds or empty
    │   └── KernelError           a kernel of a strategy does not compile
    ├── DataError                 a file, a column or a row is missing or wrong
    │   └── SchemaMismatch        a table does not match its contract
    ├── ReleaseRefused            a release failed its hash, schema, bounds or expiry
    ├── SettingsError             a setting is missing, unknown or contradicts another
    └── VenueError                the exchange answered with an error that ends the command

The command line prints the sentence of a ``NocturneError`` and exits with status 2; anything else
is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class NocturneError(Exception):
    """Base of all errors whose message is meant for the user."""


class ParameterError(NocturneError):
    """A strategy parameter or a search grid cannot be used."""


class KernelError(ParameterError):
    """A kernel of a strategy does not compile."""


class DataError(NocturneError):
    """Input data is missing or wrong."""


class SchemaMismatch(DataError):
    """A table differs from its contract."""


class ReleaseRefused(NocturneError):
    """A release cannot be trusted and is not used."""


class SettingsError(NocturneError):
    """A setting cannot be used."""


class VenueError(NocturneError):
    """The exchange refused what the command needs."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Name the one of ``known`` that is spelt like ``name``, for the middle of a sentence."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1)
    return f" (did you mean '{close[0]}'?)" if close else ""
