"""The Upbit API: REST with JWT, WebSocket, rate groups."""
