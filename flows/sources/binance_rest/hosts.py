"""Where Binance answers: its own hosts, the defaults of the settings."""

ARCHIVE_URL = "https://data.binance.vision/data"
FUTURES_URL = "https://fapi.binance.com"
SPOT_URL = "https://api.binance.com"
USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
"""The header that tells the weight which the last minute has used."""
