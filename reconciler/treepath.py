"""Paths that a manifest may name: they lead to a file of the same commit, or of a trusted folder, and nowhere else."""

from __future__ import annotations


def flaw(path: str) -> str:
    """What is wrong with a relative path, in words that follow "it"; empty when nothing is."""
    if "\\" in path:
        return "holds a backslash; components are separated by `/`"
    if path.startswith(("/", "~")):
        return "is absolute; only relative paths are allowed"
    if ".." in path.split("/"):
        return "holds `..`; it may only lead downwards"
    if any(part in ("", ".") for part in path.split("/")) or not path.isprintable():
        return "has a component that names nothing; write it as `folder/file`"
    return ""


def beside(path: str, relative: str) -> str:
    """The path of `relative` as seen from the folder of `path`."""
    folder, _, _ = path.rpartition("/")
    return f"{folder}/{relative}" if folder else relative
