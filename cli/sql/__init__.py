"""`nocturne sql`: one query, a shell, and the views for the plain duckdb command."""
