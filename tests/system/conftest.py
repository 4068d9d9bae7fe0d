"""What the tests here share: a user with a first fleet, a repository that deploys it, a libvirt host and its driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command import Desk
from tests.support.controls import Remembering
from tests.support.pushing import Bare, controller

if TYPE_CHECKING:
    from tests.support.libvirt_bench import LibvirtBench
    from tests.support.rig import Rig


@pytest.fixture(scope="session")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """What `desk` is a copy of: making it takes a few processes, and most tests here want one."""
    desk = Desk(tmp_path_factory.mktemp("first"))
    assert desk.init().code == 0
    desk.commit("First fleet")
    return desk


@pytest.fixture
def desk(tmp_path: Path, first_desk: Desk) -> Desk:
    """A user whose first fleet is committed and stands nowhere yet."""
    return first_desk.copied(tmp_path)


@pytest.fixture
def bare(desk: Desk, tmp_path: Path) -> Bare:
    """A bare repository beside the user's, with the hooks in it."""
    bare = Bare(desk, tmp_path)
    assert bare.installed.code == 0, bare.installed.err
    return bare


@pytest.fixture
def attended(bare: Bare) -> Iterator[Remembering]:
    """A controller that is asked, and has not seen the hosts yet."""
    controls = Remembering("It is on its way.\n", "All done.\n")
    with controller(bare, controls):
        yield controls


@pytest.fixture
def clean(request: pytest.FixtureRequest) -> Iterator[LibvirtBench]:
    """A clean host."""
    from tests.support.libvirt_bench import bench

    with bench(request) as made:
        yield made


@pytest.fixture
def rig(clean: LibvirtBench) -> Iterator[Rig]:
    """The driver, opened on it."""
    from tests.support.rig import Rig

    opened = Rig(clean)
    yield opened
    opened.driver.close()
