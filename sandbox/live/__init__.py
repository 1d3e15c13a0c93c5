"""Paper trading: a market that follows the public streams of an exchange."""
