"""The domain: candles, indicators, strategies, position lifecycle, simulation. Pure: no I/O, no clock."""
