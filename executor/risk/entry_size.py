"""The size of an entry: what its risk allows, within every limit, and which limit decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from executor.settings import RiskSettings
from trading.positions.sizing import most_quantity, unit_loss


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """What an entry's size follows from; shares are of the equity.

    ``max_position_size`` limits the notional, or with a ``risk`` the margin: the entry then loses
    ``risk`` at ``stop`` or, with a ``risk_distance``, where the price has moved that far. With
    ``planned`` additions (in units of the entry, itself included) the whole plan keeps within both.
    """

    price: float
    stop: float | None
    max_position_size: float
    risk: float = 0.0
    risk_distance: float = 0.0
    planned: float = 1.0
    share_limit: str = "max_position_size"
    """Name of the limit behind ``max_position_size``."""
    size_share: float = 1.0
    """Share of the size that the evidence behind the strategy allows."""


@dataclass(frozen=True, slots=True)
class Funds:
    """The account's money (quote currency) and the leverage of the entry.

    ``exposure`` is what the open positions count against ``max_exposure``.
    """

    available: Decimal
    equity: Decimal
    leverage: int
    wallet: Decimal = Decimal(0)
    exposure: Decimal = Decimal(0)

    def unreserved(self, limits: RiskSettings) -> Decimal:
        """Return what may become margin: the free balance without the reserve."""
        return self.available - limits.reserve_share * self.wallet

    def unexposed(self, limits: RiskSettings) -> Decimal:
        """Return what the exposure may grow by."""
        return limits.max_exposure * self.equity - self.exposure


@dataclass(frozen=True, slots=True)
class EntrySize:
    """Units to trade, before they are cut to whole steps, and the limit that decided.

    ``wanted`` is the share of the equity at risk, None for an entry that is not sized by risk;
    ``bound_by`` is empty where the risk decided.
    """

    quantity: Decimal
    wanted: float | None
    bound_by: str


def size_entry(request: SizeRequest, funds: Funds, limits: RiskSettings) -> EntrySize:
    """Size an entry: by its risk if it has one, else by its share of the account."""
    return (
        _by_risk(request, funds, limits) if request.risk > 0 else _by_share(request, funds, limits)
    )


def loss_share(quantity: Decimal, request: SizeRequest, funds: Funds, fee: Decimal) -> float:
    """Return the share of the equity that ``quantity`` loses at the stop, both fees included."""
    if request.stop is None or not funds.equity > 0:
        return 0.0
    return (
        float(quantity) * unit_loss(request.price, request.stop, float(fee)) / float(funds.equity)
    )


def _by_share(request: SizeRequest, funds: Funds, limits: RiskSettings) -> EntrySize:
    notionals = {
        "balance_share": funds.available * limits.balance_share,
        request.share_limit: funds.equity * Decimal(str(request.max_position_size)),
        "max_position_share": (
            funds.equity * (limits.max_position_share / Decimal(str(request.planned)))
        ),
        "leverage": funds.available * funds.leverage,
        "reserve_share": funds.unreserved(limits) * funds.leverage,
        "max_exposure": funds.unexposed(limits),
        "max_order_notional": limits.max_order_notional,
    }
    bound_by = min(notionals, key=lambda name: notionals[name])
    notional = Decimal(str(request.size_share)) * notionals[bound_by]
    return EntrySize(notional / Decimal(str(request.price)), None, bound_by)


def _by_risk(request: SizeRequest, funds: Funds, limits: RiskSettings) -> EntrySize:
    price, fee, planned = request.price, float(limits.taker_fee), request.planned
    equity, leverage = float(funds.equity), float(funds.leverage)
    loss = unit_loss(price, request.stop, fee) if request.stop is not None else 0.0
    at_risk = request.risk_distance or loss

    def most(share: float, money: float = equity) -> float:
        return most_quantity(money, price, share, leverage, fee) / planned

    units = {
        "leverage": min(most(1.0), most(1.0, float(funds.available))),
        "reserve_share": most(1.0, float(funds.unreserved(limits))),
        "max_exposure": float(funds.unexposed(limits)) * leverage / price,
        "max_margin_share": most(float(limits.max_margin_share)),
        request.share_limit: most(request.max_position_size),
        "max_order_notional": float(limits.max_order_notional) / price,
    }
    wanted = equity * request.risk / at_risk / planned if at_risk > 0.0 else math.inf
    bound_by = min(units, key=lambda name: units[name])
    if wanted <= units[bound_by]:
        return EntrySize(Decimal(str(wanted * request.size_share)), request.risk, "")
    return EntrySize(Decimal(str(units[bound_by] * request.size_share)), request.risk, bound_by)
