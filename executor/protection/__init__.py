"""Stops and targets: resting at the exchange, and watched here."""
