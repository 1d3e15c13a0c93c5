"""The bodies of the flows, written once for every engine: each reads like a table of contents.

A step gets the request and keys, does its work on the lake, and gives back a small result. A flow
that needs what an earlier step found runs that step too: what is already in the lake is found there
and not computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flows import tasks
from flows.engine import run_notes
from flows.engine.engine import Engine, Outcome, Run
from flows.engine.request import Request
from flows.steps.release.publish import LeftOutReason, PublishResult
from trading.errors import DataError, SettingsError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FlowResult:
    """What a flow did: a sentence for its final state, what it left out, the steps' results."""

    name: str
    run: Run
    message: str
    left_out: tuple[LeftOutReason, ...] = ()
    results: dict[str, Any] = field(default_factory=dict)


Body = Callable[[Engine, Request], FlowResult]


class Collector:
    """Carries a flow from step to step: results by name, and what was left out on the way."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self.engine = engine
        self.request = request
        self.left_out: list[LeftOutReason] = []
        self.results: dict[str, Any] = {}

    def call(self, name: str, step: tasks.Step[T], *arguments: Any) -> T:
        """Run a step that the flow cannot do without."""
        result = self.engine.call(step, self.request, *arguments)
        self.results[name] = result
        return result

    def each(self, name: str, step: tasks.Step[T], keys: Sequence[str], *arguments: Any) -> list[T]:
        """Run a step for every key; the values of those that went well, the others are left out."""
        outcomes = self.engine.each(step, keys, self.request, *arguments)
        self.results[name] = outcomes
        self.left_out += [
            LeftOutReason(tasks.symbol_of(o.key), _reason(o))
            for o in outcomes
            if o.error is not None
        ]
        return [o.value for o in outcomes if o.value is not None]

    def good_keys(self, name: str) -> tuple[str, ...]:
        """Keys of the step ``name`` that went well; `DataError` when there is none."""
        good = tuple(o.key for o in self.results[name] if o.error is None)
        if not good:
            reasons = "; ".join(f"{o.key}: {o.error}" for o in self.results[name])
            raise DataError(f"{name}: no symbol is left to go on with: {reasons}")
        return good

    def finish(self, name: str, sentence: str) -> FlowResult:
        """Say how it went, on the terminal and as a note of the run."""
        left = sorted({item.symbol for item in self.left_out})
        message = f"{sentence}; not complete for {', '.join(left)}" if left else sentence
        self.engine.note(name, run_notes.markdown(name, message, self.left_out, self.results))
        self.engine.say(message)
        for item in self.left_out:
            self.engine.say(f"  left out: {item.symbol}: {item.reason}")
        return FlowResult(name, self.engine.run, message, tuple(self.left_out), self.results)


def _reason(outcome: Outcome[Any]) -> str:
    """The error, with the strategy or model it concerns."""
    what, found, _ = outcome.key.rpartition(tasks.SEPARATOR)
    return f"{what}: {outcome.error}" if found else str(outcome.error)


def _checked(run: Collector) -> tuple[str, ...]:
    """The symbols of the settings that pass their checks; or the most traded of all that do."""
    most = run.request.settings.top_symbols
    if not most:
        run.each("validate", tasks.VALIDATE, run.request.settings.symbols)
        return run.good_keys("validate")
    run.each("validate", tasks.VALIDATE, run.call("imported", tasks.IMPORTED))
    good = run.good_keys("validate")
    ranked = [member.symbol for member in run.call("universe", tasks.SCAN)]
    top = tuple(symbol for symbol in ranked if symbol in good)[:most]
    if not top:
        raise DataError("top_symbols: no symbol has candles of the last day; import newer ones")
    return top


def _featured(run: Collector, symbols: Sequence[str]) -> tuple[str, ...]:
    """Bars and structures for everyone who asks the lake, and features if models are wanted."""
    run.each("bars", tasks.BARS, symbols)
    built = run.good_keys("bars")
    run.each("structures", tasks.STRUCTURES, built)
    if run.request.settings.models:
        run.each("features", tasks.FEATURES, (tasks.universe_key(built),), built)
    return built


def _searched(run: Collector, symbols: Sequence[str]) -> list[Any]:
    found = run.each("optimize", tasks.OPTIMIZE, tasks.pairs(run.request, symbols))
    run.good_keys("optimize")
    return found


def _trained(run: Collector, symbols: Sequence[str]) -> list[Any]:
    if not run.request.settings.models:
        return []
    return run.each("train", tasks.TRAIN, tasks.models(symbols))


def _published(run: Collector, entries: Sequence[Any], trained: Sequence[Any]) -> PublishResult:
    left_out = tuple(run.left_out)
    return run.call("publish", tasks.PUBLISH, entries, trained, left_out, run.engine.run)


def nightly(engine: Engine, request: Request) -> FlowResult:
    """Import, check, features, search, train, publish, report; a failed symbol stops no other."""
    run = Collector(engine, request)
    run.call("import", tasks.IMPORT)
    checked = _checked(run)
    built = _featured(run, checked)
    entries = _searched(run, checked)
    trained = _trained(run, built)
    published = _published(run, entries, trained)
    run.call("report", tasks.REPORT, published.release_id)
    return run.finish("nightly", published.sentence)


def import_candles(engine: Engine, request: Request) -> FlowResult:
    """What the settings' folder holds and the lake lacks."""
    run = Collector(engine, request)
    imported = run.call("import", tasks.IMPORT)
    for path, reason in imported.failed:
        engine.say(f"  not usable: {path}: {reason}")
    return run.finish("import", imported.sentence)


def validate(engine: Engine, request: Request) -> FlowResult:
    """Check the imported candles; what is bad goes to quarantine."""
    run = Collector(engine, request)
    checked = _checked(run)
    return run.finish("validate", f"{len(checked)} symbols passed: {', '.join(checked)}")


def features(engine: Engine, request: Request) -> FlowResult:
    """Bars and features of what passed its checks."""
    run = Collector(engine, request)
    built = _featured(run, _checked(run))
    return run.finish("features", f"bars, structures and features of {', '.join(built)} are built")


def optimize(engine: Engine, request: Request) -> FlowResult:
    """Search every strategy on every symbol that passed its checks."""
    run = Collector(engine, request)
    entries = _searched(run, _checked(run))
    for found in entries:
        engine.say(f"  {found.sentence}")
    return run.finish("optimize", f"{len(entries)} searches are in the lake")


def train(engine: Engine, request: Request) -> FlowResult:
    """Train the models on what passed its checks."""
    run = Collector(engine, request)
    if not request.settings.models:
        raise SettingsError("nothing to train: the setting 'models' is false")
    trained = _trained(run, _featured(run, _checked(run)))
    run.good_keys("train")
    return run.finish("train", "; ".join(model.sentence for model in trained))


def publish(engine: Engine, request: Request) -> FlowResult:
    """Publish a release of what the lake holds; searches and models that are missing are made."""
    run = Collector(engine, request)
    checked = _checked(run)
    built = _featured(run, checked)
    published = _published(run, _searched(run, checked), _trained(run, built))
    return run.finish("publish", published.sentence)


def report(engine: Engine, request: Request) -> FlowResult:
    """The report of the current release."""
    run = Collector(engine, request)
    return run.finish("report", f"report: {run.call('report', tasks.REPORT, None)}")


def retune_k(engine: Engine, request: Request) -> FlowResult:
    """The breakout's K from the last candles, inside the approved plateau."""
    run = Collector(engine, request)
    symbols = run.call("symbols", tasks.RELEASED)
    retuned = run.each("retune", tasks.RETUNE, symbols)
    run.good_keys("retune")
    for item in retuned:
        engine.say(f"  {item.symbol}: K {item.before:g} -> {item.after:g}, {item.reason}")
    published = run.call("publish", tasks.PUBLISH_K, retuned, engine.run)
    sentence = "K stays as it is" if published is None else published.sentence
    return run.finish("retune_k", sentence)


def scan(engine: Engine, request: Request) -> FlowResult:
    """The universe by quote volume; where the release trades `surge`, which of it surge."""
    run = Collector(engine, request)
    members = run.call("scan", tasks.SCAN)
    for member in members[:10]:
        engine.say(
            f"  {member.rank}. {member.symbol}: {member.quote_volume:,.0f} ({member.source})"
        )
    sentence = f"{len(members)} symbols traded in the last 24 hours"
    published = run.call("publish", tasks.PUBLISH_UNIVERSE, members, engine.run)
    if published is not None:
        sentence = f"{sentence}; {published.sentence}"
    return run.finish("scan", sentence)


def export_ledger(engine: Engine, request: Request) -> FlowResult:
    """The executor's ledger into the lake; nothing to do while there is no ledger yet."""
    run = Collector(engine, request)
    if not request.settings.ledger.is_file():
        return run.finish("export_ledger", f"there is no ledger yet at {request.settings.ledger}")
    exported = run.call("export", tasks.EXPORT)
    rows = ", ".join(f"{count} {name}" for name, count in exported.rows.items())
    return run.finish("export_ledger", f"copied {rows} over {len(exported.days)} days")


BODIES: dict[str, Body] = {
    "import": import_candles,
    "validate": validate,
    "features": features,
    "optimize": optimize,
    "train": train,
    "publish": publish,
    "report": report,
    "nightly": nightly,
    "retune_k": retune_k,
    "scan": scan,
    "export_ledger": export_ledger,
}
"""The bodies of this file by the names that the command line uses; other flows register theirs."""


def flow_body(name: str) -> Callable[[Body], Body]:
    """Register a function as the body of the flow ``name``."""

    def register(body: Body) -> Body:
        BODIES[name] = body
        return body

    return register
