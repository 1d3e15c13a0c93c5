"""Files of candles and funding in every usual format, as frames with the lake's column names."""
