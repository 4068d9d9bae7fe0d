"""XML that was understood before says the same when it is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler_libvirt.ledger import NotOurs
from reconciler_libvirt.understood import Understood
from reconciler_libvirt.xml import domain, network, tree

CASES = Path(__file__).parent.parent / "golden" / "xml"
FLEET = "7c1e5a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"
OTHER = "00000000-7a39-4c6e-9c3e-0b6f6a1d2e4b"
WRITTEN = [
    pytest.param(path, id=path.parent.name)
    for path in sorted(CASES.glob("*/written.xml"))
    if path.read_text().startswith(("<domain", "<network"))
]


@pytest.mark.parametrize("path", WRITTEN)
def test_what_is_remembered_is_what_is_read(path: Path, tmp_path: Path) -> None:
    text, pack = path.read_text(), tmp_path / "host.pack"
    module = domain if text.startswith("<domain") else network
    expected = module.read(tree.parse(text), FLEET)
    first = Understood(str(pack))
    ask = first.domain if module is domain else first.network
    assert ask(text, FLEET) == expected
    first.save()
    written = pack.stat().st_ino
    again = Understood(str(pack))
    assert (again.domain if module is domain else again.network)(text, FLEET) == expected
    again.save()
    assert pack.stat().st_ino == written, "nothing new was understood, so that nothing was written"


@pytest.mark.parametrize("path", WRITTEN[:1])
def test_a_stranger_is_judged_every_time(path: Path, tmp_path: Path) -> None:
    for _ in range(2):
        known = Understood(str(tmp_path / "host.pack"))
        known.domain(path.read_text(), FLEET)
        with pytest.raises(NotOurs):
            known.domain(path.read_text(), OTHER)
        with pytest.raises(ValueError, match="cannot be read"):
            known.domain("<domain", FLEET)
        known.save()


def test_without_a_place_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = Understood()
    text = (CASES / "a-new-guest-boots-its-own-disk-under-kvm" / "written.xml").read_text()
    assert known.domain(text, FLEET) == known.domain(text, FLEET)
    known.save()
    assert list(tmp_path.iterdir()) == []
