"""REST, streams and the WebSocket API."""
