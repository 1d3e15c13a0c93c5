"""Orders and what the exchange reports about them."""
