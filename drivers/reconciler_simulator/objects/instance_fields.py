"""Instances as fields: what a domain's form, its volumes, its filters and its names show."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from reconciler.address import Address, ObjectKey
from reconciler.objects import Fields, Value, texts
from reconciler_simulator import seed
from reconciler_simulator.model import Domain, Entry, Form, Nic
from reconciler_simulator.objects import image, volume_marks
from reconciler_simulator.objects.security_group import address_of, is_ours
from reconciler_simulator.site import Site
from reconciler_simulator.state import State

PATHS = {
    "vcpus": "vcpus",
    "memory": "memory",
    "machine": "machine",
    "virtType": "virt_type",
    "boot.commandLine": "command_line",
}
"""Field of the core to field of a form, for those that always show: the one mapping, used in both directions."""
OPTIONAL = {
    "cpu": "cpu",
    "vcpus.max": "max_vcpus",
    "memory.max": "max_memory",
    "firmware": "firmware",
    "secureBoot": "secure_boot",
    "guestAgent": "guest_agent",
}
"""The same for those that show only where somebody has set them."""
EXTRA = "extra."
NEEDED = ("Network", "SecurityGroup", "Volume")
"""The kinds, beside images, that instances need."""


def root_name(site: Site, origin: Address) -> str:
    """The volume of an instance's root disk."""
    return site.identity.name(origin, "root")


def seed_name(site: Site, origin: Address) -> str:
    """The volume of an instance's seed."""
    return site.identity.name(origin, "seed")


def entries(fields: Fields, of: str) -> list[str]:
    """The NICs (`nics`) or data disks (`volumes`) that fields speak of."""
    return sorted({path.split(".")[1] for path in fields if path.startswith(f"{of}.")})


def without_links(form: Form) -> Form:
    """A form as it is stored: links are raised in what runs only."""
    return replace(form, nics={name: replace(nic, link="down") for name, nic in form.nics.items()})


def entries_of(site: Site, state: State, origin: Address) -> dict[str, tuple[str, Entry]]:
    """The filters of an instance's NICs: NIC to (tap, entry)."""
    if not is_ours(site, state):
        return {}
    full = state.filters.having(f"domain {site.identity.name(origin)}")
    ours = ((name.partition("/")[2], state.filters[name]) for name in full if name.startswith(f"{site.table}/"))
    return {entry.nic: (tap, entry) for tap, entry in ours}


def entry_of(site: Site, state: State, origin: Address, nic: str) -> Entry | None:
    """The filter of one NIC."""
    entry = state.filters.get(f"{site.table}/{site.tap(origin, nic)}") if is_ours(site, state) else None
    return entry if entry and (entry.domain, entry.nic) == (site.identity.name(origin), nic) else None


def fields_of(site: Site, state: State, origin: Address, form: Form) -> dict[str, Value]:
    """What one form of an instance shows, with what both forms share."""
    domain = state.domains[site.identity.name(origin)]
    fields: dict[str, Value] = {path: getattr(form, attribute) for path, attribute in PATHS.items()}
    fields["autostart"] = domain.autostart
    for path, attribute in OPTIONAL.items():
        if (value := getattr(form, attribute)) is not None:
            fields[path] = value
    fields.update((EXTRA + name, value) for name, value in form.extra.items())
    fields.update(volume_fields(site, state, origin))
    fields.update(_data_fields(site, form))
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


def _data_fields(site: Site, form: Form) -> Iterator[tuple[str, Value]]:
    for alias, disk in form.data.items():
        data = volume_marks.read_data(site, disk.volume)
        yield f"volumes.{alias}.volume", str(data[0]) if data else disk.volume
        yield f"volumes.{alias}.serial", disk.serial
        yield f"volumes.{alias}.readOnly", disk.read_only


def _nic_fields(site: Site, state: State, origin: Address, name: str, nic: Nic) -> Iterator[tuple[str, Value]]:
    named = site.named("Network", nic.network)
    network = state.networks.get(nic.network)
    entry = entry_of(site, state, origin, name)
    yield "network", str(named[0]) if named else nic.network
    yield "mac", nic.mac
    yield "address", nic.address
    if nic.address6:
        yield "address6", nic.address6
    if network is None or network.stored.mode != "bridge":
        yield "dnsName", state.names.get(f"{nic.network}/{nic.address}")
    yield "securityGroups", groups_of(site, entry) if entry else ()


def groups_of(site: Site, entry: Entry) -> tuple[str, ...]:
    """The addresses of the groups that a NIC is in."""
    return tuple(sorted(str(address_of(site, group) or group) for group in entry.groups))


def _filter(site: Site, state: State, origin: Address, domain: Domain, name: str) -> Value:
    """Whether the kernel filters a NIC, and the NIC may be reached at all: a link left down is broken as well."""
    if not is_ours(site, state):
        return "unknown"
    entry = entry_of(site, state, origin, name)
    if entry is None:
        return "absent"
    live = domain.running.nics.get(name) if domain.running else None
    nic = live or domain.stored.nics[name]
    same = (entry.mac, entry.address, entry.address6) == (nic.mac, nic.address, nic.address6)
    return "enforced" if same and (live is None or live.link == "up") else "broken"


def needs_of(site: Site, fields: Fields) -> tuple[ObjectKey, ...]:
    """The objects that an instance is seen to use."""
    found: set[ObjectKey] = set()
    if image_field := fields.get("image"):
        name, _, content = str(image_field).partition("@")
        found.add(site.key(Address("Image", None, name), content))
    named = [fields[f"volumes.{alias}.volume"] for alias in entries(fields, "volumes")]
    for nic in entries(fields, "nics"):
        named += [fields.get(f"nics.{nic}.network"), *texts(fields.get(f"nics.{nic}.securityGroups"))]
    found.update(site.key(Address.parse(str(text))) for text in named if str(text).partition("/")[0] in NEEDED)
    return tuple(sorted(found))
