"""The wheel, installed where nothing is but what it declares: no libvirt, no development tools, no network."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.support.wheel import Clean


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
