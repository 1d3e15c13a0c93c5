"""The checks of candles: rows, months, and the source's own longer candles."""
