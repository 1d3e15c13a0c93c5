"""The three ICT strategies and the signals that they share."""
