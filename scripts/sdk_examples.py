"""Run the example scripts of Binance's own SDKs against a sandbox and count what became of them.

    git clone https://github.com/binance/binance-connector-python /tmp/connector
    .venv/bin/python scripts/sdk_examples.py /tmp/connector

The scripts of spot and of USDⓈ-M futures run unmodified; the environment gives them hosts and keys.
Some leave a choice to their reader, as in ``SideEnum[""]``, and would fail before they send
anything: they run with the first value of the enum, and are counted apart. Each ends as

- ``served``: a response without an error, or a stream that was subscribed and left;
- ``refused``: the sandbox refuses it with an error code of the exchange, as its placeholder values
  deserve (order 1 does not exist);
- ``own``: the script fails before it sends anything;
- ``unsupported``: the sandbox does not have the call;
- ``failed``: anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

FOLDERS = ("clients/spot/examples", "clients/derivatives_trading_usds_futures/examples")
SAMPLE = Path("data_lake/sample/candles_1m/usdm/ETHUSDT.parquet")
SYMBOLS = {"BTCUSDT": 40.0, "BNBUSDT": 0.25, "BNBBTC": 2.5e-6, "LTCBTC": 4e-7, "ETHUSDT": 1.0}
KINDS = ("served", "refused", "own", "unsupported", "failed")
# What the sandbox says of a call that it does not have.
ABSENT = ("is not served", "Unknown method", "no stream", "'status': 404", "404")
CODE = re.compile(r"'?code'?\D{0,3}(-\d{4})|\((-\d{4})|(?<!\d)(-[1245]\d{3})(?!\d)")
BLANK = re.compile(r'(\w+Enum)\[""\]')
LIMIT_S = 60.0


def write_candles(folder: Path) -> None:
    """Write candles of each symbol, made from those of one symbol of the sample."""
    table = pq.read_table(SAMPLE).slice(0, 3_000)
    for symbol, scale in SYMBOLS.items():
        found = table
        for name in ("open", "high", "low", "close"):
            values = [round(float(v) * scale, 8) for v in table.column(name).to_pylist()]
            found = found.set_column(found.column_names.index(name), name, pa.array(values))
        pq.write_table(found, folder / f"{symbol}.parquet")


def write_accounts(folder: Path) -> tuple[Path, Path]:
    """Write two accounts, one with an Ed25519 key, and the private key; return both files."""
    key = Ed25519PrivateKey.generate()
    private, accounts = folder / "private.pem", folder / "accounts.toml"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    money = 'usdm = {USDT = "100000"}\nspot = {USDT = "100000", BTC = "1", BNB = "100"}\n'
    accounts.write_text(
        f'[[account]]\nname = "main"\nkey = "sandbox"\nsecret = "sandbox"\n{money}'
        f'[[account]]\nname = "signs"\nkey = "edwards"\n'
        f'public_key = """{public.decode()}"""\n{money}'
    )
    return accounts, private


def environment(script: Path, url: str, private: Path) -> dict[str, str]:
    """Return what a script reads from its environment."""
    signs = "ED25519_PRIVATE_KEY" in script.read_text(encoding="utf-8")
    streams = url.replace("http", "ws", 1)
    if "websocket_api" in str(script):
        streams += "/ws-api/v3" if "/spot/" in str(script) else "/ws-fapi/v1"
    return {
        "API_KEY": "edwards" if signs else "sandbox",
        "API_SECRET": "sandbox",
        "ED25519_PRIVATE_KEY": str(private),
        "BASE_PATH": url,
        "STREAM_URL": streams,
    }


def start(script: Path, variables: dict[str, str], log: Path) -> int:
    """Run a script in a child that has the SDKs imported already; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with log.open("w", buffering=1) as target:
            os.dup2(target.fileno(), 1)
            os.dup2(target.fileno(), 2)
            os.environ.update(variables)
            text = BLANK.sub(r"next(iter(\1))", script.read_text(encoding="utf-8"))
            exec(compile(text, str(script), "exec"), {"__name__": "__main__"})
            code = 0
    except BaseException as error:
        os.write(2, f"left with error: {error!r}\n".encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def verdict(text: str, code: int) -> str:
    """Return what became of a script, from what it logged."""
    errors = [line for line in text.splitlines() if "error" in line.lower() and "ERROR" in line]
    errors += [line for line in text.splitlines() if line.startswith("left with error")]
    if not errors:
        return "served" if code == 0 else "failed"
    line = errors[0]
    if CODE.search(line) or "APIError" in line or "BadRequestError" in line:
        return "unsupported" if any(word in line for word in ABSENT) else "refused"
    if "no symbol for stream" in line:
        return "refused"
    if any(word in line for word in ABSENT):
        return "unsupported"
    return (
        "own"
        if "KeyError" in line or "private key format" in line or re.search(r"error: ''", line)
        else "failed"
    )


def run_all(
    scripts: list[Path], url: str, private: Path, folder: Path, at_once: int
) -> dict[Path, str]:
    """Run all scripts, some of them at once; return the verdict of each."""
    import binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures
    import binance_sdk_spot.spot

    del binance_sdk_derivatives_trading_usds_futures, binance_sdk_spot
    waiting, running, found = list(scripts), dict[int, tuple[Path, Path, float]](), {}
    while waiting or running:
        while waiting and len(running) < at_once:
            script = waiting.pop(0)
            log = (
                folder / f"{len(scripts) - len(waiting):03}-{script.parent.name}-{script.stem}.log"
            )
            running[start(script, environment(script, url, private), log)] = (
                script,
                log,
                time.monotonic(),
            )
        time.sleep(0.02)
        for child, (script, log, begun) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() - begun < LIMIT_S:
                continue
            if not done:
                os.kill(child, 9)
                os.waitpid(child, 0)
            del running[child]
            found[script] = verdict(log.read_text(), os.waitstatus_to_exitcode(status))
            log.rename(log.with_suffix(f".{found[script]}"))
    return found


@contextlib.contextmanager
def sandbox(folder: Path, accounts: Path):  # type: ignore[no-untyped-def]
    """Run a sandbox of both venues; yield its URL."""
    write_candles(folder)
    command = [
        sys.executable, "-m", "cli", "sandbox", "serve", "--candles", str(folder), "--venue",
        "both", "--redate", "now", "--accounts", str(accounts), "--weight-limit", "1000000",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def main() -> None:
    """Print a table of counts, and each script that is unsupported or has failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("connector", type=Path, help="a clone of binance-connector-python")
    parser.add_argument("--only", default="", help="run only scripts whose path has this text")
    parser.add_argument("--at-once", type=int, default=6, help="how many scripts run at once")
    parser.add_argument("--logs", type=Path, help="keep what each script logged in this folder")
    options = parser.parse_args()
    scripts = [
        path
        for folder in FOLDERS
        for path in sorted((options.connector / folder).rglob("*.py"))
        if options.only in str(path)
    ]
    if not scripts:
        parser.error(f"{options.connector}: no example scripts under {', '.join(FOLDERS)}")
    with tempfile.TemporaryDirectory() as temporary:
        logs = options.logs or Path(temporary) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        candles = Path(temporary) / "candles"
        candles.mkdir()
        accounts, private = write_accounts(Path(temporary))
        with sandbox(candles, accounts) as url:
            found = run_all(scripts, url, private, logs, options.at_once)
    blank = {script for script in found if BLANK.search(script.read_text(encoding="utf-8"))}
    counts = Counter(found.values())
    filled = Counter(kind for script, kind in found.items() if script in blank)
    print(f"{'':12} {'all':>5} {'with a blank filled':>20}")
    for kind in KINDS:
        print(f"{kind:12} {counts[kind]:5} {filled[kind]:20}")
    print(f"{'all':12} {len(found):5} {len(blank):20}")
    for script, kind in found.items():
        if kind in ("unsupported", "failed"):
            print(f"{kind}: {script.relative_to(options.connector)}")


if __name__ == "__main__":
    main()
