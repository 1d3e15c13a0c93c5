"""Published forecasts: read, verified, and applied to entries; every use can be explained."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executor.bus.events import EventType
from executor.model import InstrumentId, symbol_of, venue_of
from executor.services import Services
from executor.settings import Mode
from executor.strategy.release_keeper import stamp_of
from executor.strategy.signal import Signal
from lake.releases import (
    FORECASTS,
    Forecasts,
    KnownForecast,
    read_forecasts,
)
from trading.candles import MINUTE_MS
from trading.errors import ReleaseRefused
from trading.model_targets import DIRECTION, VOLATILITY, entry_target
from trading.positions.forecasts import (
    U_LEVERAGE,
    U_STOP,
    ForecastUse,
    expected_move,
    may_enter,
    range_of,
    size_of,
)
from trading.research.evidence.states import share_of_limits
from trading.strategies.registry import get_strategy
from trading.strategies.setup import Setup

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ForecastEffect:
    """What a forecast changes in one entry; without one, nothing.

    ``share`` is what the entry takes of its size; ``atr`` and ``swing`` stand for the ATR behind
    stop and leverage, NaN where it is not known. ``refusal`` says why the entry is skipped.
    ``evidence`` is the share of every limit that the evidence behind the model allows.
    ``facts`` are those of the forecast and of its use, for the ledger; None where none is used.
    """

    share: float = 1.0
    atr: float = math.nan
    swing: float = math.nan
    refusal: str = ""
    facts: Mapping[str, Any] | None = None
    evidence: float = 1.0


class ForecastKeeper:
    """Reads the forecasts beside the releases; a bad file is reported once and counts as none."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""
        self._settings = services.settings.forecasts
        self._rule = self._settings.use
        self.current: Forecasts | None = None

    async def poll(self) -> None:
        """Read the file if it has changed."""
        self._read()

    def _read(self) -> None:
        root = self._services.settings.paths.published
        stamp = stamp_of(root / FORECASTS)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self.current = read_forecasts(root)
            self._problem = ""
            self._say_drift(self.current)
        except ReleaseRefused as error:
            self.current = None
            self._refused(str(error))

    def _say_drift(self, forecasts: Forecasts | None) -> None:
        """Send an alert for each model whose errors drifted: once a model, also over restarts."""
        for one in forecasts.series if forecasts is not None else ():
            name = f"drift_said:{one.model}"
            if not one.drift or self._services.ledger.meta(name) == one.model_sha256:
                continue
            self._services.ledger.set_meta(name, one.model_sha256)
            log.warning("%s drifted: %s", one.model, one.drift)
            self._services.alerts.send("model drifted", model=one.model, why=one.drift)

    def _refused(self, reason: str) -> None:
        if reason == self._problem:
            return
        self._problem = reason
        log.error("forecasts refused: %s", reason)
        self._services.emit(EventType.FORECASTS_REFUSED, reason=reason)
        self._services.alerts.send("forecasts refused", reason=reason)

    def known(self, signal: Signal, target: str = VOLATILITY) -> tuple[KnownForecast | None, str]:
        """Return the forecast that the candle of ``signal`` knew, or None and why there is none."""
        return self.known_at(signal.symbol, signal.bar_time + MINUTE_MS, target)

    def return_of(self, instrument: InstrumentId, now_ms: int) -> float:
        """Return the forecast of the next hour's return that is valid at ``now_ms``, or NaN."""
        found, _ = self.known_at(instrument, now_ms, DIRECTION)
        return math.nan if found is None else found.value

    def behind(self, signal: Signal) -> Mapping[str, Any]:
        """Return the facts of the forecast that decided ``signal``, for the ledger."""
        found, missing = self.known(signal, DIRECTION)
        return {"missing": missing} if found is None else found.model_dump(mode="json")

    def known_at(
        self, instrument: InstrumentId, now_ms: int, target: str
    ) -> tuple[KnownForecast | None, str]:
        """Return the forecast that is valid at ``now_ms``, or None and why there is none."""
        self._read()
        if self.current is None:
            return None, self._problem or "none is published"
        settings, symbol = self._services.settings, symbol_of(instrument)
        for venue in (venue_of(instrument), settings.venue_of(instrument).follows):
            series = self.current.series_of(target, venue, symbol) if venue else None
            if venue is None or series is None:
                continue
            found = self.current.known_at(target, venue, symbol, now_ms)
            if found is None:
                return None, f"{series.model} has none that is valid now"
            allowed = target in settings.live.allow_unproven
            if settings.mode is Mode.LIVE and not (found.proven or allowed):
                return None, f"{series.model} is {_unproven(found)}; refused in live"
            return found, ""
        return None, f"there is no {target} of {symbol}"

    def effect_on(self, signal: Signal) -> ForecastEffect:
        """Return what the settings make of the forecast of an entry's symbol."""
        use = self._use()
        atr = signal.levels.atr if signal.levels.atr is not None else math.nan
        if not use.is_on:
            return ForecastEffect(1.0, atr, atr)
        skipped = self._skipped(signal, use)
        if skipped or not use.reads_volatility:
            return ForecastEffect(1.0, atr, atr, refusal=skipped)
        found, missing = self.known(signal)
        volatility = found.value if found is not None else math.nan
        usual = (found.usual if found is not None else None) or math.nan
        numbers = list(use.numbers)
        atr_ms = Setup.of(get_strategy(signal.strategy), signal.params, MINUTE_MS).filter_ms
        share = size_of(numbers, volatility, usual)
        return ForecastEffect(
            share=share,
            atr=range_of(numbers, U_STOP, volatility, signal.price, atr_ms, atr),
            swing=range_of(numbers, U_LEVERAGE, volatility, signal.price, atr_ms, atr),
            refusal="" if may_enter(numbers, volatility) else _refusal(found, missing, numbers[4]),
            facts=_facts(found, missing, share),
            evidence=self._evidence_share(found) if use.stop or use.leverage else 1.0,
        )

    def _skipped(self, signal: Signal, use: ForecastUse) -> str:
        """Return why the chance that this entry wins forbids it; empty where it does not."""
        if not use.entries:
            return ""
        found, missing = self.known(signal, entry_target(signal.strategy))
        chance = found.value if found is not None else math.nan
        usual = (found.usual if found is not None else None) or math.nan
        if use.takes(chance, usual):
            return ""
        if found is None:
            return f"no forecast: {missing}"
        word = "" if found.proven else ", unproven"
        return (
            f"forecast {found.model} of {found.release_id}{word}: wins with a chance of"
            f" {chance:.1%}, below the usual {usual:.1%}; made {found.made_at:%Y-%m-%d %H:%M}"
        )

    def _use(self) -> ForecastUse:
        """The rule of the settings, made once for each of them."""
        settings = self._services.settings.forecasts
        if settings is not self._settings:
            self._settings, self._rule = settings, settings.use
        return self._rule

    def _evidence_share(self, found: KnownForecast | None) -> float:
        """Return the share of every limit for an entry whose levels rest on a forecast.

        Elsewhere than in live it is all of them. A forecast that only makes entries smaller, or
        skips them, needs no smaller size.
        """
        settings = self._services.settings
        if found is None or settings.mode is not Mode.LIVE:
            return 1.0
        e_value = found.evidence.e_value if found.evidence is not None else 1.0
        return share_of_limits(found.state, e_value, settings.live.probation)


def _unproven(found: KnownForecast) -> str:
    known = found.evidence
    return known.sentence if known is not None and known.state == "unproven" else "unproven"


def _refusal(found: KnownForecast | None, missing: str, least: float) -> str:
    if found is None:
        return f"no forecast: {missing}"
    return (
        f"forecast {found.model}: a mean move of {expected_move(found.value):.3%} in the next hour"
        f" is below {least:.3%}, what the costs ask for"
    )


def _facts(found: KnownForecast | None, missing: str, share: float) -> dict[str, Any]:
    if found is None:
        return {"missing": missing, "share": 1.0}
    facts = found.model_dump(mode="json")
    return {**facts, "share": share, "expected_move": expected_move(found.value)}
