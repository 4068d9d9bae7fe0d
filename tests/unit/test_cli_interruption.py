"""Ctrl-C is never lost, wherever Python was when it came."""

from __future__ import annotations

import subprocess
import sys

SWALLOWED = """
from queue import SimpleQueue
from reconciler.cli.interruption import keep_interrupts

class Finalized:
    def __del__(self):
        raise KeyboardInterrupt

keep_interrupts()
Finalized()
try:
    SimpleQueue().get(timeout=60)
except KeyboardInterrupt:
    print("heard")
"""


def test_an_interrupt_that_a_finalizer_swallowed_wakes_a_main_thread_that_waits() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, check=False, timeout=90)
    assert (done.stdout, done.returncode) == ("heard\n", 0), done.stderr
