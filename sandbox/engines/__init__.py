"""The pure exchanges: no clock, no I/O."""
