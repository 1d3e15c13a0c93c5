"""What the report's charts show; the chart modules of `web/` draw them."""
