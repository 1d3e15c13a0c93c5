"""The only code that touches the data lake: table contracts, partition writes, releases."""
