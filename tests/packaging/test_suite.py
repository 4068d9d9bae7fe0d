"""The suite itself: nobody takes a run without libvirt for a whole one, and no golden file makes itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.golden import Golden

ON_LIBVIRT = "tests/system/test_testbed.py"


def run_suite(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The tests of a file, where no program can be found."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ON_LIBVIRT]
    surroundings = os.environ | {"PATH": "/nowhere", "RECONCILER_REQUIRE_LIBVIRTD": ""} | environment
    return subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, check=False)


def test_what_is_left_out_is_said_with_the_reason(root: Path) -> None:
    ran = run_suite(root)
    assert ran.returncode == 0
    assert "LEFT OUT" in ran.stdout
    assert "did not run: not installed:" in ran.stdout
    assert ON_LIBVIRT in ran.stdout


def test_where_libvirt_is_required_leaving_it_out_is_an_error(root: Path) -> None:
    ran = run_suite(root, RECONCILER_REQUIRE_LIBVIRTD="1")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "cannot run: not installed:" in ran.stderr


def test_a_missing_golden_file_is_a_failure_and_is_made_on_request_only(tmp_path: Path) -> None:
    path = tmp_path / "case/plan.txt"
    with pytest.raises(AssertionError, match="--update-golden"):
        Golden(update=False).check(path, "text")
    assert not path.exists()
    Golden(update=True).check(path, "text")
    Golden(update=False).check(path, "text")
    with pytest.raises(AssertionError, match="differs"):
        Golden(update=False).check(path, "other")
