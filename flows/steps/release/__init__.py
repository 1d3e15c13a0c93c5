"""From search results to a published release."""
