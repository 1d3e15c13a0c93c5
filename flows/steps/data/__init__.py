"""Raw candles in, checked candles out."""
