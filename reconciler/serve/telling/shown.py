"""A controller's status and its journal as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.report.line import Line, Span, indented, line, table
from reconciler.serve.telling.journal import Entry, Severity
from reconciler.serve.telling.status import Condition, Status

_GOOD = {"Suspended": "False", "Contended": "False", "Leading": ""}
"""What a condition is when all is well; `True` for those that are not here, anything where it is empty."""
_COLUMNS = ("CONDITION", "STATUS", "REASON", "SINCE (UTC)", "MESSAGE")
_STYLES: dict[Severity, str] = {"debug": "dim", "info": "", "warning": "yellow", "error": "bold red"}


def status_lines(status: Status) -> list[Line]:
    """All of it: what is in force first, then what is not as it should be."""
    lines = [line(Span(f"Fleet {status.fleet or 'not known yet'}", "bold"), f", branch {status.branch}"), line()]
    lines += _commits(status)
    lines += [line(), *table(_COLUMNS, map(_condition, status.conditions))]
    for title, rows in (("Hosts", _hosts(status)), ("Resources", _resources(status)), ("Suspended", _left(status))):
        if rows:
            lines += [line(), line(Span(title, "bold")), *indented(rows, 2)]
    return lines


def _commits(status: Status) -> Iterator[Line]:
    rows = {"newest commit": status.tip, "in force": status.in_force, "applied": status.applied}
    yield from (line(f"{name:<14}{commit[:12] or '-'}") for name, commit in rows.items())
    yield line(f"{'now':<14}{_doing(status)}")
    if status.summary:
        yield line(f"{'left to do':<14}{_left_to_do(status.summary)}")
    for name, time in (("last run", status.last_run), ("next look", "" if status.worker else status.next_resync)):
        if time:
            yield line(f"{name:<14}{_moment(time)} UTC")


def _doing(status: Status) -> str:
    if status.worker:
        return "a worker, which ends with its work; nothing is tried again after that"
    return "at work" if status.working else "waiting for changes"


def _left_to_do(summary: Mapping[str, int]) -> str:
    """`1 to update, 1 waiting; 41 unchanged`."""
    words = {word: word if word in ("waiting", "refused") else f"to {word}" for word in summary if word != "unchanged"}
    left = ", ".join(f"{summary[word]} {said}" for word, said in words.items() if summary[word])
    return f"{left or 'nothing'}; {summary.get('unchanged', 0)} unchanged"


def _condition(condition: Condition) -> tuple[str | Span, ...]:
    good = _GOOD.get(condition.type, "True")
    style = (
        "green" if condition.status == good else "yellow" if condition.status == "Unknown" else "red" if good else ""
    )
    since = _moment(condition.since)
    return condition.type, Span(condition.status, style), condition.reason, since, condition.message


def _moment(time: str) -> str:
    """A time to the second, as it was told: in UTC."""
    return time[:19].replace("T", " ")


def _hosts(status: Status) -> list[Line]:
    return [
        line(
            f"{host.name}: {_seen(host.seen)}{', tells of changes' if host.watching else ''}",
            _because(host.error),
            _again(host.retry),
        )
        for host in status.hosts
    ]


def _seen(seen: str) -> str:
    words = {"complete": "seen", "partial": "not completely seen", "failed": "not seen", "unknown": "not looked at yet"}
    return words[seen]


def _resources(status: Status) -> list[Line]:
    return [
        line(f"{each.address}: {each.state}", _because(each.message.removeprefix("left down: ")), _again(each.retry))
        for each in status.resources
    ]


def _again(retry: str) -> str:
    return f"; again at {_moment(retry)} UTC" if retry else ""


def _left(status: Status) -> list[Line]:
    return [
        line(f"{each.what} by {each.by}, {_moment(each.time)} UTC", _because(each.reason))
        for each in status.suspensions
    ]


def _because(words: str) -> str:
    return f": {words}" if words else ""


def entry_line(entry: Entry) -> Line:
    """One thing that happened, on one line."""
    about = [each for each in (entry.host, entry.address, entry.commit[:12]) if each and each not in entry.message]
    tail = Span(f"  ({', '.join(about)})" if about else "", "dim")
    reason = Span(f"{entry.reason:<18} ", _STYLES[entry.severity])
    return line(Span(f"{entry.time[:23]}Z ", "dim"), reason, entry.message.replace("\n", "; "), tail)
