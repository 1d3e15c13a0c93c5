"""Strategies: one module each, found by name through ``trading.strategies.registry``."""
