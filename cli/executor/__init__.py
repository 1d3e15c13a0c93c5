"""The always-on executor: run, stop and inspect it."""
