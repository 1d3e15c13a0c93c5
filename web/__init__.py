"""Assets that the report and the dashboard share: style, charts, and vendored libraries."""
