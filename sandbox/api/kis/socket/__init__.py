"""The WebSocket of KIS: connections, frames, notices."""
