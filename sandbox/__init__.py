"""A simulated exchange that speaks the Binance protocol over loopback.

Unmodified clients (ccxt, ccxt.pro) trade against it by nothing but a base URL. ``engine`` is pure
(no clock, no I/O); ``usdm`` is the USDⓈ-M dialect (REST and streams); the modules beside them carry
both: candles and their path, clocks, ledger, faults, server.
"""
