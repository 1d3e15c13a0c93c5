"""Surge entries with staged averaging: windows, condition sets, the scan, and the money."""
