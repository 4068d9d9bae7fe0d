"""What every test may use, and what the suite says about what it left out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import hosts
from tests.support.golden import Golden
from tests.support.guests import GuestImage, Keys, cloud_guest, tiny_guest
from tests.support.repository import Repository

REQUIRE = "RECONCILER_REQUIRE_LIBVIRTD"

settings.register_profile(
    "suite", max_examples=50, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("suite"), max_examples=2000)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our options."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read them before committing")


def pytest_configure(config: pytest.Config) -> None:
    """Real libvirt or a good reason; and Ctrl-C heard by the commands that tests start: a shell takes it from what it
    runs in the background.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    reason = hosts.why_not()
    if reason and os.environ.get(REQUIRE) == "1":
        raise pytest.UsageError(f"{REQUIRE}=1, but the tests on a real libvirtd cannot run: {reason}")
    config.stash[REASON] = reason


REASON = pytest.StashKey[str]()
LONGEST = (
    *("test_cloud_guest.py", "test_web_shop_libvirt.py", "test_story_libvirt.py", "test_cut_off.py", "test_push.py"),
    *("test_two_hosts.py", "test_changes.py", "test_volumes.py", "test_libvirt_disks.py", "test_libvirt_guest.py"),
    *("test_transports.py", "test_impacts.py", "test_silence.py", "test_data_disks.py", "test_libvirt_networks.py"),
    *("test_objects.py", "test_libvirt_volumes.py", "test_serve.py", "test_web_shop.py", "test_crash_story.py"),
    *("test_canary.py", "test_hooks.py", "test_tampering.py", "test_hostile.py", "test_manifest_limits.py"),
)
"""The files that take longest, one after the other."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker is left alone with one in the end. Without a real libvirtd the tests
    on it are skipped, loudly.
    """
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    reason = config.stash[REASON]
    for item in items:
        if reason and item.get_closest_marker("libvirtd"):
            item.add_marker(pytest.mark.skip(reason=f"{LEFT_OUT}: {reason}"))


LEFT_OUT = "no real libvirtd"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Nobody should take a run without libvirt for a whole one."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report.nodeid for report in skipped if LEFT_OUT in str(report.longrepr)]
    if left_out:
        terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(left_out)} tests on a real libvirtd did not run: {config.stash[REASON]}")
        for name in sorted({nodeid.partition("::")[0] for nodeid in left_out}):
            terminalreporter.line(f"  {name}")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare with golden files."""
    return Golden(request.config.getoption("--update-golden"))


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process reads no configuration, state or cache but the test's own."""
    monkeypatch.delenv("RECONCILER_CONFIG", raising=False)
    monkeypatch.delenv("RECONCILER_SIMULATOR", raising=False)
    for name in ("config", "state", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A Git repository with nothing in it yet."""
    return Repository(tmp_path / "fleet")


@pytest.fixture(scope="session")
def libvirt_host() -> Iterator[hosts.Host]:
    """A libvirtd of our own, fresh for this run, and for each worker that needs one."""
    with hosts.running("testhost") as host:
        yield host


@pytest.fixture(scope="session")
def tiny_image() -> GuestImage:
    """The tiny guest's kernel, initial RAM disk and root disk."""
    return tiny_guest()


@pytest.fixture(scope="session")
def cloud_image() -> GuestImage:
    """A full cloud guest's kernel, initial RAM disk and root disk."""
    return cloud_guest()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The key pair that guests let in."""
    return Keys.make(tmp_path_factory.mktemp("keys") / "id")


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """A key pair that no guest knows."""
    return Keys.make(tmp_path_factory.mktemp("keys") / "other")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parents[1]
