"""Specs and the XML that libvirt gets: each folder is a sentence, a spec, and what is written.

Where there is a `stored.xml`, the spec is written into that, as an update does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import msgspec
import pytest
import yaml

from reconciler_libvirt.xml import domain, network, storage, tree
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.storage import VolumeSpec
from tests.support.golden import Golden

CASES = Path(__file__).parent / "xml"
FLEET = "7c1e5a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """One of them."""

    domain: DomainSpec | None = None
    network: NetworkSpec | None = None
    volume: VolumeSpec | None = None


def _cases() -> list[Any]:
    return [pytest.param(folder, id=folder.name) for folder in sorted(CASES.iterdir())]


def _case(folder: Path) -> Case:
    return msgspec.convert(yaml.safe_load((folder / "spec.yaml").read_text()), Case)


def _written(folder: Path, case: Case) -> Element:
    stored = folder / "stored.xml"
    if case.domain:
        return domain.write(case.domain, tree.parse(stored.read_text()) if stored.exists() else None)
    if case.network:
        return network.write(case.network)
    assert case.volume
    return storage.volume(case.volume)


def _indented(root: Element) -> str:
    ElementTree.indent(root)
    return tree.render(root) + "\n"


@pytest.mark.parametrize("folder", _cases())
def test_a_spec_is_written_as_it_was_last_read_by_a_person(folder: Path, golden: Golden) -> None:
    golden.check(folder / "written.xml", _indented(_written(folder, _case(folder))))


@pytest.mark.parametrize("folder", _cases())
def test_what_is_written_reads_back_as_the_spec(folder: Path) -> None:
    case = _case(folder)
    written = tree.parse(tree.render(_written(folder, case)))
    if case.domain:
        assert domain.read(written, FLEET) == case.domain
    elif case.network:
        assert network.read(written, FLEET) == case.network
    elif case.volume:
        volume = storage.read_volume(written)
        assert (volume.name, volume.capacity) == (case.volume.name, case.volume.capacity)
        assert volume.backing == (case.volume.backing and case.volume.backing[0])


@pytest.mark.parametrize("folder", _cases())
def test_writing_twice_changes_nothing(folder: Path) -> None:
    case = _case(folder)
    if case.domain:
        once = _written(folder, case)
        assert tree.render(domain.write(case.domain, once)) == tree.render(once)
