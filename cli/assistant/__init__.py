"""An assistant's door: read-only tools over the Model Context Protocol."""
