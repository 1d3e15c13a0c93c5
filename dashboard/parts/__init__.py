"""The live parts of the pages: plain data from the ledger's rows and the executor's status."""
