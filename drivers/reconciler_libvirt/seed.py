"""The NoCloud seed: a small disk from which cloud-init takes hostname, keys, user data and network configuration.

The same input gives the same bytes. YAML and JSON come from dumpers, never from text put together, so that no value
can become more than a value.
"""

from __future__ import annotations

import email
import hashlib
import io
import itertools
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import msgspec
import yaml
from pycdlib import PyCdlib

from reconciler_libvirt.iso_dates import without_dates

LABEL = "cidata"

_APPENDING = [{"name": "list", "settings": ["append"]}, {"name": "dict", "settings": ["no_replace", "recurse_list"]}]
"""How cloud-init merges our part into the user's: their keys stay, ours are added."""


class SeedNic(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC's network configuration, in one family or both. `resolvers` answer its questions about names, `domain` is
    added to short ones. `route`: it carries the default route.
    """

    name: str
    mac: str
    address: str
    prefix: int
    gateway: str = ""
    address6: str = ""
    prefix6: int = 64
    gateway6: str = ""
    resolvers: tuple[str, ...] = ()
    domain: str = ""
    route: bool = False


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest is told at its first boot. `keys` are authorized_keys lines; `user_data` may be a secret."""

    instance_id: str
    hostname: str
    keys: tuple[str, ...] = ()
    user_data: str | None = None
    nics: tuple[SeedNic, ...] = ()


def image(seed: Seed) -> bytes:
    """The seed disk, an ISO 9660 file system."""
    disk = PyCdlib()
    disk.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for name, content in files(seed).items():
        plain = name.upper().replace("-", "_")
        disk.add_fp(io.BytesIO(content), len(content), f"/{plain}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    disk.write_fp(out)
    disk.close()
    return without_dates(out.getvalue())


def files(seed: Seed) -> dict[str, bytes]:
    """The files of the seed by name."""
    return {
        "meta-data": _yaml({"instance-id": seed.instance_id, "local-hostname": seed.hostname}),
        "network-config": _yaml(_network(seed.nics)),
        "user-data": _user_data(seed),
    }


def _yaml(value: object) -> bytes:
    """In ASCII, all else escaped: YAML folds some Unicode line ends into spaces. No line is broken."""
    return yaml.safe_dump(value, sort_keys=True, width=1 << 20).encode("ascii")


def _network(nics: tuple[SeedNic, ...]) -> dict[str, object]:
    return {"version": 2, "ethernets": {nic.name: _ethernet(nic) for nic in nics}}


def _ethernet(nic: SeedNic) -> dict[str, object]:
    """All addresses are told: one that the guest gave itself by router advertisements would not be let through."""
    families = [(nic.address, nic.prefix, nic.gateway, "0.0.0.0/0"), (nic.address6, nic.prefix6, nic.gateway6, "::/0")]
    found: dict[str, object] = {
        "match": {"macaddress": nic.mac},
        "accept-ra": False,
        "addresses": [f"{address}/{prefix}" for address, prefix, _, _ in families if address],
    }
    routes = [{"to": to, "via": via} for address, _, via, to in families if address and via and nic.route]
    if routes:
        found["routes"] = routes
    if nic.resolvers or nic.domain:
        found["nameservers"] = {"addresses": list(nic.resolvers), "search": [nic.domain] if nic.domain else []}
    return found


def _user_data(seed: Seed) -> bytes:
    """Ours alone, or a MIME archive of the user's and ours: then theirs may be of any type that cloud-init knows.

    The network is configured at every boot, so that a NIC's new address comes with a restart.
    """
    ours: dict[str, object] = {"updates": {"network": {"when": ["boot-new-instance", "boot"]}}}
    if seed.keys:
        ours["ssh_authorized_keys"] = list(seed.keys)
    if seed.user_data is None:
        return b"#cloud-config\n" + _yaml(ours)
    own_part = MIMEText(_yaml({**ours, "merge_how": _APPENDING}).decode(), "cloud-config", "us-ascii")
    parts = [_user_part(seed.user_data), own_part]
    archive = MIMEMultipart(boundary=_boundary(seed.instance_id, seed.user_data), _subparts=parts)
    return archive.as_bytes()


def _user_part(text: str) -> Message:
    """cloud-init finds out what plain text is by its first line; an archive is taken in as such."""
    if text.startswith(("Content-Type: multipart/", "MIME-Version:")):
        return email.message_from_string(text)
    return MIMEText(text, "plain", "us-ascii" if text.isascii() else "utf-8")


def _boundary(instance_id: str, text: str) -> str:
    """A line that the text has not. It is no digest of the text, which may be a secret."""
    words = (
        f"{'=' * 8}{hashlib.sha256(f'{instance_id} {count}'.encode()).hexdigest()[:32]}" for count in itertools.count()
    )
    return next(word for word in words if word not in text)
