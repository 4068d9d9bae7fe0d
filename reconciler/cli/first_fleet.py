"""The files of a first fleet: complete, small, and running on the simulator as they are."""

from __future__ import annotations

import hashlib

from reconciler.address import valid_name

KEYPAIR = "admin"
IMAGE = b"\0" * 4096
"""A made-up disk. The simulator checks its digest and its format, and boots nothing."""
SCHEMAS = ".reconciler/schemas"

_FLEET = """\
# Everything in this repository is one fleet. Its id is its identity on the hypervisors: never change it.
apiVersion: reconciler/v1
kind: Fleet
metadata: {{name: {name}}}
spec:
  id: {fleet_id}
"""
_HOST = """\
# A make-believe host. For a real one leave `driver` out and say how it is reached in
# ~/.config/reconciler/config.yaml; `reconciler doctor` checks it.
apiVersion: reconciler/v1
kind: Host
metadata: {name: sim-01}
spec:
  driver: simulator
"""
_FLAVOR = """\
apiVersion: reconciler/v1
kind: Flavor
metadata: {name: small}
spec:
  vcpus: 1
  memory: 512Mi
  disk: 1Gi
"""
_IMAGE = """\
# A made-up image of 4 KiB of nothing, good for the simulator only.
apiVersion: reconciler/v1
kind: Image
metadata: {{name: tiny}}
spec:
  source: images/tiny.raw
  sha256: {sha256}
  format: raw
"""
_NETWORK = """\
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec:
  cidr: 10.10.0.0/24
  mode: nat
"""
_KEYPAIR = """\
# The private key stays outside of Git.
apiVersion: reconciler/v1
kind: Keypair
metadata: {{name: {name}}}
spec:
  publicKey: {public_key}
"""
_GROUP = """\
# What is not allowed here does not come in. Everything may leave, since nothing is said about egress.
apiVersion: reconciler/v1
kind: SecurityGroup
metadata: {name: ssh}
spec:
  ingress:
    - {protocol: tcp, ports: 22}
"""
_INSTANCE = """\
apiVersion: reconciler/v1
kind: Instance
metadata: {{name: web-1}}
spec:
  flavor: small
  image: tiny
  networks:
    lan: {{}}
  keypairs: {keypairs}
  securityGroups: [ssh]
"""


def keypair_manifest(name: str, public_key: str, project: str | None = None) -> str:
    """The manifest of a keypair."""
    named = f"{name}, project: {project}" if project else name
    return _KEYPAIR.format(name=named, public_key=public_key)


def first_fleet(name: str, fleet_id: str, public_key: str | None, schemas: dict[str, bytes]) -> dict[str, bytes]:
    """Path to content of every file. Without a public key there is no keypair, and nobody can log in."""
    manifests = {
        "fleet.yaml": ("fleet", _FLEET.format(name=name, fleet_id=fleet_id)),
        "hosts.yaml": ("host", _HOST),
        "flavors.yaml": ("flavor", _FLAVOR),
        "images.yaml": ("image", _IMAGE.format(sha256=hashlib.sha256(IMAGE).hexdigest())),
        "networks.yaml": ("network", _NETWORK),
        "security-groups.yaml": ("securitygroup", _GROUP),
        "instances.yaml": ("instance", _INSTANCE.format(keypairs=f"[{KEYPAIR}]" if public_key else "[]")),
    }
    if public_key:
        manifests["keypairs.yaml"] = ("keypair", keypair_manifest(KEYPAIR, public_key))
    files = {path: f"{modeline(schema)}{text}".encode() for path, (schema, text) in manifests.items()}
    return files | {"images/tiny.raw": IMAGE} | {f"{SCHEMAS}/{file}": data for file, data in schemas.items()}


def modeline(schema: str) -> str:
    """The comment by which editors find a schema and complete and check what is typed."""
    return f"# yaml-language-server: $schema={SCHEMAS}/{schema}.json\n"


def fleet_name(folder: str) -> str:
    """The name of a folder as a name of a fleet, as far as it can be one."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in folder.lower())
    name = words.strip("-")[:63].strip("-")
    return name if valid_name(name) else "fleet"
