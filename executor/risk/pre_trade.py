"""Pre-trade checks: pure functions before every entry and addition, with each refusal's reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from executor.model import Instrument, InstrumentId
from executor.risk.account_state import AccountState
from executor.risk.correlation import correlation_reasons
from executor.risk.entry_size import Funds, SizeRequest, loss_share, size_entry
from executor.risk.recent_limits import failure_reasons, recent_reasons
from executor.settings import RiskSettings
from trading.positions.sizing import TOLERANCE

MAX_SIGNAL_AGE_S = 10.0
LIQUIDATION_SHARE = 0.9
"""Isolated margin is gone at about 1 / leverage; a stop needs a distance from there."""


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """A signal to enter, with the levels that the position would get."""

    symbol: InstrumentId
    strategy: str
    side: int
    price: float
    """Close of the candle that decided."""
    last_price: float
    max_position_size: float
    """Share of the equity, from the release: notional, or margin of an entry sized by risk."""
    stop_price: float | None
    """The stop that would rest at the exchange: the nearest of all."""
    emergency_price: float | None = None
    target_price: float | None = None
    """The level that would close it in profit."""
    risk: float = 0.0
    """Share of the equity lost at the stop, costs included; 0 sizes by ``max_position_size``."""
    risk_distance: float | None = 0.0
    """Move of the price that counts as the risk instead of the stop; 0 for none, None unknown."""
    share_limit: str = "max_position_size"
    """Name of the limit behind ``max_position_size``."""
    planned: float = 1.0
    """Notional after every planned addition, in units of the entry's."""
    size_share: float = 1.0
    """Share of every limit of size that the evidence behind the strategy allows."""
    forecast_share: float = 1.0
    """Share of its size that the forecast of the volatility leaves the entry."""
    age_s: float = 0.0
    """Time since the decision; a suspended process resumes with old signals."""


@dataclass(frozen=True, slots=True)
class EntryRisk:
    """Shares of the equity that an entry is to lose at its stop, and would lose, costs included.

    ``risk_wanted`` is None for an entry that is not sized by risk. ``bound_by`` names the limit
    that decided the size; it is empty where the risk did, within 5 % of itself. ``forecast`` has
    the facts of the forecast that the entry used, ``without_forecast`` the quantity without it.
    ``allocation`` has the weight, factor and regime behind the member's share of the account.
    """

    risk_wanted: float | None
    risk_taken: float
    bound_by: str
    forecast: Mapping[str, Any] | None = None
    without_forecast: str | None = None
    allocation: Mapping[str, Any] | None = None

    def as_facts(self) -> dict[str, Any]:
        """The values by name, as the intent's event has them."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class RiskVerdict:
    """Allowed with a quantity, or refused with every reason."""

    quantity: Decimal
    reasons: tuple[str, ...]
    risk: EntryRisk | None = None
    failures: tuple[str, ...] = ()
    """Those of the reasons that are failures which came too often today."""

    @property
    def allowed(self) -> bool:
        """Whether the order may be sent."""
        return not self.reasons


def check_entry(
    request: EntryRequest, account: AccountState, limits: RiskSettings, instrument: Instrument
) -> RiskVerdict:
    """Size an entry and check every limit; the verdict names all violated ones."""
    reasons = [
        *_gates(request, account, limits, instrument),
        *_limits(request, account, limits),
    ]
    wanted = SizeRequest(
        request.last_price,
        request.stop_price,
        request.max_position_size,
        request.risk,
        request.risk_distance or 0.0,
        request.planned,
        request.share_limit,
        request.size_share * request.forecast_share,
    )
    funds = Funds(
        account.available, account.equity, account.leverage, account.wallet, account.exposure
    )
    sized = size_entry(wanted, funds, limits)
    quantity, problem = _whole_steps(sized.quantity, request, limits, instrument)
    if problem:
        reasons.append(problem)
    if reasons:
        return RiskVerdict(Decimal(0), tuple(reasons), None, tuple(failure_reasons(account)))
    taken = loss_share(quantity, wanted, funds, limits.taker_fee)
    bound_by = sized.bound_by if request.size_share >= 1.0 else "evidence"
    bound_by = bound_by if request.forecast_share >= 1.0 else "forecast"
    if not bound_by and float(quantity) < float(sized.quantity) * (1.0 - TOLERANCE):
        bound_by = "step"
    return RiskVerdict(quantity, (), EntryRisk(sized.wanted, taken, bound_by))


def _gates(
    request: EntryRequest, account: AccountState, limits: RiskSettings, instrument: Instrument
) -> list[str]:
    reasons = []
    if account.owner is not None:
        reasons.append(f"held by {account.owner}")
    if account.halted is not None:
        reasons.append(f"symbol halted: {account.halted}")
    if not account.entries_on:
        reasons.append("entries are off")
    if not account.release_valid:
        reasons.append("release expired: reduce only")
    if not account.stream_fresh:
        reasons.append("market stream is stale")
    if account.candles_seen < limits.warmup_candles:
        reasons.append(
            f"warming up: {account.candles_seen} of {limits.warmup_candles} closed candles seen"
        )
    if not account.durable:
        reasons.append("the ledger cannot be written")
    if request.age_s > MAX_SIGNAL_AGE_S:
        reasons.append(f"the signal is {request.age_s:.0f} s old")
    if not instrument.trading:
        reasons.append(f"{request.symbol} is not trading at the exchange")
    return [*reasons, *_stops(request, account)]


def _stops(request: EntryRequest, account: AccountState) -> list[str]:
    reasons = []
    if request.stop_price is None or request.stop_price <= 0:
        reasons.append("no stop: the parameters give no protective price")
    elif abs(request.stop_price / request.price - 1) >= LIQUIDATION_SHARE / account.leverage:
        reasons.append(f"the stop lies beyond the liquidation at leverage {account.leverage}")
    reasons += _beyond(request)
    if request.risk_distance is None:
        reasons.append("the size follows the volatility, and that is not known")
    if account.live and request.emergency_price is None:
        reasons.append("no emergency stop (filters are off): refused in live")
    return reasons


def _beyond(request: EntryRequest) -> list[str]:
    """Reasons against an entry whose stop or target the market has already passed."""
    reasons = []
    market = request.side * request.last_price
    stop, target = request.stop_price, request.target_price
    if stop is not None and stop > 0 and market <= request.side * stop:
        reasons.append(f"the market at {request.last_price:.8g} is beyond the stop {stop:.8g}")
    if target is not None and market >= request.side * target:
        reasons.append(f"the market at {request.last_price:.8g} is beyond the target {target:.8g}")
    return reasons


def _limits(request: EntryRequest, account: AccountState, limits: RiskSettings) -> list[str]:
    reasons = []
    if account.open_positions >= limits.max_concurrent:
        reasons.append(f"{account.open_positions} positions open, at most {limits.max_concurrent}")
    reasons += _loss_and_rate(account, limits)
    reasons += recent_reasons(account, limits)
    reasons += correlation_reasons(request.side, account, limits)
    moved = abs(Decimal(str(request.last_price)) / Decimal(str(request.price)) - 1)
    if moved > limits.max_price_deviation:
        reasons.append(f"price moved {moved:.2%} since the decision")
    return reasons


def _loss_and_rate(account: AccountState, limits: RiskSettings) -> list[str]:
    reasons = []
    loss = daily_loss(account.day_equity, account.day_baseline)
    if loss >= limits.daily_loss_limit:
        reasons.append(f"daily loss {loss:.2%} reached the limit {limits.daily_loss_limit:.2%}")
    elif account.day_limit_reached:
        reasons.append(f"the daily loss limit {limits.daily_loss_limit:.2%} was reached today")
    if account.orders_last_minute >= limits.max_orders_per_minute:
        reasons.append(f"{account.orders_last_minute} orders in the last minute")
    return reasons


def daily_loss(equity: Decimal, baseline: Decimal) -> Decimal:
    """Loss since the start of the day as a share of the baseline, 0 for a gain."""
    if baseline <= 0:
        return Decimal(0)
    return max(Decimal(0), (baseline - equity) / baseline)


def _whole_steps(
    wanted: Decimal, request: EntryRequest, limits: RiskSettings, instrument: Instrument
) -> tuple[Decimal, str]:
    """The quantity in whole steps, and why it is too small."""
    price = Decimal(str(request.last_price))
    quantity = instrument.floor_quantity(wanted) if wanted > 0 else Decimal(0)
    least = max(instrument.min_notional, limits.min_trade_notional)
    if quantity < instrument.min_quantity or quantity * price < least:
        return Decimal(0), f"size {quantity * price:.2f} is below the minimum {least:.2f}"
    return quantity, ""


@dataclass(frozen=True, slots=True)
class AdditionRequest:
    """An addition that the price calls for; amounts in quote currency."""

    symbol: InstrumentId
    price: float
    quantity: Decimal
    open_notional: Decimal
    """Notional of the open position."""
    by_risk: bool = False
    """Whether the position was sized by its risk: then its margin counts, not its notional."""


def check_addition(
    request: AdditionRequest, account: AccountState, limits: RiskSettings, instrument: Instrument
) -> RiskVerdict:
    """Check an addition against the limits of an entry, except owner and count."""
    notional = request.quantity * Decimal(str(request.price))
    reasons = []
    if account.halted is not None:
        reasons.append(f"symbol halted: {account.halted}")
    if not account.entries_on:
        reasons.append("entries are off")
    if not account.release_valid:
        reasons.append("release expired: reduce only")
    if not account.stream_fresh:
        reasons.append("market stream is stale")
    if not account.durable:
        reasons.append("the ledger cannot be written")
    if not instrument.trading:
        reasons.append(f"{request.symbol} is not trading at the exchange")
    reasons += _loss_and_rate(account, limits)
    reasons += recent_reasons(account, limits)
    reasons += _addition_size(request, notional, account, limits, instrument)
    return RiskVerdict(request.quantity if not reasons else Decimal(0), tuple(reasons))


def _addition_size(
    request: AdditionRequest,
    notional: Decimal,
    account: AccountState,
    limits: RiskSettings,
    instrument: Instrument,
) -> list[str]:
    """Reasons against the size of an addition, beside the position and in the account."""
    reasons = []
    used, most = request.open_notional + notional, limits.max_position_share
    if request.by_risk:
        used, most = used / account.leverage, limits.max_margin_share
    share = used / account.equity if account.equity > 0 else Decimal(1)
    if share > most:
        reasons.append(f"position of {share:.2%}, at most {most:.2%}")
    if notional > limits.max_order_notional:
        reasons.append(f"notional {notional:.2f}, at most {limits.max_order_notional:.2f}")
    exposure = account.exposure + (notional / account.leverage if request.by_risk else notional)
    most_exposed = limits.max_exposure * account.equity
    if account.exposure < most_exposed < exposure:
        reasons.append(f"exposure of {exposure:.2f}, at most {most_exposed:.2f}")
    free = account.available - limits.reserve_share * account.wallet
    if notional > free * account.leverage:
        reasons.append(f"margin for {notional:.2f} is not free")
    if request.quantity < instrument.min_quantity or notional < instrument.min_notional:
        least = instrument.min_notional
        reasons.append(f"size {notional:.2f} is below the minimum {least:.2f}")
    return reasons
