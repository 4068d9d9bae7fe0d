"""What people name on a command line: a kind, an address, the repository that they are in."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.address import Address
from reconciler.suggest import did_you_mean


def address_of(text: str) -> Address:
    """Read `Instance/shop/web-1`: the case of the kind does not matter, a project that is left out is `default`.

    Raises `click.BadParameter` (wrong usage).
    """
    from reconciler.kinds.base import DEFAULT_PROJECT, REGISTRY

    word, _, rest = text.partition("/")
    kind = kind_named(word)
    if kind is None:
        raise click.BadParameter(f"{text!r} is no address; write KIND/NAME or KIND/PROJECT/NAME.{_kind_meant(word)}")
    try:
        address = Address.parse(f"{kind}/{rest}")
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None
    if REGISTRY[kind].scope == "project":
        return Address(kind, address.project or DEFAULT_PROJECT, address.name)
    if address.project is not None:
        raise click.BadParameter(f"a {kind} belongs to no project; write {kind}/{address.name}")
    return address


def kind_named(word: str) -> str | None:
    """The kind that a word names, in any case, in singular or plural."""
    from reconciler.kinds import REGISTRY

    plain = word.replace("-", "").lower()
    return next((kind for kind in REGISTRY if plain in (kind.lower(), kind.lower() + "s")), None)


def _kind_meant(word: str) -> str:
    from reconciler.kinds import REGISTRY

    return did_you_mean(word, REGISTRY)


def enclosing_repository() -> Path:
    """The Git repository that contains the current folder, or the current folder when none does."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
