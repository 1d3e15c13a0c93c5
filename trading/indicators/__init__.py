"""Incremental indicators: a few floats of state and one step per closed candle."""
