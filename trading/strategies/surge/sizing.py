"""Size by stage: what a symbol may take, and the most that all symbols can lose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trading.errors import ParameterError
from trading.strategies.parameters import Parameter, Value

RESERVE = 0.45
"""Share of the account that stays in reserve."""

MONEY: tuple[Parameter, ...] = (
    Parameter("most_symbols", "int", 10, 1, 100, help="symbols held at once, for the bound"),
    Parameter(
        "weight_basis",
        "choice",
        "notional",
        choices=("notional", "margin"),
        help="what max_position_size is: the notional, or the margin behind it",
    ),
    Parameter(
        "margin_confirmed",
        "choice",
        "no",
        choices=("no", "yes"),
        help="yes = accept the larger bound of weight_basis=margin",
    ),
)


@dataclass(frozen=True, slots=True)
class SurgeSizing:
    """The sizes of one symbol, and the number of symbols.

    ``weight`` is what a symbol takes with all additions made, a share of the account: notional,
    or with the ``basis`` ``margin`` the margin behind ``leverage`` times as much. ``parts`` split
    it (initial entry, first and second addition). ``stops`` are the stops of the stages, as shares
    of the average price.
    """

    weight: float
    parts: tuple[float, ...] = (1.0, 4 / 3, 4 / 3)
    stops: tuple[float, ...] = (0.10, 0.07, 0.05)
    emergency: float = 0.12
    symbols: int = 10
    leverage: float = 1.0
    basis: str = "notional"
    confirmed: bool = False

    @classmethod
    def of(cls, params: Mapping[str, Value]) -> SurgeSizing:
        """Build the plan of resolved parameters; an addition that is off (at 0) has no stage."""
        stages = [name for name in ("add_first", "add_second") if float(params[f"{name}_at"]) > 0.0]
        stops = [float(params["stop_loss"])]
        for name in stages:
            stops.append(float(params[f"{name}_stop"]) or stops[-1])
        return cls(
            weight=float(params["max_position_size"]),
            parts=(1.0, *(float(params[f"{name}_weight"]) for name in stages)),
            stops=tuple(stops),
            emergency=float(params["emergency_stop"]),
            symbols=int(params["most_symbols"]),
            leverage=float(params["leverage"]),
            basis=str(params["weight_basis"]),
            confirmed=params["margin_confirmed"] == "yes",
        )

    @property
    def notional(self) -> float:
        """Return the notional of a symbol with all additions made, a share of the account."""
        return self.weight * (self.leverage if self.basis == "margin" else 1.0)

    @property
    def stage_shares(self) -> tuple[float, ...]:
        """Return the notional that each stage adds, shares of the account: 1.5 %, 2 % and 2 %."""
        whole = sum(self.parts)
        return tuple(self.notional * part / whole for part in self.parts)

    @property
    def stage_losses(self) -> tuple[float, ...]:
        """Return the loss of a symbol stopped in each stage, a share of the account before costs.

        A stop is a share of the average price, so it costs that share of all that was paid. The
        emergency stop limits a wider one.
        """
        paid, losses = 0.0, []
        for added, stop in zip(self.stage_shares, self.stops, strict=True):
            paid += added
            losses.append(paid * min(stop or self.emergency, self.emergency))
        return tuple(losses)

    @property
    def bound(self) -> float:
        """Return the most that all symbols can lose by their stops: 2.75 % of the account."""
        return self.symbols * max(self.stage_losses)

    @property
    def used(self) -> float:
        """Return what all symbols take with all additions made, a share of the account: 55 %."""
        return self.symbols * self.weight

    def check(self) -> None:
        """Check the reserve, the bound and the stops, and raise `ParameterError` if one breaks.

        Every stop must be inside the emergency stop, and a larger bound must be confirmed.
        """
        if max(self.stops) >= self.emergency:
            raise ParameterError(
                f"surge: emergency_stop = {self.emergency:g} is not wider than the widest stop of "
                f"{max(self.stops):g}; give a wider one"
            )
        most = 1.0 - RESERVE
        if self.used > most + 1e-9:
            raise ParameterError(
                f"surge: {self.symbols} symbols of max_position_size = {self.weight:g} use "
                f"{self.used:.1%} of the account as {self.basis}, and {most:.0%} is the most; "
                f"give {most / self.symbols:.4g} or less"
            )
        if self.basis == "margin" and not self.confirmed:
            raise ParameterError(
                f"surge: with weight_basis = margin {self.symbols} symbols can lose "
                f"{self.bound:.2%} of the account by their stops; set margin_confirmed=yes if that "
                "is wanted"
            )
