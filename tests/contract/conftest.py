"""Every test of the contract runs on the bench of every driver."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from tests.support.contract import Bench
from tests.support.rig import Rig

BENCHES = [
    pytest.param("tests.support.simulator_bench", id="simulator"),
    pytest.param("tests.support.libvirt_bench", id="libvirt", marks=pytest.mark.libvirtd),
]


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A clean host."""
    with importlib.import_module(request.param).bench(request) as clean:
        yield clean


@pytest.fixture
def rig(bench: Bench) -> Iterator[Rig]:
    """A driver, opened on a clean host."""
    opened = Rig(bench)
    yield opened
    opened.driver.close()
