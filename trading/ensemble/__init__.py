"""Several strategies on one account: weights by market regime."""
