"""What runs the steps of a flow, and what a run leaves behind."""
