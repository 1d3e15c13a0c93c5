"""What the three ICT strategies share: parameters, timeframes, structures and levels.

Each signal carries its own stop, behind the zone it trades from, and its own target, the next
liquidity level. The common filters and the ATR are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from trading.candles import interval_ms
from trading.errors import ParameterError
from trading.ict.layout import ict_size
from trading.jit.kernel import Buffer
from trading.positions.exit_rules import ExitRules
from trading.positions.liquidation import check_stops
from trading.positions.sizing import Sizing
from trading.strategies.base import Strategy, nearer_stop
from trading.strategies.ict import signals
from trading.strategies.layout import OWN
from trading.strategies.parameters import Parameter, Value
from trading.strategies.shared_parameters import SHARED, STAGED

GUARD = 0.2
"""What is left of the way to liquidation when the guard closes, unless the parameters say."""

DIRECTIONS = {"both": 0.0, "long": 1.0, "short": -1.0}

OF_ALL = (
    Parameter("trend_tf", "interval", "1h", help="candles of the market structure"),
    Parameter("zone_tf", "interval", "15m", help="candles of zones, liquidity and sweeps"),
    Parameter("length", "int", 5, 1, 50, help="candles on both sides of a swing"),
    Parameter(
        "pool_tolerance", "float", 0.001, 0.0, 0.02, help="reach of a liquidity pool, a share"
    ),
    Parameter("stop_tolerance", "float", 0.002, 0.001, 0.003, help="beyond the zone, a share"),
    Parameter("risk", "float", 0.02, 0.0001, 0.1, help="share of the account lost at the stop"),
    Parameter("leverage", "int", 5, 1, 20, help="notional for a margin of 1"),
    Parameter("direction", "choice", "both", choices=tuple(DIRECTIONS), help="sides to trade"),
    Parameter("min_reward", "float", 0.0, 0.0, 10.0, help="least reward for a risk of 1"),
    Parameter("max_age", "int", 500, 20, 5000, help="candles until a structure is forgotten"),
)
SWEEP_COUNTS = Parameter(
    "sweep_window", "int", 20, 1, 500, help="zone_tf candles that a sweep counts"
)
TOUCHES_COUNT = Parameter(
    "max_touches", "int", 3, 0, 1000, help="zone_tf candles that touched a zone"
)
ENTRIES_COUNT = Parameter("entries_per_zone", "int", 1, 1, 1000, help="entries out of one zone")
SHARED_WITH_ALL = (
    "trailing_stop",
    "trailing_from",
    "emergency_stop",
    "liquidation_guard",
    "max_position_size",
)

REASONS: Mapping[int, str] = {
    signals.ENTERED: "entered: close {seen:.8g}, zone at {limit:.8g}",
    signals.NO_TREND: "no break of structure on trend_tf yet",
    signals.NO_ZONE: "close {seen:.8g} comes out of no zone in the trend's direction",
    signals.NO_SWEEP: "no sweep of liquidity in the last {limit:g} candles",
    signals.NO_GAP: "no fair value gap has formed on this candle",
    signals.NO_TARGET: "entry held: no liquidity level beyond {seen:.8g}",
    signals.POOR_REWARD: "entry held: reward {seen:.2f} for a risk of 1 < {limit:g}",
    signals.LOW_CONFIDENCE: "entry held: confidence {seen:.1f} < {limit:g}",
    signals.WRONG_DIRECTION: "entry held: side {seen:+g} is switched off",
}


def break_age(default: int) -> Parameter:
    """Declare how long a break of structure sets the trend."""
    return Parameter(
        "break_age", "int", default, 1, 1000, help="trend_tf candles that a break counts"
    )


class IctStrategy(Strategy):
    """A strategy of ICT structures; subclasses add their own parameters and their step.

    Structures replace the common filters. The signal candles of B and C are those of ``zone_tf``.
    """

    own_levels: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Value]] = {"max_position_size": 1.0}
    reasons: ClassVar[Mapping[int, str]] = REASONS
    extra: ClassVar[tuple[Parameter, ...]] = ()
    shared: ClassVar[tuple[Parameter, ...]] = tuple(
        p for p in (*SHARED, *STAGED) if p.name in SHARED_WITH_ALL
    )

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.own = (*cls.extra, *OF_ALL)

    def signal_tf(self, params: Mapping[str, Value]) -> int:
        """Return the milliseconds of ``zone_tf``."""
        return interval_ms(str(params["zone_tf"]))

    def filter_tf(self, params: Mapping[str, Value]) -> int:
        """Return 0: there are no filters."""
        del params
        return 0

    def needs_atr(self, params: Mapping[str, Value]) -> bool:
        """Return False: stops lie behind structures."""
        del params
        return False

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the structures of two timeframes, and the last close."""
        return signals.signals_size(int(params["length"]))

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the warm-up of the structures if they are of ``signal_tf``, else two candles."""
        if self.signal_tf(params) == interval_ms(str(params["zone_tf"])):
            return self._structure_warmup(params)
        return 2

    def more_tfs(self, params: Mapping[str, Value]) -> Mapping[int, int]:
        """Return ``trend_tf``, and ``zone_tf`` unless it is ``signal_tf``."""
        trend, zone = interval_ms(str(params["trend_tf"])), interval_ms(str(params["zone_tf"]))
        signal = self.signal_tf(params)
        if not trend > zone >= signal:
            raise ParameterError(
                f"{self.name}: trend_tf = {params['trend_tf']} and zone_tf = {params['zone_tf']} "
                "do not descend; give for example 1h and 15m"
            )
        candles = self._structure_warmup(params)
        return {length: candles for length in (trend, zone) if length != signal}

    def replay_from(self, params: Mapping[str, Value], now_ms: int) -> int:
        """Return the time before which no zone that is alive was known, nor a break that counts."""
        if not self.has("entries_per_zone"):
            return now_ms
        zones = int(params["max_age"]) * interval_ms(str(params["zone_tf"]))
        breaks = int(params["break_age"]) * interval_ms(str(params["trend_tf"]))
        return now_ms - max(zones, breaks)

    def _structure_warmup(self, params: Mapping[str, Value]) -> int:
        # Zones live no longer than max_age; the swings before them need as long again to settle.
        return 3 * int(params["max_age"])

    def buffer(self, params: Mapping[str, Value]) -> Buffer:
        """Return the numbers of the common filters (off), then those of the ICT signals."""
        length = int(params["length"])
        return [
            *[0.0] * OWN,  # no common filters
            float(self.signal_tf(params)),
            float(interval_ms(str(params["trend_tf"]))),
            float(interval_ms(str(params["zone_tf"]))),
            float(length),
            float(params["pool_tolerance"]),
            float(params["stop_tolerance"]),
            DIRECTIONS[str(params["direction"])],
            float(params["min_reward"]),
            float(params["max_age"]),
            float(ict_size(length, length, signals.ZONES_KEPT, signals.POOLS_KEPT)),
            *(p.number(params[p.name]) for p in self.extra if p.kind != "interval"),
        ]

    def filters_on(self, params: Mapping[str, Value]) -> bool:
        """Return False: structures replace the filters."""
        del params
        return False

    def sizing(self, params: Mapping[str, Value]) -> Sizing:
        """Return a size that loses ``risk`` at the stop, with ``max_position_size`` as margin."""
        return Sizing(float(params["max_position_size"]), "risk", float(params["risk"]))

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """Return the stops that all signals share; each brings its own stop and target.

        Refused is what a live trade refuses: `check_stops` sees the parameters' own stop.
        """
        rules = ExitRules(
            trailing_stop=float(params["trailing_stop"]),
            trailing_from=str(params.get("trailing_from", "profit")),
            emergency_stop=float(params["emergency_stop"]),
            leverage=float(params["leverage"]),
            liquidation_guard=float(params.get("liquidation_guard", GUARD)),
        )
        check_stops(rules, self.name)
        nearest = nearer_stop(rules.emergency_stop, self.standing_stop)
        return replace(rules, emergency_stop=nearest)
