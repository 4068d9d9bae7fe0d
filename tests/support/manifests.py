"""Manifests to begin with: one of each kind, as plain data and as files."""

from __future__ import annotations

import base64
import json
from typing import Any

from reconciler.manifest import Blob

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode() + " ops@example"

SPECS: dict[str, tuple[str, dict[str, Any]]] = {
    "Fleet": ("acme", {"id": "3f0c1a52-6a0e-4f43-9d53-0c2f6f6f2a10", "deletionBudget": {"count": 5}}),
    "Host": ("kvm-01", {"driver": "simulator", "state": "Active", "cpu": "host-model"}),
    "Flavor": ("small", {"vcpus": 1, "memory": "512Mi", "disk": "2Gi"}),
    "Image": (
        "tiny",
        {
            "source": "images/tiny.qcow2",
            "sha256": "ab" * 32,
            "boot": {"kernel": {"source": "images/vmlinuz", "sha256": "cd" * 32}, "commandLine": "quiet"},
        },
    ),
    "Network": ("lan", {"cidr": "10.10.0.0/24", "dns": {"domain": "lan.example"}, "addresses": "10.10.0.9-10.10.0.99"}),
    "Project": ("default", {"quotas": {"instances": 100, "memory": "64Gi"}, "defaults": {"readiness": "address"}}),
    "Keypair": ("ops", {"publicKey": KEY}),
    "Volume": ("data", {"size": "10Gi", "format": "raw", "deletionPolicy": "Delete"}),
    "SecurityGroup": (
        "web",
        {
            "ingress": [
                {"protocol": "tcp", "ports": 22, "remote": {"cidr": "10.0.0.0/8"}},
                {"protocol": "tcp", "ports": "8000-8080", "remote": {"group": "web"}},
                {"protocol": "icmp", "icmpType": 8, "icmpCode": 0, "ethertype": "IPv4"},
                {"protocol": 47, "description": "GRE"},
            ],
            "egress": [],
        },
    ),
    "Instance": (
        "web-1",
        {
            "flavor": "small",
            "image": "tiny",
            "keypairs": ["ops"],
            "securityGroups": ["web", "default"],
            "networks": {"lan": {"address": "10.10.0.5", "primary": True}, "second": {"network": "lan"}},
            "volumes": {
                "data": {"readOnly": True},
            },
            "placement": {"host": "kvm-01"},
            "userData": "#cloud-config\n",
        },
    ),
}
"""A name and a spec for each kind; together they are a consistent fleet."""


def manifest(kind: str, name: str = "", spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A manifest of a kind, with the name and spec of `SPECS` where none is given."""
    known, usual = SPECS[kind]
    return {
        "apiVersion": "reconciler/v1",
        "kind": kind,
        "metadata": {"name": name or known, **metadata},
        "spec": usual if spec is None else spec,
    }


def blob(*documents: Any, path: str = "fleet.yaml") -> Blob:
    """A file of documents. JSON is YAML, with every text in quotes."""
    return Blob(path, "\n---\n".join(json.dumps(document, ensure_ascii=False) for document in documents).encode())


def fleet(*more: dict[str, Any], without: tuple[str, ...] = ()) -> list[Blob]:
    """The files of a consistent fleet of one of each kind, and more."""
    return [blob(manifest(kind), path=f"{kind}.yaml") for kind in SPECS if kind not in without] + [
        blob(document, path=f"more-{index}.yaml") for index, document in enumerate(more)
    ]
