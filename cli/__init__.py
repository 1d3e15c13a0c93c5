"""The `nocturne` command. Imports lazily; nothing imports it."""
