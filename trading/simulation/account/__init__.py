"""Several strategies and symbols simulated on one account."""
