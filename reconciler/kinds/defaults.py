"""What instances take from their project, and then from their fleet, where they say nothing themselves."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler.kinds.base import Duration, Problem, Ref, Spec
from reconciler.objects import RestartPolicy

Check = Annotated[
    str,
    Meta(
        pattern=r"^(none|running|address|agent|cloud-init|tcp:[1-9][0-9]{0,4})$(?!\n)",
        title="one of none, running, address, agent, cloud-init, or tcp:PORT",
        description="What has to be so before the instance counts as ready; running if absent. none: nothing. running:"
        " it runs. address: it is seen to use its address. tcp:PORT: it accepts connections there. agent: its guest"
        " agent answers. cloud-init: that has finished without an error, says the guest agent.",
    ),
]
Consentable = Literal["interrupt", "migrate", "restart", "rebuild", "replace"]


MOST_PORT = 65_535


def readiness_problem(path: str, check: str) -> Problem | None:
    """What is wrong with a readiness check that its pattern accepts."""
    port = check.removeprefix("tcp:")
    if port == check or int(port) <= MOST_PORT:
        return None
    return Problem(path, "bad-port", "not a port", f"{port} is no port: they go up to {MOST_PORT}.")


class UpdatePolicy(Spec, frozen=True, kw_only=True):
    """Consent given in advance. It counts from the commit after the one that writes it."""

    allow: Annotated[
        tuple[Consentable, ...], Meta(max_length=5, description="Impacts that need no further consent.")
    ] = ()


Restart = Annotated[
    RestartPolicy,
    Meta(
        description="What becomes of an instance that is down without having been asked to; OnCrash if absent. Always:"
        " it is started. OnCrash: it is, unless it shut down from within. Never: it is left down once it has run."
        " `--allow restart=ADDRESS` starts one that is left down."
    ),
]


class Defaults(Spec, frozen=True, kw_only=True):
    """Fields of instances that declare none: those of their project, then those of the fleet. A plain name means a
    resource of that project; in the Fleet's defaults, one of project `default`, which has to be shared.
    """

    keypairs: Annotated[tuple[Ref, ...], Meta(max_length=64, description="Who may log in.")] | None = None
    security_groups: (
        Annotated[tuple[Ref, ...], Meta(max_length=32, description="What may reach an instance.")] | None
    ) = None
    readiness: Check | None = None
    readiness_deadline: Annotated[Duration, Meta(description="How long an instance has to become ready.")] | None = None
    update_policy: Annotated[UpdatePolicy | None, Meta(description="Consent given in advance.")] = None
    autostart: Annotated[bool, Meta(description="Whether an instance starts with its host.")] | None = None
    restart_policy: Restart | None = None


def qualified(defaults: Defaults, project: str) -> Defaults:
    """The same, with the project in every plain name."""
    lists = {"keypairs": defaults.keypairs, "security_groups": defaults.security_groups}
    full = {
        field: tuple(name if "/" in name else f"{project}/{name}" for name in names)
        for field, names in lists.items()
        if names is not None
    }
    return msgspec.structs.replace(defaults, **full)
