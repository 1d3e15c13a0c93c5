"""Money paid into a spot wallet or out of it: three lists of the host of the key's permissions.

Deposits are listed by the time at which the network brought them, up to a day before they are
credited. Withdrawals are debited with their fee when they are applied for; one that is cancelled,
rejected or failed within a month is a second transfer, back into the wallet. Transfers between the
account's own wallets are listed by kind, one request each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from executor.model import Transfer, Wallet
from executor.venues.binance.values import decimal_of
from executor.venues.binance_spot.parse import VENUE
from trading.candles import DAY_MS

Call = Callable[..., Awaitable[Any]]

OTHER_WALLETS = ("UMFUTURE", "CMFUTURE", "MARGIN", "FUNDING")
CREDITED = frozenset({1, 6})
"""States of a deposit that is in the wallet (6: it cannot be withdrawn yet)."""
GIVEN_BACK = frozenset({1, 3, 5})
"""States of a withdrawal that was cancelled, rejected or failed."""
HELD_MS = 30 * DAY_MS
"""A withdrawal may be looked at for weeks before it is given back."""
SPOT_WALLET = 0
PAGE = 100


async def transfers_of(call: Call, start_ms: int) -> list[Transfer]:
    """All transfers since ``start_ms``, with deposits that were credited since then.

    Withdrawals of a day before are among them, and of a month those that were given back.
    """
    kinds = [f"MAIN_{other}" for other in OTHER_WALLETS]
    kinds += [f"{other}_MAIN" for other in OTHER_WALLETS]
    paid_in, paid_out, *moved = await asyncio.gather(
        call("sapiGetCapitalDepositHisrec", startTime=start_ms - DAY_MS),
        call("sapiGetCapitalWithdrawHistory", startTime=start_ms - HELD_MS),
        *(call("sapiGetAssetTransfer", type=k, startTime=start_ms, size=PAGE) for k in kinds),
    )
    found = [deposit(row) for row in paid_in if int(row["status"]) in CREDITED and _is_spot(row)]
    for row in filter(_is_spot, paid_out):
        left = withdrawal(row)
        if left.time >= start_ms - DAY_MS:
            found.append(left)
        if int(row["status"]) in GIVEN_BACK:
            found.append(given_back(row))
    rows = (row for answer in moved for row in answer.get("rows") or ())
    return found + [between_wallets(row) for row in rows if row["status"] == "CONFIRMED"]


def _is_spot(row: Mapping[str, Any]) -> bool:
    return int(row.get("walletType") or SPOT_WALLET) == SPOT_WALLET


def deposit(row: Mapping[str, Any]) -> Transfer:
    """A row of the deposits."""
    wallet = Wallet(VENUE, str(row["coin"]))
    amount = decimal_of(row["amount"])
    return Transfer(wallet, amount, int(row["insertTime"]), f"in {row['id']}", late_ms=DAY_MS)


def withdrawal(row: Mapping[str, Any]) -> Transfer:
    """A row of the withdrawals; its time is UTC, though it has no zone."""
    amount = decimal_of(row["amount"]) + decimal_of(row.get("transactionFee"))
    wallet = Wallet(VENUE, str(row["coin"]))
    return Transfer(wallet, -amount, _ms(row["applyTime"]), f"out {row['id']}")


def given_back(row: Mapping[str, Any]) -> Transfer:
    """The other half of a withdrawal that did not leave; not every row says when it came back."""
    left, ended = withdrawal(row), row.get("completeTime")
    came_back, late_ms = (_ms(ended), DAY_MS) if ended else (left.time, HELD_MS)
    return Transfer(left.wallet, -left.amount, came_back, f"back {row['id']}", late_ms=late_ms)


def _ms(text: object) -> int:
    return int(datetime.fromisoformat(str(text)).replace(tzinfo=UTC).timestamp() * 1000)


def between_wallets(row: Mapping[str, Any]) -> Transfer:
    """A row of the transfers between the account's wallets; ``MAIN_…`` leaves the spot wallet."""
    amount = decimal_of(row["amount"])
    leaves = str(row["type"]).startswith("MAIN_")
    wallet = Wallet(VENUE, str(row["asset"]))
    return Transfer(
        wallet, -amount if leaves else amount, int(row["timestamp"]), f"moved {row['tranId']}"
    )
