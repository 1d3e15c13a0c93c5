"""What a strategy declares: its parameters, timeframes, warm-up and its decision kernel.

A new strategy is one module in ``technical/`` with one subclass of :class:`Strategy`; outside this
project, one entry point of the group ``nocturne.strategies`` announces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from trading.candles import HOUR_MS, CandleColumns, interval_ms
from trading.errors import ParameterError, did_you_mean
from trading.jit.kernel import Buffer
from trading.positions.exit_rules import Addition, ExitRules
from trading.positions.liquidation import check_stops
from trading.positions.sizing import Sizing
from trading.strategies.layout import Scan, Step
from trading.strategies.parameters import Parameter, Value, ladder_steps
from trading.strategies.shared_parameters import SHARED, STAGED

EMERGENCY_STOP = 0.05
"""The emergency stop of a live trade whose strategy declares none, a share of the entry."""


class Strategy:
    """A strategy; subclasses set the class attributes, :meth:`state_size` and :meth:`warmup`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    own: ClassVar[tuple[Parameter, ...]] = ()
    shared: ClassVar[tuple[Parameter, ...]] = (*SHARED, *STAGED)
    defaults: ClassVar[Mapping[str, Value]] = {}
    day_end: ClassVar[bool] = False
    side: ClassVar[int] = 1
    """+1 enters by buying, -1 by selling."""
    reasons: ClassVar[Mapping[int, str]] = {}
    """Template of each reason code that :attr:`step` writes, with ``{seen}`` and ``{limit}``."""
    step: Step  # a class attribute: staticmethod(kernel)
    scan: Scan | None = None
    """Optional: finds all rows on which :attr:`step` would enter."""
    own_levels: ClassVar[bool] = False
    """Whether entries carry their own side, stop and target."""
    always_guarded: ClassVar[bool] = False
    """Whether trailing and emergency stop apply even without the common filters."""
    scanned: ClassVar[bool] = False
    """Whether a scan of the universe selects the symbols that it may enter."""
    learns: ClassVar[bool] = False
    """Whether :meth:`learn` fits some parameters, rather than a search."""
    version: ClassVar[str] = "1"
    standing_stop: float = 0.0
    """Above 0, the emergency stop that stands whatever the parameters say; see `as_traded`."""

    def reason_text(self, code: int, seen: float, limit: float) -> str:
        """Return the text of reason ``code``, one of :attr:`reasons`, with its two numbers."""
        return self.reasons[code].format(seen=seen, limit=limit)

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the number of floats that :attr:`step` keeps between candles."""
        raise TypeError(f"strategy {self.name} declares no state size for {dict(params)}")

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the candles of ``signal_tf`` that forget the history's start to 1e-9."""
        raise TypeError(f"strategy {self.name} declares no warm-up for {dict(params)}")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return own parameters, then the shared ones with the defaults of this strategy."""
        shared = tuple(_with_default(p, self.defaults.get(p.name, p.default)) for p in self.shared)
        return self.own + shared

    @cached_property
    def optional(self) -> frozenset[str]:
        """Return the parameters that a release may lack: those of stages, off by default."""
        staged = (p for p in STAGED if p in self.parameters)
        return frozenset(p.name for p in staged)

    @cached_property
    def _staged_defaults(self) -> dict[str, Value]:
        return {p.name: self.parameter(p.name).default for p in STAGED}

    def _staged(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """Return the parameters of stages, with defaults for those that ``params`` lacks."""
        return {name: params.get(name, value) for name, value in self._staged_defaults.items()}

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """Return the declared parameter ``name``; an unknown name is a `ParameterError`."""
        if name in self._by_name:
            return self._by_name[name]
        meant = did_you_mean(name, self._by_name)
        known = ", ".join(self._by_name)
        raise ParameterError(f"{self.name} has no parameter '{name}'{meant}; it has {known}")

    def learn(self, candles: CandleColumns, params: Mapping[str, Value]) -> dict[str, Value]:
        """Return parameters fitted on base candles, given the resolved others; none by default."""
        del candles, params
        return {}

    def has(self, name: str) -> bool:
        """Return whether there is a parameter ``name``."""
        return name in self._by_name

    def accepted(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return those of ``values`` that are parameters of this strategy."""
        return {name: value for name, value in values.items() if self.has(name)}

    def resolve(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return all parameters with ``values`` applied, parsed and checked, and defaults.

        Values that contradict each other as exit rules are a `ParameterError`, too.
        """
        for name in values:
            self.parameter(name)
        params = {
            p.name: p.parse(values.get(p.name, p.default), self.name) for p in self.parameters
        }
        self.exit_rules(params)
        return params

    def refine(self, params: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
        """Replace some of the resolved ``params`` by ``values``, parsed as in :meth:`resolve`."""
        read = {
            name: self.parameter(name).parse(value, self.name) for name, value in values.items()
        }
        return {**params, **read}

    def reads_forecasts(self, params: Mapping[str, Value]) -> bool:
        """Return whether decisions rest on forecasts of the market (`layout.FORECAST`)."""
        del params
        return False

    def signal_tf(self, params: Mapping[str, Value]) -> int:
        """Return the milliseconds of a signal candle."""
        return interval_ms(str(params["signal_tf"]))

    def filter_tf(self, params: Mapping[str, Value]) -> int:
        """Return the milliseconds of a candle of the filters and the ATR."""
        return interval_ms(str(params["filter_tf"]))

    def more_tfs(self, params: Mapping[str, Value]) -> Mapping[int, int]:
        """Return further timeframes of :attr:`step`: their ms and their warm-up candles.

        There are at most `trading.market.bars.MORE_TFS`, the longest first, without ``signal_tf``.
        """
        del params
        return {}

    def replay_from(self, params: Mapping[str, Value], now_ms: int) -> int:
        """Return the time from which a restart at ``now_ms`` needs every base candle.

        Indicators need none. A strategy that counts its entries needs those since the count began:
        the filters decide on them candle by candle.
        """
        del params
        return now_ms

    def filters_on(self, params: Mapping[str, Value]) -> bool:
        """Return whether the common filters, the trailing and the emergency stop apply."""
        return params["filters"] == "on"

    def needs_atr(self, params: Mapping[str, Value]) -> bool:
        """Return whether stops or the leverage depend on the ATR of ``filter_tf``."""
        if params["stop_loss"] == 0.0 or float(params.get("target_volatility", 0.0)) > 0.0:
            return True
        return params.get("sizing") in ("turtle", "volatility")

    def buffer(self, params: Mapping[str, Value]) -> Buffer:
        """Return what the kernels read: the common filters, then :attr:`own` in order."""
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
        """Return how much of the account an entry takes.

        With all additions made the position takes ``max_position_size``: as notional, or as margin
        where ``sizing`` names a method that goes by risk.
        """
        staged, share = self._staged(params), float(params["max_position_size"])
        method = str(staged["sizing"])
        if method == "risk":
            return Sizing(share, method, float(staged["risk"]))
        if method == "turtle":
            return Sizing(
                share, method, float(staged["unit_risk"]), float(params["atr_multiplier"])
            )
        if method == "volatility":
            return Sizing(share, method, float(staged["volatility_target"]), 1.0)
        planned = 1.0 + sum(addition.weight for addition in _additions(staged, self.name))
        return Sizing(share / planned)

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """Return the exits of ``params``; without filters there is no trailing or emergency stop.

        In live and paper trades there always is one: see :meth:`live_rules`. A missing
        parameter of ``STAGED`` has its default: positions opened before it existed lack it (their
        trailing stop took profits only). Stages that contradict each other, or a stop beyond the
        liquidation, are a `ParameterError`.
        """
        guarded = 1.0 if self.always_guarded or self.filters_on(params) else 0.0
        staged = self._staged(params)
        rules = ExitRules(
            take_profit=float(params["take_profit"]),
            stop_loss=float(params["stop_loss"]),
            atr_multiplier=float(params["atr_multiplier"]),
            trailing_stop=float(params["trailing_stop"]) * guarded,
            emergency_stop=nearer_stop(
                float(params["emergency_stop"]) * guarded, self.standing_stop
            ),
            day_end=self.day_end,
            trailing_arm=float(staged["trailing_arm"]),
            time_exit_ms=round(float(staged["time_exit"]) * HOUR_MS),
            partials=ladder_steps(str(staged["partial_take_profit"])),
            half_close=float(staged["half_close"]),
            exit_after_half=staged["exit_after_half"] == "on",
            additions=_additions(staged, self.name),
            liquidation_guard=float(staged["liquidation_guard"]),
            leverage=float(staged["leverage"]),
            target_volatility=float(staged["target_volatility"]),
            trailing_from=str(params.get("trailing_from", "profit")),
        )
        check_stops(rules, self.name)
        return rules

    @cached_property
    def widest_emergency(self) -> float:
        """Return the emergency stop that the strategy declares, a share of the entry."""
        own = self.exit_rules(self.resolve({})).emergency_stop
        if not own and self.has("emergency_stop"):
            own = float(self.parameter("emergency_stop").default)
        return own or EMERGENCY_STOP

    def as_traded(self) -> Strategy:
        """Return the strategy with the emergency stop that its live and paper trades have.

        What is to be released is simulated with it: a back-test alone follows ``filters=off``.
        """
        made = copy(self)
        made.standing_stop = self.widest_emergency
        return made

    def refuse_idle(self, values: Mapping[str, Value], searched: Iterable[str] = ()) -> None:
        """`ParameterError` where a stop is given, or searched, that ``filters=off`` removes."""
        if self.always_guarded or values.get("filters") != "off":
            return
        given = {name: values.get(name, 0.0) for name in ("emergency_stop", "trailing_stop")}
        for name, value in given.items():
            if name in searched or float(value) > 0.0:
                raise ParameterError(
                    f"{self.name}: {name} changes nothing with filters=off, which removes it; leave"
                    f" {name} out, or set filters=on"
                )

    def live_rules(self, params: Mapping[str, Value], leverage: int) -> ExitRules:
        """Return the exits of a live or paper trade at the account's ``leverage``.

        The emergency stop stands whatever ``params`` say: it may be nearer than the one that the
        strategy declares, but neither wider nor off.
        """
        rules = self.exit_rules(params)
        nearest = nearer_stop(rules.emergency_stop, self.widest_emergency)
        return replace(rules, emergency_stop=nearest).at_leverage(leverage)


def nearer_stop(wanted: float, standing: float) -> float:
    """Return the nearer of two emergency stops; 0 is none."""
    return min(wanted or standing, standing) if standing > 0.0 else wanted


def _additions(staged: Mapping[str, Value], owner: str) -> tuple[Addition, ...]:
    """Return the averaging steps that are on."""
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
