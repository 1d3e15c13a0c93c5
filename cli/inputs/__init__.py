"""Options and files that several commands share."""
