"""The candle file that a user gives: see `lake.ingest.candle_files`."""

from lake.ingest.candle_files import read_candles

__all__ = ["read_candles"]
