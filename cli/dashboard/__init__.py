"""`nocturne dashboard`: the command, and the process that serves."""
