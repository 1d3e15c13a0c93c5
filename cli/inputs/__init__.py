"""Options and files that several commands read."""
