"""A clean libvirt host and the driver on it, for the tests of `test_libvirt_*.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.contract import Rig
    from tests.support.libvirt_bench import LibvirtBench


@pytest.fixture
def clean(request: pytest.FixtureRequest) -> Iterator[LibvirtBench]:
    """A clean host."""
    from tests.support.libvirt_bench import bench

    with bench(request) as made:
        yield made


@pytest.fixture
def rig(clean: LibvirtBench) -> Iterator[Rig]:
    """The driver, opened on it."""
    from tests.support.contract import Rig

    opened = Rig(clean)
    yield opened
    opened.driver.close()
