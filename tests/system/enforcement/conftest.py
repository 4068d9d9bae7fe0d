"""One scene for all tests of enforcement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table
from tests.support.enforced import FLEET, Net, clear, scene


@pytest.fixture(scope="session")
def net() -> Iterator[Net]:
    """Three guests, a neighbour and an outside around a host."""
    with scene() as net:
        yield net


@pytest.fixture
def table(net: Net) -> Iterator[Table]:
    """The fleet's tables, gone afterwards, and nothing else with them."""
    table = Table(FLEET, Channel(net.host.prefix))
    yield table
    clear(table)
    assert net.host.run("nft", "list", "ruleset") == ""
