"""What both exchanges share: books, matching, instruments, money."""
