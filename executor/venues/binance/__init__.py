"""What the venues of Binance share: transport, sockets, error codes, masking."""
