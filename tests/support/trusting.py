"""Trusted configurations as tests need them, and a fleet to join with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired import Desired
from reconciler.desired import load as load_desired
from reconciler.diagnostic import Diagnostic
from reconciler.manifest import Blob
from reconciler.trust import TrustError, load

FLEET = "7f3c2a10-5b1e-4d0a-9c55-1a2b3c4d5e6f"
GOOD = f"""\
fleets:
  {FLEET}:
    folders: [/srv/images, /srv/more]
    hosts:
      kvm-01:
        driver: libvirt
        transport: unix
        channel: {{prefix: [nsenter, -t, "123", -a]}}
"""


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """Write a file; returns where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def desired(*hosts: str) -> Desired:
    """A fleet with these hosts; `=` before a name makes it a simulated one."""
    documents = [f"apiVersion: reconciler/v1\nkind: Fleet\nmetadata: {{name: lab}}\nspec: {{id: {FLEET}}}\n"]
    for host in hosts:
        driver = "driver: simulator" if host.startswith("=") else ""
        name = host.lstrip("=")
        documents.append(f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{{driver}}}\n")
    found, mistakes = load_desired([Blob("fleet.yaml", "---\n".join(documents).encode())], lambda path: None)
    assert not mistakes
    return found


def refused(path: Path) -> tuple[Diagnostic, ...]:
    """What a file is refused with."""
    with pytest.raises(TrustError) as caught:
        load(path)
    return caught.value.diagnostics
