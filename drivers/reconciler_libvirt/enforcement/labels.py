"""The set in which a table tells whose it is and what its chains stand for.

nft's JSON (1.0.6) drops comments of tables, chains and sets, but keeps those of set elements, and flushing a table
leaves them alone. A label's key is the stem of chains, or `fleet`; a comment holds 128 bytes, so long texts are cut.
"""

from __future__ import annotations

from reconciler.address import Address
from reconciler_libvirt.enforcement.ruleset import Ruleset
from reconciler_libvirt.enforcement.state import NicFilter

LABELS = "labels"
_FLEET = "fleet"
_COMMENT_BYTES = 120
_NOTHING = "-"


def labelled(ruleset: Ruleset, key: str, text: str) -> Ruleset:
    """`ruleset` with the label `key` saying `text`."""
    kept = {name: part for name, part in ruleset.elements(LABELS).items() if name.rpartition(".")[0] != key}
    parts = [text[start : start + _COMMENT_BYTES] for start in range(0, len(text), _COMMENT_BYTES)]
    return ruleset.filled(LABELS, kept | {f"{key}.{number}": part for number, part in enumerate(parts)})


def labels(ruleset: Ruleset) -> dict[str, str]:
    """What every label says, but for the fleet's mark."""
    return {key: text for key, text in _texts(ruleset).items() if key != _FLEET}


def marked(ruleset: Ruleset, fleet: str) -> Ruleset:
    """`ruleset` with the mark of a fleet."""
    return labelled(ruleset, _FLEET, fleet)


def is_marked(ruleset: Ruleset, fleet: str) -> bool:
    """Whether a table bears exactly the fleet's mark."""
    return _texts(ruleset).get(_FLEET) == fleet


def _texts(ruleset: Ruleset) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, part in sorted(ruleset.elements(LABELS).items()):
        key = name.rpartition(".")[0]
        texts[key] = texts.get(key, "") + part
    return texts


def nic_label(nic: NicFilter) -> str:
    """All about a NIC but its groups: those are read from its chains."""
    parts = (nic.tap, nic.mac, nic.address, nic.address6, nic.gateway)
    return " ".join([f"{nic.instance}#{nic.nic}", *(part or _NOTHING for part in parts)])


def labelled_nic(text: str) -> NicFilter | None:
    """Read `nic_label` back; None when the text is none."""
    try:
        name, tap, mac, address, *more = text.split(" ")
        address6, gateway = ("" if part == _NOTHING else part for part in more)
        instance, _, nic = name.partition("#")
        return NicFilter(
            instance=Address.parse(instance),
            nic=nic,
            tap=tap,
            mac=mac,
            address=address,
            address6=address6,
            gateway=gateway,
        )
    except ValueError:
        return None


def group_label(group: Address, note: str) -> str:
    """A group and the note that its writer leaves beside it."""
    return f"{group} {note}".strip()


def labelled_group(text: str) -> tuple[Address, str] | None:
    """Read `group_label` back; None when the text is none."""
    name, _, note = text.partition(" ")
    try:
        return Address.parse(name), note
    except ValueError:
        return None
