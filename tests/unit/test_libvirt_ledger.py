"""What is written on objects reads back, and whatever is odd about it makes the object foreign (T24, T37, S29)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.address import Address, ObjectKey
from reconciler.identity import Identity
from reconciler.objects import Value, digest
from reconciler.observation import Foreign
from reconciler_libvirt import ledger
from reconciler_libvirt.ledger import NAMESPACE, NotOurs, Record
from reconciler_libvirt.ownership import judge
from reconciler_libvirt.xml.tree import parse, render

FLEET = "7c1e5a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"
WEB = Address("Instance", "shop", "web")
RECORD = Record(
    fleet_id=FLEET,
    address=Address("Instance", "shop", "shop"),
    origin=WEB,
    commit="c0ffee",
    owned={"vcpus": "6b86b273ff34fce1"},
    guards=("protected",),
    noted={"seed.keys": ("SHA256:abc",), "seed.userData": None},
)

VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 62), 1 << 62), st.text(), st.lists(st.text(), max_size=3).map(tuple)
)


def _root(record: Record = RECORD) -> Element:
    root = Element("domain")
    ledger.place(root, record)
    return root


def _mark(root: Element) -> Element:
    node = root.find(f"metadata/{{{NAMESPACE}}}object")
    assert node is not None
    return node


def test_a_record_reads_back() -> None:
    assert ledger.read(parse(render(_root())), FLEET, "Instance") == RECORD


@given(noted=st.dictionaries(st.sampled_from(["seed.keys", "nics.lan.address"]), VALUES))
def test_any_value_that_is_noted_reads_back_or_is_refused(noted: dict[str, Value]) -> None:
    record = replace(RECORD, noted=noted)
    try:
        written = render(_root(record))
    except (ValueError, UnicodeEncodeError):
        return
    assert ledger.read(parse(written), FLEET, "Instance") == record


def _metadata(root: Element) -> Element:
    found = root.find("metadata")
    assert found is not None
    return found


def test_what_others_wrote_beside_it_stays() -> None:
    root = _root()
    SubElement(_metadata(root), "{urn:somebody}note").text = "keep"
    ledger.place(root, replace(RECORD, commit="decade"))
    assert root.findtext("metadata/{urn:somebody}note") == "keep"
    assert ledger.read(root, FLEET, "Instance").commit == "decade"


def _twice(root: Element) -> None:
    _metadata(root).append(copy.deepcopy(_mark(root)))


def _oversized(root: Element) -> None:
    SubElement(_mark(root), f"{{{NAMESPACE}}}noted", {"path": "x"}).text = '"' + "x" * ledger.MOST + '"'


def _set(**attributes: str) -> Callable[[Element], None]:
    return lambda root: _mark(root).attrib.update(attributes)


def _without(name: str) -> Callable[[Element], object]:
    return lambda root: _mark(root).attrib.pop(name)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda root: root.remove(root.find("metadata")), "no mark"),
        (_twice, "several"),
        (_oversized, "oversized"),
        (_set(fleet="0d9a7f0e-2c1b-4d57-8a35-6f4e3c2b1a09"), "belongs to fleet 0d9a7f0e"),
        (_set(version="2"), "newer version"),
        (_set(version="first"), "cannot be read"),
        (_set(address="Instance/shop/../etc"), "cannot be read"),
        (_set(origin="<x>"), "cannot be read"),
        (_set(address="Network/shop/web"), "that of a Network"),
        (_without("fleet"), "cannot be read"),
        (_without("origin"), "cannot be read"),
        (lambda root: _mark(root).append(Element(f"{{{NAMESPACE}}}owned", {"path": "vcpus"})), "cannot be read"),
        (lambda root: _mark(root).append(Element(f"{{{NAMESPACE}}}noted", {"path": "vcpus"})), "cannot be read"),
    ],
)
def test_a_spoilt_record_makes_the_object_foreign(spoil: Callable[[Element], object], reason: str) -> None:
    root = _root()
    spoil(root)
    with pytest.raises(NotOurs, match=reason):
        ledger.read(root, FLEET, "Instance")


def test_what_waits_keeps_the_digest_of_what_was_last_applied() -> None:
    fields: dict[str, Value] = {"vcpus": 4, "memory": 1, "cpu": "maximum"}
    last = replace(RECORD, owned={"vcpus": digest(2), "memory": digest(2)})
    owned = ledger.owned(fields, ("vcpus", "cpu"), last)
    assert owned == {"vcpus": digest(2), "memory": digest(1)}


def test_a_commit_alone_is_no_reason_to_write() -> None:
    assert ledger.same(RECORD, replace(RECORD, commit="decade"))
    assert not ledger.same(RECORD, replace(RECORD, guards=()))


IDENTITY = Identity(FLEET)
NAME, UUID = IDENTITY.name(WEB), IDENTITY.uuid(WEB)
KEY = ObjectKey("kvm-01", WEB)


@pytest.mark.parametrize(
    ("name", "uuid", "record", "claims", "reason"),
    [
        (NAME, UUID, None, KEY, "a name of ours without a mark is in our way"),
        (NAME, "another", RECORD, KEY, "a copy of our mark under another UUID is in our way"),
        ("renamed", UUID, RECORD, KEY, "renamed by hand, it still has the UUID that we would define"),
        (f"{IDENTITY.prefix}.shop", UUID, None, None, "our prefix, but no name that we would give"),
        ("copy", "another", RECORD, None, "a clone in nobody's way is told all the same"),
    ],
)
def test_anything_less_than_name_uuid_and_mark_is_foreign(
    name: str, uuid: str, record: Record | None, claims: ObjectKey | None, reason: str
) -> None:
    verdict = judge(IDENTITY, "kvm-01", "Instance", name, uuid, record, "it has no mark of ours")
    assert isinstance(verdict, Foreign), reason
    assert verdict.claims == claims, reason


def test_name_uuid_and_mark_together_are_ours_and_anybody_elses_domain_is_no_business_of_ours() -> None:
    assert judge(IDENTITY, "kvm-01", "Instance", NAME, UUID, RECORD) == RECORD
    assert judge(IDENTITY, "kvm-01", "Instance", "windows-11", "another", None, "it has no mark of ours") is None
