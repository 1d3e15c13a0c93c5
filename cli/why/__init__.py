"""`nocturne why`."""
