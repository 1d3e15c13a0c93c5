"""The TOML file of `nocturne account`: balance, costs, limits, symbols and strategies."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trading.defaults import FEE_BPS, SLIPPAGE_BPS
from trading.errors import DataError, SettingsError
from trading.simulation.account.simulation import (
    AccountLimits,
    ExchangeProfile,
    SymbolFilters,
    TradedStrategy,
)
from trading.simulation.results import Costs
from trading.strategies.parameters import Value

Share = Annotated[float, Field(ge=0.0)]


class _FileTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LimitsPart(_FileTable):
    """``[limits]``, as in `trading.simulation.account.inputs.AccountLimits`."""

    max_positions: Annotated[int, Field(ge=1)] = 10
    max_exposure: Annotated[float, Field(gt=0.0)] = 1.0
    daily_loss: Annotated[float, Field(gt=0.0, le=1.0)] = 0.06
    impact: Share = 0.0
    max_correlation: Annotated[float, Field(ge=-1.0, le=1.0)] = 1.0


class SymbolPart(_FileTable):
    """``[symbols.NAME]``: files relative to the TOML file, and the venue's filters."""

    candles: Path
    funding: Path | None = None
    step: Share = 0.0
    min_notional: Share = 0.0
    tick: Share = 0.0
    brackets: Path | None = None


class StrategyPart(_FileTable):
    """``[[seats]]``: a strategy (or a preset) on a symbol; the first has priority."""

    symbol: str
    strategy: str | None = None
    preset: str | None = None
    params: dict[str, float | int | str] = {}


class AccountFile(_FileTable):
    """The whole file; unknown names are refused."""

    balance: Annotated[float, Field(gt=0.0)]
    profile: Literal["research", "exchange"] = "research"
    leverage: Annotated[int, Field(ge=1, le=125)] = 5
    fee_bps: float = FEE_BPS
    maker_fee_bps: float | None = None
    slippage_bps: float | None = None
    limits: LimitsPart = LimitsPart()
    symbols: dict[str, SymbolPart]
    pairs: Annotated[tuple[StrategyPart, ...], Field(min_length=1, alias="seats")]

    @property
    def costs(self) -> Costs:
        """Costs of every fill."""
        usual = SLIPPAGE_BPS if self.profile == "research" else 0.0
        slippage = usual if self.slippage_bps is None else self.slippage_bps
        return Costs(self.fee_bps, slippage, self.maker_fee_bps)

    @property
    def exchange(self) -> ExchangeProfile | None:
        """The fill profile `exchange` with the account's ``leverage``, if the file names it."""
        return ExchangeProfile(self.leverage) if self.profile == "exchange" else None

    @property
    def account_limits(self) -> AccountLimits:
        """What the account allows."""
        return AccountLimits(**self.limits.model_dump())


def read_account_file(path: Path) -> AccountFile:
    """Read and check the file; `SettingsError` names the file, the place in it and the value."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"account file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"account file {path} is not TOML: {error}") from error
    try:
        account = AccountFile.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(f"account file {path}, {_sentence(error)}") from error
    for place, pair in enumerate(account.pairs, start=1):
        if pair.symbol not in account.symbols:
            raise SettingsError(
                f"account file {path}, [[seats]] {place}: {pair.symbol} is not among its symbols;"
                f" add [symbols.{pair.symbol}] with its candles"
            )
    return account


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{where}: this name is not known; see `nocturne account --help`"
    if first["type"] == "missing":
        return f"{where} is missing; add it"
    return f"{where} = {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"


def traded_by(account: AccountFile, path: Path, intervals: dict[str, str]) -> list[TradedStrategy]:
    """Return each strategy on its symbol; signals default to the interval of the file."""
    from cli.inputs.strategy_choice import find_preset, find_strategy

    traded = []
    for place, part in enumerate(account.pairs, start=1):
        where = f"account file {path}, [[seats]] {place}"
        preset = find_preset(part.preset) if part.preset is not None else None
        name = part.strategy or (preset.strategy if preset else None)
        if name is None:
            raise SettingsError(f'{where} names no strategy; add strategy = "breakout" or a preset')
        strategy = find_strategy(name)
        given = {**(preset.params if preset else {}), **part.params}
        params: dict[str, Value] = {
            key: strategy.parameter(key).parse(value, where) for key, value in given.items()
        }
        if "signal_tf" not in params and strategy.has("signal_tf"):
            params["signal_tf"] = intervals[part.symbol]
        traded.append(TradedStrategy(strategy, part.symbol, params))
    return traded


def read_funding(path: Path) -> dict[int, float]:
    """Read rates by time (ms, UTC) from a Parquet file with funding_time and funding_rate."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["funding_time", "funding_rate"])
        times = table["funding_time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_pylist()
        rates = table["funding_rate"].cast(pa.float64()).to_pylist()
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"funding file {path} cannot be used: {reason}; give Parquet with funding_time and"
            " funding_rate"
        ) from error
    return dict(zip(times, rates, strict=True))


def filters_of(account: AccountFile, path: Path) -> dict[str, SymbolFilters]:
    """Return the venue's filters by symbol; margin brackets come from separate files."""
    from cli.inputs.margin import read_brackets

    found = {}
    for name, part in account.symbols.items():
        filters = SymbolFilters(part.step, part.min_notional, tick=part.tick)
        if part.brackets is not None:
            filters = replace(filters, brackets=read_brackets(beside(path, part.brackets), name))
        found[name] = filters
    return found


def beside(path: Path, other: Path) -> Path:
    """Resolve ``other`` relative to the folder of the file ``path``."""
    return other if other.is_absolute() else path.parent / other


def document_of(account: AccountFile) -> dict[str, Any]:
    """Return what the result repeats from the file."""
    return account.model_dump(mode="json", exclude={"symbols", "pairs"})
