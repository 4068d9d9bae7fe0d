"""One scene for all tests with packets; a kernel without rules for each of the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table
from tests.support.enforced import FLEET, Net, clear, furnish, scene
from tests.support.spaces import Space, spaces


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


@pytest.fixture(scope="session")
def bare_host() -> Iterator[Space]:
    """A host with nothing but its kernel."""
    with spaces(1) as (space,):
        yield space


@pytest.fixture(autouse=True)
def _no_rules_stay(bare_host: Space) -> Iterator[None]:
    yield
    bare_host.run("nft", "flush", "ruleset")


@pytest.fixture
def furnished(bare_host: Space) -> Table:
    """A fleet's tables on the bare host, with something in them."""
    table = Table(FLEET, Channel(bare_host.prefix))
    furnish(table)
    return table
