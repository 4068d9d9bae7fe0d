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

QUOTAS = {
    "instances": 1000,
    "vcpus": 4000,
    "memory": "4Ti",
    "volumes": 1000,
    "storage": "100Ti",
    "networks": 100,
    "securityGroups": 100,
    "securityGroupRules": 1000,
    "keypairs": 100,
}
DEFAULTS = {
    "keypairs": ["ops"],
    "securityGroups": ["default/web"],
    "readiness": "tcp:22",
    "readinessDeadline": "10m",
    "updatePolicy": {"allow": ["restart", "interrupt"]},
    "restartPolicy": "Always",
    "autostart": True,
}
CONTENT = {"source": "images/full.qcow2", "sha256": "ef" * 32}
FULL: dict[str, list[dict[str, Any]]] = {
    "Fleet": [
        {
            "id": "3f0c1a52-6a0e-4f43-9d53-0c2f6f6f2a10",
            "description": "All of it",
            "deletionBudget": {"count": 5, "percent": 10},
            "limits": QUOTAS,
            "defaults": DEFAULTS,
            "policy": {"signatures": "tip"},
        }
    ],
    "Host": [
        {
            "driver": "simulator",
            "state": "Cordoned",
            "zone": "east",
            "virtType": "qemu",
            "machine": "q35",
            "cpu": "maximum",
            "ratios": {"vcpus": 2.5, "memory": 1, "disk": 1.5},
            "reserved": {"vcpus": 2, "memory": "1Gi", "disk": "10Gi"},
            "description": "",
        }
    ],
    "Flavor": [
        {
            "vcpus": 2,
            "memory": "1Gi",
            "disk": "8Gi",
            "maxVcpus": 8,
            "maxMemory": "4Gi",
            "description": "",
            "extraSpecs": {
                "hw:cpu_sockets": 2,
                "hw:cpu_cores": 2,
                "hw:cpu_threads": 2,
                "hw:watchdog_action": "reset",
                "hw:mem_page_size": "small",
                "hw_rng:allowed": True,
                "quota:cpu_shares": 1024,
                "quota:cpu_period": 100000,
                "quota:cpu_quota": 50000,
                "quota:disk_total_bytes_sec": 100000000,
                "quota:disk_total_iops_sec": 1000,
                "quota:vif_inbound_average": 10000,
                "quota:vif_outbound_average": 10000,
            },
        }
    ],
    "Image": [
        {
            **CONTENT,
            "format": "raw",
            "boot": {"kernel": CONTENT, "initrd": CONTENT, "commandLine": "console=ttyS0"},
            "adminUser": "debian",
            "description": "",
            "properties": {
                "hw_machine_type": "q35",
                "hw_firmware_type": "uefi",
                "os_secure_boot": "required",
                "hw_qemu_guest_agent": True,
                "min_disk": "2Gi",
                "min_ram": "512Mi",
            },
        }
    ],
    "Network": [
        {
            "cidr": "10.10.0.0/24",
            "cidr6": "fd00:10::/64",
            "mode": "routed",
            "addresses": "10.10.0.9-10.10.0.99",
            "gateway": "10.10.0.1",
            "dns": {"domain": "lan.example", "servers": ["9.9.9.9", "2620:fe::fe"]},
            "host": "kvm-01",
            "dhcp": False,
            "shareWith": ["far", "*"],
            "description": "",
        },
        {"cidr": "10.10.0.0/24", "mode": "bridge", "physicalNetwork": "office", "vlan": 100},
    ],
    "Project": [{"quotas": QUOTAS, "defaults": DEFAULTS, "description": ""}],
    "Keypair": [{"publicKey": KEY, "shareWith": ["far"], "description": ""}, {"publicKeyFile": "ops.pub"}],
    "Volume": [
        {
            "size": "4Gi",
            "image": "tiny",
            "format": "qcow2",
            "pool": "fast",
            "host": "kvm-01",
            "deletionPolicy": "Retain",
            "protected": True,
            "description": "",
        }
    ],
    "SecurityGroup": [{**SPECS["SecurityGroup"][1], "shareWith": ["*"], "description": ""}],
    "Instance": [
        {
            "flavor": "small",
            "image": "tiny",
            "networks": {
                "lan": {
                    "network": "lan",
                    "address": "10.10.0.5",
                    "address6": "fd00:10::5",
                    "securityGroups": ["web"],
                    "primary": True,
                }
            },
            "volumes": {"disk": {"volume": "data", "readOnly": True}},
            "keypairs": ["ops"],
            "securityGroups": ["default/web"],
            "userDataFrom": {"secretRef": "web-seed"},
            "powerState": "Running",
            "placement": {"host": "kvm-01", "zone": "east", "hostLabels": {"disk": "ssd"}},
            "dependsOn": ["web-0"],
            "readiness": "cloud-init",
            "readinessDeadline": "15m",
            "updatePolicy": {"allow": ["restart"]},
            "restartPolicy": "Never",
            "autostart": True,
            "protected": True,
            "description": "",
        },
        {
            "flavor": "small",
            "image": "tiny",
            "networks": {"lan": {}},
            "userDataFrom": {"file": "seeds/web"},
            "placement": {"zone": "east"},
        },
        {"flavor": "small", "image": "tiny", "networks": {"lan": {}}, "userData": "#cloud-config"},
    ],
}
"""For each kind specs that, together, have every field that it knows. By themselves they have no mistake."""


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
