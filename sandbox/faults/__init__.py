"""Fault injection: on request, at random or by scenario."""
