"""Candles as the kernels read them: rows, higher bars in the making, correlation."""
