"""Faults on request, by chance or by scenario."""
