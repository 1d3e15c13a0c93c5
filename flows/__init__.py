"""The night shift: Prefect flows, thin over pure steps. Nothing heavy is imported here."""
