"""The channels of the addresses that are set."""

from __future__ import annotations

from executor.notifications.apprise_channel import AppriseChannel
from executor.notifications.channels import Channel
from executor.notifications.discord import DiscordChannel
from executor.runtime.alert_settings import APPRISE_VARIABLE, AlertAddresses


def alert_channels(addresses: AlertAddresses) -> list[Channel]:
    """Make a channel of each address; what a channel needs is imported only then.

    Raises:
        SettingsError: Apprise does not know one of its URLs.
    """
    found: list[Channel] = []
    if addresses.webhook is not None:
        found.append(DiscordChannel(addresses.webhook.get_secret_value()))
    for url in addresses.apprise:
        found.append(AppriseChannel(url.get_secret_value(), APPRISE_VARIABLE))
    return found
