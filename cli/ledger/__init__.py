"""What the executor holds and won, read from its ledger while it runs or is stopped."""
