"""The market-maker grid: quotes, and their simulation."""
