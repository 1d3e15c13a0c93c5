"""What stands between a signal and an order."""
