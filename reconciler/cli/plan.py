"""`plan`: what would be done?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import comparing, options
from reconciler.cli.exits import Exit
from reconciler.cli.formats import ALSO, FORMATS
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.plan import Plan
    from reconciler.source import Tree


@click.command("plan")
@options.source
@options.rev("the work tree, changes that are not committed included")
@click.option(
    "--base",
    metavar="REVISION",
    help="Compare with this commit instead of looking at hosts: what it declares is assumed to stand. Needs no"
    " hypervisor, no credentials and no trusted configuration.",
)
@click.option(
    "--observed",
    metavar="FILE|REF|git",
    help="Plan on the hosts as a published observation shows them: a file, a reference, or `git` for the fleet's own."
    " Needs no hypervisor, no credentials and no trusted configuration.",
)
@click.option(
    "--signers",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Believe --observed only when one of these allowed signers (OpenSSH's format) signed it.",
)
@click.option("--signer", default="", metavar="NAME", help="Only that one of the allowed signers.")
@options.impacts
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the plan of a commit (--rev, or HEAD) for `apply FILE`, which does it or, if hosts moved, nothing.",
)
@options.detailed_exitcode
@options.output_of(*FORMATS)
@click.option(
    "--also",
    multiple=True,
    metavar="FORMAT=FILE",
    help=f"Also write it to a file, as one of {', '.join(ALSO)}. Repeatable, for one format each.",
)
@options.talk
@click.pass_obj
def command(
    screen: Screen,
    /,
    out: Path | None,
    detailed_exitcode: bool,
    output: str,
    also: tuple[str, ...],
    **values: Any,
) -> Exit:
    """Show what `apply` would do, with the impact of every change on what runs, and why.

    Changes nothing. A change that a guest's user would notice waits for consent; the plan shows the
    words that give it.

    \b
      reconciler plan
      reconciler plan --rev HEAD --out next.plan
      reconciler plan -o json --detailed-exitcode
      reconciler plan --base origin/main --rev HEAD -o markdown
      reconciler plan --observed git --signers signers --rev HEAD -o github --also sarif=plan.sarif
    """
    from reconciler.cli.showing import show_mistakes, show_plan
    from reconciler.diagnostic import DiagnosticError
    from reconciler.report import verdict

    files = _files(also)
    _refuse_misfits(out=out, **values)
    try:
        plan = _plan(screen, out, **values)
    except DiagnosticError as failure:
        show_mistakes(screen, failure.diagnostics, output, files)
        raise
    show_plan(screen, plan, output, files)
    if out is not None:
        _save(plan, out)
        screen.say(f"Saved. `reconciler apply {out}` does this, or nothing if the hosts moved meanwhile.")
    return verdict.of_plan(plan, detailed=detailed_exitcode)


def _plan(
    screen: Screen,
    out: Path | None,
    base: str | None,
    observed: str | None,
    signers: Path | None,
    signer: str,
    **values: Any,
) -> Plan:
    """The plan on what stands: as a commit declares it, as somebody published it, or as the hosts show it."""
    if base is not None:
        return comparing.compared(values, base)
    if observed is not None:
        return comparing.against(values, observed, signers, signer)
    return _looked(screen, out, values)


def _looked(screen: Screen, out: Path | None, values: dict[str, Any]) -> Plan:
    """The plan on the hosts as they are."""
    from reconciler.cli.committed import committed, refuse_edited_files
    from reconciler.cli.waiting import looking
    from reconciler.incremental import look
    from reconciler.reconcile import plan_round

    if out is None:
        with screen.working("looking at the hosts"):
            seen = look(options.round_options(**values))
        return _told(screen, seen.plan, seen.tree)
    newest = values["rev"] is None
    if newest:
        values["rev"] = committed(values, "a saved plan")
    with looking(screen, plan_round(options.round_options(**values))) as round_:
        if newest:
            refuse_edited_files(round_.loaded, "a saved plan")
        return _told(screen, round_.plan, round_.loaded.tree)


def _told(screen: Screen, plan: Plan, tree: Tree) -> Plan:
    """A plan; that the work tree differs from the commit is said beside it."""
    from reconciler.cli.committed import difference

    if plan.source.work_tree and tree.differs:
        screen.say(f"The work tree differs from HEAD: {difference(tree.differs)}. `apply` takes commits only.")
    return plan


def _files(also: tuple[str, ...]) -> dict[str, Path]:
    """The files by format; a mistake in them is wrong usage."""
    found = {}
    for word in also:
        output, _, name = word.partition("=")
        if output not in ALSO or not name or output in found:
            raise click.BadOptionUsage(
                "--also", f"{word!r} is not FORMAT=FILE, each of {', '.join(ALSO)} once at most."
            )
        found[output] = Path(name)
    return found


def _refuse_misfits(**given: Any) -> None:
    """What stands in for the hosts excludes all that is about real ones, and a signature is an observation's: anything
    else is wrong usage.
    """
    found = [name for name in ("base", "observed", "out", "config") if given[name] is not None]
    if found[0:1] not in ([], ["out"], ["config"]) and len(found) > 1:
        why = "what was not looked at now cannot be applied" if found[1] == "out" else "one of them says what stands"
        raise click.UsageError(f"--{found[0]} and --{found[1]} exclude each other: {why}.")
    if (given["signer"] and not given["signers"]) or (given["signers"] and not given["observed"]):
        raise click.UsageError("--signer needs --signers, and --signers needs --observed.")


def _save(plan: Plan, path: Path) -> None:
    from reconciler import planfile
    from reconciler.cli.writing import write_whole

    write_whole(path, planfile.dump(plan))
