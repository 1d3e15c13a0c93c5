"""The parts that the KRW venues share: JSON bodies, account events on market sockets."""
