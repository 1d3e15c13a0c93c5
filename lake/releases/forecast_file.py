"""Forecasts of a release's models: one file beside ``current``, replaced whole every quarter hour.

The file holds its own SHA-256, so a reader knows a torn or edited one. It has the last forecasts of
each model, not only the newest: a replay of a past day finds what was known at each minute of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from lake.files import exclusive, sha256_bytes, write_bytes
from lake.partitions import iso
from lake.releases.manifest import VALIDITY, Name, Sha256, StrictModel, Symbol, canonical
from trading.errors import ReleaseRefused
from trading.model_targets import VOLATILITY, entry_target, is_entry_target
from trading.positions.forecasts import EntryChances, VolatilityForecasts
from trading.research.evidence.states import HypothesisEvidence, State

FORECASTS = "forecasts"
"""Name of the file in the folder ``published``."""
LAG = timedelta(minutes=3)
"""From the close of a forecast's last candle until it is used: the flow needs this time."""


class ForecastSeries(StrictModel):
    """The forecasts of one model for one symbol, ascending in time.

    ``made_at`` are closes (ms) of the last candle that a forecast has seen. The ``values`` of
    volatilities are deviations of one minute's return, those of directions the next hour's return,
    both as shares of the price; those of a strategy's entries are chances to win. ``usual`` is the
    model's median volatility before its release, or the share of entries that won in its training.
    ``evidence`` is what is known of its hypothesis, None in a release older than frozen models.
    ``drift`` says how the errors of its last day drifted; empty where they did not.
    """

    symbol: Symbol
    venue: Name = "binance_usdm"
    target: Name
    model: Name
    model_sha256: Sha256
    proven: bool
    evidence: HypothesisEvidence | None = None
    usual: Annotated[float, Field(gt=0)] | None = None
    drift: str = ""
    made_at: tuple[int, ...]
    values: tuple[float, ...]

    @model_validator(mode="after")
    def _ascending(self) -> ForecastSeries:
        if len(self.made_at) != len(self.values):
            raise ValueError(
                f"{self.model}: {len(self.values)} values at {len(self.made_at)} times"
            )
        if any(b <= a for a, b in zip(self.made_at, self.made_at[1:], strict=False)):
            raise ValueError(f"{self.model}: made_at does not ascend")
        if self.target == VOLATILITY and not (self.usual and all(v > 0.0 for v in self.values)):
            raise ValueError(f"{self.model}: a volatility is not positive, or has no usual one")
        if is_entry_target(self.target) and not (
            self.usual and all(0.0 <= value <= 1.0 for value in self.values)
        ):
            raise ValueError(f"{self.model}: a chance is outside 0 to 1, or has no usual one")
        if self.proven and self.evidence is not None and self.evidence.state == "unproven":
            raise ValueError(f"{self.model} is marked proven, but its hypothesis is not")
        return self


class KnownForecast(StrictModel):
    """One forecast that is valid at some moment, with what it came from."""

    target: str
    model: str
    model_sha256: str
    release_id: str
    proven: bool
    evidence: HypothesisEvidence | None = None
    value: float
    usual: float | None
    made_at: AwareDatetime
    valid_until: AwareDatetime

    @property
    def state(self) -> State:
        """How much is known of its model: without evidence, proven or not."""
        if not self.proven:
            return "unproven"
        return self.evidence.state if self.evidence is not None else "proven"


class Forecasts(StrictModel):
    """All forecasts that were published together; ``release_id`` names their models' release."""

    schema_version: Literal[1] = 1
    as_of: AwareDatetime
    release_id: str
    git_commit: str
    lag_s: Annotated[int, Field(ge=0, le=3600)] = round(LAG.total_seconds())
    valid_s: Annotated[int, Field(ge=60, le=86_400)] = round(VALIDITY["signals"].total_seconds())
    series: tuple[ForecastSeries, ...]

    @model_validator(mode="after")
    def _causal(self) -> Forecasts:
        end = self.as_of.timestamp() * 1000
        if any(one.made_at and one.made_at[-1] > end for one in self.series):
            raise ValueError("a forecast is newer than as_of")
        keys = [(one.target, one.venue, one.symbol) for one in self.series]
        if len(set(keys)) != len(keys):
            raise ValueError("a symbol has two series of one target")
        return self

    @property
    def valid_until(self) -> datetime:
        """When the newest of them expires."""
        last = max((one.made_at[-1] for one in self.series if one.made_at), default=0)
        return _moment(last + 1000 * self.valid_s)

    def series_of(self, target: str, venue: str, symbol: str) -> ForecastSeries | None:
        """Return the series of one target for one symbol, if there is one."""
        wanted = target, venue, symbol
        found = (s for s in self.series if (s.target, s.venue, s.symbol) == wanted)
        return next(found, None)

    def known_at(self, target: str, venue: str, symbol: str, now_ms: int) -> KnownForecast | None:
        """Return the newest forecast that is known and valid at ``now_ms``, if there is one."""
        series = self.series_of(target, venue, symbol)
        if series is None:
            return None
        made = np.asarray(series.made_at, dtype=np.int64)
        place = int(np.searchsorted(made, now_ms - 1000 * self.lag_s, side="right")) - 1
        if place < 0 or now_ms >= series.made_at[place] + 1000 * self.valid_s:
            return None
        return KnownForecast(
            target=target,
            model=series.model,
            model_sha256=series.model_sha256,
            release_id=self.release_id,
            proven=series.proven,
            evidence=series.evidence,
            value=series.values[place],
            usual=series.usual,
            made_at=_moment(series.made_at[place]),
            valid_until=_moment(series.made_at[place] + 1000 * self.valid_s),
        )

    def volatility_of(self, venue: str, symbol: str) -> VolatilityForecasts | None:
        """Return the volatilities of one symbol as a simulation reads them, if there are any."""
        series = self.series_of(VOLATILITY, venue, symbol)
        if series is None or series.usual is None:
            return None
        made = np.asarray(series.made_at, dtype=np.int64)
        return VolatilityForecasts(
            known_from=made + 1000 * self.lag_s,
            valid_until=made + 1000 * self.valid_s,
            volatility=np.asarray(series.values),
            usual=np.full(len(made), series.usual),
        )

    def chances_of(self, venue: str, symbol: str, strategy: str) -> EntryChances | None:
        """Return the chances of a strategy's entries as a simulation reads them, if any."""
        series = self.series_of(entry_target(strategy), venue, symbol)
        if series is None or series.usual is None:
            return None
        made = np.asarray(series.made_at, dtype=np.int64)
        return EntryChances(
            known_from=made + 1000 * self.lag_s,
            valid_until=made + 1000 * self.valid_s,
            chance=np.asarray(series.values),
            usual=np.full(len(made), series.usual),
        )


def write_forecasts(root: Path, forecasts: Forecasts) -> str:
    """Publish forecasts beside ``current``; return what became of them, in a few words.

    Newer ones are never replaced by older ones, and equal ones are not written again. A file that
    cannot be read is replaced.
    """
    content = forecasts.model_dump(mode="json")
    document = {"sha256": sha256_bytes(canonical(content)), "content": content}
    with exclusive(root / f".{FORECASTS}.lock", f"publishing forecasts to {root}"):
        try:
            before = read_forecasts(root)
        except ReleaseRefused:
            before = None
        if before is not None and before.as_of > forecasts.as_of:
            return f"kept those of {iso(before.as_of)}, which are newer"
        if before == forecasts:
            return "unchanged"
        write_bytes(root / FORECASTS, canonical(document) + b"\n")
    return f"valid until {iso(forecasts.valid_until)}" if forecasts.series else "none is valid"


def read_forecasts(root: Path) -> Forecasts | None:
    """Return the published forecasts, or None if there are none.

    Raises `ReleaseRefused` with one sentence if the file is torn, was changed, or breaks a rule.
    """
    path = root / FORECASTS
    again = "run `nocturne flow signals` again"
    try:
        document = json.loads(path.read_bytes())
        content, digest = document["content"], document["sha256"]
        actual = sha256_bytes(canonical(content))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReleaseRefused(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ReleaseRefused(f"{path} is torn or not a file of forecasts; {again}") from error
    if actual != digest:
        raise ReleaseRefused(f"{path} was changed after it was published; {again}")
    try:
        return Forecasts.model_validate_json(canonical(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReleaseRefused(f"{path}, {place or 'it'}: {first['msg']}; {again}") from error


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
