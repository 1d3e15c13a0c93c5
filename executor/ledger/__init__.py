"""The ledger: one SQLite file that holds every intent, order, fill, position and event."""
