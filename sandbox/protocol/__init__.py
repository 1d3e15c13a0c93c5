"""Binance's keys, signatures, parameters, rate limits and responses."""
