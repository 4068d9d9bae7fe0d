"""Options and parameters that commands share, and how they become the options of a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.address import Address
from reconciler.cli.completion import complete_address
from reconciler.cli.naming import address_of, enclosing_repository
from reconciler.report.screen import Screen

if TYPE_CHECKING:
    from reconciler.guard import Allow
    from reconciler.reconcile import Options

F = TypeVar("F", bound=Callable[..., Any])


optional_address = click.argument(
    "address", metavar="[ADDRESS]", required=False, type=address_of, shell_complete=complete_address
)
address = click.argument("address", metavar="ADDRESS", type=address_of, shell_complete=complete_address)


def _combined(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Screen).quiet = value


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Screen).verbose = value


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
        shell_complete=complete_address,
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
    from reconciler.reconcile import Options

    return Options(
        repo=repo or enclosing_repository(),
        path=path,
        rev=rev,
        config=config,
        allow=consents(allow),
        targets=frozenset(targets),
        destroy=destroy,
    )


def consents(allow: Iterable[str]) -> Allow:
    """What `--allow` gives leave for."""
    from reconciler.guard.allow import parse_allow

    try:
        return parse_allow(map(_spelt_out, allow))
    except ValueError as problem:
        raise click.BadOptionUsage("--allow", str(problem)) from None


def _spelt_out(consent: str) -> str:
    """A consent with its address in full: `restart=instance/web-1` is `restart=Instance/default/web-1`."""
    what, _, target = consent.partition("=")
    if not target:
        raise ValueError(f"{consent!r} allows nothing; write IMPACT=ADDRESS, delete=ADDRESS or delete=COUNT")
    return f"{what}={address_of(target)}" if "/" in target else consent
