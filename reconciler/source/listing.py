"""Which files of a folder are manifests, and what stands in the way of reading them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from reconciler.diagnostic import Diagnostic, Place, error
from reconciler.manifest import MOST_FILES, MOST_TOTAL_BYTES
from reconciler.source.content import Content, Entry, SourceError, find, normal, printable
from reconciler.text import MOST_BYTES

SUFFIXES = (".yaml", ".yml")
MOST_ENTRIES = 200_000
"""How many names of any sort are looked at: a repository may hold other things, but not without end."""
DEEPEST = 64

_ODD_NAME = "It is not UTF-8, or has control characters. Rename it."
_LINK = "Replace it by what it points to, or remove it."
_MODULE = "Move it out of the fleet's folder, or choose a folder without it by --path."
_NO_FILE = f"Only a file may have a name in {' or '.join(SUFFIXES)}. Rename it."


def listing(content: Content, folder: str) -> tuple[list[Entry], list[Diagnostic]]:
    """The manifests below a folder, sorted by path, and why others that look like one are not read.

    Whatever could hide a manifest is an error and not skipped: a manifest that is not seen would be read as a wish to
    delete what it declares. Raises `SourceError` when there is more than the bounds allow.
    """
    manifests: list[Entry] = []
    mistakes: list[Diagnostic] = []
    content.prepare(folder)
    for entry in _walk(content, folder):
        problem = _problem(content, entry)
        if problem is not None:
            mistakes.append(problem)
        elif entry.type == "file":
            manifests.append(entry)
    manifests.sort(key=lambda entry: entry.path)
    _bounded(content, manifests)
    return manifests, [*mistakes, *_clashes(manifests)]


def _walk(content: Content, folder: str) -> Iterator[Entry]:
    """All entries that matter, and the folders on the way. Names with a leading dot are for other programs."""
    folders, seen = [folder], 0
    while folders:
        for entry in content.children(folders.pop()).values():
            seen += 1
            if seen > MOST_ENTRIES or entry.path.count("/") > DEEPEST:
                raise _beyond(f"It has more than {MOST_ENTRIES:,} names, or folders deeper than {DEEPEST}.")
            if entry.name.startswith("."):
                continue
            if entry.type == "folder":
                folders.append(entry.path)
            if entry.type != "file" or entry.name.endswith(SUFFIXES):
                yield entry


def _problem(content: Content, entry: Entry) -> Diagnostic | None:
    looks = entry.name.endswith(SUFFIXES)
    if (looks or entry.type == "folder") and printable(entry.path) != entry.path:
        return _mistake(entry, "file-name", "name cannot be used", _ODD_NAME)
    if entry.type == "link" and (looks or _leads_to_folder(content, entry)):
        return _mistake(entry, "symlink", "symbolic links are not followed", _LINK)
    if entry.type == "module":
        return _mistake(entry, "submodule", "other repositories are not read", _MODULE)
    if looks and entry.type in ("folder", "other"):
        return _mistake(entry, "not-a-file", "manifest is no file", _NO_FILE)
    if entry.type == "file" and content.size(entry) > MOST_BYTES:
        return _mistake(entry, "file-too-large", "file is too large", _large(content.size(entry)))
    return None


def _large(size: int) -> str:
    return f"It has {size:,} bytes; a file of manifests may have {MOST_BYTES:,}. Split it into several."


def _leads_to_folder(content: Content, link: Entry) -> bool:
    """Whether a link stands where manifests could be expected: it names a folder of the same repository."""
    parts = link.path.split("/")[:-1]
    for part in link.target.split("/"):
        if part == "..":
            if not parts:
                return False
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    path = normal("/".join(parts))
    found = find(content, path) if path else None
    return path == "" or (found is not None and found.type == "folder")


def _bounded(content: Content, manifests: list[Entry]) -> None:
    total = sum(content.size(entry) for entry in manifests)
    if len(manifests) > MOST_FILES:
        raise _beyond(f"It has {len(manifests):,} manifest files; {MOST_FILES:,} are allowed.")
    if total > MOST_TOTAL_BYTES:
        raise _beyond(f"Its manifests have {total:,} bytes together; {MOST_TOTAL_BYTES:,} are allowed.")


def _beyond(detail: str) -> SourceError:
    return SourceError(
        error("source-too-large", "source is too large", f"{detail} Choose the fleet's own folder by --path.")
    )


def _clashes(manifests: Iterable[Entry]) -> Iterator[Diagnostic]:
    """Files that would be one file on a system that ignores case, so that a checkout there loses one of them."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifests:
        groups[entry.path.casefold()].append(entry)
    for first, *others in groups.values():
        for entry in others:
            detail = f"Another file is {first.path}; where case is ignored only one of them exists. Rename one."
            yield _mistake(entry, "case-clash", "file names differ in case only", detail)


def _mistake(entry: Entry, code: str, summary: str, detail: str) -> Diagnostic:
    return error(code, summary, detail, Place(printable(entry.path)))
