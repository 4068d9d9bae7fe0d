"""The wheel, installed where nothing is but what it declares: no libvirt, no development tools, no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what is in the work tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    for name in ("reconciler", "drivers", "schemas"):
        shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True)
    (built,) = folder.glob("*.whl")
    return built


Found = dict[tuple[str, str], Distribution]


def described(wheel: Path) -> Distribution:
    """What the wheel says about itself."""
    (info,) = (path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info"))
    return PathDistribution(info)


def declared(needing: Distribution, extra: str, found: Found) -> Found:
    """What a distribution with an extra needs, and what that needs, and so on, as installed here."""
    for text in needing.requires or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            if (requirement.name, wanted) not in found:
                found[requirement.name, wanted] = distribution(requirement.name)
                declared(found[requirement.name, wanted], wanted, found)
    return found


class Clean:
    """An environment with the wheel and exactly what it declares."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "venv/bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        (packages,) = (folder / "venv/lib").glob("python3*/site-packages")
        for needed in declared(described(wheel), "", {}).values():
            _copy(needed, packages)
        install = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install"]
        subprocess.run([*install, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        }
        return subprocess.run(
            command, cwd=cwd or self.home, env=environment, capture_output=True, text=True, check=False
        )


def _copy(needed: Distribution, packages: Path) -> None:
    for file in needed.files or []:
        source = Path(str(needed.locate_file(file)))
        if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return Clean(tmp_path_factory.mktemp("clean"), wheel)


def test_the_wheel_holds_the_packages_the_schemas_and_the_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"reconciler", "reconciler_libvirt", "reconciler_simulator", info}
    assert "reconciler/py.typed" in names
    assert "reconciler/schemas/v1/instance.json" in names
    assert {"reconciler/report/codes.toml", "reconciler/report/examples.yaml"} <= set(names)
    assert f"{info}/licenses/LICENSE" in names


def test_without_libvirt_a_first_fleet_runs_on_the_simulator(clean: Clean) -> None:
    assert clean.run("python", "-c", "import libvirt").returncode == 1
    made = clean.run("reconciler", "init", "cloud")
    assert made.returncode == 0, made.stderr
    repo = clean.home / "cloud"
    clean.run("git", "add", ".", cwd=repo)
    clean.run("git", "commit", "--quiet", "--message", "First fleet", cwd=repo)
    for command in ("validate", "plan", "apply"):
        done = clean.run("reconciler", command, cwd=repo)
        assert done.returncode == 0, done.stderr
    for words in (["explain", "Instance"], ["explain", "alias"], ["fmt", "--check"], ["graph"], ["observe"]):
        looked = clean.run("reconciler", *words, cwd=repo)
        assert looked.returncode == 0, looked.stderr
    again = clean.run("reconciler", "plan", "--detailed-exitcode", cwd=repo)
    assert again.returncode == 0, again.stdout


def test_without_libvirt_every_driver_still_says_what_a_change_would_mean(clean: Clean) -> None:
    lines = (
        "from importlib.metadata import entry_points",
        "drivers = [point.load() for point in entry_points(group='reconciler.drivers')]",
        "print(sorted(driver.name for driver in drivers if len(driver.impacts)))",
    )
    done = clean.run("python", "-c", "\n".join(lines))
    assert done.stdout.strip() == "['libvirt', 'simulator']", done.stderr
