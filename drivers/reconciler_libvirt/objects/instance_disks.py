"""The disks of an instance: the root disk, an overlay of its image, and the seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import libvirt

from reconciler import quantity
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import digest
from reconciler.publickey import fingerprint
from reconciler_libvirt import names, seed
from reconciler_libvirt.connection import calls
from reconciler_libvirt.objects import image, snapshots
from reconciler_libvirt.objects.instance_form import SEED, image_of
from reconciler_libvirt.objects.instance_work import Nic, Work
from reconciler_libvirt.seed import Seed, SeedNic
from reconciler_libvirt.xml.disk import ROOT, disk_target
from reconciler_libvirt.xml.storage import Volume, VolumeSpec


def image_file(work: Work, role: str) -> Volume | None:
    """The volume of a file of the wanted image."""
    return image.file(work.site, str(work.fields["image"]), role)


def ensure_root(work: Work, anew: bool) -> None:
    """The root disk: made if it is missing, made anew if that was consented to, else grown at most.

    While a lost one waits for consent, its fields are not among the wanted ones.
    """
    size = work.fields.get("disk.size")
    if not isinstance(size, int) or work.fields.get("image") is None:
        return
    root = _root(work)
    if root is None or anew:
        refuse_snapshot(work)
        _make_root(work, size)
    elif root.capacity != size:
        refuse_snapshot(work)
        _grow_root(work, root, size)


def refuse_snapshot(work: Work) -> None:
    """Raises `DriverError` when somebody put a snapshot on the root disk."""
    if work.tree is not None:
        snapshots.refuse(work.tree, ROOT)


def _root(work: Work) -> Volume | None:
    return work.site.storage.volume(names.root(work.site.identity, work.origin))


def _make_root(work: Work, size: int) -> None:
    name, base = names.root(work.site.identity, work.origin), image_file(work, "disk")
    if base is None:
        raise DriverError(ErrorClass.YOURS, f"{name}: the image {work.fields['image']} is not on this host")
    if base.capacity > size:
        large, small = quantity.render(base.capacity), quantity.render(size)
        message = f"{name}: the image is a disk of {large}, and the flavor has {small}; use a larger flavor"
        raise DriverError(ErrorClass.YOURS, message)
    volume = names.read_volume(work.site.identity, base.name)
    assert volume is not None
    spec = VolumeSpec(name=name, capacity=size, format="qcow2", backing=(base.path, volume.format))
    work.site.storage.create(spec, work.task.progress)


def _grow_root(work: Work, root: Volume, size: int) -> None:
    """A shrink is refused here again, right before the call: QEMU would carry it out, and the data would be gone."""
    if root.capacity > size:
        large, small = quantity.render(root.capacity), quantity.render(size)
        message = f"{root.name}: a disk cannot shrink from {large} to {small}"
        raise DriverError(ErrorClass.UNSUPPORTED, message)
    if work.domain is None or not work.active:
        work.site.storage.grow(root.name, size, work.task.progress)
        return
    assert work.tree is not None
    work.task.progress.call("domain.resize", root.name)
    with calls(f"growing the disk of {work.task.name}"):
        target = disk_target(work.tree, ROOT)
        work.domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def root_outdated(work: Work) -> bool:
    """Whether the root disk stands on another image than the wanted one, or is larger than it should be."""
    size, root = work.fields.get("disk.size"), _root(work)
    if root is None or not isinstance(size, int) or work.fields.get("image") is None:
        return False
    base = image_of(work.site.identity, root.backing)
    found = f"{base[0].name}@{base[1]}" if base else ""
    return found != work.fields["image"] or root.capacity > size


def lacks_seed(work: Work, anew: bool) -> bool:
    """Whether a seed is to be written before the domain is defined: it is made anew, or has none."""
    missing = work.site.storage.volume(names.seed(work.site.identity, work.origin)) is None
    return missing or (not work.active and (anew or work.domain is None))


def seed_told(work: Work) -> bool:
    """Whether the payload says what the fields do. While new keys wait for consent, the fields still have the old
    ones and the payload has not: then no right seed can be made.
    """
    fields = work.fields
    marks = {
        "seed.keys": tuple(sorted(fingerprint(line) for line in _keys(work))),
        "seed.userData": _user_data_mark(work.task.wanted.payload),
    }
    complete = all(path in fields for path in SEED) and fields.get("image") is not None
    return complete and all(fields[path] == mark for path, mark in marks.items())


def _user_data_mark(payload: Mapping[str, str]) -> str | None:
    """A secret is known by its name alone."""
    if "userDataSecret" in payload:
        return f"secret:{payload['userDataSecret']}"
    text = payload.get("userData")
    return None if text is None else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _keys(work: Work) -> tuple[str, ...]:
    return tuple(line for line in work.task.wanted.payload.get("keys", "").splitlines() if line)


def new_seed(work: Work) -> bytes:
    """The seed that tells what is wanted. Raises `DriverError` when a secret in it cannot be had."""
    return seed.image(seed_of(work))


def ensure_seed(work: Work, made: bytes | None) -> None:
    """Write the seed, the one that was made already if one was; only while no guest has a file of that name open."""
    name, content = names.seed(work.site.identity, work.origin), made or new_seed(work)
    storage, progress = work.site.storage, work.task.progress
    storage.create(VolumeSpec(name=name, capacity=len(content), format="raw"), progress)
    storage.fill(name, len(content), iter([content]), progress)


def seed_of(work: Work) -> Seed:
    """What the guest is to be told. The instance id changes exactly with what takes a new root disk."""
    marks = [work.fields[path] for path in ("image", *SEED)]
    return Seed(
        instance_id=f"{work.task.uuid}-{digest(marks)}",
        hostname=str(work.fields["seed.hostname"]),
        keys=_keys(work),
        user_data=_user_data(work),
        nics=tuple(_seed_nic(work, nic) for nic in work.nics),
    )


def _user_data(work: Work) -> str | None:
    """A secret is asked for as the seed is written, and kept nowhere else."""
    payload = work.task.wanted.payload
    secret = payload.get("userDataSecret")
    return payload.get("userData") if secret is None else work.site.files.secret(secret)


def _seed_nic(work: Work, nic: Nic) -> SeedNic:
    """Where the network names no resolvers, libvirt's own answers at the gateway, but for a bridge, which has none."""
    payload, network = work.task.wanted.payload, work.networks[nic.network]
    said = {key: payload.get(f"nics.{nic.name}.{key}", "") for key in ("gateway", "gateway6", "prefix6", "dns")}
    own = () if network.mode == "bridge" else (network.gateway,)
    return SeedNic(
        name=nic.name,
        mac=nic.mac,
        address=nic.address,
        prefix=int(payload[f"nics.{nic.name}.prefix"]),
        gateway=said["gateway"],
        address6=nic.address6,
        prefix6=int(said["prefix6"] or 64),
        gateway6=said["gateway6"],
        resolvers=tuple(said["dns"].split()) or own,
        domain=payload.get(f"nics.{nic.name}.domain", ""),
        route=nic.name == payload.get("primaryNic"),
    )
