"""What is remembered of manifests makes reading them faster, and no other difference."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler import parsing, yaml
from reconciler.diagnostic import Diagnostic
from reconciler.kinds.base import Resource
from reconciler.manifest import Blob, read
from reconciler.source.worktree import blob_id
from tests.support.manifests import SPECS, blob, manifest

TEXTS = [
    *(
        "",
        "# nothing\n",
        "--- # a comment\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n---\n",
        "---\tkind: x\n",
        "--- |\n  text\n",
    ),
    *(
        "a: |\n  ---\n  more\n",
        "a: 'x\n---\ny'\n",
        "[a,\n---\nb]\n",
        'a: "x\n--- y"\n',
        "---x: 1\n",
        "\r\n---\r\n",
        " ---\n",
    ),
    *(
        "--- a\n--- b\n",
        "a: [\n",
        "a: &x 1\nb: *x\n",
        "k: v\nk: w\n",
        "\ufeff",
        "\u2028",
        "é: ü\n",
        "--- >-\n a\n\n b\n",
    ),
]


class Remembered(dict[str, bytes]):
    """A memory that tells what was asked for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[str] = []

    def put(self, key: str, entry: bytes) -> None:
        self.added.append(key)
        self[key] = entry


def told(found: tuple[list[Resource], list[Diagnostic]]) -> tuple[list[object], list[Diagnostic]]:
    """All that can be asked of resources, and what was wrong."""
    resources, diagnostics = found
    paths = ("metadata.name", "spec", "spec.networks.lan", "nowhere")
    return [
        (
            *(each.address, each.origin, each.spec, each.place, each.labels, each.broken),
            *((each.place_of(path), each.find_excerpt(path)) for path in paths if each.find_excerpt),
        )
        for each in resources
    ], diagnostics


def identified(blobs: Sequence[Blob]) -> list[Blob]:
    return [Blob(each.path, each.data, blob_id(each.data)) for each in blobs]


manifests = st.sampled_from(sorted(SPECS)).map(lambda kind: blob(manifest(kind)).data.decode() + "\n")
mistaken = st.sampled_from(sorted(SPECS)).map(lambda kind: blob(manifest(kind, spec={"wrong": 1})).data.decode() + "\n")
files = st.lists(st.one_of(manifests, manifests, mistaken, st.sampled_from(TEXTS)), max_size=6).map(
    lambda texts: "---\n".join(texts).encode()
)


@given(st.lists(files, max_size=4))
def test_files_are_understood_alike_with_and_without_a_memory(contents: list[bytes]) -> None:
    blobs = identified([Blob(f"{number}.yaml", data) for number, data in enumerate(contents)])
    memory = Remembered()
    without = told(read(blobs))
    assert told(read(blobs, memory)) == without
    assert told(read(blobs, memory)) == without
    renamed = [Blob(f"other/{each.path}", each.data, each.id) for each in blobs]
    assert told(read(renamed, memory)) == told(read(renamed))


@given(st.lists(st.sampled_from(TEXTS), max_size=6).map("".join))
@example("a: 'x\n---\ny'\n")
@example("--- |\n--- a\n")
def test_a_file_without_mistakes_of_syntax_means_the_same_in_parts(text: str) -> None:
    data = text.encode()
    whole = yaml.read("a.yaml", data)
    parts = [data[part.start : part.end] for part in parsing.parts(data)]
    assert b"".join(parts) == data
    read_parts = [yaml.read("a.yaml", part) for part in parts]
    if not any(part.diagnostics for part in read_parts):
        assert not whole.diagnostics
        assert [node.plain() for part in read_parts for node in part.documents] == [
            node.plain() for node in whole.documents
        ]


def test_only_an_edited_document_of_a_file_is_parsed_again() -> None:
    documents = [manifest("Volume", f"v{number}") for number in range(20)]
    memory = Remembered()
    read(identified([blob(*documents)]), memory)
    memory.added.clear()
    documents[7] = manifest("Volume", "another")
    resources, _ = read(identified([blob(*documents)]), memory)
    assert [each.address.name for each in resources][6:9] == ["v6", "another", "v8"]
    parts = [key for key in memory.added if key.startswith("part ")]
    assert len(parts) == 1


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_a_document_with_a_mistake_is_not_remembered(kind: str) -> None:
    memory = Remembered()
    _, diagnostics = read(identified([blob(manifest(kind, spec={"wrong": 1}))]), memory)
    assert diagnostics
    assert not memory


def test_a_warning_is_told_every_time() -> None:
    secret = blob(manifest("Instance", spec={**SPECS["Instance"][1], "userData": "password: hunter2"}))
    memory = Remembered()
    first, second = (read(identified([secret]), memory)[1] for _ in range(2))
    assert first == second != []


@given(files.filter(len), st.binary(max_size=40))
def test_entries_that_cannot_be_read_are_not_believed(data: bytes, rubbish: bytes) -> None:
    blobs = identified([Blob("a.yaml", data)])
    memory = Remembered()
    without = told(read(blobs, memory))
    for key in memory:
        memory[key] = b"\xc1" + rubbish  # a byte that MessagePack never uses
    assert told(read(blobs, memory)) == without


def test_places_in_a_remembered_part_count_from_the_first_line_of_the_file() -> None:
    file = identified([blob(manifest("Flavor", "a"), manifest("Flavor", "b"), manifest("Flavor", "c"))])
    memory = Remembered()
    for _ in range(2):
        resources, _ = read(file, memory)
        assert [each.place.line for each in resources] == [1, 3, 5]
        line = resources[2].place_of("metadata.name").line
        excerpt, _ = resources[2].find_excerpt("metadata.name") if resources[2].find_excerpt else ("", 0)
        assert (line, bool(re.search(r'"name": "c"', excerpt))) == (5, True)
