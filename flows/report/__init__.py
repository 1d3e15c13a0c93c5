"""The nightly report: pure view models, small hand-made SVG charts and the templates they fill."""
