"""Bars, features and ICT structures as tables."""
