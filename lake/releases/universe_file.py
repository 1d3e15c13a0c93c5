"""The file ``universe.json`` of a release: the symbols that the scan chose, and why not others.

Its kind is ``universe``; the scan writes it every quarter of an hour. The executor needs
`read_universe` and `Universe.why_not`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from lake.releases.manifest import StrictModel, canonical
from lake.releases.reader import Release
from trading.errors import ReleaseRefused

PATH = "universe.json"
KIND = "universe"


class ScannedSymbol(StrictModel):
    """What the scan saw of one symbol: its rank by quote volume, and each condition by name.

    ``known`` says that its history is long enough to evaluate.
    """

    rank: Annotated[int, Field(ge=1)]
    quote_volume: Annotated[float, Field(ge=0.0)]
    source: str
    conditions: dict[str, bool]
    known: bool

    @property
    def found(self) -> bool:
        """Whether it is chosen."""
        return self.known and all(self.conditions.values())

    @property
    def missing(self) -> str:
        """Why it is not chosen; empty if it is."""
        if not self.known:
            return f"rank {self.rank}, too short a history"
        missing = [name for name, is_met in self.conditions.items() if not is_met]
        return f"rank {self.rank}, missing: {', '.join(missing)}" if missing else ""


class Universe(StrictModel):
    """The most traded symbols at ``as_of``, and what the scan says of each.

    ``size`` is the largest number of symbols that are ranked.
    """

    schema_version: Literal[1] = 1
    as_of: AwareDatetime
    size: Annotated[int, Field(ge=1)]
    symbols: dict[str, ScannedSymbol]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The symbols that the scan has found, the most traded first."""
        found = [(one.rank, symbol) for symbol, one in self.symbols.items() if one.found]
        return tuple(symbol for _, symbol in sorted(found))

    def why_not(self, symbol: str) -> str:
        """Return why ``symbol`` is not chosen; empty if it is."""
        seen: Mapping[str, ScannedSymbol] = self.symbols
        if symbol not in seen:
            return f"not among the top {self.size} by quote volume"
        return seen[symbol].missing

    def data(self) -> bytes:
        """Return the file's bytes; equal content gives equal bytes."""
        return canonical(self.model_dump(mode="json")) + b"\n"


def read_universe(release: Release) -> Universe | None:
    """Return the universe of a verified release, or None if it has none.

    Its hash was checked with the release. Raises `ReleaseRefused` if its content breaks a rule.
    """
    if not any(file.path == PATH and file.kind == KIND for file in release.files):
        return None
    where = f"release {release.release_id}: {PATH}"
    try:
        return Universe.model_validate_json((release.folder / PATH).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReleaseRefused(f"{where}: {place or 'it'}: {first['msg']}; scan again") from error
    except OSError as error:
        raise ReleaseRefused(f"{where}: {error}; scan again") from error
