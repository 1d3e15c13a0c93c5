"""Search, walk-forward, gates and probes, which decide whether a parameter set may trade."""
