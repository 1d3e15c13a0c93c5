"""The file ``ensemble.json`` of a release: the allocation of the account to members, by regime.

Its kind is ``regime``. A member is a strategy on a symbol, written ``breakout/BTCUSDT``. The
executor needs `read_ensemble` and `Ensemble.share_of`; labels come from
`trading.ensemble.regimes.RegimeDetector`, fed with closed candles of `Ensemble.interval`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from lake.releases.manifest import StrictModel, canonical
from lake.releases.reader import Release, read_manifest, read_release, release_ids
from trading.candles import interval_ms
from trading.ensemble.regimes import LABELS, RegimeRules
from trading.ensemble.weights import regime_weights
from trading.errors import NocturneError, ReleaseRefused

PATH = "ensemble.json"
KIND = "regime"

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Member(StrictModel):
    """A member's weight, and the out-of-sample days, trades and score that it comes from."""

    weight: Share
    days: Annotated[int, Field(ge=0)]
    trades: Annotated[int, Field(ge=0)]
    score: float


class WeightChoice(StrictModel):
    """Whether the weights are ``learned`` or equal, and the out-of-sample days that decided it.

    ``gain`` is what learnt weights earned above equal ones in the mean of ``days`` days, a share of
    the account; ``t_value`` is the gain in standard errors, and ``least_t`` what is needed.
    """

    learned: bool
    days: Annotated[int, Field(ge=0)]
    gain: float
    t_value: float
    least_t: Annotated[float, Field(ge=0.0)]


class SymbolRegime(StrictModel):
    """The label of a symbol when the release was made; ``since`` is the close that began it."""

    label: str
    since: AwareDatetime | None


class Ensemble(StrictModel):
    """Weights of the members, their factors in each regime, and when entries pause.

    ``rules`` are those of `trading.ensemble.regimes.RegimeRules`, for candles of ``interval``.
    ``choice`` says why weights are learnt or equal; older releases do not say it. ``pauses`` is the
    number of closed candles without entries after a regime begins. ``regimes`` is what the research
    saw at the release's ``as_of``; live labels continue from there.
    """

    schema_version: Literal[1] = 1
    interval: str
    rules: dict[str, float]
    members: dict[str, Member]
    factors: dict[str, dict[str, Share]]
    pauses: dict[str, Annotated[int, Field(ge=0)]]
    regimes: dict[str, SymbolRegime]
    choice: WeightChoice | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Ensemble:
        interval_ms(self.interval)
        RegimeRules(**self.rules)
        named = {*self.factors, *self.pauses, *(found.label for found in self.regimes.values())}
        if unknown := sorted(named - set(LABELS)):
            raise ValueError(f"'{unknown[0]}' is not a regime; known are {', '.join(LABELS)}")
        for regime, factors in self.factors.items():
            if strangers := sorted(set(factors) - set(self.members)):
                raise ValueError(f"regime {regime} has a factor of {strangers[0]}, not a member")
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
        """Return the largest share of the equity that a member may enter with.

        ``regime`` is the label of its symbol and has lasted for ``candles`` closed candles. The
        share is 0 while entries pause, and for anything that is not a member.
        """
        if candles <= self.pauses.get(regime, 0):
            return 0.0
        shares = regime_weights(self.weights, self.factors, regime)
        return shares.get(member_name(strategy, symbol), 0.0)

    def data(self) -> bytes:
        """Return the file's bytes; equal content gives equal bytes."""
        return canonical(self.model_dump(mode="json")) + b"\n"


def member_name(strategy: str, symbol: str) -> str:
    """Return the name of a member, such as ``breakout/BTCUSDT``."""
    return f"{strategy}/{symbol}"


def read_ensemble(release: Release) -> Ensemble | None:
    """Return the ensemble of a verified release, or None if it has none.

    Its hash was checked with the release. Raises `ReleaseRefused` if its content breaks a rule.
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


def past_ensembles(root: Path, until: datetime) -> Iterator[tuple[datetime, Ensemble]]:
    """Yield the ensembles of the releases up to market time ``until``, the newest first.

    A release is read and verified when its turn comes, so that the first one costs no more however
    many there are. One that is refused, or has no ensemble, is passed over.
    """
    for release_id in reversed(release_ids(root)):
        try:
            if read_manifest(root, release_id).as_of > until:
                continue
            release = read_release(root, release_id)
            ensemble = read_ensemble(release)
        except ReleaseRefused:  # pruned, or damaged: what is past can be done without
            continue
        if ensemble is not None:
            yield release.as_of, ensemble
