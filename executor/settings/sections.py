"""The sections of the settings: frozen models with the bounds of every value."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from executor.model import InstrumentId, venue_of
from executor.runtime.alert_settings import AlertSettings
from executor.runtime.database_url import problem_of
from executor.venues.registry import get_venue
from trading.defaults import FEE_BPS, SLIPPAGE_BPS
from trading.errors import ParameterError, SettingsError
from trading.positions.forecasts import ForecastUse, WhenMissing

DEFAULT_VENUE = "binance_usdm"


class Mode(StrEnum):
    """Where orders go; only ``live`` asks for evidence."""

    REPLAY = "replay"
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VenueSettings(_Section):
    """One venue: base URLs without a path, the account's keys, and what is traded there.

    URLs that are not given are those of the live exchange.
    """

    rest_url: str = Field(default="", pattern=r"^(https?://[^/]+)?$")
    ws_url: str = Field(default="", pattern=r"^(wss?://[^/]+)?$")
    user_url: str = Field(default="", pattern=r"^(wss?://[^/]+)?$")
    """Host of the user stream, where it is not that of the market streams."""
    account_url: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    """Host of the key's permissions; known for the live exchange."""
    demo_url: str = Field(default="", pattern=r"^(https?://[^/]+)?$")
    """REST host of the test network on which `nocturne golive` makes its round trip."""
    keys: str = Field(default="BINANCE", pattern="^[A-Z][A-Z0-9_]{0,31}$")
    """The keys are NOCTURNE_<keys>_KEY and NOCTURNE_<keys>_SECRET."""
    recv_window_ms: int = Field(default=5_000, ge=100, le=5_000)
    """At most 5 s: it bounds how long a delayed order can still be executed."""
    request_timeout_ms: int = Field(default=10_000, ge=100, le=30_000)
    leverage: int = Field(default=5, ge=1, le=10)
    """Of margin accounts; elsewhere everything is paid for in full."""
    max_leverage: int = Field(default=10, ge=1, le=10)
    """Ceiling of a leverage that follows the volatility (a strategy's ``target_volatility``)."""
    quote_assets: tuple[str, ...] = ("USDT",)
    """Wallets that are traded from; instruments that are priced in another asset are left out."""
    follows: str | None = None
    """Another venue whose strategies of the release are traded here as well."""
    convert_dust: bool = False
    """Whether remainders too small to sell are turned into the venue's own asset."""

    def at(self, name: str) -> VenueSettings:
        """These settings with the URLs of the venue where none are given."""
        hosts = get_venue(name).hosts
        ws_url = self.ws_url or hosts.ws_url
        found = {
            "rest_url": self.rest_url or hosts.rest_url,
            "ws_url": ws_url,
            "user_url": self.user_url or hosts.user_urls.get(ws_url, ws_url),
            "demo_url": self.demo_url or hosts.demo_url,
        }
        return self.model_copy(update=found)


class PathSettings(_Section):
    """``published`` is written by the flows; ``state`` belongs to this executor alone."""

    published: Path
    state: Path


class LedgerSettings(_Section):
    """Where the ledger is: ``ledger.sqlite`` in the state folder, or a PostgreSQL database."""

    url: str | None = None
    """postgresql://USER@HOST:PORT/DATABASE; the password is not part of it."""
    keep_candles_days: int = Field(default=14, ge=1, le=400)
    """How long received candles are kept, from which `nocturne parity` decides again."""

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str | None) -> str | None:
        problem = problem_of(url) if url is not None else ""
        if problem:
            raise ValueError(problem)
        return url


class RiskSettings(_Section):
    """Limits checked before every entry; shares are parts of 1."""

    balance_share: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)
    """Notional of an entry as a share of the free balance."""
    max_position_share: Decimal = Field(default=Decimal("0.20"), gt=0, le=1)
    """No position above this share of the equity, whatever the release says."""
    max_margin_share: Decimal = Field(default=Decimal(1), gt=0, le=1)
    """Margin of an entry that is sized by its risk, as a share of the equity.

    The two shares above are for entries without a risk: they count notional."""
    taker_fee: Decimal = Field(default=Decimal("0.0005"), ge=0, le=Decimal("0.01"))
    """Fee of a market order, as a share of its notional: a part of an entry's risk."""
    min_trade_notional: Decimal = Field(default=Decimal(10), ge=0)
    max_order_notional: Decimal = Field(default=Decimal(100_000), gt=0, le=1_000_000)
    """A ceiling that no release and no balance can exceed by accident, in quote currency."""
    max_orders_per_minute: int = Field(default=60, ge=1, le=600)
    max_concurrent: int = Field(default=5, ge=1, le=50)
    daily_loss_limit: Decimal = Field(default=Decimal("0.06"), gt=0, le=1)
    day_begins: int = Field(default=0, ge=0, le=23)
    """Hour (UTC) at which a trading day begins."""
    close_at_daily_limit: bool = False
    """Whether the daily loss limit closes what is open; else it is kept."""
    max_exposure: Decimal = Field(default=Decimal(2), gt=0, le=20)
    """Notional of all positions of a wallet as a multiple of its equity.

    Positions that are sized by their risk count with their margin."""
    reserve_share: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """Part of a wallet that no entry may use as margin."""
    max_entries_per_day: int = Field(default=0, ge=0, le=1_000)
    """Entries of one instrument in a trading day; 0 is no limit."""
    losses_before_pause: int = Field(default=0, ge=0, le=100)
    """Losing positions in a row after which entries pause; 0 is never."""
    pause_minutes: int = Field(default=60, ge=1, le=10_080)
    stop_pause_minutes: int = Field(default=0, ge=0, le=10_080)
    """How long an instrument is not entered after a stop closed its position; 0 is not at all."""
    max_correlation: Decimal = Field(default=Decimal(1), ge=0, le=1)
    """Largest correlation over 30 days with an open position, in its direction; 1 is no limit."""
    shock_move: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """Median move of the followed instruments that pauses all entries; 0 is never."""
    shock_minutes: int = Field(default=15, ge=1, le=240)
    """Time within which such a move is a shock."""
    shock_pause_minutes: int = Field(default=60, ge=1, le=10_080)
    max_price_deviation: Decimal = Field(default=Decimal("0.01"), gt=0, le=Decimal("0.2"))
    """Distance between the decision's price and the last trade at which an entry is refused."""
    warmup_candles: int = Field(default=3, ge=0, le=1_000)
    """Closed candles of a symbol that must have been seen live before its first entry."""


class ProtectionSettings(_Section):
    """The promise: every position has a venue-confirmed stop within this time, or is flat."""

    confirm_within_s: float = Field(default=5.0, gt=0, le=30)
    second_line_after_s: float = Field(default=2.0, gt=0, le=30)
    """How long a crossed resting order may take to fill before the position is closed at market."""


class TimingSettings(_Section):
    """Wall-clock periods in seconds."""

    reconcile_s: float = Field(default=15.0, gt=0, le=300)
    release_poll_s: float = Field(default=2.0, gt=0, le=300)
    status_s: float = Field(default=5.0, gt=0, le=60)
    stale_s: float = Field(default=30.0, ge=1, le=60)
    user_keepalive_s: float = Field(default=1_200.0, gt=0, le=3_000)
    tick_s: float = Field(default=0.5, ge=0, le=10)


class MetricsSettings(_Section):
    """``port`` on 127.0.0.1 for Prometheus and health checks; without one nothing listens."""

    port: int | None = Field(default=None, ge=0, le=65_535)


class LiveSettings(_Section):
    """What evidence is asked of a strategy before it trades money; only mode ``live`` asks."""

    allow_unproven: tuple[str, ...] = ()
    """Strategies and models that are used although their gates refused them, at ``probation``."""
    probation: float = Field(default=0.25, gt=0, le=1)
    """Share of every limit for a strategy on probation; a proven one grows with its evidence."""
    first_week: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)
    """Share of every limit for the first days after `nocturne golive`."""
    first_week_days: int = Field(default=7, ge=0, le=90)
    """How many days that are."""


class StrategySettings(_Section):
    """Strategies that rest, and parameters that replace those of the release."""

    off: tuple[str, ...] = ()
    """They enter nothing; exits and protection of their positions go on."""
    set: dict[str, dict[str, bool | int | float | str]] = Field(default_factory=dict)
    """Parameters by strategy. In ``live`` an overridden strategy trades at ``live.probation``."""

    @model_validator(mode="after")
    def _known(self) -> StrategySettings:
        if self.off or self.set:
            # Imported on use: the registry loads every strategy.
            from trading.strategies.registry import get_strategy

            try:
                for name in self.off:
                    get_strategy(name)
                for name, params in self.set.items():
                    get_strategy(name).resolve(params)
            except ParameterError as error:
                raise ValueError(str(error)) from error
        return self


class ForecastSettings(_Section):
    """What the published forecasts change in an entry."""

    size: bool = False
    """Whether an entry is smaller by as much as the next hour is wilder than usual."""
    least_size: float = Field(default=0.25, ge=0.01, le=1)
    """The smallest share of its size that a forecast leaves an entry."""
    stop: bool = False
    """Whether the forecast range stands for the ATR behind stops and sizes by ATR."""
    leverage: bool = False
    """Whether it stands for the ATR behind a leverage that follows the volatility."""
    cost_filter: float = Field(default=0.0, ge=0, le=100)
    """Round trips that the mean move of the next hour must pay for; 0 switches the filter off."""
    round_trip_bps: float = Field(default=2.0 * (FEE_BPS + SLIPPAGE_BPS), ge=0, le=1_000)
    entries: bool = False
    """Whether an entry is skipped when its chance to win is forecast to be below the usual one."""
    when_missing: WhenMissing = "neutral"
    """Without a valid forecast: enter as without forecasts (``neutral``), or ``skip``."""

    @property
    def use(self) -> ForecastUse:
        """The rule that the simulations share."""
        return ForecastUse(**self.model_dump())


class ReplaySettings(_Section):
    """``clock_url`` of a sandbox whose market time waits for this executor at every step."""

    clock_url: str | None = Field(default=None, pattern=r"^http://[^/]+$")


class Settings(_Section):
    """All settings except the keys."""

    mode: Mode
    account: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    paths: PathSettings
    venues: dict[str, VenueSettings] = Field(
        default_factory=lambda: {DEFAULT_VENUE: VenueSettings()}, validate_default=True
    )
    risk: RiskSettings = RiskSettings()
    protection: ProtectionSettings = ProtectionSettings()
    timing: TimingSettings = TimingSettings()
    replay: ReplaySettings = ReplaySettings()
    live: LiveSettings = LiveSettings()
    forecasts: ForecastSettings = ForecastSettings()
    strategies: StrategySettings = StrategySettings()
    metrics: MetricsSettings = MetricsSettings()
    ledger: LedgerSettings = LedgerSettings()
    alerts: AlertSettings = AlertSettings()
    foreign: str = Field(default="halt", pattern="^(halt|ignore)$")
    """What a foreign position does to its symbol."""

    @model_validator(mode="before")
    @classmethod
    def _one_venue(cls, values: Any) -> Any:
        if (
            isinstance(values, dict)
            and isinstance(values.get("venue"), dict)
            and "venues" in values
        ):
            raise ValueError("give [venues.NAME] sections, or one [venue], not both")
        return named_venues(values) if isinstance(values, dict) else values

    @field_validator("venues")
    @classmethod
    def _known_venues(cls, venues: dict[str, VenueSettings]) -> dict[str, VenueSettings]:
        if not venues:
            raise ValueError("no venue is given; add a section [venues.NAME]")
        try:
            return {name: venue.at(name) for name, venue in venues.items()}
        except SettingsError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _modes_agree(self) -> Settings:
        if self.replay.clock_url is not None and self.mode is not Mode.REPLAY:
            raise ValueError(f"replay.clock_url is set but mode is '{self.mode}', not 'replay'")
        for name, venue in self.venues.items():
            if self.mode is Mode.LIVE and venue.rest_url.startswith("http://"):
                raise ValueError(f"mode 'live' needs an https rest_url for {name}")
            self._check_hosts(name, venue)
        return self

    def _check_hosts(self, name: str, venue: VenueSettings) -> None:
        """Only ``live`` may use the real exchange, and it must not mix two markets."""
        live, hosts = self.mode is Mode.LIVE, get_venue(name).hosts
        for setting in ("rest_url", "ws_url", "user_url"):
            url = str(getattr(venue, setting))
            where = f"venues.{name}.{setting} {url}"
            if urlsplit(url).hostname in hosts.real and not live:
                raise ValueError(
                    f"mode '{self.mode}' with {where}: orders would be real; give the"
                    " URLs of a test network or of a sandbox, or say mode = 'live'"
                )
            if live and hosts.test.search(url):
                raise ValueError(f"mode 'live' with the test network's {where}")

    @property
    def replay_url(self) -> str:
        """Where the sandbox of a replay is asked about the market's time."""
        return self.replay.clock_url or next(iter(self.venues.values())).rest_url

    def venue_of(self, symbol: InstrumentId) -> VenueSettings:
        """The settings of an instrument's venue."""
        return self.venues[venue_of(symbol)]


def named_venues(values: dict[str, Any]) -> dict[str, Any]:
    """Read the one section ``[venue]`` of settings from before there were several, by its name."""
    if not isinstance(values.get("venue"), dict) or "venues" in values:
        return values
    one = dict(values["venue"])
    name = one.pop("name", DEFAULT_VENUE)
    rest = {key: value for key, value in values.items() if key != "venue"}
    return {**rest, "venues": {name: one}}
