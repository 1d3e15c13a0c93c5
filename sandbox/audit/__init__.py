"""The exchange's own ledger, and what it proves about a run."""
