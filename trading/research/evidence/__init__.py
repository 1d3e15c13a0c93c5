"""Statistics behind the gates: tests of a search, evidence that grows daily, risk of ruin."""
