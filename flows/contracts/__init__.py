"""What good data looks like: expectation suites and the oddities that are known."""
