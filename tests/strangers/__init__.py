"""Bots and libraries of others against the sandbox, each in an environment of its own."""
