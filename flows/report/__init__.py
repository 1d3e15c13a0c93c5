"""The nightly report: pure view models, small SVG charts drawn by hand, and their templates."""
