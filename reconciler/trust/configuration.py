"""The file of the trusted configuration: whose it must be, what it may hold, and every mistake in it at its place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from reconciler import yaml
from reconciler.diagnostic import Diagnostic, DiagnosticError, Place, error
from reconciler.document import Document, span
from reconciler.kinds import REGISTRY
from reconciler.kinds.base import Duration, Name
from reconciler.kinds.fleet import DeletionBudget, FleetId
from reconciler.kinds.quotas import Quotas
from reconciler.mistake import Mistake, mistakes
from reconciler.secret import AbsolutePath, SecretSource
from reconciler.suggest import did_you_mean, listed, shown
from reconciler.text import MOST_BYTES
from reconciler.trust.ownership import ours_or_roots

Branch = Annotated[
    str,
    Meta(
        pattern=r"^(?![-./])(?!.*(\.\.|//|@\{|\.lock$|/$|\.$))[A-Za-z0-9._/+@#=-]{1,200}$(?!\n)",
        title="the name of a branch",
    ),
]


Commit = Annotated[str, Meta(pattern=r"^([0-9a-f]{40})?$(?!\n)", title="the id of a commit: 40 hex digits")]


class TrustError(DiagnosticError):
    """The trusted configuration cannot be used."""


class RepositoryTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which branch of which repository a controller follows."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(/|https://[^@\x00-\x20]+/|ssh://)[^\x00-\x20]*$(?!\n)",
            title="an absolute path, an https:// or an ssh:// address",
            description="The repository: a path of this machine, or where it is fetched from.",
        ),
    ]
    branch: Annotated[Branch, Meta(description="The branch that deploys.")] = "main"
    path: Annotated[str, Meta(description="The folder of the repository that is the fleet.")] = ""
    poll: Annotated[Duration, Meta(description="How often it is looked at, however quiet it is.")] = "1m"
    identity: Annotated[AbsolutePath, Meta(description="The private key for ssh.")] | None = None
    known_hosts: Annotated[AbsolutePath, Meta(description="The ssh host keys that are accepted.")] | None = None
    token: Annotated[SecretSource, Meta(description="The password or token for https.")] | None = None
    username: Annotated[str, Meta(max_length=128, description="The user for https.")] = "git"


class SignatureTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose signatures are believed, and which commits need one."""

    require: Annotated[
        Literal["none", "tip", "all"],
        Meta(description="Which commits must be signed: none, the newest, or all since the applied one."),
    ] = "none"
    allowed_signers: (
        Annotated[AbsolutePath, Meta(description="OpenSSH's list of signers: principals, namespaces, keys.")] | None
    ) = None
    gnupg_home: Annotated[AbsolutePath, Meta(description="A GnuPG folder with the public keys that count.")] | None = (
        None
    )


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some people may do. What no rule gives is refused; where there are none, everybody may everything."""

    who: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=254)], ...],
        Meta(min_length=1, description="E-mail addresses or signers' principals; `*` stands for any part."),
    ]
    projects: Annotated[
        tuple[str, ...], Meta(description="Projects whose resources they may change; `*` for all.")
    ] = ()
    kinds: Annotated[tuple[str, ...], Meta(description="Kinds that they may change; all if absent.")] = ("*",)
    paths: Annotated[tuple[str, ...], Meta(description="Files that they may change; all if absent.")] = ("**",)
    fleet: Annotated[bool, Meta(description="Whether they may change what belongs to no project.")] = False
    consent: Annotated[
        tuple[Literal["interrupt", "migrate", "restart", "rebuild", "replace", "delete"], ...],
        Meta(description="What they may consent to in a commit's trailers, for what they may change."),
    ] = ()


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What no commit can go beyond, whatever its Fleet says."""

    limits: Annotated[Quotas, Meta(description="How much all projects together may declare, as in a Fleet.")] = Quotas()
    deletion_budget: Annotated[DeletionBudget, Meta(description="How much one run may delete at most.")] | None = None


class WebhookTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose calls are taken as a hint to look at the repository: each forge signs with a secret."""

    github: Annotated[SecretSource, Meta(description="The secret of GitHub's webhook.")] | None = None
    gitlab: Annotated[SecretSource, Meta(description="The secret token of GitLab's webhook.")] | None = None
    gitea: Annotated[SecretSource, Meta(description="The secret of Gitea's or Forgejo's webhook.")] | None = None


class ControllerTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `reconciler serve` runs for a fleet."""

    listen: (
        Annotated[
            str,
            Meta(
                pattern=r"^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$(?!\n)",
                title="an address and a port, such as 127.0.0.1:9460",
                description="Where health, metrics, status and webhooks are served over HTTP; nowhere if absent.",
            ),
        ]
        | None
    ) = None
    host_names: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,253}$(?!\n)", title="the name of a host")], ...],
        Meta(description="The names by which it is called over HTTP, beside its address."),
    ] = ()
    socket: Annotated[AbsolutePath, Meta(description="Where it listens; in the repository if absent.")] | None = None
    resync: Annotated[Duration, Meta(description="How often everything is looked at again.")] = "10m"
    lease: Annotated[Duration, Meta(description="How long a silent controller is waited for.")] = "15s"
    webhooks: Annotated[WebhookTrust, Meta(description="The secrets of webhooks.")] = WebhookTrust()
    publish_key: Annotated[AbsolutePath, Meta(description="The ssh key that signs published observations.")] | None = (
        None
    )


class FleetTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is trusted for one fleet. A host's section belongs to its driver, which checks it; only `driver` is ours."""

    folders: Annotated[tuple[AbsolutePath, ...], Meta(description="Where images that are relative paths lie.")] = ()
    hosts: Annotated[dict[Name, dict[str, Any]], Meta(description="How to reach each host.")] = {}
    secrets: Annotated[dict[Name, SecretSource], Meta(description="Where what manifests call `secretRef` is had.")] = {}
    repository: Annotated[RepositoryTrust, Meta(description="What a controller follows.")] | None = None
    signatures: Annotated[SignatureTrust, Meta(description="Whose signatures are believed.")] = SignatureTrust()
    rules: Annotated[tuple[Rule, ...], Meta(description="Who may change what, and consent to what.")] = ()
    baseline: Annotated[Commit, Meta(description="A commit that is believed as it is, with all before it.")] = ""
    bounds: Annotated[Bounds, Meta(description="What no commit can go beyond.")] = Bounds()
    controller: Annotated[ControllerTrust, Meta(description="How a controller runs.")] = ControllerTrust()


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    fleets: Annotated[dict[FleetId, FleetTrust], Meta(description="Sections by fleet id.")] = {}


def read(path: Path) -> tuple[Configuration, Document]:
    """The configuration, and its document for the places of what is wrong with it. Raises `TrustError` when it cannot
    be read, has mistakes, or can be written by others; `FileNotFoundError`.
    """
    try:
        data = _read(path)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise unreadable(path, f"{problem.strerror or problem}.") from problem
    document = Document(str(path), data, 0)
    return _decode(document), document


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("It is no file")
        _refuse_others(path, path, status)
        for folder in {path.parent, path.resolve().parent}:
            _refuse_others(path, folder, folder.stat())
        return file.read(MOST_BYTES + 1)


def _refuse_others(path: Path, part: Path, status: os.stat_result) -> None:
    """Refuse a configuration that others can write, or replace since they can write its folder. Where the sticky bit
    is set only owners replace their files.
    """
    sticky = part != path and status.st_mode & stat.S_ISVTX
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        detail = f"Whoever can write it can run commands on every host. Take that away: chmod go-w {part}"
        raise unreadable(path, detail, "trusted configuration can be written by others")
    if not ours_or_roots(status.st_uid):
        detail = f"{part} belongs to user {status.st_uid}. It must be yours or root's."
        raise unreadable(path, detail, "trusted configuration belongs to someone else")


def _decode(document: Document) -> Configuration:
    file = yaml.read(document.path, document.data)
    if file.diagnostics:
        raise TrustError(*file.diagnostics)
    if not file.documents:
        return Configuration()
    node = file.documents[0]
    plain = node.plain()
    found = [_worded(each) for each in mistakes(plain, msgspec.json.schema(Configuration))]
    found += [] if found else [*_host_mistakes(plain), *_secret_mistakes(plain), *_rule_mistakes(plain)]
    if len(file.documents) > 1:
        found.append(Mistake((), "two-documents", "file has more than one document", "Write all of it into one."))
    if found:
        raise TrustError(*(mistaken(document, each) for each in found))
    return msgspec.convert(plain, Configuration)


def _host_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for name, entry in fleet.get("hosts", {}).items():
            path = ("fleets", fleet_id, "hosts", name)
            if not isinstance(entry.get("driver"), str):
                found.append(Mistake((*path, "driver"), "no-driver", "host has no driver", _DRIVER, at_key=True))
            if "uri" in entry:
                found.append(Mistake((*path, "uri"), "host-uri", "URIs are not accepted", _URI, at_key=True))
            if not _is_patience(entry.get("patience", 1)):
                detail = f"`patience` is how many seconds the host has to show what is on it: from 1 to {_LONGEST}."
                found.append(Mistake((*path, "patience"), "out-of-bounds", "value is out of bounds", detail))
    return found


def _is_patience(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= _LONGEST


def _secret_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for where, entry in _sources(fleet):
            given = msgspec.convert(entry, SecretSource).given
            if len(given) != 1:
                detail = (
                    f"A secret comes from exactly one of `file`, `environment` and `command`; this has {len(given)}."
                )
                path = ("fleets", fleet_id, *where)
                found.append(Mistake(path, "one-of", "exactly one is needed", detail, at_key=True))
    return found


def _sources(fleet: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Wherever a fleet's section says where a secret comes from."""
    for name, entry in fleet.get("secrets", {}).items():
        yield ("secrets", name), entry
    if (token := (fleet.get("repository") or {}).get("token")) is not None:
        yield ("repository", "token"), token
    for forge, entry in fleet.get("controller", {}).get("webhooks", {}).items():
        if entry is not None:
            yield ("controller", "webhooks", forge), entry


def _rule_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for number, rule in enumerate(fleet.get("rules", ())):
            for index, kind in enumerate(rule.get("kinds", ())):
                if kind != "*" and kind not in REGISTRY:
                    path = ("fleets", fleet_id, "rules", number, "kinds", index)
                    detail = f"{shown(kind)} is none of {listed(sorted(REGISTRY))}.{did_you_mean(kind, REGISTRY)}"
                    found.append(Mistake(path, "unknown-kind", "unknown kind", detail))
    return found


_LONGEST = 3600
_DRIVER = "Say which driver reaches it, such as `driver: libvirt`."
_URI = "libvirt runs commands that a URI names. Write its parts instead: `transport: unix` and `socket`."


def _worded(mistake: Mistake) -> Mistake:
    """Explanations are written with manifests in mind."""
    return msgspec.structs.replace(mistake, detail=mistake.detail.replace("a manifest", "the trusted configuration"))


def mistaken(document: Document, mistake: Mistake) -> Diagnostic:
    """The diagnostic for a mistake in the configuration."""
    node = yaml.read(document.path, document.data).documents[0]
    at = span(node, mistake.path, mistake.at_key)
    return document.error(mistake.code, mistake.summary, mistake.detail, at)


def unreadable(path: Path, detail: str, summary: str = "trusted configuration cannot be read") -> TrustError:
    """The file cannot be used."""
    return TrustError(error("trusted-configuration", summary, detail, Place(str(path))))
