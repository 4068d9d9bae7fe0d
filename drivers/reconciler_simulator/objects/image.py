"""Images: base volumes named by their content, one per role (`disk`, `kernel`, `initrd`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.address import Address, ObjectKey
from reconciler.imageformat import inspect
from reconciler.objects import Observed, texts
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Volume
from reconciler_simulator.site import PARTIAL, Site, Task
from reconciler_simulator.state import State

_PART = re.compile(r"(?P<content>[0-9a-f]{12})\.(?P<role>disk|kernel|initrd)(?:\.partial)?")


def volume_name(site: Site, address: Address, content: str, role: str) -> str:
    """The volume that holds one file of an image."""
    return site.identity.name(address, f"{content}.{role}")


def read_name(site: Site, name: str) -> tuple[Address, str, str] | None:
    """The image, content id and role that a volume's name stands for; those of a partial upload as well."""
    match site.named("Image", name):
        case (Address(project=None) as address, part) if found := _PART.fullmatch(part):
            return address, found["content"], found["role"]
    return None


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The images of which any volume is there."""
    yield from _seen(site, state, sorted(state.volumes))


def look(site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
    """What is there of one image."""
    names = [volume_name(site, origin, key.part, role) for role in ("disk", "initrd", "kernel")]
    yield from _seen(site, state, [each for name in names for each in (name, name + PARTIAL) if each in state.volumes])


def _seen(site: Site, state: State, names: list[str]) -> Iterator[Observed]:
    """The images that volumes are files of."""
    parts: dict[ObjectKey, dict[str, Volume]] = {}
    for name in names:
        if found := read_name(site, name):
            address, content, role = found
            whole = parts.setdefault(site.key(address, content), {})
            if not name.endswith(PARTIAL):
                whole[role] = state.volumes[name]
    for key, whole in parts.items():
        yield Observed(
            key=key,
            origin=key.address,
            uid=site.identity.name(key.address, key.part),
            stored={"files": tuple(sorted(whole)), **({"format": whole["disk"].format} if "disk" in whole else {})},
            incomplete="disk" not in whole,
        )


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Upload what is missing. The disk comes last: an image that has one is whole."""
    wanted = task.wanted
    for role in sorted(texts(wanted.fields["files"]), reverse=True):
        name = volume_name(site, wanted.origin, wanted.key.part, role)
        state = calls.read()
        if name in state.volumes:
            continue
        if name + PARTIAL in state.volumes:
            calls.make(hypervisor.delete_volume, name + PARTIAL)
        named = wanted.payload[f"{role}.source"]
        source = site.files.fetch(named, wanted.payload[f"{role}.sha256"])
        form = str(wanted.fields["format"]) if role == "disk" else "raw"
        size = inspect(source, form, named) if role == "disk" else source.stat().st_size
        calls.make(hypervisor.create_volume, name + PARTIAL, Volume(capacity=0, format=form))
        calls.make(hypervisor.upload_volume, name + PARTIAL, size)
        calls.make(hypervisor.rename_volume, name + PARTIAL, name)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Delete the volumes, the disk first: from then on the rest is a leftover. One in use is refused."""
    content = observed.key.part
    for role in ("disk", "kernel", "initrd"):
        name = volume_name(site, observed.origin, content, role)
        for each in (name, name + PARTIAL):
            if each in calls.read().volumes:
                calls.make(hypervisor.delete_volume, each)
