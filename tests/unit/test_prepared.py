"""Many hosts are opened and observed at once in a fresh process, and the process lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler_simulator.store import Store

CHILD = """
import sys
from pathlib import Path
sys.setswitchinterval(1e-6)  # as unlucky as can be
from reconciler.driver import HostConfig
from reconciler.hosts import reach
from reconciler.installed import driver_type
from tests.support.contract import FLEET_ID, Folder
folder = Path(sys.argv[1])
hosts = [
    HostConfig(
        name=f"h{n}", driver="simulator", fleet="t", fleet_id=FLEET_ID, connection={"state": str(folder / str(n))}
    )
    for n in range(40)
]
reached = reach(hosts, Folder(folder), 60, driver_type)
print(sum(snapshot.complete for snapshot in reached.snapshots))
"""


@pytest.mark.parametrize("attempt", range(5))
def test_threads_that_decode_the_same_types_first_do_not_end_the_process(
    tmp_path: Path, attempt: int, request: pytest.FixtureRequest
) -> None:
    for number in range(40):
        store = Store(tmp_path / f"{number}")
        with store.changing() as state:
            store.write(state)
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr
