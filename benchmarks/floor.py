"""The floor: reading what has to be read and decoding it, and nothing else. Run as a process of its own.

`python -m benchmarks.floor simulator REPOSITORY STATE-FOLDER`, or `… libvirt URI`.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

THREADS = 4


def simulator(repository: str, folder: str) -> None:
    """The blobs of a commit in bulk, and the state of each simulated host."""
    import msgspec

    from reconciler_simulator.state import Changes

    git = ["git", "-C", repository]
    listing = subprocess.run([*git, "ls-tree", "-r", "HEAD"], capture_output=True, check=True).stdout
    ids = b"".join(line.split()[2] + b"\n" for line in listing.splitlines())
    blobs = subprocess.run([*git, "cat-file", "--batch", "--buffer"], input=ids, capture_output=True, check=True).stdout
    decode = msgspec.json.Decoder(Changes).decode
    states = [[decode(line) for line in path.read_bytes().splitlines()] for path in Path(folder).glob("*.json")]
    assert blobs
    assert states


def libvirt_host(uri: str) -> None:
    """The stored XML of each domain, from threads, parsed."""
    from xml.etree import ElementTree

    import libvirt

    domains = libvirt.openReadOnly(uri).listAllDomains()
    inactive = libvirt.VIR_DOMAIN_XML_INACTIVE

    def read(domain: libvirt.virDomain) -> bool:
        # Each tree is dropped at once: all kept alive would cost the garbage collector several times the parsing.
        return ElementTree.fromstring(domain.XMLDesc(inactive)).tag == "domain"

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(read, domains))


if __name__ == "__main__":
    {"simulator": simulator, "libvirt": libvirt_host}[sys.argv[1]](*sys.argv[2:])
