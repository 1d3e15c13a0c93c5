"""The log on the terminal: masked lines, and a terminal that never holds the executor up."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import termios
import threading

from executor.runtime.masking import Masker
from executor.runtime.screen import QUEUED, shown
from tests.waiting import until


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


def test_a_pipe_that_nobody_reads_takes_what_fits_and_never_stops_the_writer() -> None:
    reading, writing = os.pipe()
    log = logging.getLogger("executor.test")
    sent = QUEUED + 1_000
    with shown(writing, Masker()):
        (writer,) = [thread for thread in threading.enumerate() if thread.name == "screen"]
        for number in range(sent):
            log.warning("line %d %s", number, "x" * 200)
        until("a full pipe", lambda: waiting_bytes(reading) > 60_000, 30.0)
        assert writer.is_alive()
        *whole, _ = os.read(reading, waiting_bytes(reading)).decode().split("\n")
        assert [int(line.split()[3]) for line in whole] == list(range(len(whole)))
        assert 0 < len(whole) < sent - QUEUED, "the pipe holds less than what was logged"
        os.close(reading)
        until("the end of the writer", lambda: not writer.is_alive(), 30.0)
    os.close(writing)


def waiting_bytes(reading: int) -> int:
    """Return how many bytes a pipe holds."""
    held = bytearray(4)
    fcntl.ioctl(reading, termios.FIONREAD, held)
    return int.from_bytes(held, sys.byteorder)
