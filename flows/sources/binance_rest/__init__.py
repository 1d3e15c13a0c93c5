"""Binance over REST, by python-binance: recent candles, instruments, funding, positioning."""
