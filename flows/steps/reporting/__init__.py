"""The report, and the copy of the executor's ledger."""
