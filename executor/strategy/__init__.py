"""Strategies at work: runners, signals, releases."""
