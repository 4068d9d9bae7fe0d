"""The form of a domain that is to be stored, from what is wanted and what is there."""

from __future__ import annotations

from typing import Any

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Fields, Value, Wanted
from reconciler_simulator import ownership
from reconciler_simulator.model import Disk, Form, Nic
from reconciler_simulator.objects import image, volume_marks
from reconciler_simulator.objects.instance_fields import EXTRA, OPTIONAL, PATHS, entries, root_name, seed_name
from reconciler_simulator.site import Site
from reconciler_simulator.state import State


def form_of(site: Site, state: State, wanted: Wanted) -> Form:
    """The form that is to be stored. Links are down in it: they are raised when the filters are read back."""
    fields, known = wanted.fields, state.domains.get(site.identity.name(wanted.origin))
    kept = _kept(known.stored, ownership.owned(known.metadata)) if known else {}
    optional = {**kept, **{path: fields[path] for path in fields if path in OPTIONAL or path.startswith(EXTRA)}}
    told: dict[str, Any] = {attribute: fields.get(path) for path, attribute in PATHS.items()}
    told |= {OPTIONAL[path]: value for path, value in optional.items() if path in OPTIONAL}
    return Form(
        **told,
        **_boot_files(site, state, wanted),
        extra={path.removeprefix(EXTRA): value for path, value in optional.items() if path.startswith(EXTRA)},
        disks={"root": root_name(site, wanted.origin), "seed": seed_name(site, wanted.origin)},
        data={alias: _disk_of(site, state, fields, alias) for alias in entries(fields, "volumes")},
        nics={nic: _nic_of(site, fields, nic) for nic in entries(fields, "nics")},
    )


def _kept(form: Form, owned: dict[str, str]) -> dict[str, Value]:
    """What nobody declares and somebody has set by hand; what we have set and is declared no more goes."""
    there: dict[str, Value] = {path: getattr(form, attribute) for path, attribute in OPTIONAL.items()}
    there |= {EXTRA + name: value for name, value in form.extra.items()}
    return {path: value for path, value in there.items() if path not in owned}


def image_volume(site: Site, fields: Fields, role: str) -> str:
    """The volume that holds a file of the image that an instance's fields name."""
    name, _, content = str(fields["image"]).partition("@")
    return image.volume_name(site, Address("Image", None, name), content, role)


def _boot_files(site: Site, state: State, wanted: Wanted) -> dict[str, Any]:
    """Kernel and initial RAM disk, as far as the image has them; those that are there while no image is told."""
    known = state.domains.get(site.identity.name(wanted.origin))
    if "image" not in wanted.fields:
        return {"kernel": known.stored.kernel, "initrd": known.stored.initrd} if known else {}
    files = {role: image_volume(site, wanted.fields, role) for role in ("kernel", "initrd")}
    return {role: volume for role, volume in files.items() if volume in state.volumes}


def _disk_of(site: Site, state: State, fields: Fields, alias: str) -> Disk:
    named = str(fields[f"volumes.{alias}.volume"])
    data = volume_marks.marks_of(site, state, Address.parse(named)) if named.startswith("Volume/") else None
    if data is not None and not data.whole:
        raise DriverError(ErrorClass.YOURS, f"{named} is not on this host")
    return Disk(
        volume=data.volume if data else named,
        serial=str(fields[f"volumes.{alias}.serial"]),
        read_only=bool(fields[f"volumes.{alias}.readOnly"]),
    )


def _nic_of(site: Site, fields: Fields, nic: str) -> Nic:
    address6 = fields.get(f"nics.{nic}.address6")
    return Nic(
        network=site.identity.name(Address.parse(str(fields[f"nics.{nic}.network"]))),
        mac=str(fields[f"nics.{nic}.mac"]),
        address=str(fields[f"nics.{nic}.address"]),
        address6=None if address6 is None else str(address6),
    )
