"""The exchange's truth against the ledger's."""
