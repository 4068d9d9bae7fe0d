"""Instances as fields: what a domain's form, its volumes, its filters and its names show."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address, ObjectKey
from reconciler.objects import Fields, Value, Wanted
from reconciler_simulator import seed
from reconciler_simulator.model import Domain, Entry, Form, Nic, State
from reconciler_simulator.objects import image
from reconciler_simulator.objects.security_group import address_of, table_of
from reconciler_simulator.site import Site

PATHS = {
    "vcpus": "vcpus",
    "memory": "memory",
    "machine": "machine",
    "virtType": "virt_type",
    "cpu": "cpu",
    "boot.commandLine": "command_line",
}
"""Field of the core to field of a form: the one mapping, used in both directions."""


def root_name(site: Site, origin: Address) -> str:
    """The volume of an instance's root disk."""
    return site.identity.name(origin, "root")


def seed_name(site: Site, origin: Address) -> str:
    """The volume of an instance's seed."""
    return site.identity.name(origin, "seed")


def image_volume(site: Site, fields: Fields, role: str) -> str:
    """The volume that holds a file of the image that an instance's fields name."""
    name, _, content = str(fields["image"]).partition("@")
    return image.volume_name(site, Address("Image", None, name), content, role)


def nic_names(fields: Fields) -> list[str]:
    """The NICs that fields speak of."""
    return sorted({path.split(".")[1] for path in fields if path.startswith("nics.")})


def form_of(site: Site, state: State, wanted: Wanted) -> Form:
    """The form that is to be stored. Links are down in it: they are raised when the filters are read back."""
    fields = wanted.fields
    return Form(
        **{attribute: fields.get(path) for path, attribute in PATHS.items()},  # type: ignore[arg-type]
        **_boot_files(site, state, wanted),  # type: ignore[arg-type]
        disks={"root": root_name(site, wanted.origin), "seed": seed_name(site, wanted.origin)},
        nics={nic: _nic_of(site, fields, nic) for nic in nic_names(fields)},
    )


def _boot_files(site: Site, state: State, wanted: Wanted) -> dict[str, str | None]:
    """Kernel and initial RAM disk, as far as the image has them; those that are there while no image is told."""
    known = state.domains.get(site.identity.name(wanted.origin))
    if "image" not in wanted.fields:
        return {"kernel": known.stored.kernel, "initrd": known.stored.initrd} if known else {}
    files = {role: image_volume(site, wanted.fields, role) for role in ("kernel", "initrd")}
    return {role: volume for role, volume in files.items() if volume in state.volumes}


def _nic_of(site: Site, fields: Fields, nic: str) -> Nic:
    network = site.identity.name(Address.parse(str(fields[f"nics.{nic}.network"])))
    return Nic(network=network, mac=str(fields[f"nics.{nic}.mac"]), address=str(fields[f"nics.{nic}.address"]))


def entries_of(site: Site, state: State, origin: Address) -> dict[str, tuple[str, Entry]]:
    """The filters of an instance's NICs: NIC to (tap, entry)."""
    table, name = table_of(site, state), site.identity.name(origin)
    found = table.nics.items() if table else ()
    return {entry.nic: (tap, entry) for tap, entry in found if entry.domain == name}


def entry_of(site: Site, state: State, origin: Address, nic: str) -> Entry | None:
    """The filter of one NIC."""
    table = table_of(site, state)
    entry = table.nics.get(site.tap(origin, nic)) if table else None
    return entry if entry and (entry.domain, entry.nic) == (site.identity.name(origin), nic) else None


def fields_of(site: Site, state: State, origin: Address, form: Form) -> dict[str, Value]:
    """What one form of an instance shows, with what both forms share."""
    fields: dict[str, Value] = {path: getattr(form, attribute) for path, attribute in PATHS.items()}
    if form.cpu is None:
        del fields["cpu"]
    fields.update(volume_fields(site, state, origin))
    domain = state.domains[site.identity.name(origin)]
    for name, nic in form.nics.items():
        fields.update((f"nics.{name}.{path}", value) for path, value in _nic_fields(site, state, origin, name, nic))
        fields[f"nics.{name}.filter"] = _filter(site, state, origin, domain, name)
    return fields


def volume_fields(site: Site, state: State, origin: Address) -> dict[str, Value]:
    """What the root disk and the seed show; nothing where they are missing."""
    root, told = state.volumes.get(root_name(site, origin)), state.volumes.get(seed_name(site, origin))
    fields: dict[str, Value] = {"disk.size": root.capacity} if root else {}
    if root and root.backing and (found := image.read_name(site, root.backing)):
        fields["image"] = f"{found[0].name}@{found[1]}"
    return {**fields, **(seed.fields_of(told) if told else {})}


def _nic_fields(site: Site, state: State, origin: Address, name: str, nic: Nic) -> Iterator[tuple[str, Value]]:
    named = site.named("Network", nic.network)
    network = state.networks.get(nic.network)
    entry = entry_of(site, state, origin, name)
    yield "network", str(named[0]) if named else nic.network
    yield "mac", nic.mac
    yield "address", nic.address
    yield "dnsName", network.names.get(nic.address) if network else None
    yield "securityGroups", groups_of(site, entry) if entry else ()


def groups_of(site: Site, entry: Entry) -> tuple[str, ...]:
    """The addresses of the groups that a NIC is in."""
    return tuple(sorted(str(address_of(site, group) or group) for group in entry.groups))


def _filter(site: Site, state: State, origin: Address, domain: Domain, name: str) -> Value:
    """Whether the kernel filters a NIC, and the NIC may be reached at all: a link left down is broken as well."""
    if table_of(site, state) is None:
        return "unknown"
    entry = entry_of(site, state, origin, name)
    if entry is None:
        return "absent"
    live = domain.running.nics.get(name) if domain.running else None
    nic = live or domain.stored.nics[name]
    same = (entry.mac, entry.address) == (nic.mac, nic.address)
    return "enforced" if same and (live is None or live.link == "up") else "broken"


def needs_of(site: Site, fields: Fields) -> tuple[ObjectKey, ...]:
    """The objects that an instance is seen to use."""
    found: set[ObjectKey] = set()
    if image_field := fields.get("image"):
        name, _, content = str(image_field).partition("@")
        found.add(site.key(Address("Image", None, name), content))
    for nic in nic_names(fields):
        groups = fields.get(f"nics.{nic}.securityGroups") or ()
        for text in (fields.get(f"nics.{nic}.network"), *groups):  # type: ignore[misc]
            if text and "/" in str(text):
                found.add(site.key(Address.parse(str(text))))
    return tuple(sorted(found))
