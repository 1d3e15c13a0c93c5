"""The server process: settings, assembly, control, saved state."""
