"""What is held, and what each strategy may take."""
