"""Telegram, mail and many others, by Apprise and its URLs."""

from __future__ import annotations

import hashlib

from executor.notifications.channels import Answer, Receipt
from trading.errors import SettingsError


class AppriseChannel:
    """Sends to one Apprise URL; its answer is a yes or a no.

    Raises:
        SettingsError: Apprise does not know the URL.
    """

    def __init__(self, url: str, variable: str) -> None:
        from apprise import Apprise, AppriseAsset

        # Nothing of the URL may reach the name but its kind.
        kind = url.partition("://")[0].lower()
        self.name = f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self._apprise = Apprise(asset=AppriseAsset(async_mode=False, secure_logging=True))
        if not self._apprise.add(url):
            raise SettingsError(
                f"{variable}: an Apprise URL of kind {kind!r} is not understood; the forms are in"
                " the documentation of Apprise, for example tgram://TOKEN/CHAT"
            )

    def send(self, text: str) -> Receipt:
        """Send a message."""
        from apprise import NotifyFormat

        try:
            taken = self._apprise.notify(
                body=text, title="Nocturne", body_format=NotifyFormat.MARKDOWN
            )
        except Exception as error:
            # A plug-in of Apprise may raise anything, and its text may hold the URL.
            return Receipt(Answer.LATER, reason=f"{type(error).__name__} in Apprise")
        if taken:
            return Receipt(Answer.ACCEPTED)
        return Receipt(Answer.LATER, reason="Apprise could not deliver")
