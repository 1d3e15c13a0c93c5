"""The limit on positions that are the same bet."""

from __future__ import annotations

from executor.risk.account_state import AccountState
from executor.settings import RiskSettings


def correlation_reasons(side: int, account: AccountState, limits: RiskSettings) -> list[str]:
    """Reasons against an entry in its correlation with each open position.

    A long and a short of instruments that move together move against each other. An unknown
    correlation counts as too high, as in the simulation of an account.
    """
    if limits.max_correlation >= 1:
        return []
    reasons = []
    for bet in account.open_bets:
        if bet.correlation is None:
            reasons.append(f"the correlation with {bet.symbol} is not known")
        elif side * bet.side * bet.correlation > float(limits.max_correlation):
            reasons.append(
                f"correlation {bet.correlation:.2f} with {bet.symbol},"
                f" at most {limits.max_correlation}"
            )
    return reasons
