"""A Discord webhook, by discord-webhook.

The library's `execute` reads every answer as JSON, and so fails after a success without a body and
on a proxy's page. Its request alone gives the answer itself: the status decides here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from executor.notifications.channels import Answer, Receipt

TIMEOUT_S = 5.0
LONGEST_LIMIT_S = 600.0
"""What a server asks beyond this is not believed."""
DEFAULT_LIMIT_S = 60.0
GONE = frozenset({401, 403, 404})


class DiscordChannel:
    """Posts to one webhook."""

    name = "discord"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, text: str) -> Receipt:
        """Post a message; it mentions nobody."""
        from discord_webhook import DiscordWebhook

        webhook = DiscordWebhook(
            url=self._url,
            content=text,
            timeout=TIMEOUT_S,
            wait=True,
            rate_limit_retry=False,
            allowed_mentions={"parse": []},
        )
        try:
            answer = webhook.api_post_request()
            return receipt_of(answer.status_code, answer.headers, answer.content)
        except Exception as error:
            # Whatever the libraries below raise may name the URL, and the URL is a secret.
            return Receipt(
                Answer.LATER, reason=f"the server cannot be reached ({type(error).__name__})"
            )


def receipt_of(status: int, headers: Mapping[str, str], body: bytes) -> Receipt:
    """What a status, the headers of the rate limit and a body mean."""
    if 200 <= status < 300:
        last = headers.get("X-RateLimit-Remaining") == "0"
        return Receipt(
            Answer.ACCEPTED, seconds(headers.get("X-RateLimit-Reset-After")) if last else None
        )
    reason = f"the server answers {status}"
    if status == 429:
        return Receipt(Answer.LATER, _limit(headers, body), reason)
    if status in GONE:
        return Receipt(Answer.GONE, reason=f"{reason}; copy the webhook's address again")
    if status in (400, 413, 422):
        return Receipt(Answer.REFUSED, reason=reason)
    return Receipt(Answer.LATER, reason=reason)


def _limit(headers: Mapping[str, str], body: bytes) -> float:
    try:
        given = json.loads(body).get("retry_after")
    except (ValueError, AttributeError):
        given = None
    found = seconds(given if given is not None else headers.get("Retry-After"))
    return DEFAULT_LIMIT_S if found is None else found


def seconds(value: object) -> float | None:
    """A number of seconds within what is believed; None where there is none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return min(max(0.0, number), LONGEST_LIMIT_S) if number == number else None
