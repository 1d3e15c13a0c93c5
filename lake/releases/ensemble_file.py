"""The file ``ensemble.json`` of a release: how members share the account, regime by regime.

It is of the kind ``regime``. A member is a strategy on a symbol, written ``breakout/BTCUSDT``. What
the executor needs is `read_ensemble` and `Ensemble.share_of`; labels come from
`trading.ensemble.regimes.RegimeDetector` fed with closed candles of `Ensemble.interval`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from lake.releases.manifest import StrictModel, canonical
from lake.releases.reader import Release
from trading.candles import interval_ms
from trading.ensemble.regimes import LABELS, RegimeRules
from trading.ensemble.weights import regime_weights
from trading.errors import NocturneError, ReleaseRefused

PATH = "ensemble.json"
KIND = "regime"

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Member(StrictModel):
    """What a member's weight was made from: its out-of-sample days, trades and their result."""

    weight: Share
    days: Annotated[int, Field(ge=0)]
    trades: Annotated[int, Field(ge=0)]
    score: float


class SymbolRegime(StrictModel):
    """The label of a symbol when the release was made; ``since``: the close that first had it."""

    label: str
    since: AwareDatetime | None


class Ensemble(StrictModel):
    """Weights of the members, their factors in each regime, and when entries pause.

    ``rules`` are those of `trading.ensemble.regimes.RegimeRules`, for candles of ``interval``.
    ``pauses`` says for how many closed candles after a regime began nothing enters. ``regimes`` is
    what the research saw at the release's ``as_of``; live labels go on from there.
    """

    schema_version: Literal[1] = 1
    interval: str
    rules: dict[str, float]
    members: dict[str, Member]
    factors: dict[str, dict[str, Share]]
    pauses: dict[str, Annotated[int, Field(ge=0)]]
    regimes: dict[str, SymbolRegime]

    @model_validator(mode="after")
    def _consistent(self) -> Ensemble:
        interval_ms(self.interval)
        RegimeRules(**self.rules)
        named = {*self.factors, *self.pauses, *(found.label for found in self.regimes.values())}
        if unknown := sorted(named - set(LABELS)):
            raise ValueError(f"'{unknown[0]}' is no regime; known are {', '.join(LABELS)}")
        for regime, factors in self.factors.items():
            if strangers := sorted(set(factors) - set(self.members)):
                raise ValueError(f"regime {regime} has a factor of {strangers[0]}, no member")
        total = math.fsum(member.weight for member in self.members.values())
        if self.members and abs(total - 1.0) > 1e-9:
            raise ValueError(f"its weights add up to {total:g}, not to 1")
        return self

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each member, whatever the regime; they add up to 1."""
        return {name: member.weight for name, member in self.members.items()}

    @property
    def regime_rules(self) -> RegimeRules:
        """The rules that label candles of ``interval``."""
        return RegimeRules(**self.rules)

    def share_of(self, strategy: str, symbol: str, regime: str, candles: int) -> float:
        """The largest share of the equity that a member may enter with.

        ``regime`` is the label of its symbol, which has lasted for so many closed ``candles``; 0
        while entries pause, and for what is no member.
        """
        if candles <= self.pauses.get(regime, 0):
            return 0.0
        shares = regime_weights(self.weights, self.factors, regime)
        return shares.get(member_name(strategy, symbol), 0.0)

    def data(self) -> bytes:
        """The file; equal content gives equal bytes."""
        return canonical(self.model_dump(mode="json")) + b"\n"


def member_name(strategy: str, symbol: str) -> str:
    """``breakout/BTCUSDT``."""
    return f"{strategy}/{symbol}"


def read_ensemble(release: Release) -> Ensemble | None:
    """The ensemble of a verified release, or None where it has none.

    Its hash was checked with the release. `ReleaseRefused` when its content breaks a rule.
    """
    if not any(file.path == PATH and file.kind == KIND for file in release.files):
        return None
    where = f"release {release.release_id}: {PATH}"
    try:
        return Ensemble.model_validate_json((release.folder / PATH).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReleaseRefused(f"{where}: {place or 'it'}: {first['msg']}; publish again") from error
    except (OSError, NocturneError) as error:
        raise ReleaseRefused(f"{where}: {error}; publish again") from error
