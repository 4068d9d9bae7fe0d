"""Checking a push before it is accepted: in a child process with limits, since all of it is somebody else's."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from reconciler.diagnostic import DiagnosticError
from reconciler.limited import MIB, LimitedProcess, Limits
from reconciler.prepared import prepared
from reconciler.report.line import escape
from reconciler.serve.controls import Push, Refusal, Tell, Update
from reconciler.xdg import cache_home

LIMITS = Limits(seconds=120, cpu=120, memory=4096 * MIB, file=512 * MIB, output=MIB)
_WORK = "reconciler.hooks.check:answered"
_AT_ONCE = 4
_FOR_TRUST = ("HOME", "XDG_CONFIG_HOME", "RECONCILER_CONFIG")
_QUARANTINE = re.compile(r"(tmp_objdir-)?incoming-\w+", re.ASCII)
"""What Git calls the folder of objects that it has not yet accepted."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository deploys: `repository` is its Git directory, `path` the folder of it that is the fleet, `branch`
    the only one that is deployed, `config` the trusted configuration (empty: the usual place).
    """

    repository: str
    branch: str
    path: str = ""
    config: str = ""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked. `observation` is what the controller last saw, as it is published; None when it has seen
    nothing. `attended` says that there is a controller at all, `trusted` that the trusted configuration may be read.
    """

    deployment: Deployment
    updates: tuple[Update, ...]
    attended: bool
    trusted: bool
    observation: bytes | None = None


@prepared
class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a push may pass, and what is said of it."""

    passed: bool
    text: str


class ChildChecker:
    """Has pushes checked in limited processes, a few at a time."""

    def __init__(self, deployment: Deployment, *, attended: bool) -> None:
        self._deployment = deployment
        self._attended = attended
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def __call__(self, push: Push, observation: bytes | None, tell: Tell) -> int:
        """Tell what is to be said of a push; 0 lets it pass. Raises `Refusal` where it cannot be checked: then it does
        not pass either.
        """
        repository = Path(self._deployment.repository)
        case = Case(
            deployment=self._deployment,
            updates=push.updates,
            attended=self._attended,
            trusted=self._attended or repository.stat().st_uid == os.geteuid(),
            observation=observation,
        )
        environment = environment_for(repository, quarantined(repository, push.objects))
        with self._places:
            verdict = _checked(case, environment)
        tell(_harmless(verdict.text))
        return int(not verdict.passed)


def _checked(case: Case, environment: Mapping[str, str]) -> Verdict:
    try:
        with LimitedProcess(_WORK, LIMITS, environment=environment) as child:
            return msgspec.json.decode(child.ask(msgspec.json.encode(case)), type=Verdict)
    except (DiagnosticError, msgspec.DecodeError) as problem:
        raise Refusal(f"the push could not be checked: {problem}") from problem


def quarantined(repository: Path, objects: str) -> Path | None:
    """The folder with a push's objects, which whoever pushes names: only one that Git made in this repository is read.
    None when there are none (references were only moved). Raises `Refusal`.
    """
    if not objects:
        return None
    folder, ours = Path(objects), repository.resolve() / "objects"
    if folder.parent.resolve() != ours or not _QUARANTINE.fullmatch(folder.name) or folder.is_symlink():
        raise Refusal("what is named as the objects of the push is no such folder of this repository")
    return ours / folder.name


def environment_for(repository: Path, quarantine: Path | None) -> dict[str, str]:
    """What is in the environment of a check besides the usual: where the trusted configuration is found, a memory
    of manifests apart from the one that `apply` relies on, and a push's objects as if they were in the repository
    already.
    """
    found = {name: os.environ[name] for name in _FOR_TRUST if name in os.environ}
    found["XDG_CACHE_HOME"] = os.fspath(cache_home() / "reconciler" / "apart")
    if quarantine is None:
        return found
    return found | {
        "GIT_QUARANTINE_PATH": str(quarantine),
        "GIT_OBJECT_DIRECTORY": str(quarantine),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repository.resolve() / "objects"),
    }


def _quoted(path: Path) -> str:
    """A path in a list that colons part: in quotes, as Git reads them there."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _harmless(text: str) -> str:
    """What a child says, which may have been made to say anything: nothing in it acts on a terminal."""
    return "\n".join(escape(line) for line in text.split("\n"))
