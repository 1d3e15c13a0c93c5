"""The report's charts: small inline SVG drawn by hand."""
