"""The automations of the Prefect server: what alerts a person, deployed from code.

python -m flows.hosting.automations    create or update them on the server of PREFECT_API_URL

With the setting `alert_url` the server itself posts each alert there, so that a dead worker is
noticed too. Without it an alert is an event in the server's feed, and nothing more.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.actions import ActionTypes, CallWebhook, DoNothing
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.settings import load_settings

BLOCK = "nocturne-alerts"
TAG = "nocturne"


@dataclass(frozen=True, slots=True)
class Alert:
    """One automation: the states of runs that it waits for, or misses.

    With ``within`` the alert is that no run of ``flow`` got one of the states for so long.
    """

    name: str
    description: str
    states: tuple[str, ...]
    text: str
    flow: str | None = None
    within: timedelta = timedelta(0)


_ABOUT_RUN = '"Nocturne: " ~ flow_run.name ~ " is " ~ flow_run.state.name'

ALERTS = (
    Alert(
        "nocturne: no completed nightly in 26 hours",
        "No nightly completed for 26 hours: releases expire, and entries stop.",
        ("Completed", "LeftOut"),
        '"Nocturne: no nightly completed in the last 26 hours"',
        flow="nightly",
        within=timedelta(hours=26),
    ),
    Alert(
        "nocturne: failed or crashed run",
        "A run of any flow failed, timed out or crashed.",
        ("Crashed", "Failed", "TimedOut"),
        f'{_ABOUT_RUN} ~ ": " ~ flow_run.state.message',
    ),
    Alert(
        "nocturne: late run",
        "A scheduled run did not start in time: is a worker running?",
        ("Late",),
        f'{_ABOUT_RUN} ~ ": is a worker running?"',
    ),
)


def deploy_automations(alert_url: str) -> tuple[str, ...]:
    """Create the automations, or update those that changed; return the names of all.

    An unchanged automation is left alone, since an update would restart its 26 hours.
    """
    block = _save_block(alert_url) if alert_url else None
    with get_client(sync_client=True) as client:
        present = {found.name: found for found in client.read_automations()}
        for alert in ALERTS:
            wanted = _automation(alert, block)
            found = present.get(alert.name)
            if found is None:
                client.create_automation(wanted)
            elif set(found.tags) != set(wanted.tags):
                client.update_automation(found.id, wanted)
    return tuple(alert.name for alert in ALERTS)


def _save_block(url: str) -> UUID:
    return cast(UUID, Webhook(url=url).save(BLOCK, overwrite=True))  # type: ignore[arg-type]


def _automation(alert: Alert, block: UUID | None) -> AutomationCore:
    # Discord reads "content", Slack and Mattermost read "text".
    text = f"{{{{ ({alert.text}) | tojson }}}}"
    payload = f'{{"content": {text}, "text": {text}}}'
    action: ActionTypes = (
        CallWebhook(block_document_id=block, payload=payload) if block else DoNothing()
    )
    definition = hashlib.sha256(repr((alert, payload, block)).encode()).hexdigest()[:12]
    related: dict[str, str | list[str]] = {}
    if alert.flow:
        related = {"prefect.resource.role": "flow", "prefect.resource.name": alert.flow}
    return AutomationCore(
        name=alert.name,
        description=alert.description,
        enabled=True,
        tags=[TAG, f"definition-{definition}"],
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in alert.states},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related=related,
            posture=Posture.Proactive if alert.within else Posture.Reactive,
            threshold=1,
            within=alert.within,
        ),
        actions=[action],
    )


if __name__ == "__main__":
    print("\n".join(deploy_automations(load_settings().alert_url)))
