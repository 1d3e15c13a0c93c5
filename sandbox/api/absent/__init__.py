"""What a client gets from the markets that a sandbox does not simulate: empty, valid exchanges."""
