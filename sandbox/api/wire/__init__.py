"""Connections on the wire: HTTP requests, WebSocket frames, and what waits to be sent."""
