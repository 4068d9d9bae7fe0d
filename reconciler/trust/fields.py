"""What the trusted configuration may hold. How a host is reached belongs to its driver, which checks it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from reconciler.address import NAME_PATTERN
from reconciler.kinds.base import Duration, Name
from reconciler.kinds.fleet import DeletionBudget, FleetId
from reconciler.kinds.quotas import Quotas
from reconciler.secret import AbsolutePath, SecretSource

Branch = Annotated[
    str,
    Meta(
        pattern=r"^(?![-./])(?!.*(\.\.|//|@\{|\.lock$|/$|\.$))[A-Za-z0-9._/+@#=-]{1,200}$(?!\n)",
        title="the name of a branch",
    ),
]
Commit = Annotated[str, Meta(pattern=r"^([0-9a-f]{40})?$(?!\n)", title="the id of a commit: 40 hex digits")]


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


_Usable = tuple[Annotated[str, Meta(min_length=1, max_length=254)], ...]
EVERYWHERE = ("0.0.0.0/0", "::/0")
"""The ranges in which all addresses are."""
_ProjectKey = Annotated[
    str, Meta(pattern=NAME_PATTERN.replace("^", r"^(\*|", 1).replace("$", ")$", 1), title="a project, or `*`")
]


class ProjectTrust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the resources of a project may name of what stands in this file, `*` standing for any part of a name; and
    where their addresses may be.
    """

    secrets: Annotated[_Usable, Meta(description="Secrets that it may use; all if absent.")] = ("*",)
    hosts: Annotated[_Usable, Meta(description="Hosts that it may stand on; all if absent.")] = ("*",)
    pools: Annotated[_Usable, Meta(description="Storage pools that it may name; all if absent.")] = ("*",)
    physical_networks: Annotated[_Usable, Meta(description="Physical networks that it may join; all if absent.")] = (
        "*",
    )
    cidrs: Annotated[
        _Usable, Meta(description="Ranges of addresses in which its networks lie, such as 10.20.0.0/16; any if absent.")
    ] = EVERYWHERE


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
    projects: Annotated[
        dict[_ProjectKey, ProjectTrust],
        Meta(description="What each project may use; the entry `*` is for those without one, who else may use all."),
    ] = {}
    controller: Annotated[ControllerTrust, Meta(description="How a controller runs.")] = ControllerTrust()


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    fleets: Annotated[dict[FleetId, FleetTrust], Meta(description="Sections by fleet id.")] = {}
