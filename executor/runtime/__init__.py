"""The process: clock, lock, logs, systemd."""
