"""The surge strategy: its scan, its conditions and its sizing."""
