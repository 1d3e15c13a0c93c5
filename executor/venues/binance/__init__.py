"""Binance USDⓈ-M futures: REST, streams, error codes."""
