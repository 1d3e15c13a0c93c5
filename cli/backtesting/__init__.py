"""Back-tests, searches and probes on the command line."""
