"""Price structures, known once confirmed: swings, breaks, gaps, order blocks, liquidity."""
