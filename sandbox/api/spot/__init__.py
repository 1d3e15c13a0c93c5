"""The spot dialect: parameters, handlers, JSON, streams."""
