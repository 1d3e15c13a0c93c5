"""The spot API: parameters, handlers, JSON, streams."""
