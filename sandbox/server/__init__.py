"""The process: settings, assembly, control, saved state."""
