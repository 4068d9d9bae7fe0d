"""Each import contract is seen to break when somebody violates it: a contract that cannot fail proves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Violation(NamedTuple):
    contract: str
    file: str
    line: str
    reason: str


VIOLATIONS = [
    Violation("layers", "reconciler/diff.py", "import reconciler.report", "what decides knows nothing of how it looks"),
    Violation("layers", "reconciler/address.py", "import reconciler.kinds", "names are the bottom"),
    Violation(
        "layers", "reconciler/trust/__init__.py", "import reconciler.files", "neighbours of one layer are strangers"
    ),
    Violation("layers", "reconciler/newcomer.py", "", "a new module has to be given its place"),
    Violation("no-driver-in-the-core", "reconciler/reconcile.py", "import reconciler_simulator", "drivers plug in"),
    Violation("no-driver-in-the-core", "reconciler/hosts.py", "import libvirt", "the core installs anywhere"),
    Violation("pure", "reconciler/kinds/network/__init__.py", "import os", "a decision follows from values alone"),
    Violation("pure", "reconciler/placement.py", "import random", "the same commit gives the same plan"),
    Violation("pure", "reconciler/planning/__init__.py", "import time", "a plan has no clock"),
    Violation("pure", "reconciler/guard/__init__.py", "from reconciler import xdg", "nor by way of another module"),
    Violation(
        "drivers-know-the-contract-only",
        "drivers/reconciler_libvirt/seed.py",
        "import reconciler.kinds",
        "drivers get fields, not specs",
    ),
    Violation(
        "drivers-know-the-contract-only",
        "drivers/reconciler_simulator/driver.py",
        "import reconciler.apply",
        "a driver is told what to do",
    ),
    Violation(
        "drivers-are-strangers",
        "drivers/reconciler_simulator/driver.py",
        "import reconciler_libvirt.names",
        "each can be taken away",
    ),
    Violation("xml-is-pure", "drivers/reconciler_libvirt/xml/domain.py", "import libvirt", "XML is text about values"),
    Violation("xml-is-pure", "drivers/reconciler_libvirt/impacts.py", "import libvirt", "planning needs no hypervisor"),
]


@pytest.fixture(scope="module")
def settings(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    return found


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The project's code, to be spoilt."""
    for folder in ("reconciler", "drivers"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path, *options: str) -> tuple[int, str]:
    """What the import linter says of the code in `folder`."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(folder / "drivers")])}
    done = subprocess.run(
        [str(program), "--no-cache", *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: f"{violation.contract}: {violation.reason}")
def test_a_contract_breaks_when_it_is_violated(violation: Violation, copy: Path, settings: dict[str, Any]) -> None:
    file = copy / violation.file
    file.write_text((file.read_text() if file.exists() else "") + f"\n{violation.line}\n")
    name = next(contract["name"] for contract in settings["contracts"] if contract["id"] == violation.contract)
    code, said = lint(copy, "--contract", violation.contract)
    assert code == 1
    assert f"{name} BROKEN" in said


def test_every_contract_is_kept_and_was_violated_once(copy: Path, settings: dict[str, Any]) -> None:
    assert {contract["id"] for contract in settings["contracts"]} == {violation.contract for violation in VIOLATIONS}
    code, said = lint(copy)
    assert code == 0, said


def test_every_module_below_the_driver_contract_decides_and_is_pure(settings: dict[str, Any]) -> None:
    contracts = {contract["id"]: contract for contract in settings["contracts"]}
    layers: list[str] = contracts["layers"]["layers"]
    modules = [layer.split(" | ") for layer in layers]
    contract = next(number for number, layer in enumerate(modules) if "driver" in layer)
    deciding = {f"reconciler.{name}" for layer in modules[contract + 1 :] for name in layer}
    pure: list[str] = contracts["pure"]["source_modules"]
    within = {name for name in pure if name.startswith("reconciler.serve.")}
    assert within, "the controller decides too, in modules of their own"
    assert set(pure) - within == deciding
