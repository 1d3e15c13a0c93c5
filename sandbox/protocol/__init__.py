"""Keys, signatures, rate limits and responses, as Binance has them."""
