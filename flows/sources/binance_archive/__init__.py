"""The public archive of Binance: a ZIP for each month and day, with its SHA-256 beside it.

Layout, as published at https://github.com/binance/binance-public-data:
``<base>/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip``, ``spot/daily/klines/…``.
"""
