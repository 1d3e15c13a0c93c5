"""The recorded market: candles, trades, prices, and the clock that replays them."""
