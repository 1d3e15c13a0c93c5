"""Which parameters to trade: search, validation, ranking."""
