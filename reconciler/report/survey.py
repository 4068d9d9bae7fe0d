"""What a host shows: what is ours, what is not, and what it can do. A first look at an existing estate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from reconciler.objects import Value
from reconciler.observation import HostFacts, Sighting, Snapshot
from reconciler.report.line import Line, Span, counted, indented, line, table
from reconciler.report.resources import gaps_of, object_value, state_of
from reconciler.report.value import SIZES, plain_value, render, rough

_MOST_DETAILS = 4


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One host: its snapshot, and everything that stands there. `gap` says why that could not be seen."""

    snapshot: Snapshot
    sightings: tuple[Sighting, ...] = ()
    gap: str = ""

    @property
    def gaps(self) -> list[str]:
        """All that was not seen."""
        return [*gaps_of(self.snapshot), *([self.gap] if self.gap else [])]

    @property
    def others(self) -> list[Sighting]:
        """What is not ours."""
        return [each for each in self.sightings if not each.address]


def survey_lines(survey: Survey, *, fields: bool) -> list[Line]:
    """One host, for people."""
    snapshot = survey.snapshot
    lines = [line(Span(f"Host {snapshot.host}", "bold"), _facts_words(snapshot.facts))]
    lines += [line(Span("  not seen: ", "bold yellow"), gap) for gap in survey.gaps]
    lines += [line(f"  {words}") for words in _capacity_words(snapshot.facts)]
    lines += [line(), line(Span(f"  Ours: {counted(len(snapshot.objects), 'object')}", "bold"))]
    lines += indented(_own_lines(snapshot, fields=fields), 4)
    lines += [line(), line(Span(f"  Not ours: {_counts(survey.others)}", "bold"))]
    return [*lines, *indented(_other_lines(survey.others), 4)]


def _facts_words(facts: HostFacts | None) -> str:
    return f": {facts.driver} {facts.version}".rstrip() if facts else ""


def _capacity_words(facts: HostFacts | None) -> Iterator[str]:
    if facts is None:
        return
    parts = [
        counted(facts.vcpus, "CPU"),
        f"{rough(facts.memory)} memory",
        f"{rough(facts.disk)} disk",
    ]
    yield ", ".join(parts)
    if facts.other_vcpus or facts.other_memory:
        held = f"{counted(facts.other_vcpus, 'vCPU')} and {rough(facts.other_memory)}"
        yield f"guests that are not ours hold {held}"
    for name, words in (("pools", sorted(facts.pools)), ("physical networks", facts.physical_networks)):
        if words:
            yield f"{name}: {', '.join(words)}"


def _own_lines(snapshot: Snapshot, *, fields: bool) -> list[Line]:
    lines: list[Line] = []
    for observed in sorted(snapshot.objects, key=lambda each: each.key):
        part = f"#{observed.key.part}" if observed.key.part else ""
        lines.append(line(f"{observed.key.address}{part}  ", Span(state_of(observed), "dim")))
        if fields:
            values = {path: value for path, value in sorted(observed.stored.items()) if value not in (None, ())}
            lines += [line(f"    {path}: {render(path, value)}") for path, value in values.items()]
    return lines


def _counts(others: Sequence[Sighting]) -> str:
    counts = Counter(each.kind for each in others)
    return ", ".join(counted(number, kind) for kind, number in sorted(counts.items())) or "nothing"


def _other_lines(others: Sequence[Sighting]) -> list[Line]:
    rows = [(each.kind, each.name, _details(each.details)) for each in sorted(others)]
    return table(("KIND", "NAME", "DETAILS"), rows) if rows else []


def _details(details: Mapping[str, Any]) -> str:
    words = [f"{name} {_detail(name, value)}" for name, value in details.items() if value not in (None, "", ())]
    more = len(words) - _MOST_DETAILS
    return ", ".join(words[:_MOST_DETAILS]) + (f", {more} more" if more > 0 else "")


def _detail(name: str, value: Value) -> str:
    return rough(value) if name in SIZES and isinstance(value, int) else render(name, value)


def survey_value(survey: Survey) -> dict[str, Any]:
    """One host, for programs."""
    snapshot = survey.snapshot
    return {
        "host": snapshot.host,
        "complete": not survey.gaps,
        "gaps": survey.gaps,
        "facts": _facts_value(snapshot.facts) if snapshot.facts else None,
        "objects": [{"address": str(each.key.address), **object_value(each)} for each in snapshot.objects],
        "others": [_sighting_value(each) for each in sorted(survey.others)],
    }


def _facts_value(facts: HostFacts) -> dict[str, Any]:
    return {
        "driver": facts.driver,
        "version": facts.version,
        "virtTypes": list(facts.virt_types),
        "vcpus": facts.vcpus,
        "memory": plain_value("memory", facts.memory),
        "disk": plain_value("size", facts.disk),
        "otherVcpus": facts.other_vcpus,
        "otherMemory": plain_value("memory", facts.other_memory),
        "features": list(facts.features),
        "pools": {name: plain_value("size", size) for name, size in sorted(facts.pools.items())},
        "physicalNetworks": list(facts.physical_networks),
        "enforcement": facts.enforcement or None,
        "enforcementReason": facts.enforcement_reason or None,
    }


def _sighting_value(sighting: Sighting) -> dict[str, Any]:
    details = {name: plain_value(name, value) for name, value in sighting.details.items()}
    return {"kind": sighting.kind, "name": sighting.name, "uid": sighting.uid or None, "details": details}
