"""A simulated exchange that speaks the Binance protocol over loopback.

Unmodified clients (ccxt, ccxt.pro) trade against it by nothing but a base URL. ``engine`` is pure
(no clock, no I/O), ``usdm`` is the USDⓈ-M dialect (REST and streams), the rest carries them: candles
and their path, clocks, ledger, faults, server.
"""
