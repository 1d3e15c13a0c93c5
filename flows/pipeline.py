"""The bodies of the flows, written once for every engine: each reads like a table of contents.

A step gets the request and keys, works on the lake, and returns a small result. A flow that needs
the result of an earlier step runs that step too: a step finds in the lake what it made before, and
does not compute it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from flows import tasks
from flows.engine import run_notes
from flows.engine.engine import FlowEngine, FlowStep, Outcome, outcome_of
from flows.engine.request import FlowRequest
from flows.engine.stored_candles import need_candles
from flows.steps.release.publish import LeftOutReason, PublishResult, TrainedModels
from flows.steps.search.optimize import OptimizeEntry
from lake.releases import FlowRun
from trading.errors import DataError, SettingsError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FlowResult:
    """What a flow did: a sentence for its final state, what it left out, the steps' results.

    ``unusable`` are files that could not be used, with the reason.
    """

    name: str
    run: FlowRun
    message: str
    left_out: tuple[LeftOutReason, ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    results: dict[str, Any] = field(default_factory=dict)


Body = Callable[[FlowEngine, FlowRequest], FlowResult]


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """Outcomes of the step ``name`` for all of its keys."""

    name: str
    items: tuple[Outcome[T], ...]

    @property
    def values(self) -> list[T]:
        """Results of the keys that succeeded."""
        return [item.value for item in self.items if item.value is not None]

    def good_keys(self) -> tuple[str, ...]:
        """Keys that succeeded; `DataError` when there is none."""
        good = tuple(item.key for item in self.items if item.error is None)
        if not good:
            reasons = "; ".join(f"{item.key}: {item.error}" for item in self.items)
            raise DataError(f"{self.name}: no symbol is left to go on with: {reasons}")
        return good


class StepRunner:
    """Runs the steps of one flow; keeps their results and what was left out on the way."""

    def __init__(self, engine: FlowEngine, request: FlowRequest) -> None:
        self.engine = engine
        self.request = request
        self.left_out: list[LeftOutReason] = []
        self.unusable: list[tuple[str, str]] = []
        self.not_written: list[str] = []
        self.results: dict[str, Any] = {}

    def call(
        self,
        name: str,
        step: FlowStep[Concatenate[FlowRequest, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a step that the flow cannot do without."""
        result = self.engine.call(step, self.request, *args, **kwargs)
        self.results[name] = result
        return result

    def write(
        self,
        name: str,
        step: FlowStep[Concatenate[FlowRequest, P], str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run a step that writes what no other step needs; if it fails, the note says why."""
        try:
            self.engine.say(f"{name}: {self.engine.call(step, self.request, *args, **kwargs)}")
        except Exception as error:
            failed: Outcome[str] = outcome_of(step.name, name, error, None)
            self.not_written.append(f"{name} not written: {failed.error}")

    def each(
        self,
        name: str,
        step: FlowStep[Concatenate[str, FlowRequest, P], T],
        keys: Sequence[str],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Outcomes[T]:
        """Run a step for every key; keys that fail are left out."""
        outcomes = self.engine.each(step, keys, self.request, *args, **kwargs)
        self.results[name] = outcomes
        self.left_out += [
            LeftOutReason(tasks.symbol_of(item.key), _reason(item))
            for item in outcomes
            if item.error is not None
        ]
        return Outcomes(name, tuple(outcomes))

    def finish(self, name: str, sentence: str) -> FlowResult:
        """Report the result on the terminal and as a note of the run."""
        left = sorted({item.symbol for item in self.left_out})
        files = [path for path, _ in self.unusable]
        message = f"{sentence}; not complete for {', '.join(left)}" if left else sentence
        message = f"{message}; not usable: {', '.join(files)}" if files else message
        message = "; ".join([message, *run_notes.drifted(self.results), *self.not_written])
        age = run_notes.sample_age(self.request.as_of) if self.request.on_sample else ""
        age = run_notes.candles_age(self.request.as_of) if self.request.on_stored else age
        for record in run_notes.records(
            name, message, self.left_out, self.results, unusable=self.unusable, age=age
        ):
            self.engine.keep(record)
        if age:
            self.engine.say(age)
        self.engine.say(message)
        for path, reason in self.unusable:
            self.engine.say(f"  not usable: {path}: {reason}")
        for item in self.left_out:
            self.engine.say(f"  left out: {item.symbol}: {item.reason}")
        return FlowResult(
            name,
            self.engine.run,
            message,
            tuple(self.left_out),
            tuple(self.unusable),
            self.results,
        )


def _reason(outcome: Outcome[Any]) -> str:
    """Return the error, with the strategy or model that it concerns."""
    what, found, _ = outcome.key.rpartition(tasks.SEPARATOR)
    return f"{what}: {outcome.error}" if found else str(outcome.error)


def _checked(run: StepRunner) -> tuple[str, ...]:
    """Return the symbols that pass their checks: those of the settings, or the most traded."""
    most = run.request.settings.top_symbols
    need_candles(run.request.lake, run.request.settings)
    wanted = run.call("imported", tasks.IMPORTED) if most else run.request.settings.symbols
    good = run.each("validate", tasks.VALIDATE, wanted).good_keys()
    if run.request.settings.data_docs:
        run.write("data docs", tasks.DATA_DOCS, good)
    if not most:
        return good
    ranked = [member.symbol for member in run.call("universe", tasks.SCAN)]
    top = tuple(symbol for symbol in ranked if symbol in good)[:most]
    if not top:
        raise DataError("top_symbols: no symbol has candles of the last day; import newer ones")
    return top


def _featured(
    run: StepRunner, symbols: Sequence[str], step: FlowStep[..., Any] = tasks.FEATURES
) -> tuple[str, ...]:
    """Build bars, structures and, for models, features; return the symbols that have bars."""
    built = run.each("bars", tasks.BARS, symbols).good_keys()
    run.each("structures", tasks.STRUCTURES, built)
    if run.request.settings.models:
        featured = run.each("features", step, built).good_keys()
        run.call("cross_section", tasks.UNIVERSE)
        run.call("relative", tasks.RELATIVE, featured)
    return built


def _searched(run: StepRunner, symbols: Sequence[str]) -> list[OptimizeEntry]:
    outcomes = run.each("optimize", tasks.OPTIMIZE, tasks.search_keys(run.request, symbols))
    outcomes.good_keys()
    return outcomes.values


def _weighed(run: StepRunner, entries: Sequence[OptimizeEntry]) -> tuple[OptimizeEntry, ...]:
    """Give every strategy the state that looks and unseen days have earned it."""
    return run.call("evidence", tasks.EVIDENCE, entries)


def _trained(
    run: StepRunner, symbols: Sequence[str], entries: Sequence[OptimizeEntry] = ()
) -> tuple[TrainedModels, ...]:
    """Train, and give every model the state that looks and unseen days have earned it."""
    if not run.request.settings.models:
        return ()
    keys = tasks.model_keys(run.request, symbols)
    trained = run.each("train", tasks.TRAIN, keys, symbols)
    run.left_out += [reason for models in trained.values for reason in models.left_out]
    models = trained.values
    if more := tasks.entry_keys(run.request, entries):
        models += run.each("train-entries", tasks.TRAIN_ENTRIES, more, entries).values
    return run.call("model-evidence", tasks.MODEL_EVIDENCE, tasks.merged(models), symbols)


def _published(
    run: StepRunner, entries: Sequence[OptimizeEntry], trained: Sequence[TrainedModels]
) -> PublishResult:
    return run.call("publish", tasks.PUBLISH, entries, trained, tuple(run.left_out), run.engine.run)


def _downloaded(run: StepRunner) -> str:
    """Download what is missing; what could not be fetched is left out, and the flow goes on."""
    found = run.call("download", tasks.DOWNLOAD)
    run.left_out += [LeftOutReason(symbol, reason) for symbol, reason in found.failed]
    return found.sentence


def _imported(run: StepRunner) -> str:
    """Import what is new; files that cannot be used are named at the end, and the flow goes on."""
    imported = run.call("import", tasks.IMPORT)
    run.unusable += imported.failed
    return imported.sentence


def fetch(run: StepRunner) -> str:
    """Download or import what is new, as the settings say."""
    return _downloaded(run) if run.request.settings.download.enabled else _imported(run)


def reported(run: StepRunner, release_id: str | None, days: int = 1) -> str:
    """Write the report, and send the summary of its last ``days`` where the settings want it."""
    path = run.call("report", tasks.REPORT, release_id, run.unusable, days)
    if run.request.settings.summary_url:
        run.write("summary", tasks.SUMMARY, path)
    return path


def nightly(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Run every step from the import to the report; a failed symbol does not stop the others."""
    run = StepRunner(engine, request)
    fetch(run)
    checked = _checked(run)
    built = _featured(run, checked)
    entries = _weighed(run, _searched(run, checked))
    trained = _trained(run, built, entries)
    published = _published(run, entries, trained)
    reported(run, published.release_id)
    return run.finish("nightly", published.sentence)


def download(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Download what the settings want and the lake lacks."""
    run = StepRunner(engine, request)
    return run.finish("download", _downloaded(run))


def import_candles(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Import the files of the sample folder that the lake does not have yet."""
    run = StepRunner(engine, request)
    return run.finish("import", _imported(run))


def validate(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Check the imported candles; bad rows go to quarantine."""
    run = StepRunner(engine, request)
    checked = _checked(run)
    return run.finish("validate", f"{len(checked)} symbols passed: {', '.join(checked)}")


def fresh_features(run: StepRunner, step: FlowStep[..., Any] = tasks.FEATURES) -> tuple[str, ...]:
    """Build bars and features of the symbols that pass their checks; return the symbols."""
    return _featured(run, _checked(run), step)


def features(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Build bars and features of the symbols that pass their checks."""
    run = StepRunner(engine, request)
    built = fresh_features(run)
    return run.finish("features", f"bars, structures and features of {', '.join(built)} are built")


def optimize(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Search every strategy on every symbol that passes its checks."""
    run = StepRunner(engine, request)
    entries = _searched(run, _checked(run))
    for found in entries:
        engine.say(f"  {found.sentence}")
    return run.finish("optimize", f"{len(entries)} searches are in the lake")


def train(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Train the models on the symbols that pass their checks."""
    run = StepRunner(engine, request)
    if not request.settings.models:
        raise SettingsError("nothing to train: the setting 'models' is false")
    trained = _trained(run, _featured(run, _checked(run)))
    Outcomes("train", tuple(run.results["train"])).good_keys()
    return run.finish("train", "; ".join(model.sentence for model in trained))


def publish(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Publish a release; run the searches and trainings that the lake does not have yet."""
    run = StepRunner(engine, request)
    checked = _checked(run)
    built = _featured(run, checked)
    entries = _weighed(run, _searched(run, checked))
    published = _published(run, entries, _trained(run, built, entries))
    return run.finish("publish", published.sentence)


def report(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Write the report of the current release."""
    run = StepRunner(engine, request)
    return run.finish("report", f"report: {reported(run, None)}")


def retune_k(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Retune the breakout's K on the last candles, inside the approved plateau."""
    run = StepRunner(engine, request)
    symbols = run.call("symbols", tasks.RELEASED)
    outcomes = run.each("retune", tasks.RETUNE, symbols)
    outcomes.good_keys()
    for item in outcomes.values:
        engine.say(f"  {item.symbol}: K {item.before:g} -> {item.after:g}, {item.reason}")
    published = run.call("publish", tasks.PUBLISH_K, outcomes.values, engine.run)
    sentence = "K is unchanged" if published is None else published.sentence
    return run.finish("retune_k", sentence)


def scan(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Rank the universe by quote volume; for a release that trades `surge`, scan it for surges."""
    run = StepRunner(engine, request)
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


def export_ledger(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Copy the executor's ledger into the lake; without a ledger there is nothing to do."""
    run, settings = StepRunner(engine, request), request.settings
    if settings.ledger_source.is_file and not settings.ledger.is_file():
        return run.finish("export_ledger", f"there is no ledger yet at {settings.ledger}")
    exported = run.call("export", tasks.EXPORT)
    rows = ", ".join(f"{count} {name}" for name, count in exported.rows.items())
    return run.finish("export_ledger", f"copied {rows} over {len(exported.days)} days")


def parity(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Compare the last whole day of live trading with its replay; without a ledger, nothing."""
    run, settings = StepRunner(engine, request), request.settings
    if settings.ledger_source.is_file and not settings.ledger.is_file():
        return run.finish("parity", f"there is no ledger yet at {settings.ledger}")
    run.call("export", tasks.EXPORT)
    return run.finish("parity", run.call("parity", tasks.PARITY).sentence)


BODIES: dict[str, Body] = {
    "download": download,
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
    "parity": parity,
}
"""Bodies by the names of the command line; a flow in a file of its own registers its body."""


def flow_body(name: str) -> Callable[[Body], Body]:
    """Register a function as the body of the flow ``name``."""

    def register(body: Body) -> Body:
        BODIES[name] = body
        return body

    return register
