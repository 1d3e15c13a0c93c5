"""The day shift: one asyncio process that trades what was published and guards what is open."""
