"""Structures of price: swings, breaks, gaps, order blocks and liquidity, known when confirmed."""
