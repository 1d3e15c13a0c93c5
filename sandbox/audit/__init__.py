"""The exchange's own ledger and the checks that prove a run against it."""
