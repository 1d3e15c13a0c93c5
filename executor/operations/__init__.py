"""Control, health, metrics and scheduled work."""
