"""Upbit over REST, by ccxt: candles of KRW markets."""
