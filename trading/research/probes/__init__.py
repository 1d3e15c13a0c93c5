"""Probes of strategies: look-ahead, state kept between runs, and too short a warm-up."""
