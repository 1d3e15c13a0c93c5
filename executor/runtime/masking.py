"""Masking of secrets in logs and alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SHORTEST_SECRET = 8


def unchanged(text: str) -> str:
    """The text itself."""
    return text


class Masker:
    """Masks secrets wherever they stand; ``mask_venue`` masks what a venue's messages give away."""

    def __init__(
        self, secrets: Iterable[str] = (), mask_venue: Callable[[str], str] = unchanged
    ) -> None:
        # A shorter secret is a test's; masking it would only hide ordinary words.
        self._secrets = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
        self._mask_venue = mask_venue

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        text = self._mask_venue(text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
