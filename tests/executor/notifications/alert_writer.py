"""A process that writes alerts with events and delivers them, to be killed at any moment.

It reads a folder and an address from its arguments. For each line on its standard input it forks a
child that goes on where the last one was killed, and that writes its number once it has written an
alert; so a start costs no imports.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from discord_webhook import DiscordWebhook

from executor.ledger.store import Ledger
from executor.notifications.delivery import AlertDelivery
from executor.notifications.discord import DiscordChannel
from executor.runtime.alert_settings import AlertSettings
from executor.runtime.masking import Masker

assert DiscordWebhook  # imported here, so that the children need not
COUNTER = "cause"


async def write_alerts(folder: Path, url: str) -> None:
    """Write a cause with its alert in one transaction, again and again, and deliver beside it."""
    ledger = Ledger(folder / "ledger.sqlite")
    alerts = AlertDelivery(
        [DiscordChannel(url)], ledger.outbox, AlertSettings(), lambda: 0, Masker()
    )
    alerts.first_delay_s = 0.01
    asyncio.get_running_loop().create_task(alerts.run())
    first = True
    while True:
        number = int(ledger.meta(COUNTER, "0")) + 1
        with ledger.atomic():
            alerts.send("symbol halted", symbol=f"S{number}")
            ledger.set_meta(COUNTER, str(number))
        if first:
            print(os.getpid(), flush=True)
            first = False
        await asyncio.sleep(0.003)


def main() -> None:
    """Fork a child a line."""
    folder, url = Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(write_alerts(folder, url))
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
