"""`explain`: what may a manifest hold, and what does a code mean?"""

from __future__ import annotations

import click

from reconciler.cli import options
from reconciler.cli.completion import complete_explained
from reconciler.cli.exits import Exit
from reconciler.cli.naming import kind_named
from reconciler.report.screen import Screen


@click.command("explain")
@click.argument("what", metavar="[KIND[.FIELD...]|CODE]", required=False, shell_complete=complete_explained)
@options.output_of("text", "json", "yaml")
@options.talk
@click.pass_obj
def command(screen: Screen, /, what: str | None, output: str) -> Exit:
    """Explain a kind, a field, or the code of a message; without any of them, list the kinds.

    A field's type, default, allowed values and bounds are those that `validate` checks. `explain codes`
    lists every code that a message can have.

    \b
      reconciler explain
      reconciler explain Instance.networks.address
      reconciler explain unknown-reference
    """
    from reconciler.report.codes import meanings

    if what is None:
        return _kinds(screen, output)
    if what == "codes":
        return _codes(screen, output)
    if what in meanings():
        return _meaning(screen, what, output)
    return _field(screen, what, output)


def _kinds(screen: Screen, output: str) -> Exit:
    from reconciler.report.data import dumped
    from reconciler.report.explanation import kinds_lines
    from reconciler.report.field_doc import KINDS

    if output == "text":
        screen.show(kinds_lines())
        screen.say("`explain KIND` shows a kind's fields; `explain codes` lists the codes that messages have.")
    else:
        screen.show_text(dumped({"formatVersion": 1, "kinds": KINDS}, output))
    return Exit.OK


def _codes(screen: Screen, output: str) -> Exit:
    import msgspec

    from reconciler.report.codes import codes_lines, meanings
    from reconciler.report.data import dumped

    if output == "text":
        screen.show(codes_lines())
    else:
        screen.show_text(dumped({"formatVersion": 1, "codes": msgspec.to_builtins(meanings())}, output))
    return Exit.OK


def _meaning(screen: Screen, name: str, output: str) -> Exit:
    import msgspec

    from reconciler.report.codes import code_lines, meanings
    from reconciler.report.data import dumped

    if output == "text":
        screen.show(code_lines(name))
    else:
        screen.show_text(dumped({"formatVersion": 1, "code": name, **msgspec.to_builtins(meanings()[name])}, output))
    return Exit.OK


def _field(screen: Screen, what: str, output: str) -> Exit:
    from reconciler.report.data import dumped
    from reconciler.report.example import example
    from reconciler.report.explanation import field_lines, field_value
    from reconciler.report.field_doc import UnknownField, document

    word, dot, rest = what.partition(".")
    kind = kind_named(word)
    if kind is None:
        raise click.BadParameter(f"{what!r} is neither a kind nor a code.{_meant(word)}")
    try:
        doc = document(kind + dot + rest)
    except UnknownField as problem:
        raise click.BadParameter(str(problem)) from None
    if output == "text":
        screen.show(field_lines(doc, example(doc.path)))
    else:
        screen.show_text(dumped(field_value(doc, example(doc.path)), output))
    return Exit.OK


def _meant(word: str) -> str:
    from reconciler.kinds import REGISTRY
    from reconciler.report.codes import meanings
    from reconciler.suggest import did_you_mean

    return did_you_mean(word, [*REGISTRY, *meanings()])
