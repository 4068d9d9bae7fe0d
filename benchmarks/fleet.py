"""Fleets of any size, written as people would: hosts in proportion, and on each a project with all that it needs."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

FLEET_ID = "be9c4a11-5f0d-4a3e-8f37-6d1a2b3c4d5e"
PER_HOST = 100
DISK = b"a disk of the benchmark"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
_GROUPS = ("bastion", "web", "database")
_INSTANCE = """\
# {role} {number} of the shop: edit with care, people use it.
apiVersion: reconciler/v1
kind: Instance
metadata:
  name: {name}
  project: {project}
  labels:
    role: {role}
    tier: "{tier}"
spec:
  flavor: {flavor}
  image: debian
  keypairs: [admin]
  securityGroups: [{role}, default]
  networks:
    lan: {{}}{volumes}
  userData: |
    #cloud-config
    package_update: false
    packages: [nginx, curl]
    runcmd:
      - [systemctl, enable, --now, nginx]
  placement:
    host: {host}
  protected: false
  description: Serves {role} number {number}.
"""
_VOLUME_USE = """
  volumes:
    data: {{volume: {name}-data}}"""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How large a fleet is. Of every host's instances, one in `volume_every` has a data volume (0: none has)."""

    instances: int
    volume_every: int = 5

    @property
    def hosts(self) -> int:
        """One for each hundred instances."""
        return max(1, -(-self.instances // PER_HOST))


def manifests(shape: Shape) -> Iterator[tuple[str, str]]:
    """Path and text of each manifest."""
    yield "fleet.yaml", _manifest("Fleet", "bench", f"id: {FLEET_ID}")
    yield "flavors/small.yaml", _manifest("Flavor", "small", "vcpus: 1", "memory: 512Mi", "disk: 4Gi")
    yield "flavors/large.yaml", _manifest("Flavor", "large", "vcpus: 4", "memory: 4Gi", "disk: 40Gi")
    sha256 = hashlib.sha256(DISK).hexdigest()
    yield "images/debian.yaml", _manifest("Image", "debian", "source: debian.raw", f"sha256: {sha256}", "format: raw")
    for host in range(shape.hosts):
        yield from _host(shape, host)


def _host(shape: Shape, host: int) -> Iterator[tuple[str, str]]:
    name, project = f"kvm-{host:03}", f"shop-{host:03}"
    yield f"hosts/{name}.yaml", _manifest("Host", name, "driver: simulator", f"zone: zone-{host % 3}")
    yield f"projects/{project}.yaml", _manifest("Project", project, "quotas: {instances: 200}")
    cidr = f"10.{host // 250}.{host % 250}.0/24"
    yield (
        f"{project}/network.yaml",
        _in_project(project, "Network", "lan", "mode: nat", f"cidr: {cidr}", f"host: {name}"),
    )
    yield f"{project}/keypair.yaml", _in_project(project, "Keypair", "admin", f"publicKey: {_KEY} admin@{project}")
    for group, source in zip(_GROUPS, ("cidr: 0.0.0.0/0", "group: bastion", "group: web"), strict=True):
        rules = f"ingress: [{{protocol: tcp, ports: 22, remote: {{{source}}}}}, {{protocol: tcp, ports: 8000-8080}}]"
        yield f"{project}/groups/{group}.yaml", _in_project(project, "SecurityGroup", group, rules)
    for number in range(min(PER_HOST, shape.instances - host * PER_HOST)):
        yield from _instance(shape, name, project, number)


def _instance(shape: Shape, host: str, project: str, number: int) -> Iterator[tuple[str, str]]:
    role = _GROUPS[0 if number == 0 else 2 if number % 4 == 3 else 1]
    name = f"{role}-{number:02}"
    with_volume = bool(shape.volume_every) and number % shape.volume_every == 0
    if with_volume:
        yield (
            f"{project}/volumes/{name}.yaml",
            _in_project(project, "Volume", f"{name}-data", "size: 10Gi", f"host: {host}"),
        )
    yield (
        f"{project}/instances/{name}.yaml",
        _INSTANCE.format(
            role=role,
            number=number,
            tier=number % 3,
            name=name,
            project=project,
            host=host,
            flavor="large" if role == "database" else "small",
            volumes=_VOLUME_USE.format(name=name) if with_volume else "",
        ),
    )


def _manifest(kind: str, name: str, *spec: str, metadata: str = "") -> str:
    fields = "\n".join(f"  {line}" for line in spec)
    return f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}{metadata}}}\nspec:\n{fields}\n"


def _in_project(project: str, kind: str, name: str, *spec: str) -> str:
    return _manifest(kind, name, *spec, metadata=f", project: {project}")


class Repository:
    """A Git repository with a fleet: one file per manifest, or all of them in one."""

    def __init__(self, folder: Path, shape: Shape, *, one_file: bool) -> None:
        self.folder, self.shape, self.one_file = folder, shape, one_file
        folder.mkdir(parents=True)
        (folder / "debian.raw").write_bytes(DISK)
        if one_file:
            (folder / "all.yaml").write_text("---\n".join(text for _, text in manifests(shape)))
        else:
            for path, text in manifests(shape):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
        self._git("init", "--quiet")
        self.commit("All of it")

    def edit(self, number: int) -> None:
        """Commit a change of one instance, another one each time: of one line of one manifest."""
        web = f"web-{(1, 2, 4, 5, 6)[number % 5]:02}"
        path = self.folder / ("all.yaml" if self.one_file else f"shop-000/instances/{web}.yaml")
        head, name, tail = path.read_text().partition(f"  name: {web}\n")
        path.write_text(head + name + tail.replace("  flavor: small\n", "  flavor: large\n", 1))
        self.commit(f"{web} is to be larger")

    def commit(self, message: str) -> None:
        """Commit all that differs."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def _git(self, *command: str) -> None:
        # Nothing of the machine's own configuration may change what is measured.
        identity = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", "-C", str(self.folder), *command], check=True, env=environment)
