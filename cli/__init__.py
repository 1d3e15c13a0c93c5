"""The `nocturne` command; it imports lazily, and nothing imports it."""
