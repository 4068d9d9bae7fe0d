"""Metrics for Prometheus: what is so, from the status at the moment of asking; what happened, from the journal.

`docs/running-a-controller.md` lists them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler import __version__
from reconciler.serve.telling.journal import Entry
from reconciler.serve.telling.status import Condition, Status

_ROUND_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800)
_REACTION_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_STEPS = {"StepSucceeded": "succeeded", "StepFailed": "failed", "NotReady": "unready", "StepLeft": "not-run"}
_SEEN = ("complete", "partial", "failed", "unknown")
_STATES = ("waiting", "refused", "held", "left-down", "becoming-ready", "failed", "contended", "suspended")
_TRUE = {"True": 1.0, "False": 0.0, "Unknown": float("nan")}


class Metrics:
    """The numbers of one controller. `hear` listens to its journal."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status
        self._counted = registry = CollectorRegistry()
        self._rounds = Histogram(
            "reconciler_round_duration_seconds",
            "How long rounds took that carried a plan out, by whether all of it succeeded.",
            ["result"],
            buckets=_ROUND_SECONDS,
            registry=registry,
        )
        self._reactions = Histogram(
            "reconciler_event_reaction_seconds",
            "From hearing of a change on a host to the first step against it.",
            buckets=_REACTION_SECONDS,
            registry=registry,
        )
        what = "Steps, by verb and by what became of them."
        self._steps = Counted("reconciler_steps", what, ["verb", "status"], registry=registry)
        what = "Entries of the journal, by severity."
        self._entries = Counted("reconciler_journal_entries", what, ["severity"], registry=registry)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        now = self._status()
        registry = CollectorRegistry()
        registry.register(_Labelled(now.fleet, [*_gauges(now), *self._counted.collect()]))
        return generate_latest(registry)

    def hear(self, entry: Entry) -> None:
        """Count something that happened."""
        self._entries.labels(entry.severity).inc()
        if status := _STEPS.get(entry.reason):
            self._steps.labels(entry.verb or "unknown", status).inc()
        elif entry.reason == "RunFinished" and entry.seconds is not None:
            self._rounds.labels("failed" if entry.severity == "warning" else "succeeded").observe(entry.seconds)
        elif entry.reason == "Reacted" and entry.seconds is not None:
            self._reactions.observe(entry.seconds)


class _Labelled(Collector):
    """Metrics, each of their samples with the name of the fleet."""

    def __init__(self, fleet: str, metrics: Iterable[Metric]) -> None:
        self._fleet, self._metrics = fleet, metrics

    def collect(self) -> Iterator[Metric]:
        """Them."""
        for metric in self._metrics:
            metric.samples = [
                sample._replace(labels={"fleet": self._fleet, **sample.labels}) for sample in metric.samples
            ]
            yield metric


def _gauges(now: Status) -> Iterator[Metric]:
    """What is so when somebody asks."""
    version = [((__version__, now.branch, now.tip, now.in_force), 1.0)]
    yield _gauge("info", "The controller and its commits; always 1.", ["version", "branch", "tip", "in_force"], version)
    yield _gauge("working", "Whether a plan is being carried out.", [], [((), float(now.working))])
    yield from _conditions(now)
    yield from _hosts(now)
    states = Counter[str](each.state for each in now.resources)
    found = [((state,), float(states[state])) for state in _STATES]
    yield _gauge("resources", "Resources about which there is something to say, by what that is.", ["state"], found)
    planned = [((action,), float(count)) for action, count in now.summary.items()]
    text = "Objects that the last round for the whole fleet has left, by what is to be done."
    yield _gauge("planned", text, ["action"], planned)
    yield _gauge("suspensions", "What is suspended.", [], [((), float(len(now.suspensions)))])


def _conditions(now: Status) -> Iterator[Metric]:
    found: dict[str, Condition] = {condition.type: condition for condition in now.conditions}
    values = [((name,), _TRUE[condition.status]) for name, condition in found.items()]
    yield _gauge("condition", "Whether a condition is true: 1 or 0, NaN when nobody knows.", ["type"], values)
    leading = found.get("Leading")
    leads = leading is not None and leading.status == "True"
    yield _gauge("leader", "Whether this controller leads its fleet.", [], [((), float(leads))])
    stale = [((), _stale(found["SourceReady"]))] if "SourceReady" in found else []
    yield _gauge("source_stale_seconds", "For how long the branch could not be looked at.", [], stale)


def _hosts(now: Status) -> Iterator[Metric]:
    seen = Counter[str](each.seen for each in now.hosts)
    counts = [((name,), float(seen[name])) for name in _SEEN]
    yield _gauge("hosts", "Hosts, by what they showed when they were last looked at.", ["seen"], counts)
    up = [((each.name,), float(each.seen == "complete")) for each in now.hosts]
    yield _gauge("host_up", "Whether a host was completely seen.", ["host"], up)
    watching = [((each.name,), float(each.watching)) for each in now.hosts]
    yield _gauge("host_watching", "Whether a host tells by itself when something changes.", ["host"], watching)


def _gauge(name: str, what: str, labels: list[str], samples: Iterable[tuple[Sequence[str], float]]) -> Metric:
    family = GaugeMetricFamily(f"reconciler_{name}", what, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _stale(source: Condition) -> float:
    if source.status == "True":
        return 0.0
    with suppress(ValueError):
        return max((datetime.now(UTC) - datetime.fromisoformat(source.since)).total_seconds(), 0.0)
    return 0.0
