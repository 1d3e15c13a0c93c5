"""The size of an entry: its risk is really taken, and the limit that bound it is named."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.risk.entry_size import Funds, SizeRequest, loss_share, size_entry
from executor.settings import RiskSettings

FUNDS = Funds(Decimal(10_000), Decimal(10_000), 5)
LIMITS = RiskSettings()
FEE = LIMITS.taker_fee
REQUEST = SizeRequest(50_000.0, 49_500.0, 1.0, risk=0.02)


@given(
    distance=st.floats(0.004, 0.2),
    side=st.sampled_from([1, -1]),
    risk=st.floats(0.001, 0.018),
)
def test_the_loss_at_the_stop_is_the_risk_costs_included(
    distance: float, side: int, risk: float
) -> None:
    request = SizeRequest(50_000.0, 50_000.0 * (1 - side * distance), 1.0, risk=risk)
    size = size_entry(request, FUNDS, LIMITS)
    assert size.bound_by == ""
    assert loss_share(size.quantity, request, FUNDS, FEE) == pytest.approx(risk, rel=1e-9)


def test_shares_of_the_balance_do_not_bind_an_entry_sized_by_risk() -> None:
    assert (LIMITS.balance_share, LIMITS.max_position_share) == (Decimal("0.10"), Decimal("0.20"))
    size = size_entry(REQUEST, FUNDS, LIMITS)
    assert (size.wanted, size.bound_by) == (0.02, "")
    assert float(size.quantity) * 50_000 > 10_000  # more than the equity as notional


@pytest.mark.parametrize(
    ("request_", "limits", "funds", "bound_by", "notional"),
    [
        (replace(REQUEST, stop=49_900.0), {}, FUNDS, "leverage", 50_000),
        (REQUEST, {"max_margin_share": Decimal("0.1")}, FUNDS, "max_margin_share", 5_000),
        (replace(REQUEST, max_position_size=0.2), {}, FUNDS, "max_position_size", 10_000),
        (
            replace(REQUEST, max_position_size=0.1, share_limit="ensemble"),
            {},
            FUNDS,
            "ensemble",
            5_000,
        ),
        (REQUEST, {"max_order_notional": Decimal(2_000)}, FUNDS, "max_order_notional", 2_000),
        (REQUEST, {}, replace(FUNDS, available=Decimal(1_000)), "leverage", 5_000),
        (
            REQUEST,
            {"reserve_share": Decimal("0.9")},
            replace(FUNDS, wallet=Decimal(10_000)),
            "reserve_share",
            5_000,
        ),
        (REQUEST, {}, replace(FUNDS, exposure=Decimal(19_000)), "max_exposure", 5_000),
    ],
)
def test_the_limit_that_bound_is_named(
    request_: SizeRequest, limits: dict[str, object], funds: Funds, bound_by: str, notional: float
) -> None:
    size = size_entry(request_, funds, LIMITS.model_copy(update=limits))
    assert size.bound_by == bound_by
    assert float(size.quantity) * 50_000 == pytest.approx(notional, rel=0.003)
    assert loss_share(size.quantity, request_, funds, FEE) < 0.02


def test_margin_and_fee_together_never_exceed_the_free_balance() -> None:
    size = size_entry(replace(REQUEST, stop=49_990.0), FUNDS, LIMITS)
    notional = size.quantity * 50_000
    assert notional / 5 + notional * FEE <= FUNDS.available * Decimal("1.0000001")


def test_a_risk_distance_replaces_the_stop() -> None:
    size = size_entry(replace(REQUEST, risk=0.01, risk_distance=2_000.0), FUNDS, LIMITS)
    assert float(size.quantity) == pytest.approx(100 / 2_000)


def test_the_whole_plan_keeps_within_the_risk() -> None:
    alone, planned = (size_entry(replace(REQUEST, planned=p), FUNDS, LIMITS) for p in (1.0, 4.0))
    assert planned.quantity * 4 == pytest.approx(alone.quantity)


def test_an_entry_by_share_names_the_share_that_decided() -> None:
    size = size_entry(SizeRequest(50_000.0, 49_500.0, 0.2), FUNDS, LIMITS)
    assert (size.wanted, size.bound_by, size.quantity) == (None, "balance_share", Decimal("0.02"))
