"""Open positions, and what each strategy may take."""
