"""What limited processes are given to do in tests: each misbehaves in one way."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import time
from pathlib import Path


def repeat(question: bytes) -> bytes:
    return question


def tell(question: bytes) -> bytes:
    """What it finds around it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        reached = door.connect_ex(("127.0.0.1", int(question)))
    found = {
        "environment": dict(os.environ),
        "reached": reached == 0,
        "cores": resource.getrlimit(resource.RLIMIT_CORE),
    }
    return json.dumps(found | {"threads": len(list(Path("/proc/self/task").iterdir()))}).encode()


def work_without_end(question: bytes) -> bytes:
    while True:
        question = question[::-1]


def sleep(question: bytes) -> bytes:
    """Wait, together with a process that it starts, whose id it leaves in a file."""
    process = subprocess.Popen(["sleep", "600"])
    Path(question.decode()).write_text(str(process.pid))
    time.sleep(600)
    return b""


def take_memory(question: bytes) -> bytes:
    return b"x" * (8 << 30)


def flood(question: bytes) -> bytes:
    return b"x" * (4 << 20)


def write_a_lot(question: bytes) -> bytes:
    Path(question.decode()).write_bytes(b"x" * (4 << 20))
    return b""


def crash(question: bytes) -> bytes:
    os.abort()


def fail(question: bytes) -> bytes:
    raise RuntimeError("something unforeseen")
