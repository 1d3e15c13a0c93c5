"""`nocturne release`."""
