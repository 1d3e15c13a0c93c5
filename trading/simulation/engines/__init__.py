"""The candle-by-candle engine, the jump engine, and what they share."""
