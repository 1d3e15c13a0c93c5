"""Take or skip: models of the chance that an entry of a strategy wins."""
