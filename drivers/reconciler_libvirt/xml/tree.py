"""Reading and writing XML trees safely, and small edits that keep what is not ours."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

MOST = 4 << 20
"""Bytes: no XML of a domain or network is near that large."""

_UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(text: str) -> Element:
    """The root of XML that came from a hypervisor. Raises `ValueError` for what is too large or has a DOCTYPE."""
    if len(text) > MOST:
        raise ValueError(f"XML of {len(text)} characters is too large")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("XML with a document type is refused")
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - entities can only be declared in what was refused above
    except ElementTree.ParseError as error:
        raise ValueError(f"XML cannot be read: {error}") from None


def render(root: Element) -> str:
    """The XML. Raises `ValueError` for text that XML cannot hold unchanged (control characters, lone surrogates)."""
    for node in root.iter():
        for text in (node.text, *node.attrib.values()):
            if text and _UNWRITABLE.search(text):
                raise ValueError(f"{text!r} has characters that XML cannot hold")
    return ElementTree.tostring(root, encoding="unicode")


def child(parent: Element, tag: str, **attributes: str) -> Element:
    """The child of that tag, made if it is missing, with these attributes and those it had."""
    node = parent.find(tag)
    if node is None:
        node = SubElement(parent, tag)
    node.attrib.update(attributes)
    return node


def device(root: Element, tag: str, alias: str) -> Element | None:
    """The device of that alias below `root`, a domain or its devices."""
    return next((node for node in root.iter(tag) if attribute(node, "alias", "name") == alias), None)


def own_device(devices: Element, tag: str, alias: str) -> Element:
    """Our device of that alias, made if it is missing."""
    node = device(devices, tag, alias)
    if node is None:
        node = SubElement(devices, tag)
        child(node, "alias", name=alias)
    return node


def put(parent: Element, tag: str, text: str | None) -> None:
    """Set the text of a child; None takes the child away."""
    if text is None:
        drop(parent, tag)
    else:
        child(parent, tag).text = text


def drop(parent: Element, *tags: str) -> None:
    """Take children away, if they are there."""
    for tag in tags:
        for node in parent.findall(tag):
            parent.remove(node)


def attribute(root: Element, path: str, name: str) -> str | None:
    """An attribute of the first node on a path, or None."""
    node = root.find(path)
    return None if node is None else node.get(name)
