"""The research page: the release that is traded, its report, and the flow runs."""
