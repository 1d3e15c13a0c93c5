"""The Upbit engine: spot with KRW, fees in KRW, and price steps by band."""
