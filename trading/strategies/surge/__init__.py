"""The surge strategy: its scan, its conditions, its sizing."""
