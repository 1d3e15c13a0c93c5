"""A simulated exchange that speaks the Binance protocol over loopback.

Unmodified clients (ccxt, ccxt.pro) trade against it; they only need its base URL. From the bottom
up: ``engines`` (pure: no clock, no I/O), ``market`` and ``protocol``, ``api``, ``faults`` and
``audit``, ``server``.
"""
