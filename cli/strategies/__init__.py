"""`nocturne strategies`: list, show and start strategies."""
