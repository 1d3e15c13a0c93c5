"""Market data from the exchanges into the lake: what is missing, fetched once, and nothing else."""
