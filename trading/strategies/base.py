"""What a strategy declares: its parameters, timeframes, warm-up and its decision kernel.

A new strategy is one module in ``technical/`` with one subclass of :class:`Strategy`; outside this
project, one entry point of the group ``nocturne.strategies`` announces it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from trading.candles import DAY_MS, CandleColumns, interval_ms
from trading.errors import ParameterError
from trading.jit.kernel import Buffer
from trading.market.rows import Bar, Extremes, Rows
from trading.positions.exit_rules import Addition, ExitRules
from trading.positions.liquidation import check_stops
from trading.positions.sizing import Sizing

Value = float | int | str

# The decision that a strategy's step writes, by position in the output buffer.
ACTION = 0
REASON = 1
SEEN = 2
LIMIT = 3
ATR = 4
STOP_PRICE = 5
TARGET_PRICE = 6
CONFIDENCE = 7
SIDE = 8
OUT_SIZE = 9

# Parameters of the common filters, by position in the parameter buffer; a strategy's own follow.
FILTERS_ON = 0
MIN_VOLATILITY = 1
MIN_ADX = 2
TREND_SPAN = 3
HOURLY_ON = 4
NEEDS_ATR = 5
OWN = 6

MORE_TFS = 4
"""Further timeframes that a strategy may look at."""

HOLD = 0.0
ENTER = 1.0
EXIT = 2.0

Step = Callable[[Buffer, Buffer, Buffer, Bar], None]
"""``step(state, par, out, bar)`` on a closed candle.

On a candle of ``signal_tf`` it writes the decision: action and reason, and if it likes its own stop
and target (prices), confidence (0 to 1) and side; these are NaN, NaN, NaN and 0 (the strategy's
own side) before. Candles of :meth:`Strategy.more_tfs` come to the same step, before the signal
candle that closes with them; there it leaves ``out`` alone.
"""


Scan = Callable[[Rows, Extremes, Buffer, int, Buffer, list[int], list[int]], int]
"""``scan(rows, extremes, pars, width, targets, found, found_of)`` finds the entries on unfiltered
base candles for many parameter buffers in one pass.

``pars`` holds buffers of ``width`` numbers, ascending; ``targets`` has room for a number of each.
``found`` receives the rows, in order, ``found_of`` the position of the buffer that enters there.
Returned is the number of all, also of those for which there was no room.
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter: ``kind`` is ``float``, ``int``, ``choice``, ``interval`` or
    ``ladder``.
    """

    name: str
    kind: str
    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    help: str = ""

    def parse(self, value: Value, owner: str) -> Value:
        """``value`` as this parameter's type; `ParameterError` when it is no such value or out of
        bounds.
        """
        if self.kind == "choice":
            return self._choice(str(value), owner)
        if self.kind == "ladder":
            return _ladder_text(str(value), f"{owner}: {self.name}")
        if self.kind == "interval":
            length = interval_ms(str(value))
            if DAY_MS % length and length % DAY_MS:
                raise ParameterError(f"{owner}: {self.name} = {value} does not divide a day")
            return str(value)
        return self._number(value, owner)

    def number(self, value: Value) -> float:
        """A parsed value as the kernels read it; a choice is its place among the choices."""
        if self.kind == "choice":
            return float(self.choices.index(str(value)))
        return float(value)

    def _choice(self, value: str, owner: str) -> str:
        if value not in self.choices:
            allowed = ", ".join(self.choices)
            raise ParameterError(f"{owner}: {self.name} = '{value}' is not one of {allowed}")
        return value

    def _number(self, value: Value, owner: str) -> Value:
        try:
            number = float(value)
        except ValueError as error:
            raise ParameterError(
                f"{owner}: {self.name} = '{value}' is not a number; "
                f"give one between {self.low:g} and {self.high:g}"
            ) from error
        if not self.low <= number <= self.high:
            raise ParameterError(
                f"{owner}: {self.name} = {value} is out of bounds; "
                f"give a number between {self.low:g} and {self.high:g}"
            )
        if self.kind != "int":
            return number
        if number != math.floor(number):
            raise ParameterError(f"{owner}: {self.name} = {value} is not a whole number")
        return int(number)


SHARED: tuple[Parameter, ...] = (
    Parameter(
        "take_profit", "float", 0.05, 0.0, 1.0, help="target, a share of the entry; 0 = none"
    ),
    Parameter("stop_loss", "float", 0.02, 0.0, 0.5, help="fixed stop, a share; 0 = by ATR"),
    Parameter("atr_multiplier", "float", 2.5, 0.5, 10.0, help="distance of the ATR stop, in ATRs"),
    Parameter("trailing_stop", "float", 0.0, 0.0, 0.5, help="fall from the best price; 0 = none"),
    Parameter("emergency_stop", "float", 0.05, 0.005, 0.5, help="market exit whatever else says"),
    Parameter(
        "max_position_size", "float", 0.2, 0.01, 1.0, help="most of the account in one symbol"
    ),
    Parameter("signal_tf", "interval", "1h", help="candles that signals are judged on"),
    Parameter(
        "filters", "choice", "on", choices=("on", "off"), help="off = no filter, no trailing"
    ),
    Parameter("filter_tf", "interval", "4h", help="candles that the filters and the ATR use"),
    Parameter("min_volatility", "float", 0.008, 0.0, 0.2, help="least ATR(14) / price to enter"),
    Parameter("min_adx", "float", 20.0, 0.0, 100.0, help="least ADX(14) to enter"),
    Parameter("trend_span", "int", 50, 2, 500, help="span of the trend's EMA on filter_tf"),
    Parameter(
        "hourly_trend", "choice", "off", choices=("off", "on"), help="1h close above its EMA50"
    ),
)
"""Parameters that every technical strategy has."""

_SHARE_AT = "a fall from the entry"
_WEIGHT = "its notional, in initial notionals"
_STAGE_STOP = "stop from then on, a share of the average; 0 = as before"

STAGED: tuple[Parameter, ...] = (
    Parameter(
        "partial_take_profit", "ladder", "", help="ladder of profit:share, e.g. 0.02:0.5,0.04:0.25"
    ),
    Parameter("half_close", "float", 0.0, 0.0, 1.0, help="profit that sells half, once; 0 = none"),
    Parameter(
        "exit_after_half",
        "choice",
        "off",
        choices=("off", "on"),
        help="on: the strategy's own exit counts after the half close only",
    ),
    Parameter("time_exit", "float", 0.0, 0.0, 8760.0, help="hours until the exit; 0 = none"),
    Parameter("trailing_arm", "float", 0.0, 0.0, 1.0, help="profit that arms the trailing stop"),
    Parameter("leverage", "float", 1.0, 1.0, 125.0, help="of the isolated margin; 1 = none"),
    Parameter(
        "target_volatility",
        "float",
        0.0,
        0.0,
        1.0,
        help="so much of the margin an ATR moves, at most at leverage; 0 = leverage as it is",
    ),
    Parameter(
        "liquidation_guard",
        "float",
        0.0,
        0.0,
        0.9,
        help="out at that share of the way left",
    ),
    Parameter("add_first_at", "float", 0.0, 0.0, 0.9, help=f"first addition, {_SHARE_AT}; 0: none"),
    Parameter("add_first_weight", "float", 1.0, 0.01, 10.0, help=_WEIGHT),
    Parameter("add_first_stop", "float", 0.0, 0.0, 0.5, help=_STAGE_STOP),
    Parameter(
        "add_second_at", "float", 0.0, 0.0, 0.9, help=f"second addition, {_SHARE_AT}; 0: none"
    ),
    Parameter("add_second_weight", "float", 1.0, 0.01, 10.0, help=_WEIGHT),
    Parameter("add_second_stop", "float", 0.0, 0.0, 0.5, help=_STAGE_STOP),
)
"""Parameters of positions that change in stages; off by default in every technical strategy."""


class Strategy:
    """A technical strategy; subclasses fill the class attributes and the three methods below."""

    name: ClassVar[str]
    summary: ClassVar[str]
    own: ClassVar[tuple[Parameter, ...]] = ()
    shared: ClassVar[tuple[Parameter, ...]] = (*SHARED, *STAGED)
    defaults: ClassVar[Mapping[str, Value]] = {}
    day_end: ClassVar[bool] = False
    side: ClassVar[int] = 1
    """+1 buys what it enters, -1 sells it."""
    reasons: ClassVar[Mapping[int, str]] = {}
    """Text of each reason code that :attr:`step` writes; ``{seen}`` and ``{limit}`` are filled
    in.
    """
    step: Step  # a class attribute: staticmethod(kernel)
    scan: Scan | None = None
    """Optional: finds at a stroke the rows that :attr:`step` would enter on."""
    own_levels: ClassVar[bool] = False
    """Whether entries carry their own side, stop and target."""
    always_guarded: ClassVar[bool] = False
    """Whether trailing and emergency stop apply without the common filters, too."""
    scanned: ClassVar[bool] = False
    """Whether a scan of the universe chooses the symbols that it may enter."""
    learns: ClassVar[bool] = False
    """Whether some parameters are fitted by :meth:`learn` rather than searched."""
    version: ClassVar[str] = "1"

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Floats that :attr:`step` keeps between candles."""
        raise TypeError(f"strategy {self.name} declares no state size for {dict(params)}")

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Candles of ``signal_tf`` after which the start of the history is forgotten to 1e-9."""
        raise TypeError(f"strategy {self.name} declares no warm-up for {dict(params)}")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Own parameters first, then the shared ones, with this strategy's defaults."""
        shared = tuple(_with_default(p, self.defaults.get(p.name, p.default)) for p in self.shared)
        return self.own + shared

    @cached_property
    def optional(self) -> frozenset[str]:
        """Parameters that a release may lack: those of stages that are off by default."""
        staged = (p for p in STAGED if p in self.parameters)
        return frozenset(p.name for p in staged)

    @cached_property
    def _staged_defaults(self) -> dict[str, Value]:
        return {p.name: self.parameter(p.name).default for p in STAGED}

    def _staged(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """The parameters of stages, those that ``params`` lacks by their defaults."""
        return {name: params.get(name, value) for name, value in self._staged_defaults.items()}

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """The declared parameter ``name``; `ParameterError` naming the known ones otherwise."""
        if name in self._by_name:
            return self._by_name[name]
        known = ", ".join(p.name for p in self.parameters)
        raise ParameterError(f"{self.name} has no parameter '{name}'; it has {known}")

    def learn(self, candles: CandleColumns, params: Mapping[str, Value]) -> dict[str, Value]:
        """The fitted parameters, from base candles and the resolved others; none by default."""
        del candles, params
        return {}

    def has(self, name: str) -> bool:
        """Whether there is a parameter ``name``."""
        return name in self._by_name

    def accepted(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Those of ``values``, which may be meant for many strategies, that are parameters here."""
        return {name: value for name, value in values.items() if self.has(name)}

    def resolve(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """All parameters with ``values`` applied: typed, bounds checked, defaults filled in.

        `ParameterError` also where they make no exit rules together.
        """
        for name in values:
            self.parameter(name)
        params = {
            p.name: p.parse(values.get(p.name, p.default), self.name) for p in self.parameters
        }
        self.exit_rules(params)
        return params

    def refine(self, params: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
        """Resolved ``params`` with ``values`` in their place, read as by :meth:`resolve`."""
        read = {
            name: self.parameter(name).parse(value, self.name) for name, value in values.items()
        }
        return {**params, **read}

    def signal_tf(self, params: Mapping[str, Value]) -> int:
        """Milliseconds of the candles that signals are judged on."""
        return interval_ms(str(params["signal_tf"]))

    def filter_tf(self, params: Mapping[str, Value]) -> int:
        """Milliseconds of the candles that filters and the ATR use."""
        return interval_ms(str(params["filter_tf"]))

    def more_tfs(self, params: Mapping[str, Value]) -> Mapping[int, int]:
        """Further timeframes whose closed candles :attr:`step` sees: ms and warm-up candles.

        At most :data:`MORE_TFS`, the longest first, none of them ``signal_tf``.
        """
        del params
        return {}

    def filters_on(self, params: Mapping[str, Value]) -> bool:
        """Whether the common filters, the trailing stop and the emergency stop apply."""
        return params["filters"] == "on"

    def needs_atr(self, params: Mapping[str, Value]) -> bool:
        """Whether stops or the leverage are by the ATR of ``filter_tf``."""
        return params["stop_loss"] == 0.0 or float(params.get("target_volatility", 0.0)) > 0.0

    def buffer(self, params: Mapping[str, Value]) -> Buffer:
        """The numbers that the kernels read: those of the common filters, then :attr:`own` in
        order.
        """
        return [
            1.0 if self.filters_on(params) else 0.0,
            float(params["min_volatility"]),
            float(params["min_adx"]),
            float(params["trend_span"]),
            1.0 if self.filters_on(params) and params["hourly_trend"] == "on" else 0.0,
            1.0 if self.needs_atr(params) else 0.0,
            *(p.number(params[p.name]) for p in self.own),
        ]

    def sizing(self, params: Mapping[str, Value]) -> Sizing:
        """How much of the account a position takes at its entry.

        With all additions made it takes ``max_position_size``.
        """
        staged = self._staged(params)
        planned = 1.0 + sum(addition.weight for addition in _additions(staged, self.name))
        return Sizing(float(params["max_position_size"]) / planned)

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """The exits of ``params``; without filters neither trailing nor emergency stop.

        A parameter of :data:`STAGED` that is absent has its default: positions that were opened
        before it existed have none. `ParameterError` for stages that contradict each other, or a
        stop that is not inside the liquidation.
        """
        guarded = 1.0 if self.always_guarded or self.filters_on(params) else 0.0
        staged = self._staged(params)
        rules = ExitRules(
            take_profit=float(params["take_profit"]),
            stop_loss=float(params["stop_loss"]),
            atr_multiplier=float(params["atr_multiplier"]),
            trailing_stop=float(params["trailing_stop"]) * guarded,
            emergency_stop=float(params["emergency_stop"]) * guarded,
            day_end=self.day_end,
            trailing_arm=float(staged["trailing_arm"]),
            time_exit_ms=round(float(staged["time_exit"]) * 3_600_000),
            partials=ladder_steps(str(staged["partial_take_profit"])),
            half_close=float(staged["half_close"]),
            exit_after_half=staged["exit_after_half"] == "on",
            additions=_additions(staged, self.name),
            liquidation_guard=float(staged["liquidation_guard"]),
            leverage=float(staged["leverage"]),
            target_volatility=float(staged["target_volatility"]),
        )
        check_stops(rules, self.name)
        return rules


def ladder_steps(text: str) -> tuple[tuple[float, float], ...]:
    """The steps (profit, share) of a ladder written ``0.02:0.5,0.04:0.25``; empty: none."""
    pairs = [step.split(":") for step in text.split(",") if step]
    return tuple((float(level), float(share)) for level, share in pairs)


def _ladder_text(text: str, where: str) -> str:
    """``text`` without blanks, if it is a ladder."""
    bare = "".join(text.split())
    try:
        steps = ladder_steps(bare)
    except ValueError as error:
        raise ParameterError(
            f"{where} = '{text}' is no ladder; write PROFIT:SHARE,…, for example 0.02:0.5,0.04:0.25"
        ) from error
    if not all(math.isfinite(number) for step in steps for number in step):
        raise ParameterError(f"{where} = '{text}' has a number that is not finite")
    return bare


def _additions(staged: Mapping[str, Value], owner: str) -> tuple[Addition, ...]:
    """The averaging steps that are on."""
    found = [
        Addition(*(float(staged[f"{name}_{what}"]) for what in ("at", "weight", "stop")))
        for name in ("add_first", "add_second")
        if float(staged[f"{name}_at"]) > 0.0
    ]
    if found and not float(staged["add_first_at"]) > 0.0:
        raise ParameterError(f"{owner}: add_second_at is set without add_first_at; set that too")
    return tuple(found)


def _with_default(parameter: Parameter, default: Value) -> Parameter:
    return parameter if default == parameter.default else replace(parameter, default=default)
