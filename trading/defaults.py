"""What a run costs where nothing is said: the same in the night, the commands and the notebook."""

FEE_BPS = 5.0
"""Fee of each fill, in basis points of the notional."""
SLIPPAGE_BPS = 1.0
"""Slippage of each market fill, in basis points of the price."""
CAPITAL = 10_000.0
"""Equity at the start, in quote currency."""
