"""The engine of spot."""
