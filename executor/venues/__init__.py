"""Adapters to exchanges; nothing outside this package knows a wire format."""
