"""The dashboard: a process of its own that shows what the executor does, and passes commands on."""
