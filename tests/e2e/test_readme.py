"""A person who has only the README: paper trading, the first fill, the message, pause and stop.

Every command under "Trade on paper" runs as it stands there, in its order, in an empty folder, with
real processes and a browser. The download and the night need a market's years: their options are
checked, and a release takes the night's place. The market is a sandbox and Discord a fake, both by
the environment.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import PROGRAM, chromium
from tests.executor.harness import ROOT, ledger_rows
from tests.executor.notifications.hostile import FakeDiscord, fake_discord
from tests.first_hour.terminal import NOCTURNE, environment
from tests.ports import free_port
from tests.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]
DEADLINE_S = 300.0
USUAL_MS = 5_000
"""How long `expect` waits elsewhere: its options are those of the whole process."""
SECTION = re.compile(r"^## Trade on paper$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
REPLACED = ("nocturne download", "nocturne flow nightly")
STAYING = ("nocturne executor run", "nocturne dashboard run")
RELEASE = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lake.releases import StrategyEntry
from tests.executor.harness import publish_entries
from trading.strategies.registry import get_strategy

given = {"rises": 1, "filters": "off", "signal_tf": "1m", "stop_loss": 0.05, "take_profit": 0.2}
entry = StrategyEntry(
    strategy="rising", symbol="BTCUSDT", params=get_strategy("rising").resolve(given)
)
publish_entries(Path(sys.argv[1]), datetime.now(UTC) - timedelta(minutes=1), [entry])
"""


def blocks() -> list[list[str]]:
    """Return the commands of the section, block by block."""
    section = SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert section is not None, "README.md has no section 'Trade on paper'"
    return [
        [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        for block in BLOCK.findall(section[1])
    ]


@dataclass
class Person:
    """Somebody at a terminal: where they are, what they set, and what they left running."""

    folder: Path
    variables: dict[str, str]
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def types(self, command: str) -> None:
        """Do one line of the README."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            assert self.folder.is_dir()
            return
        assert words[0] == "nocturne", command
        line = [str(NOCTURNE), *words[1:]]
        if command.startswith(REPLACED):
            self._stand_in(command, line)
        elif command.startswith(STAYING):
            self.running[command] = subprocess.Popen(
                line, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
            )
        else:
            self.said[command] = self._run(line)

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder, **self.variables)

    def _run(self, line: list[str]) -> str:
        done = subprocess.run(
            line,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def _stand_in(self, command: str, line: list[str]) -> None:
        """Check that the command exists with its options; publish what the night would."""
        names = [word for word in line[1:] if not word.startswith("--")]
        options = [word for word in line if word.startswith("--")]
        path = names[:2] if names[0] == "flow" else names[:1]
        help_text = self._run([line[0], *path, "--help"])
        assert all(option in help_text for option in options), command
        if "nightly" in command:
            self._run([line[0], "strategies", "new", "rising"])
            published = self.folder / "data_lake" / "published"
            subprocess.run(
                [sys.executable, "-c", RELEASE, str(published)],
                cwd=self.folder,
                env=self.environment | {"PYTHONPATH": str(ROOT)},
                timeout=DEADLINE_S,
                check=True,
            )

    def leave(self) -> None:
        """End what still runs."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.running.values():
            process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[str]:
    """A market of today whose price rises every minute."""
    candles = tmp_path / "market"
    candles.mkdir()
    begin, minutes, first = datetime(2025, 6, 18, tzinfo=UTC), 3 * 1440, 50_000.0
    prices = [round(first * 1.0001**n, 1) for n in range(minutes + 1)]
    table = {
        "open_time": pa.array(
            [begin + timedelta(minutes=n) for n in range(minutes)], pa.timestamp("ms", tz="UTC")
        ),
        **dict.fromkeys(("open", "low"), prices[:-1]),
        **dict.fromkeys(("high", "close"), prices[1:]),
        "volume": [1_000.0] * minutes,
    }
    pq.write_table(pa.table(table), candles / "BTCUSDT.parquet")
    pq.write_table(pa.table(table), candles / "ETHUSDT.parquet")
    serve = ["sandbox", "serve", "--candles", str(candles), "--from", "2025-06-20"]
    with subprocess.Popen(
        [str(NOCTURNE), *serve, "--redate", "now"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with fake_discord() as found:
        yield found


@pytest.fixture
def person(tmp_path: Path, market: str, discord: FakeDiscord) -> Iterator[Person]:
    home = tmp_path / "home"
    home.mkdir()
    paper = free_port()
    venue = "NOCTURNE_VENUES__BINANCE_USDM__"
    found = Person(
        home,
        {
            "NOCTURNE_PAPER_UPSTREAM": market,
            "NOCTURNE_PAPER_PORT": str(paper),
            "NOCTURNE_DASHBOARD_PORT": str(free_port()),
            f"{venue}REST_URL": f"http://127.0.0.1:{paper}",
            f"{venue}WS_URL": f"ws://127.0.0.1:{paper}",
            "NOCTURNE_RISK__WARMUP_CANDLES": "0",
            "NOCTURNE_WEBHOOK_URL": discord.url,
        },
    )
    yield found
    found.leave()
    state = found.folder / "state" / "paper"
    if state.is_dir():  # it runs in the background
        subprocess.run(
            [str(NOCTURNE), "paper", "stop"],
            cwd=found.folder,
            env=found.environment,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )


@pytest.fixture
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=DEADLINE_S * 1000)
    with chromium() as found:
        yield found
    expect.set_options(timeout=USUAL_MS)


def logged_in(browser: Browser, person: Person, width: int) -> Page:
    address = f"http://127.0.0.1:{person.variables['NOCTURNE_DASHBOARD_PORT']}"
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.set_default_timeout(DEADLINE_S * 1000)
    page.goto(f"{address}/login")
    password = re.search(r"^The password is: (\S+)$", "\n".join(person.said.values()), re.MULTILINE)
    assert password is not None
    page.fill("#password", password[1])
    page.keyboard.press("Enter")
    expect(page.locator("#stream")).to_have_text("live")
    return page


def test_a_person_with_the_readme_trades_on_paper(
    person: Person, discord: FakeDiscord, browser: Browser
) -> None:
    first, second, third = blocks()
    for command in first:
        person.types(command)
    executor = person.running["nocturne executor run --settings config/settings.toml"]
    for command in second:
        person.types(command)
    dashboard = person.running[second[0]]
    assert dashboard.stdout is not None
    assert dashboard.stdout.readline().startswith("http://127.0.0.1:")

    wide, phone = (logged_in(browser, person, width) for width in (1440, 390))
    row = "table[data-part=positions] tbody tr"
    for page in (wide, phone):
        expect(page.locator(row)).to_have_count(1)
        expect(page.locator(row)).to_contain_text("BTCUSDT")
        expect(page.locator(row)).not_to_contain_text("✗ none")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    until("a message", lambda: any("🟢" in text for text in discord.accepted), DEADLINE_S)

    pause, flatten, stop, end = third
    person.types(pause)
    expect(phone.locator("#executor-more")).to_contain_text("No entries")
    person.types(flatten)
    expect(phone.locator(row)).to_have_count(0)
    phone.goto(phone.url + "trades")
    expect(phone.locator("table[data-part=trades] tbody tr")).to_have_count(1)
    until("its end", lambda: any("🔴" in t or "🔵" in t for t in discord.accepted), DEADLINE_S)
    person.types(stop)
    assert executor.wait(timeout=DEADLINE_S) == 0
    expect(wide.locator("#executor")).to_contain_text("stopped")
    person.types(end)
    ledger = person.folder / "state" / "ledger.sqlite"
    assert ledger_rows(ledger, "select count(*) as n from positions where closed_at is null") == [
        {"n": 0}
    ]
    assert (person.folder / "config" / ".env").stat().st_mode & 0o777 == 0o600


def test_a_wrong_command_is_noticed(tmp_path: Path) -> None:
    person = Person(tmp_path, {})
    for wrong in ("nocturne download --no-such-option", "nocturne paper begin", "cd nowhere"):
        with pytest.raises(AssertionError):
            person.types(wrong)
