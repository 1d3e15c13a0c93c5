"""The day shift: one asyncio process that trades the release and protects open positions."""
