"""Calls for storage volumes."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler_simulator.hypervisor.refusal import RefusalError
from reconciler_simulator.model import Volume
from reconciler_simulator.state import State


def _volume(state: State, name: str) -> Volume:
    if name not in state.volumes:
        raise RefusalError("gone", f"no storage volume named {name!r}")
    return state.volumes[name]


def create_volume(state: State, name: str, volume: Volume) -> None:
    """Make a volume: empty, with content, or as an overlay of one that exists."""
    if name in state.volumes:
        raise RefusalError("exists", f"storage volume {name!r} already exists")
    if volume.backing is not None and volume.backing not in state.volumes:
        raise RefusalError("failed", f"the backing volume {volume.backing!r} of {name!r} does not exist")
    state.volumes[name] = volume


def upload_volume(state: State, name: str, size: int) -> None:
    """Fill a volume from a file whose disk has `size` bytes."""
    state.volumes[name] = replace(_volume(state, name), capacity=size)


def rename_volume(state: State, name: str, new: str) -> None:
    """Publish a volume that is complete under its final name."""
    if new in state.volumes:
        raise RefusalError("exists", f"storage volume {new!r} already exists")
    volume = _volume(state, name)
    del state.volumes[name]
    state.volumes[new] = volume


def resize_volume(state: State, name: str, capacity: int) -> None:
    """Set a volume's size. Like libvirt it shrinks without a word, and what was written is lost."""
    volume = _volume(state, name)
    written = volume.written if capacity >= volume.capacity else ""
    state.volumes[name] = replace(volume, capacity=capacity, written=written)


def delete_volume(state: State, name: str) -> None:
    """Delete a volume that no overlay stands on, no running domain has, and no domain has for its data."""
    _volume(state, name)
    users = [*state.volumes.having(f"backing {name}"), *_domains(state, name)]
    if users:
        raise RefusalError("in-use", f"storage volume {name!r} is in use by {', '.join(users)}")
    del state.volumes[name]


def _domains(state: State, name: str) -> list[str]:
    users = []
    for each in state.domains.having(f"volume {name}"):
        domain = state.domains[each]
        data = name in (disk.volume for disk in domain.stored.data.values())
        if data or (domain.running and name in domain.running.volumes()):
            users.append(each)
    return users
