"""What `scripts/mutants.py` is made of: faults, the runs that must notice them, and the results."""
