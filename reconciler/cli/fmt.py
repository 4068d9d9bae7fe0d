"""`fmt`: write manifests in canonical form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.formatting import Formatted


@click.command("fmt")
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@options.repository
@click.option("--check", is_flag=True, help="Write nothing; exit with 2 when a file is not in canonical form.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@options.talk
@click.pass_obj
def command(screen: Screen, /, paths: tuple[Path, ...], check: bool, diff: bool, repo: Path | None, path: str) -> Exit:
    """Write manifests in canonical form, and list the files that changed.

    Fields come in the order in which `explain` lists them, with two blanks per level. Comments stay with
    what they stand above or behind. What a file says never changes: that is proved before it is written.
    A file with mistakes is left as it is, and its mistakes are told (exit code 1).

    Without PATH it formats the fleet's manifests in the work tree; `-` reads standard input and writes
    to standard output.

    \b
      reconciler fmt
      reconciler fmt --check --diff
      reconciler fmt web.yaml networks/
    """
    from reconciler.cli.manifest_files import manifest_files
    from reconciler.formatting import formatted

    if paths == (Path("-"),):
        return _standard_input(screen, check=check, diff=diff)
    mistaken = changed = False
    for file in manifest_files(paths, repo, path):
        data = file.read_bytes()
        found = formatted(str(file), data)
        mistaken |= _told(screen, found)
        if found.data != data:
            changed = True
            _show_or_write(screen, file, data, found.data, check=check, diff=diff)
    return Exit.ERROR if mistaken else Exit.CHANGES if check and changed else Exit.OK


def _told(screen: Screen, found: Formatted) -> bool:
    from reconciler.report.diagnostics import diagnostics_lines

    screen.warn(diagnostics_lines(found.diagnostics))
    return bool(found.diagnostics)


def _show_or_write(screen: Screen, file: Path, before: bytes, after: bytes, *, check: bool, diff: bool) -> None:
    from reconciler.cli.writing import write_whole
    from reconciler.report.line import line

    if diff:
        _show_difference(screen, str(file), before, after)
    else:
        if not check:
            write_whole(file, after, file.stat().st_mode & 0o777)
            screen.acted = True
        screen.show([line(str(file))])


def _show_difference(screen: Screen, name: str, before: bytes, after: bytes) -> None:
    import difflib

    from reconciler.report.line import Span, line

    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for text in difflib.unified_diff(old, new, name, name, lineterm=""):
        screen.show([line(Span(text, styles.get(text[:1], "")))])


def _standard_input(screen: Screen, *, check: bool, diff: bool) -> Exit:
    from reconciler.formatting import formatted

    data = sys.stdin.buffer.read()
    found = formatted("-", data)
    if _told(screen, found):
        return Exit.ERROR
    if diff:
        _show_difference(screen, "-", data, found.data)
    elif not check:
        screen.show_text(found.data.decode())
    return Exit.CHANGES if check and found.data != data else Exit.OK
