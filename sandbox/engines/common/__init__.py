"""The parts that both engines share: books, matching, instruments, money."""
