"""`schema`: what a manifest may hold, for editors and programs."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.completion import complete_kind
from reconciler.cli.exits import Exit
from reconciler.cli.naming import kind_named
from reconciler.report.screen import Screen


def _kind(text: str) -> str:
    from reconciler.kinds import REGISTRY

    kind = kind_named(text)
    if kind is None:
        raise click.BadParameter(f"there is no kind {text!r}; there are {', '.join(sorted(REGISTRY))}")
    return kind


@click.command("schema")
@click.argument("kind", required=False, metavar="[KIND]", type=_kind, shell_complete=complete_kind)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write files into this folder instead.")
@options.talk
@click.pass_obj
def command(screen: Screen, /, kind: str | None, out: Path | None) -> Exit:
    """Print the JSON Schema of a kind's manifests, or of manifests of any kind.

    With --out it writes a file per kind, and manifest.json for any kind. Run it again after an
    upgrade to renew what `init` wrote.

    \b
      reconciler schema Instance
      reconciler schema --out .reconciler/schemas
    """
    from reconciler.cli.writing import write_whole
    from reconciler.schema import schemas

    found = schemas()
    chosen = f"{(kind or 'manifest').lower()}.json"
    if out is None:
        screen.show_text(found[chosen].decode())
        return Exit.OK
    out.mkdir(parents=True, exist_ok=True)
    files = {chosen: found[chosen]} if kind else found
    for name, data in files.items():
        write_whole(out / name, data)
    screen.say(f"Wrote {', '.join(files)} into {out}.")
    return Exit.OK
