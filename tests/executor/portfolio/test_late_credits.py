"""Credits that are listed late, in every order with balances, lists, restarts and losses.

The truth is kept by hand: what was lost in trades since the balances of the day's baseline.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from executor.builder import Executor
from executor.model import Balance, Transfer, Wallet, instrument_id
from executor.venues.faults import Temporary
from tests.executor.fakes import BTC, MINUTE, USDT, FakeVenue, Said, executor_on, settled
from trading.candles import DAY_MS, HOUR_MS

STEPS = (
    "deposit",
    "lose",
    "credit",
    "credit before the list",
    "credit after the balances",
    "lists fail",
    "reconcile",
    "list",
    "check",
    "next day",
    "restart",
)


class Crediting(FakeVenue):
    """Lists a deposit by the time at which it was sent, once the wallet has it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 2 * MINUTE
        self.sent: list[tuple[int, Decimal]] = []
        self.credited: list[Transfer] = []
        self.lost = Decimal(0)
        self.lost_at_balances = Decimal(0)
        self.before_list = self.after_balances = self.fails = False

    def credit(self) -> None:
        if self.sent:
            at_ms, amount = self.sent.pop(0)
            number = len(self.credited)
            self.credited.append(Transfer(USDT, amount, at_ms, f"in {number}", late_ms=DAY_MS))

    async def balances(self) -> dict[str, Balance]:
        held = 10_000 + sum(transfer.amount for transfer in self.credited) - self.lost
        self.lost_at_balances = self.lost
        if self.after_balances:
            self.after_balances = False
            self.credit()
        return {"USDT": Balance(held, held)}

    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        if self.fails:
            self.fails = False
            raise Temporary("no list")
        if self.before_list:
            self.before_list = False
            self.credit()
        return [t for t in self.credited if t.time >= start_ms - DAY_MS]


class Story:
    """An executor that lives through steps, and what the baseline should be."""

    def __init__(self, folder: Path) -> None:
        self.venue = Crediting()
        self._folder = folder
        self._lives = AsyncExitStack()
        self._executor: Executor | None = None
        self._truth: tuple[str, Decimal] | None = None

    @property
    def executor(self) -> Executor:
        assert self._executor is not None
        return self._executor

    async def begin(self) -> None:
        self._executor = await self._lives.enter_async_context(
            executor_on(
                self._folder,
                self.venue,
                now_ms=self.venue.now,
                mode="testnet",
                risk={"daily_loss_limit": 0.5},
            )
        )
        await self.note()

    async def end(self) -> None:
        await self._lives.aclose()
        self._lives = AsyncExitStack()

    async def note(self) -> None:
        """Remember what was lost when the balances of a new baseline were answered."""
        await settled(self.executor)
        if self.executor.daily_loss.baseline("USDT") > 0:
            day = self.executor.services.ledger.meta("day")
            if self._truth is None or self._truth[0] != day:
                self._truth = day, self.venue.lost_at_balances

    async def step(self, name: str) -> None:
        venue, executor = self.venue, self.executor
        venue.now += DAY_MS if name == "next day" else 1_000
        executor.services.clock.observe(venue.now)
        match name:
            case "deposit":
                venue.sent.append((venue.now - HOUR_MS, Decimal(1_000 + len(venue.sent))))
            case "lose":
                venue.lost += 7
            case "credit":
                venue.credit()
            case "credit before the list":
                venue.before_list = True
            case "credit after the balances":
                venue.after_balances = True
            case "lists fail":
                venue.fails = True
            case "reconcile":
                await executor.reconciler.run_once()
            case "list":
                await executor.transfers.ask_all()
            case "check" | "next day":
                executor.daily_loss.check_all()
            case "restart":
                await self.end()
                await self.begin()
        await self.note()

    async def error(self) -> Decimal | None:
        """What the executor counts as lost today beyond the truth; None without a baseline."""
        self.venue.before_list = self.venue.after_balances = self.venue.fails = False
        for name in ("reconcile", "list", "check") * 2:
            await self.step(name)
        if self._truth is None:
            return None
        executor = self.executor
        counted = executor.daily_loss.baseline("USDT") - executor.portfolio.equity("USDT")
        return counted - (self.venue.lost - self._truth[1])


async def error_after(folder: Path, steps: list[str]) -> Decimal | None:
    """The error of the executor's loss after these steps."""
    story = Story(folder)
    await story.begin()
    try:
        for name in steps:
            await story.step(name)
        return await story.error()
    finally:
        await story.end()


ROUND = ["reconcile", "check"]


@example(["deposit", "credit before the list", "check", *ROUND])
@example(["check", "deposit", "credit", "restart", "lose"])
@example(["deposit", "credit", "restart", "check", "lose"])
@example(["check", "deposit", "reconcile", "next day", "credit", *ROUND])
@example(["check", "deposit", "next day", "credit after the balances", "reconcile", "list"])
@given(st.lists(st.sampled_from([name for name in STEPS if name != "lists fail"]), max_size=14))
def test_a_late_credit_is_never_a_result(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(error_after(Path(folder), steps)) in (0, None)


@example(["lists fail", "restart", "check", "deposit", "credit", "reconcile"])
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_where_lists_fail_a_late_credit_hides_no_loss(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        error = asyncio.run(error_after(Path(folder), steps))
        assert error is None or error >= 0


async def test_a_credit_between_balances_and_list_counts_once_the_baseline_is_settled(
    tmp_path: Path,
) -> None:
    story = Story(tmp_path)
    story.venue.sent.append((MINUTE, Decimal(1_000)))
    story.venue.after_balances = True
    await story.begin()
    try:
        executor = story.executor
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.portfolio.equity("USDT") == 10_000
        assert executor.daily_loss.baseline("USDT") == 0, "these balances may lack the credit"
        for name in ("reconcile", "check"):
            await story.step(name)
        assert executor.daily_loss.baseline("USDT") == 11_000
        assert executor.portfolio.equity("USDT") == 11_000
    finally:
        await story.end()


async def test_the_day_before_goes_on_until_a_list_confirms_the_balances(tmp_path: Path) -> None:
    story = Story(tmp_path)
    await story.begin()
    try:
        executor, venue = story.executor, story.venue
        said = executor.services.alerts = Said()
        await story.step("check")
        venue.sent = [(MINUTE, Decimal(1_000))] * 2
        await story.step("credit after the balances")
        await story.step("reconcile")
        await story.step("next day")
        assert executor.daily_loss.baseline("USDT") == 11_000, "moved, not begun"
        venue.lost = Decimal(8_000)
        await story.step("credit after the balances")
        await story.step("reconcile")
        await story.step("check")
        assert len(said.titled("daily loss limit reached")) == 1
    finally:
        await story.end()


async def test_a_wallet_that_joins_after_the_baseline_is_no_profit(tmp_path: Path) -> None:
    venue, other = Crediting(), Wallet("binance_spot", "USDT")
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        await settled(executor)
        portfolio = executor.portfolio
        symbol = instrument_id("BTCUSDT", other.venue)
        portfolio.learn({symbol: replace(BTC, symbol=symbol)})
        portfolio.balances[other] = Balance(Decimal(5_000), Decimal(5_000))
        executor.daily_loss.check_all()
        assert executor.daily_loss.baseline("USDT") == portfolio.equity("USDT") == 15_000
