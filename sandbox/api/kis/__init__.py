"""The KIS API for Korean stocks, as on its virtual-trading hosts: REST with tokens, WebSocket."""
