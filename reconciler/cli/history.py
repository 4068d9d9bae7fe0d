"""`history`: what was applied, when, by whom, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.reconcile import Loaded
    from reconciler.record import Run
    from reconciler.report.history import History


@click.command("history")
@options.optional_address
@options.repository
@options.rev("HEAD")
@click.option(
    "--number", "-n", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many commits to show."
)
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, address: Address | None, number: int, output: str, **values: Any) -> Exit:
    """Show the log with the runs of each commit: what they did, what failed, when, and who ran them.

    With an ADDRESS: the commits that changed its manifest (in the file that declares it now) and the
    runs that touched it. Runs are recorded in Git by `apply`, in the repository that it reads; a commit
    without one was never applied from there, or its record was lost. A clone does not have the record:
    it is fetched, see below. No host is asked.

    \b
      reconciler history
      reconciler history Instance/shop/web-1
      git log --notes='reconciler/*'        the same, raw
      git fetch origin 'refs/notes/reconciler/*:refs/notes/reconciler/*' 'refs/reconciler/*:refs/reconciler/*'
    """
    from reconciler.cli.elsewhere import records_elsewhere
    from reconciler.reconcile import load
    from reconciler.report.data import dump
    from reconciler.report.history import history_lines, history_value

    values["rev"] = values["rev"] or "HEAD"
    loaded = load(options.round_options(**values))
    history = _history(loaded, address, number)
    if output == "json":
        screen.show_text(dump(history_value(history)))
    else:
        screen.show(history_lines(history))
    if not history.recorded:
        screen.say(*records_elsewhere(loaded.tree.repository))
    return Exit.OK


def _history(loaded: Loaded, address: Address | None, number: int) -> History:
    from reconciler.diagnostic import DiagnosticError, error
    from reconciler.record import RecordError

    if loaded.desired.fleet is None:
        raise DiagnosticError(*loaded.diagnostics)
    try:
        return _joined(loaded, address, number)
    except RecordError as problem:
        detail = f"{problem}. `git fsck` tells more."
        raise DiagnosticError(error("record-unreadable", "record cannot be read from Git", detail)) from problem


def _joined(loaded: Loaded, address: Address | None, number: int) -> History:
    from reconciler.record import records
    from reconciler.record.log import branch, commits
    from reconciler.report.history import Entry, History

    repo = loaded.tree.repository
    record = records(repo, loaded.desired.fleet_id)
    changed = _changed(loaded, address, number)
    runs = {commit: found for commit, all_ in record.runs.items() if (found := _about(all_, address))}
    held = branch(repo, loaded.tree.source.commit)
    shown = [commit for commit in held if address is None or commit in changed or commit in runs][:number]
    entries = (
        Entry(
            commit=one,
            runs=tuple(runs.get(one.id, ())),
            recorded=one.id in record.runs,
            applied=one.id == record.applied,
            changed=one.id in changed,
        )
        for one in commits(repo, shown)
    )
    return History(
        fleet=loaded.desired.name,
        fleet_id=loaded.desired.fleet_id,
        applied=record.applied,
        entries=tuple(entries),
        elsewhere=tuple(sorted(runs.keys() - set(held))),
        address=str(address) if address else "",
        recorded=bool(record.runs or record.applied),
    )


def _changed(loaded: Loaded, address: Address | None, number: int) -> set[str]:
    """The commits that changed the manifest of what is asked about."""
    from reconciler.record.log import changed

    resource = loaded.desired.resources.get(address) if address else None
    if address is None or resource is None:
        return set()
    source = loaded.tree.source.commit
    return set(changed(loaded.tree.repository, source, number, resource.place.path, address))


def _about(runs: list[Run], address: Address | None) -> list[Run]:
    """The runs that touched a resource, with the steps of that alone."""
    import msgspec

    if address is None:
        return runs
    name = str(address)
    narrowed = (msgspec.structs.replace(run, steps=tuple(s for s in run.steps if s.address == name)) for run in runs)
    return [run for run in narrowed if run.steps]
