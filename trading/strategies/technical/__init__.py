"""Strategies on price, volume and indicators, one module each."""
