"""The ledger: every intent, order, fill, position and event, in SQLite or PostgreSQL."""
