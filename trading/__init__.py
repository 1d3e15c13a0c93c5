"""The domain: candles, indicators, strategies, positions, simulation. Pure: no I/O, no clock."""
