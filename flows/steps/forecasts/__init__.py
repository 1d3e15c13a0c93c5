"""Forecasts of a release's models, for the executor."""
