"""Settings of a sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trading.candles import MINUTE_MS
from trading.errors import SettingsError

CHOICES = {
    "venue": ("usdm", "spot", "both", "upbit", "kis"),
    "clock": ("real", "accelerated", "lockstep", "stepped"),
    "fills": ("whole", "volume"),
    "gaps": ("still", "breaks"),
    "mark": ("last", "smoothed", "recorded"),
    "redate": ("", "now"),
}
MAX_PORT = 65_535
# Venues whose accounts hold won.
KRW_VENUES = ("upbit", "kis")
DEPOSITS = {"USDT": Decimal(10_000)}
KRW_DEPOSITS = {"KRW": Decimal(10_000_000)}


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Settings of a run; ``begin`` and ``end`` in ms UTC (None: as far as the candles reach)."""

    candles: Path = Path()
    venue: str = "usdm"
    begin: int | None = None
    end: int | None = None
    clock: str = "real"
    speed: float = 1.0
    seed: int = 1
    port: int = 0
    host: str = "127.0.0.1"
    key: str = "sandbox"
    secret: str = "sandbox"
    balances: Mapping[str, Decimal] = field(default_factory=lambda: dict(DEPOSITS))
    ledger: Path | None = None
    symbols: tuple[str, ...] = ()
    instruments: Path | None = None
    funding: Path | None = None
    weight_limit: int | None = None
    accounts: Path | None = None
    fills: str = "whole"
    gaps: str = "still"
    faults: Path | None = None
    state: Path | None = None
    state_every: float = 0.0
    strict: bool = True
    retired: bool = False
    count_orders: bool = True
    mark: str = "last"
    marks: Path | None = None
    indexes: Path | None = None
    trades: Path | None = None
    quotes: Path | None = None
    redate: str = ""
    live: bool = False
    upstream: str = ""
    stale_after: float = 10.0

    def __post_init__(self) -> None:
        for option, choices in CHOICES.items():
            value = getattr(self, option)
            if value not in choices:
                known = ", ".join(choice for choice in choices if choice)
                raise SettingsError(f"--{option} {value}: choose one of {known}")
        self._check_live()
        self._check_gaps()
        if not 0 <= self.port <= MAX_PORT:
            raise SettingsError(
                f"--port {self.port}: give a port from 0 (a free one) to {MAX_PORT}"
            )
        if self.weight_limit is not None and self.weight_limit < 1:
            raise SettingsError(f"--weight-limit {self.weight_limit}: must be 1 or more")
        for option in ("funding", "marks", "indexes", "trades", "quotes"):
            folder = getattr(self, option)
            if folder is not None and not folder.is_dir():
                raise SettingsError(
                    f"--{option} {folder}: no such folder; give a folder of SYMBOL.parquet files"
                )
        if self.ledger is not None and self.ledger.is_dir():
            raise SettingsError(
                f"--ledger {self.ledger}: is a folder; give the name of a file in it"
            )
        if self.marks is not None and self.mark != "recorded":
            raise SettingsError("--marks needs --mark recorded; add it")
        if self.venue == "usdm" and set(self.balances) - {"USDT"}:
            other = sorted(set(self.balances) - {"USDT"})[0]
            raise SettingsError(f"--balance {other}: USDⓈ-M margin is in USDT")
        if self.speed <= 0:
            raise SettingsError(f"--speed {self.speed:g}: must be above 0")
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            raise SettingsError(
                f"--from {iso(self.begin)} is not before --to {iso(self.end)}; nothing to replay"
            )

    def _check_gaps(self) -> None:
        """Check that a missing candle can be a break of the market."""
        if self.gaps == "still":
            return
        if self.live:
            raise SettingsError("--gaps breaks needs a recording; leave it or --live out")
        if self.venue in KRW_VENUES:
            raise SettingsError(
                f"--gaps breaks: a minute without trades has no candle on {self.venue}; "
                "leave the option out"
            )

    def _check_live(self) -> None:
        """Check what a followed market needs and excludes."""
        if not self.live:
            if self.candles == Path():
                raise SettingsError("--candles DIR: give a folder of candles to replay, or --live")
            if self.upstream:
                raise SettingsError(f"--upstream {self.upstream}: needs --live; add it")
            return
        if self.candles != Path():
            raise SettingsError("--live follows a market; leave --candles out")
        if not self.symbols:
            raise SettingsError("--live needs --symbols, such as BTCUSDT,ETHUSDT")
        if self.clock != "real" or self.redate or self.begin or self.end:
            raise SettingsError("--live has the clock of its market; leave --clock and dates out")
        if self.venue in KRW_VENUES:
            raise SettingsError(f"--live follows Binance; leave --venue {self.venue} out")
        if self.upstream and not self.upstream.startswith(("http://", "https://")):
            raise SettingsError(f"--upstream {self.upstream}: give an http or https URL")
        if self.stale_after <= 0:
            raise SettingsError(f"--stale-after {self.stale_after:g}: must be above 0")


def read_options(options: Mapping[str, Any]) -> SandboxSettings:
    """Build settings from the options of the command line."""
    values = dict(options)
    for name, option in (("begin", "--from"), ("end", "--to")):
        values[name] = parse_time(values[name], option) if values[name] else None
    usual = KRW_DEPOSITS if values["venue"] in KRW_VENUES else DEPOSITS
    values["balances"] = parse_balances(values.pop("balance")) or dict(usual)
    values["symbols"] = tuple(name for name in values["symbols"].split(",") if name)
    return SandboxSettings(**values)


def parse_time(text: str, option: str) -> int:
    """Parse an ISO date or time, a whole minute, as ms UTC (UTC unless it names a zone)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r}: not an ISO time, such as 2025-06-20T00:00:00Z"
        ) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    time = int(moment.timestamp() * 1000)
    if time % MINUTE_MS:
        raise SettingsError(f"{option} {text!r}: must be a whole minute")
    return time


def parse_balances(texts: list[str]) -> dict[str, Decimal]:
    """Parse balances such as ``USDT=10000``."""
    balances: dict[str, Decimal] = {}
    for text in texts:
        asset, _, amount = text.partition("=")
        try:
            value = Decimal(amount)
        except InvalidOperation as error:
            raise SettingsError(f"--balance {text!r}: write ASSET=AMOUNT") from error
        if not value.is_finite() or value < 0:
            raise SettingsError(f"--balance {text!r}: the amount must be 0 or more")
        balances[asset] = value
    return balances


def iso(time: int) -> str:
    """Format ``time`` (ms UTC) as ISO text."""
    return datetime.fromtimestamp(time / 1000, UTC).isoformat().replace("+00:00", "Z")
