"""`nocturne demo`, chapter by chapter."""
