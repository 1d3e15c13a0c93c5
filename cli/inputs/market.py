"""Which market a run takes: a candle file, or a symbol of the lake, within two times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trading.errors import DataError, ParameterError, did_you_mean

if TYPE_CHECKING:
    from trading.candles import CandleColumns
    from trading.market.gaps import Gaps
    from trading.positions.forecasts import ForecastUse
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value

DEFAULT_VENUE = "binance_usdm"
# Upbit's markets are named QUOTE-BASE and stocks of KRX by six digits; no symbol of Binance is.
_SPARSE_SYMBOL = re.compile(r"(KRW|BTC|USDT)-[0-9A-Z]+([-_]\d+[smhdw])?|\d{6}([-_]\d+[smhdw])?")


@dataclass(frozen=True, slots=True)
class Market:
    """Candles to run on: those before ``start_ms`` (if given) only warm the indicators up.

    ``funding`` maps times (ms) to the rates that positions pay, which come from ``funding_source``.
    """

    columns: CandleColumns
    symbol: str
    label: str
    start_ms: int | None
    funding: Mapping[int, float]
    funding_source: str | None
    gaps_count: bool = True
    """Whether an absent minute is missing; a sparse venue has none without trades, or closes."""

    @property
    def traded(self) -> CandleColumns:
        """The candles that may be traded."""
        return self.columns.slice(self.start_ms)

    @property
    def gaps(self) -> Gaps | None:
        """What the candles that may be traded lack; None where nobody can know."""
        from trading.market.gaps import gaps_in

        return gaps_in(self.traded) if self.gaps_count else None


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """The options that name a market, as they were given."""

    candles: Path | None = None
    symbol: str | None = None
    venue: str = DEFAULT_VENUE
    lake: Path | None = None
    since: str | None = None
    until: str | None = None
    funding: Path | None = None
    forecasts: str | None = None
    """What forecasts of volatility change, as `parse_use` reads it."""

    @property
    def name(self) -> str:
        """The symbol, which is the name of a file without its ending."""
        if self.candles is not None:
            return self.candles.stem
        return self.symbol or ""

    def refuse_none(self) -> None:
        """Refuse a run without candles, before it says what it reads."""
        if self.candles is None and self.symbol is None:
            raise ParameterError(
                "no candles are given; add --candles FILE, or --symbol SYMBOL to take the lake's"
            )

    def file(self, what: str) -> Path:
        """Return the candle file of a run that takes nothing else; named ``what`` if refused."""
        if self.candles is None or self.since or self.until:
            raise ParameterError(f"{what} runs over a whole file; give --candles FILE alone")
        return self.candles

    def load(self, strategy: Strategy, settings: Mapping[str, Value]) -> Market:
        """Read the candles, with as many before ``--from`` as the strategy needs to warm up."""
        start, end = _moment("--from", self.since), _moment("--to", self.until)
        if start is not None and end is not None and start >= end:
            raise ParameterError(f"--from {self.since} is not before --to {self.until}")
        columns, label = self._whole()
        columns = self._forecast(strategy, settings, columns)
        first = None if start is None else start - _warm_up(strategy, settings, columns)
        columns = columns.slice(first, end)
        if len(columns.slice(start)) == 0:
            raise DataError(f"{label} has no candles from {self.since} to {self.until}")
        rates, source = self._funding()
        return Market(columns, self.name, label, start, rates, source, self._gaps_count())

    def _whole(self) -> tuple[CandleColumns, str]:
        if self.candles is not None:
            from cli.inputs.candle_files import read_candles

            return read_candles(self.candles), str(self.candles)
        self.refuse_none()
        return self._of_lake(self.symbol or "")

    def _of_lake(self, symbol: str) -> tuple[CandleColumns, str]:
        from cli.inputs.lake_choice import lake_root
        from flows.settings import load_settings
        from flows.steps.data.candles import load_traded_candles
        from lake.series import unchecked
        from lake.store import Lake
        from lake.tables import VENUES

        if self.venue not in VENUES:
            known = ", ".join(VENUES)
            meant = did_you_mean(self.venue, VENUES)
            raise ParameterError(f"the venue '{self.venue}' is not known{meant}; known are {known}")
        root, hours = lake_root(self.lake), load_settings().trading_hours
        columns = load_traded_candles(Lake(root), hours, self.venue, symbol)
        if len(columns) == 0:
            raise DataError(
                unchecked(Lake(root), self.venue, symbol)
                or f"lake {root} has no candles of {symbol} on {self.venue}; see `nocturne sql"
                ' "select distinct venue, symbol from candles"`, or `nocturne download`'
            )
        return columns, f"{symbol} of lake {root}"

    def _forecast(
        self, strategy: Strategy, settings: Mapping[str, Value], columns: CandleColumns
    ) -> CandleColumns:
        """Add the stored forecasts of the symbol, where anything reads them."""
        from trading.simulation.forecast_needs import needs_forecasts, refuse_without_forecasts

        rules = self.forecast_use.is_on
        if not rules and not needs_forecasts(strategy, [settings]):
            return columns
        if self.candles is None and self.symbol is not None:
            columns = self._with_stored(self.symbol, columns, strategy.name)
        elif rules:
            raise ParameterError(
                "--forecasts needs the forecasts of a lake, which a file has not; give --symbol"
                " SYMBOL instead of --candles, and run `nocturne flow train` first"
            )
        remedy = "take --symbol SYMBOL of a lake in which `nocturne flow train` has stored some"
        refuse_without_forecasts(strategy, [settings], columns, remedy)
        return columns

    def _with_stored(self, symbol: str, columns: CandleColumns, strategy: str) -> CandleColumns:
        """Add the forecasts of the lake; the rules of `--forecasts` need those that they read."""
        from cli.inputs.lake_choice import lake_root
        from lake.series import with_forecasts
        from lake.store import Lake
        from trading.model_targets import VOLATILITY, entry_target

        use, entries = self.forecast_use, entry_target(strategy)
        wanted = [VOLATILITY] if use.reads_volatility else []
        wanted += [entries] if use.entries else []
        root = lake_root(self.lake)
        found = with_forecasts(Lake(root), columns, self.venue, symbol, strategy=strategy)
        for target in wanted:
            if target not in (found.forecasts or {}):
                first = "`nocturne flow train`"
                if target == entries:
                    first = "`nocturne flow nightly` with entries = true in [training]"
                raise DataError(
                    f"lake {root} has no {target} forecasts of {symbol} on {self.venue}; run"
                    f" {first} first"
                )
        return found

    @property
    def given(self) -> list[str]:
        """The options that only a strategy on one symbol has."""
        return ["--forecasts"] if self.forecasts else []

    def refuse_forecasts(self, what: str) -> None:
        """Refuse `--forecasts` in a run that reads none."""
        if self.forecasts:
            raise ParameterError(
                f"--forecasts changes nothing in {what}; give --symbol SYMBOL, without --tick,"
                " --step, --min-notional and --impact"
            )

    @property
    def forecast_use(self) -> ForecastUse:
        """What forecasts of volatility change in an entry."""
        from cli.inputs.forecast_use import parse_use

        return parse_use(self.forecasts or "")

    def _gaps_count(self) -> bool:
        from lake.tables import SPARSE_VENUES

        if self.candles is not None and _SPARSE_SYMBOL.fullmatch(self.name):
            return False
        return self.venue not in SPARSE_VENUES

    def _funding(self) -> tuple[Mapping[int, float], str | None]:
        if self.funding is not None:
            from cli.backtesting.account_file import read_funding

            return read_funding(self.funding), str(self.funding)
        if self.candles is not None or self.symbol is None:
            return {}, None
        from cli.inputs.lake_choice import lake_root
        from lake.series import load_funding
        from lake.store import Lake

        rates = load_funding(Lake(lake_root(self.lake)), self.venue, self.symbol)
        return rates, "lake" if rates else None


def _moment(option: str, text: str | None) -> int | None:
    """Parse a UTC day or time as epoch ms."""
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(
            f"{option} '{text}' is no time; write 2025-05-10 or 2025-05-10T06:00Z"
        ) from error
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(found.timestamp() * 1000)


def _warm_up(strategy: Strategy, settings: Mapping[str, Value], columns: CandleColumns) -> int:
    """Return the length of history that the strategy needs before it decides, ms."""
    from trading.simulation.signal_interval import with_signal_interval
    from trading.strategies.setup import Setup

    params = with_signal_interval(strategy, settings, columns.interval_ms)
    needed = Setup.of(strategy, params, columns.interval_ms).history_needed()
    return max(length * candles for length, candles in needed.items())
