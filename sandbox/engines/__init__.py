"""The pure engines: no clock, no I/O."""
