"""The checks of `doctor`, from what is nearest to what is farthest; each is told as soon as it is made."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler import trust
from reconciler.cli import options
from reconciler.diagnostic import Diagnostic, DiagnosticError, failed
from reconciler.observation import Snapshot
from reconciler.reconcile import Loaded, Options, connect, load
from reconciler.report.resources import gaps_of
from reconciler.suggest import listed

DISTRIBUTION = "vm-reconciler"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what to do if it failed."""

    passed: bool
    what: str
    remedy: str = ""


def all_checks(values: dict[str, Any]) -> Iterator[Check]:
    """Every check. What depends on a failed one is not tried."""
    yield from machine_checks()
    wanted = options.round_options(**values)
    try:
        loaded = load(wanted)
    except DiagnosticError as problem:
        yield from _problems("the repository", problem.diagnostics)
        return
    if failed(loaded.diagnostics):
        yield Check(False, "manifests", "They have mistakes: `reconciler validate` tells them all.")
        return
    yield Check(True, f"manifests of fleet {loaded.desired.name}: {len(loaded.desired.resources)} resources")
    yield from host_checks(loaded, wanted)


def machine_checks() -> Iterator[Check]:
    """Python, the packages that are needed, and programs."""
    yield Check(True, f"Python {sys.version.split()[0]}")
    yield _packages()
    for program, use in (
        ("git", "a fleet lives in a Git repository"),
        ("ssh", "`reconciler ssh` and `keypair` use it"),
    ):
        found = shutil.which(program)
        yield Check(found is not None, f"{program}" + (f": {found}" if found else " is missing"), f"Install it: {use}.")
    yield _confinement()


def _confinement() -> Check:
    """Whether `plan --base` and the check of a push can be kept from the network; the other limits hold anyway."""
    from reconciler.limited import MIB, LimitedProcess, Limits
    from reconciler.limited.child import NETWORK

    limits = Limits(seconds=20, cpu=10, memory=1024 * MIB, file=MIB)
    try:
        with LimitedProcess("reconciler.limited.child:alone", limits) as process:
            alone = process.ask(bytes(NETWORK.readlink())) == b"yes"
    except DiagnosticError as problem:
        return Check(False, "limited processes", problem.diagnostics[0].detail)
    how = "without a network" if alone else "with the machine's network: its kernel does not let them leave it"
    return Check(True, f"limited processes, {how}")


def _packages() -> Check:
    missing = []
    for requirement in importlib.metadata.requires(DISTRIBUTION) or []:
        match = re.match(r"[-\w.]+", requirement)
        if match and "extra ==" not in requirement and not _installed(match.group()):
            missing.append(match.group())
    if missing:
        return Check(False, f"Python packages: {', '.join(missing)} missing", f"pip install {' '.join(missing)}")
    return Check(True, "Python packages")


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def host_checks(loaded: Loaded, wanted: Options) -> Iterator[Check]:
    """The trusted configuration, and each host through its driver."""
    try:
        with connect(loaded, wanted) as reached:
            yield from _trusted(loaded, wanted)
            for snapshot in reached.snapshots:
                yield from _seen(snapshot)
                driver = reached.drivers.get(snapshot.host)
                for passed, what, remedy in driver.doctor() if driver else ():
                    yield Check(passed, f"{snapshot.host}: {what}", remedy)
    except DiagnosticError as problem:
        yield from _problems("trusted configuration", problem.diagnostics)


def _trusted(loaded: Loaded, wanted: Options) -> Iterator[Check]:
    """What binds nothing there is told: it may be misspelt, or be for a project that is to come."""
    configuration = trust.load(wanted.config)
    yield Check(True, "trusted configuration")
    misspelt = configuration.misspelt_projects(loaded.desired)
    yield from _problems("trusted configuration", tuple(misspelt))
    if not misspelt and (names := configuration.idle_projects(loaded.desired)):
        yield Check(True, f"trusted configuration: `projects` has {listed(names)}, and no such project is declared")


def _seen(snapshot: Snapshot) -> Iterator[Check]:
    gaps = gaps_of(snapshot)
    facts = snapshot.facts
    words = f"{snapshot.host}: " + (f"{facts.driver} {facts.version}".strip() if facts else "reached")
    yield Check(not gaps, words if not gaps else f"{snapshot.host} was not completely seen", "\n".join(gaps))


def _problems(what: str, diagnostics: tuple[Diagnostic, ...]) -> Iterator[Check]:
    for diagnostic in diagnostics:
        yield Check(False, f"{what}: {diagnostic.summary}", diagnostic.detail)
