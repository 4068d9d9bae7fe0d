"""`observe`: what do the hosts show?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.driver import Driver
    from reconciler.hosts import Reached
    from reconciler.observation import Snapshot
    from reconciler.report.survey import Survey


@click.command("observe")
@options.source
@options.rev("the work tree")
@click.option("--fields", is_flag=True, help="Also show the fields of what is ours, as they are stored there.")
@click.option(
    "--publish",
    metavar="FILE|git",
    help="Show nothing, but write down what `plan --observed` needs, with nothing private in it: to a file, or to"
    " refs/reconciler/FLEET-ID/observation of the repository. Reads HEAD unless --rev says otherwise.",
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="The ssh key that signs it. By default `publish_key` of the trusted configuration, if there is one.",
)
@options.output_of("text", "json", "yaml")
@options.talk
@click.pass_obj
def command(screen: Screen, /, fields: bool, publish: str | None, key: Path | None, output: str, **values: Any) -> Exit:
    """Show what stands on the fleet's hosts: what is this fleet's, and everything that is not.

    It only looks. A fleet that declares nothing but itself and its hosts is enough, so this is how to see
    an existing estate before anything is done to it. Exits with 1 when a host was not completely seen.

    \b
      reconciler observe
      reconciler observe --fields
      reconciler observe -o json
      reconciler observe --publish git
    """
    if publish is not None:
        from reconciler.cli import publishing

        return publishing.publish(screen, publish, key, values)
    if key is not None:
        raise click.UsageError("--key signs what --publish writes.")
    from reconciler.reconcile import connect, load
    from reconciler.report.data import dumped
    from reconciler.report.line import line
    from reconciler.report.survey import survey_lines, survey_value

    wanted = options.round_options(**values)
    loaded = load(wanted)
    with screen.working("looking at the hosts"), connect(loaded, wanted) as reached:
        surveys = _surveys(reached)
    if output == "text":
        for index, survey in enumerate(surveys):
            screen.show([*([line()] if index else []), *survey_lines(survey, fields=fields)])
    else:
        head = {"formatVersion": 1, "fleet": loaded.desired.name, "fleetId": loaded.desired.fleet_id}
        screen.show_text(dumped({**head, "hosts": [survey_value(survey) for survey in surveys]}, output))
    return Exit.ERROR if any(survey.gaps for survey in surveys) else Exit.OK


def _surveys(reached: Reached) -> list[Survey]:
    """Every host, all at once, in order of name."""
    snapshots = sorted(reached.snapshots, key=lambda snapshot: snapshot.host)
    with ThreadPoolExecutor(max_workers=max(1, len(snapshots))) as pool:
        return list(pool.map(lambda each: _survey(each, reached.drivers.get(each.host)), snapshots))


def _survey(snapshot: Snapshot, driver: Driver | None) -> Survey:
    from reconciler.driver import DriverError
    from reconciler.report.survey import Survey

    try:
        return Survey(snapshot=snapshot, sightings=tuple(driver.survey()) if driver else ())
    except DriverError as problem:
        return Survey(snapshot=snapshot, gap=str(problem))
