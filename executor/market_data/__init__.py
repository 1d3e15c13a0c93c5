"""Market streams into closed candles and prices."""
