"""Search, walk-forward, gates and probes: what decides whether a parameter set may trade."""
