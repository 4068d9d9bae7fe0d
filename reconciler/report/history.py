"""History: the log of a branch, joined with the record of what each commit's runs did."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from reconciler.record import Done, Run
from reconciler.record.log import Commit
from reconciler.report.line import Line, Span, indented, line
from reconciler.report.outcome import PAST

FORMAT_VERSION = 1
_SHORT = 12
_MOST_TROUBLED = 5
_MOST_NAMES = 5
_EXTENTS = {"whole": "", "targeted": "of some resources, ", "emptied": "destroy, "}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One commit and its runs that are asked about, oldest first. `recorded`: it has runs at all. `changed`: it changed
    the manifest that is asked about.
    """

    commit: Commit
    runs: tuple[Run, ...]
    recorded: bool = False
    applied: bool = False
    changed: bool = False


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entries first. `elsewhere` are commits that have such runs and are not on the branch. `address` is
    what is asked about; empty: the whole fleet. `recorded`: the repository has a record, whatever it is about.
    """

    fleet: str
    fleet_id: str
    applied: str
    entries: tuple[Entry, ...]
    elsewhere: tuple[str, ...] = ()
    address: str = ""
    recorded: bool = True


def history_lines(history: History) -> list[Line]:
    """For people."""
    lines = [one for entry in history.entries for one in _entry_lines(entry, history)]
    if not history.entries:
        lines.append(
            line(f"No commit and no recorded run is about {history.address}." if history.address else "No commit.")
        )
    if history.elsewhere:
        names = ", ".join(commit[:_SHORT] for commit in history.elsewhere[:_MOST_NAMES])
        more = len(history.elsewhere) - _MOST_NAMES
        tail = f" and {more} more" if more > 0 else ""
        lines.append(line(Span(f"Recorded as well, and not on this branch: {names}{tail}", "dim")))
    return lines


def _entry_lines(entry: Entry, history: History) -> list[Line]:
    commit = entry.commit
    marks = Span("  (applied)", "bold green") if entry.applied else ""
    day = commit.time[:16].replace("T", " ")
    head = line(Span(commit.id[:_SHORT], "bold"), f"  {day}  {commit.author}: {commit.subject}", marks)
    inner = [line(f"changes {history.address}")] if entry.changed else []
    for run in entry.runs:
        inner += _run_lines(run)
    if not entry.runs:
        inner.append(line(Span("no run touched it" if entry.recorded else "no run recorded", "dim")))
    return [head, *indented(inner, 2)]


def _run_lines(run: Run) -> list[Line]:
    partial = "; not every host was seen" if run.partial else ""
    head = line(
        Span(f"{run.time[:19].replace('T', ' ')}  {run.by}: ", "dim"), f"{_EXTENTS[run.extent]}{_words(run)}{partial}"
    )
    troubled = [done for done in run.steps if done.status == "failed"]
    more = len(troubled) - _MOST_TROUBLED
    lines = [head, *indented((_trouble(done) for done in troubled[:_MOST_TROUBLED]), 2)]
    return [*lines, *indented([line(f"and {more} more")], 2)] if more > 0 else lines


def _trouble(done: Done) -> Line:
    why = done.error.partition("\n")[0]
    return line(Span("failed", "bold red"), f" to {done.verb} {done.address} on {done.host}: {why}")


def _words(run: Run) -> str:
    """`4 created, 1 failed; 2 waiting`."""
    good = Counter[str](PAST[done.verb] for done in run.steps if done.status == "succeeded")
    bad = Counter[str](done.status.replace("-", " ") for done in run.steps if done.status != "succeeded")
    done = ", ".join(f"{number} {word}" for word, number in [*good.items(), *bad.items()]) or "nothing to do"
    left = ", ".join(f"{run.summary[word]} {word}" for word in ("waiting", "refused") if run.summary.get(word))
    unready = f"{run.not_ready} not ready yet" if run.not_ready else ""
    return "; ".join(each for each in (done, left, unready) if each)


def history_value(history: History) -> dict[str, Any]:
    """For programs."""
    return {
        "formatVersion": FORMAT_VERSION,
        "fleet": history.fleet,
        "fleetId": history.fleet_id,
        "address": history.address or None,
        "applied": history.applied or None,
        "commits": [_entry_value(entry) for entry in history.entries],
        "elsewhere": list(history.elsewhere),
    }


def _entry_value(entry: Entry) -> dict[str, Any]:
    runs = [msgspec.to_builtins(run) | {"steps": [_done_value(done) for done in run.steps]} for run in entry.runs]
    return {
        **commit_value(entry.commit),
        "recorded": entry.recorded,
        "applied": entry.applied,
        "changed": entry.changed,
        "runs": runs,
    }


def commit_value(commit: Commit) -> dict[str, Any]:
    """A commit and who made it."""
    return {
        "commit": commit.id,
        "author": commit.author,
        "email": commit.email,
        "time": commit.time or None,
        "subject": commit.subject,
    }


def _done_value(done: Done) -> dict[str, Any]:
    return {
        "verb": done.verb,
        "address": done.address,
        "part": done.part,
        "host": done.host,
        "status": done.status,
        "error": done.error,
    }
