"""The log on the terminal: masked lines, and a terminal that never holds the executor up."""

from __future__ import annotations

import logging
import os

from executor.runtime.masking import Masker
from executor.runtime.screen import QUEUED, shown


def test_a_record_is_one_masked_line_with_the_fields_of_an_alert() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, shown(writing, Masker(["secret-part"])):
        log = logging.getLogger("executor.test")
        log.warning(
            "alert: opened\nwith secret-part",
            extra={"alert": {"symbol": "BTCUSDT", "side": "long"}},
        )
        text = lines.readline()
    os.close(writing)
    assert text[8:] == " warning: alert: opened with ***: symbol BTCUSDT, side long\n"


def test_a_pipe_that_nobody_reads_does_not_stop_the_writer() -> None:
    reading, writing = os.pipe()
    log = logging.getLogger("executor.test")
    with shown(writing, Masker()):
        for _ in range(QUEUED + 300):
            log.warning("x" * 200)
    os.close(reading)
    os.close(writing)
