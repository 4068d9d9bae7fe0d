"""How much a project or a fleet may declare. A static check on the whole desired set, so it needs no host."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from reconciler.kinds.base import Size, Spec

Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Quotas(Spec, frozen=True, kw_only=True):
    """What is absent is not limited."""

    instances: Annotated[Count | None, Meta(description="Instances.")] = None
    vcpus: Annotated[Count | None, Meta(description="Virtual CPUs of all instances together.")] = None
    memory: Annotated[Size | None, Meta(description="Memory of all instances together.")] = None
    volumes: Annotated[Count | None, Meta(description="Volumes.")] = None
    storage: Annotated[Size | None, Meta(description="Root disks and volumes together.")] = None
    networks: Annotated[Count | None, Meta(description="Networks.")] = None
    security_groups: Annotated[Count | None, Meta(description="Security groups that manifests declare.")] = None
    security_group_rules: Annotated[Count | None, Meta(description="Rules of all those groups together.")] = None
    keypairs: Annotated[Count | None, Meta(description="Keypairs.")] = None
