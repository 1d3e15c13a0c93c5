"""The spot venue: its pure engine, its REST and WebSocket API, its streams."""
