"""Options and parameters that commands share, and how they become the options of a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.address import Address
from reconciler.report.screen import Screen
from reconciler.suggest import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reconciler.reconcile import Options

F = TypeVar("F", bound=Callable[..., Any])


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


def _complete_address(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from reconciler.cli.completion import complete_address

    return complete_address(ctx, param, incomplete)


optional_address = click.argument(
    "address", metavar="[ADDRESS]", required=False, type=address_of, shell_complete=_complete_address
)
address = click.argument("address", metavar="ADDRESS", type=address_of, shell_complete=_complete_address)


def _combined(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.find_object(Screen).quiet = value  # type: ignore[union-attr]


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.find_object(Screen).verbose = value  # type: ignore[union-attr]


talk = _combined(
    click.option(
        "--quiet", "-q", is_flag=True, expose_value=False, callback=_set_quiet, help="Print data and errors only."
    ),
    click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=_set_verbose,
        help="Also tell each modifying call of a driver, and where an unexpected failure happened.",
    ),
)

repository = _combined(
    click.option(
        "--repo",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        help="The Git repository. By default the one that contains the current folder.",
    ),
    click.option("--path", default="", metavar="FOLDER", help="The folder of the repository that is the fleet."),
)

source = _combined(
    repository,
    click.option(
        "--config",
        type=click.Path(dir_okay=False, exists=True, path_type=Path),
        help="The trusted configuration. By default $RECONCILER_CONFIG or ~/.config/reconciler/config.yaml.",
    ),
)


def rev(default: str) -> Callable[[F], F]:
    """`--rev`; `default` says what is read without it."""
    return click.option("--rev", metavar="REVISION", help=f"The commit to read. By default {default}.")


impacts = _combined(
    click.option(
        "--target",
        "targets",
        type=address_of,
        shell_complete=_complete_address,
        multiple=True,
        metavar="ADDRESS",
        help="Only this resource and what it needs. Repeatable.",
    ),
    click.option(
        "--allow",
        multiple=True,
        metavar="IMPACT=ADDRESS",
        help="Consent to an impact: restart=Instance/shop/web-1, delete=ADDRESS, or delete=COUNT. Repeatable.",
    ),
)

detailed_exitcode = click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes or waiting consents."
)


def output_of(*formats: str) -> Callable[[F], F]:
    """`--output`; the first format is the default."""
    return click.option(
        "--output", "-o", type=click.Choice(formats), default=formats[0], show_default=True, help="The format."
    )


output = output_of("text", "json")


def round_options(
    *,
    repo: Path | None,
    path: str,
    config: Path | None = None,
    rev: str | None = None,
    targets: Iterable[Address] = (),
    allow: Iterable[str] = (),
    destroy: bool = False,
) -> Options:
    """The options of a round. What `--allow` says is checked here: a mistake in it is wrong usage."""
    from reconciler.guard import parse_allow
    from reconciler.reconcile import Options

    try:
        consents = parse_allow(map(_spelt_out, allow))
    except ValueError as problem:
        raise click.BadOptionUsage("--allow", str(problem)) from None
    return Options(
        repo=repo or enclosing_repository(),
        path=path,
        rev=rev,
        config=config,
        allow=consents,
        targets=frozenset(targets),
        destroy=destroy,
    )


def _spelt_out(consent: str) -> str:
    """A consent with its address in full: `restart=instance/web-1` is `restart=Instance/default/web-1`."""
    what, _, target = consent.partition("=")
    if not target:
        raise ValueError(f"{consent!r} allows nothing; write IMPACT=ADDRESS, delete=ADDRESS or delete=COUNT")
    return f"{what}={address_of(target)}" if "/" in target else consent


def enclosing_repository() -> Path:
    """The Git repository that contains the current folder, or the current folder when none does."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
