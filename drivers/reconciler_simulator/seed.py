"""The seed: what a guest is told at its first boot. Its volume holds these as small files."""

from __future__ import annotations

import hashlib
import json

from reconciler.objects import Fields, Value, Wanted, digest
from reconciler.publickey import fingerprint
from reconciler_simulator.model import Volume

SIZE = 1 << 20


FIRST_BOOT = ("image", "seed.hostname", "seed.keys", "seed.userData")
"""The fields that a guest is made anew for."""


def told(fields: Fields) -> bool:
    """Whether the fields say all that a seed needs."""
    return all(path in fields for path in FIRST_BOOT)


USER_DATA_OF = "user-data-of"
"""The file that has the name of the secret which a real seed has the text of: nothing here may keep that."""


def content(wanted: Wanted, uuid: str) -> dict[str, str]:
    """The files of an instance's seed.

    The instance id changes exactly with what a guest must be made anew for, so that it runs first-boot work again.
    """
    fields = wanted.fields
    files = {
        "instance-id": f"{uuid}-{digest([fields[path] for path in FIRST_BOOT])}",
        "hostname": str(fields["seed.hostname"]),
        "keys": wanted.payload.get("keys", ""),
        "network-config": _network_config(wanted),
    }
    if "userData" in wanted.payload:
        files["user-data"] = wanted.payload["userData"]
    elif "userDataSecret" in wanted.payload:
        files[USER_DATA_OF] = wanted.payload["userDataSecret"]
    return files


def _network_config(wanted: Wanted) -> str:
    told = {
        path: str(value) for path, value in wanted.fields.items() if path.endswith((".mac", ".address", ".address6"))
    }
    told |= {path: text for path, text in wanted.payload.items() if path.startswith(("nics.", "primaryNic"))}
    return json.dumps(told, sort_keys=True)


def is_ours(volume: Volume, uuid: str) -> bool:
    """Whether a volume is the seed of the instance with that UUID."""
    return volume.content.get("instance-id", "").startswith(uuid)


def fields_of(volume: Volume) -> dict[str, Value]:
    """The fields that a seed shows."""
    files = volume.content
    return {
        "seed.hostname": files.get("hostname", ""),
        "seed.keys": tuple(sorted(fingerprint(line) for line in files.get("keys", "").splitlines())),
        "seed.userData": _user_data(files),
    }


def _user_data(files: dict[str, str]) -> str | None:
    if USER_DATA_OF in files:
        return f"secret:{files[USER_DATA_OF]}"
    return _digest(files["user-data"]) if "user-data" in files else None


def agrees(files: dict[str, str], wanted: Wanted) -> bool:
    """Whether these files would show what is wanted."""
    shown = fields_of(Volume(capacity=SIZE, content=files))
    return all(wanted.fields.get(path) == value for path, value in shown.items())


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]
