"""Files of market data into raw partitions."""
