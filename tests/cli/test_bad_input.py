"""Every mistake of a user at the command line gives one clear sentence and no traceback.

The table covers the whole command line; the tests of each command cover its own details.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.main import COMMANDS, main

PROJECT = Path(__file__).resolve().parents[2]
SEARCH = "search --strategy breakout --candles good.parquet --grid k=0.5"
BACKTEST = "backtest --strategy breakout --candles good.parquet"
SERVE = "sandbox serve --candles candles"
EXECUTOR = """\
mode = "paper"
account = "a"
[paths]
published = "p"
state = "s"
[venue]
rest_url = "http://127.0.0.1:9"
ws_url = "ws://127.0.0.1:9"
"""

MISTAKES = [
    # the command line itself
    ("moon", "No such command 'moon'; see nocturne --help"),
    ("release moon", "No such command 'moon'; see nocturne release --help"),
    ("search --grid k=1 --candles good.parquet", "no strategy is given; add --strategy NAME"),
    ("search --strategy breakout --grid k=1", "no candles are given; add --candles FILE"),
    ("search --strategy breakout --candles good.parquet", "Missing option '--grid'"),
    ("backtest --moon", "No such option: --moon"),
    ("why", "Missing argument 'order'; see nocturne why --help"),
    ("why n1-x", "no ledger is named and config/settings.toml does not exist"),
    ("executor run", "settings file config/settings.toml cannot be read"),
    ("flow nightlyy", "there is no flow 'nightlyy' (did you mean 'nightly'?)"),
    ("executor positions", "no ledger is named and config/settings.toml does not exist"),
    # candle files
    ("backtest --strategy breakout --candles no.parquet", "no.parquet does not exist"),
    ("backtest --strategy breakout --candles candles", "candles is not a file"),
    ("backtest --strategy breakout --candles text.parquet", "cannot be read as Parquet"),
    ("backtest --strategy breakout --candles wrong.parquet", "wrong.parquet has no column 'open'"),
    ("search --strategy breakout --candles wrong.parquet --grid k=1", "has no column 'open'"),
    ("search --strategy breakout --candles no.parquet --grid k=1", "no.parquet does not exist"),
    ("backtest --strategy breakout --candles upside_down.parquet", "row 0: high"),
    ("search --strategy breakout --candles upside_down.parquet --grid k=1", "row 0: high"),
    ("probe lookahead --strategy breakout --candles upside_down.parquet", "row 0: high"),
    ("sandbox serve --candles bad_candles", "row 0: high"),
    # strategies, parameters, grids
    ("strategies show moon", "strategy 'moon' is not known; known are bb_breakout"),
    ("backtest --strategy moon --candles good.parquet", "strategy 'moon' is not known"),
    ("search --strategy moon --candles good.parquet --grid k=1", "strategy 'moon' is not known"),
    (f"{BACKTEST} --set k=9", "k = 9 is out of bounds; give a number between 0 and 2"),
    (f"{BACKTEST} --set stop_loss=-0.1", "stop_loss = -0.1 is out of bounds"),
    (f"{BACKTEST} --set k=many", "k = 'many' is not a number"),
    (f"{BACKTEST} --set moon=1", "breakout has no parameter 'moon'; it has k, "),
    (f"{BACKTEST} --set k", "--set 'k' has no value"),
    (f"{BACKTEST} --set filters=maybe", "filters = 'maybe' is not one of on, off"),
    (f"{BACKTEST} --set signal_tf=7m", "signal_tf = 7m does not divide a day"),
    (f"{BACKTEST} --fee-bps -1", "fee_bps = -1.0 is out of bounds"),
    (f"{BACKTEST} --fee-bps much", "Invalid value for '--fee-bps'"),
    (f"{BACKTEST} --json no/result.json", "--json no/result.json: folder no does not exist"),
    (f"{BACKTEST} --trades candles", "--trades candles is a folder"),
    (f"{SEARCH} --set k=0.4", "k is given by --grid and by --set"),
    (f"{SEARCH} --grid k=0.6", "grid parameter k is given twice"),
    (f"{SEARCH} --grid take_profit", "grid 'take_profit' has no values"),
    (f"{SEARCH} --grid take_profit=0.1:0.2", "is not FROM:TO:STEP"),
    (f"{SEARCH} --grid take_profit=0.2:0.1:0.1", "put the smaller end first"),
    (f"{SEARCH} --grid take_profit=0.1:0.2:0", "a step above 0 is needed"),
    (f"{SEARCH} --grid take_profit=0.5:1.5:0.5", "take_profit = 1.5 is out of bounds"),
    (f"{SEARCH} --grid take_profit=0:1:1e-9", "use larger steps"),
    (f"{SEARCH} --sort luck", "--sort 'luck' is not a measure"),
    # lakes and releases
    ("sql select/**/1 --lake no", "the lake no does not exist"),
    ("sql select --lake lake", "SQL: Parser Error"),
    ("sql select/**/*/**/from/**/moon --lake lake", "Table with name moon does not exist"),
    ("sql drop/**/table/**/candles --lake lake", "the lake is read-only here"),
    ("download", "either --symbols BTCUSDT,ETHUSDT or --top 20"),
    ("download --symbols btcusdt --lake lake", "'btcusdt' is not a symbol"),
    ("download --symbols BTCUSDT --from soon", "--from 'soon' is no day"),
    (
        "download --symbols BTCUSDT --venue moon --rest-url http://127.0.0.1:9 --lake lake",
        "there is no source for the venue 'moon'",
    ),
    ("sql --file no.sql --lake lake", "the query file no.sql cannot be read"),
    ("sql select/**/1 --lake lake --as-of noon", "'noon' is not a time; write for example 2025"),
    ("sql select/**/1 --lake lake --format xml", "'xml' is not one of 'table', 'csv', 'json'"),
    ("release list --lake no", "the lake no does not exist"),
    ("release show moon --lake lake", "there is no release 'moon'"),
    ("release diff moon sun --lake lake", "there is no release 'moon'"),
    ("release rollback moon --lake lake", "there is no release 'moon'"),
    # orders
    ("why n1 --ledger no.sqlite", "no ledger at no.sqlite"),
    ("why n1 --ledger text.parquet", "cannot be read as an executor's ledger"),
    ("why n1 --ledger no.sqlite --lake no", "no lake at no; pass --lake ROOT"),
    # flows
    ("flow moon", "there is no flow 'moon'; flows are download, import, validate"),
    ("flow scan --as-of noon", "'noon' is not a time"),
    ("flow scan --symbols BTC/USDT", "'BTC/USDT' is not a symbol; write for example BTCUSDT"),
    ("flow scan --server moon", "server 'moon' is none of auto, private, none"),
    ("flow scan --server http://127.0.0.1:9", "no Prefect server answers at http://127.0.0.1:9"),
    ("flow scan --settings no.toml", "no.toml"),
    ("flow scan --settings moon.toml", "moon"),
    ("flow scan --lake text.parquet", "text.parquet is a file; give a folder"),
    ("flow import --sample no --lake lake --server none", "no does not exist"),
    ("demo --work work --sample no", "candles_1m/usdm is missing"),
    (f"demo --work text.parquet --sample {PROJECT}/data_lake/sample", "is a file; give a folder"),
    # the sandbox
    ("sandbox serve --candles no", "no: no such folder"),
    (f"{SERVE} --from noon", "--from 'noon': not an ISO time"),
    (f"{SERVE} --from 2025-06-02 --to 2025-06-01", "is not before --to"),
    (f"{SERVE} --from 2020-01-01 --to 2020-01-02", "no candle between 2020-01-01"),
    (f"{SERVE} --clock sundial", "choose one of real, accelerated, lockstep"),
    (f"{SERVE} --speed 0", "--speed 0: must be above 0"),
    (f"{SERVE} --venue moon", "--venue moon: choose one of usdm"),
    (f"{SERVE} --balance much", "write ASSET=AMOUNT"),
    (f"{SERVE} --symbols MOONUSDT", "no MOONUSDT.parquet; there are BTCUSDT"),
    (f"{SERVE} --instruments no.json", "no.json: no such instruments file"),
    (f"{SERVE} --funding no", "--funding no: no such folder"),
    (f"{SERVE} --ledger candles", "--ledger candles: is a folder"),
    (f"{SERVE} --ledger text.parquet", "not a sandbox ledger"),
    (f"{SERVE} --weight-limit 0", "--weight-limit 0: must be 1 or more"),
    (f"{SERVE} --port 70000", "--port 70000: give a port from 0 (a free one) to 65535"),
    (f"{SERVE} --port BUSY", "cannot listen on 127.0.0.1"),
    ("sandbox status --url http://127.0.0.1:9", "no sandbox answers there"),
    ("sandbox audit --ledger no.sqlite", "no such ledger"),
    # the executor
    ("executor run --settings no.toml", "settings file no.toml cannot be read"),
    ("executor run --settings text.parquet", "is not valid TOML"),
    ("executor run --settings bad.toml", "unknown setting 'moon'"),
    ("executor run --settings half.toml", "setting 'paths' is missing"),
    (
        "executor run --settings good.toml",
        "NOCTURNE_BINANCE_KEY and NOCTURNE_BINANCE_SECRET not set",
    ),
    ("executor status --settings good.toml", "no executor answers in"),
    ("executor stop --settings good.toml", "no executor answers in"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write good and bad files under the names of the table."""
    here = tmp_path_factory.mktemp("mistakes")
    sample = PROJECT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
    candles = pq.read_table(sample).slice(0, 2 * 1_440)
    (here / "candles").mkdir()
    (here / "lake").mkdir()
    pq.write_table(candles, here / "good.parquet")
    pq.write_table(candles, here / "candles" / "BTCUSDT.parquet")
    pq.write_table(candles.drop_columns(["open"]), here / "wrong.parquet")
    swapped = candles.rename_columns(
        [{"high": "low", "low": "high"}.get(name, name) for name in candles.column_names]
    )
    pq.write_table(swapped, here / "upside_down.parquet")
    (here / "bad_candles").mkdir()
    pq.write_table(swapped, here / "bad_candles" / "BTCUSDT.parquet")
    (here / "text.parquet").write_text("not a table\n" * 100)
    (here / "good.toml").write_text(EXECUTOR)
    (here / "moon.toml").write_text("moon = 1\n")
    (here / "bad.toml").write_text("moon = 1\n" + EXECUTOR)
    (here / "half.toml").write_text('mode = "paper"\naccount = "a"\n')
    return here


@pytest.fixture
def busy_port() -> Iterator[str]:
    """Yield a port that another program listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield str(taken.getsockname()[1])


@pytest.mark.parametrize(("line", "sentence"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    busy_port: str,
    line: str,
    sentence: str,
) -> None:
    monkeypatch.chdir(folder)
    for name in ("NOCTURNE_BINANCE_KEY", "NOCTURNE_BINANCE_SECRET", "NOCTURNE_LAKE"):
        monkeypatch.delenv(name, raising=False)
    words = [word.replace("/**/", " ") for word in line.replace("BUSY", busy_port).split()]
    monkeypatch.setattr(sys, "argv", ["nocturne", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    complaint = [text for text in printed.err.splitlines() if not text.startswith("searching ")]
    assert len(complaint) == 1, printed.err
    assert complaint[0].startswith("error: ")
    assert sentence in complaint[0]
    assert "Traceback" not in printed.out


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("moon", "error: No such command 'moon'; see nocturne --help\n"),
        (
            "backtest --strategy breakout --candles absent.parquet",
            "error: candle file absent.parquet does not exist; give a file of candles\n",
        ),
        (
            "release list --lake absent",
            "error: the lake absent does not exist; name another one with --lake\n",
        ),
    ],
)
def test_the_process_prints_only_the_sentence(line: str, complaint: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", *line.split()],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", complaint)


def every_command() -> list[str]:
    groups = {
        "strategies": ("list", "show"),
        "release": ("list", "show", "diff", "rollback"),
        "sandbox": ("serve", "status", "audit"),
        "executor": ("run", "status", "stop", "pause", "resume", "flatten"),
    }
    return ["", *COMMANDS, *(f"{group} {name}" for group in groups for name in groups[group])]


@pytest.mark.parametrize("command", every_command())
def test_the_help_of_every_command_has_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["nocturne", *command.split(), "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().out
    assert not ended.value.code
    assert "Example: nocturne " in printed
    assert ("completion" in printed) == (command == ""), "the program completes, not a command"
