"""`blame`: which commit, author and line made this value?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.diagnostic import Place
    from reconciler.objects import Observed
    from reconciler.plan import Change
    from reconciler.reconcile import Round
    from reconciler.report.blame import Blamed, Written


@click.command("blame")
@options.address
@click.argument("field", metavar="[FIELD]", default="")
@options.source
@options.rev("HEAD")
@options.output
@options.talk
@click.pass_obj
def command(screen: Screen, /, address: Address, field: str, output: str, **values: Any) -> Exit:
    """Show which commit, author and line made what a resource has: every live value, or those of FIELD.

    FIELD is a path as `describe` shows it, such as memory or nics.lan. References are followed: memory
    comes from a line of the flavor. What moved without a commit is marked so, and so is what is
    declared otherwise by now; defaults are told as such.

    \b
      reconciler blame Instance/shop/web-1
      reconciler blame Instance/shop/web-1 memory
      reconciler blame Flavor/small
    """
    from reconciler.report.blame import blame_lines, blame_value
    from reconciler.report.data import dump

    values["rev"] = values["rev"] or "HEAD"
    round_ = _look(screen, values)
    blamed = _blamed(round_, address, field)
    if earlier := {each.last for each in blamed if each.state == "not-applied" and each.last}:
        older = {commit: _earlier(screen, values | {"rev": commit}, address, field) for commit in sorted(earlier)}
        blamed = [_made_earlier(each, older.get(each.last, {})) for each in blamed]
    if output == "json":
        screen.show_text(dump(blame_value(round_.plan, address, blamed)))
    else:
        screen.show(blame_lines(address, blamed))
    return Exit.ERROR if round_.plan.partial else Exit.OK


def _look(screen: Screen, values: dict[str, Any]) -> Round:
    from reconciler.cli.waiting import looking
    from reconciler.reconcile import plan_round

    with looking(screen, plan_round(options.round_options(**values))) as round_:
        return round_


def _earlier(screen: Screen, values: dict[str, Any], address: Address, field: str) -> dict[tuple[str, ...], Blamed]:
    """The same values as an earlier commit declares them, as far as that is how they are."""
    from reconciler.diagnostic import DiagnosticError

    try:
        found = _blamed(_look(screen, values), address, field)
    except (DiagnosticError, click.ClickException):  # the commit is gone, or is not one that can be read today
        return {}
    return {(each.host, each.part, each.field): each for each in found if each.agrees}


def _made_earlier(value: Blamed, older: dict[tuple[str, ...], Blamed]) -> Blamed:
    """What is declared otherwise by now, with the lines that made what is there."""
    import msgspec

    match = older.get((value.host, value.part, value.field))
    if value.state != "not-applied" or match is None:
        return value
    return msgspec.structs.replace(value, lines=match.lines)


def _blamed(round_: Round, address: Address, field: str) -> list[Blamed]:
    from reconciler.diagnostic import DiagnosticError, error
    from reconciler.record import RecordError

    if field.startswith("spec."):
        field = field.removeprefix("spec.")
    values = list(_live(round_, address)) or list(_declared(round_, address))
    if not values:
        raise click.ClickException(f"{address} is neither declared nor seen on a host.")
    named = [each for each in values if not field or f"{each.field}.".startswith(f"{field}.")]
    if not named:
        known = ", ".join(dict.fromkeys(each.field for each in values))
        raise click.ClickException(f"{address} has no field {field!r}. It has: {known}")
    try:
        lines = _Lines(round_)
        return [_with_lines(each, lines.of(address, each)) for each in named]
    except RecordError as problem:
        detail = f"{problem}. `git fsck` tells more."
        raise DiagnosticError(error("record-unreadable", "record cannot be read from Git", detail)) from problem


def _with_lines(value: Blamed, found: tuple[Written, ...]) -> Blamed:
    import msgspec

    return msgspec.structs.replace(value, **{"lines" if value.agrees else "declared_lines": found})


def _live(round_: Round, address: Address) -> Iterator[Blamed]:
    """What each object of the resource has, and what is missing of it."""
    from reconciler.report.blame import Blamed

    changes = {change.key: change for change in round_.plan.changes if change.key.address == address}
    objects = [each for snapshot in round_.snapshots for each in snapshot.objects if each.key.address == address]
    for observed in sorted(objects, key=lambda each: each.key):
        yield from _of_object(observed, changes.pop(observed.key, None))
    for key, change in sorted(changes.items()):
        for field in change.fields:
            yield Blamed(
                host=key.host, part=key.part, field=field.path, live=None, state="missing", declared=field.after
            )


def _of_object(observed: Observed, change: Change | None) -> Iterator[Blamed]:
    from reconciler.report.blame import Blamed, state_of

    moved = {field.path: field for field in change.fields} if change else {}
    for path in sorted({*observed.stored, *moved}):
        field = moved.get(path)
        live = field.before if field else observed.stored.get(path)
        if field is None and live in (None, ()):
            continue
        yield Blamed(
            host=observed.key.host,
            part=observed.key.part,
            field=path,
            live=live,
            state=state_of(field),
            declared=field.after if field else None,
            last=observed.commit,
        )


def _declared(round_: Round, address: Address) -> Iterator[Blamed]:
    """The fields of what has no object of its own, such as a flavor, as far as they are written."""
    import msgspec

    from reconciler.report.blame import Blamed

    resource = round_.loaded.desired.resources.get(address)
    if resource is None or resource.declares is None:
        return
    for field in msgspec.structs.fields(resource.spec):
        if resource.declares(f"spec.{field.encode_name}"):
            yield Blamed(host="", part="", field=field.encode_name, live=None, state="declared")


class _Lines:
    """The lines behind values, each asked of Git once."""

    def __init__(self, round_: Round) -> None:
        from reconciler.provenance import with_fleet

        wanted = round_.loaded.desired
        self._repo, self._commit = round_.loaded.tree.repository, round_.loaded.tree.source.commit
        self._resources = with_fleet(wanted.resources, wanted.fleet)
        self._known: dict[tuple[str, int], str] = {}

    def of(self, address: Address, value: Blamed) -> tuple[Written, ...]:
        """What a value comes from."""
        from reconciler.provenance import roots
        from reconciler.record.log import commits
        from reconciler.report.blame import Written

        found = roots(self._resources, address, value.host, value.field)
        ids = [None if root.how == "default" else self._writer(root.resource.place_of(root.path)) for root in found]
        whole = {one.id: one for one in commits(self._repo, list(dict.fromkeys(filter(None, ids))))}
        return tuple(Written(root, whole[one] if one else None) for root, one in zip(found, ids, strict=True))

    def _writer(self, place: Place) -> str:
        from reconciler.record.lines import written_by

        key = (place.path, place.line)
        if key not in self._known:
            self._known[key] = written_by(self._repo, self._commit, place.path, place.line)
        return self._known[key]
