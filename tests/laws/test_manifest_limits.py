"""Hostile files: refused in bounded time and memory, with a place, by a process that survives them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from reconciler.desired import load
from reconciler.manifest import MOST_FILES, Blob, read
from reconciler.text import MOST_BYTES
from tests.support.manifests import SPECS, blob, manifest

MEBIBYTE = 1 << 20
MEMORY = 512 * MEBIBYTE
"""Address space of the whole process, interpreter and libraries included."""
SECONDS = 120
"""CPU time for the whole corpus; about 20 are needed."""
TIMES_AN_HONEST_ONE = 60
"""How many times what an honest file of a mebibyte takes a hostile one may take; it was 18 for the worst."""

UNITS = [
    *("[", "{", "- ", "? ", "[a: ", "{a: ", "a: ", '"', "'", "&a ", "*a ", "! ", "|", ">", "#", "\n", " ", "\t", "\0"),
    *("---\n", "- a\n", "a: 1\n", "? a\n", "- - ", "a", "0", "1", ".", "-", "%", "@", ",", ":", "]", "<<: ", "1:59:"),
    *(
        "\u202e",
        "\ufeff",
        "\u2028",
        "é",
        "\U0001f600",
        "\r",
        "...\n",
        "[],",
        "{},",
        '"\\x1b" ',
        "a:\n",
        "kind: x\n---\n",
    ),
]


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int) -> str:
    lines = ["m0: &m0 {k: v}", *(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, levels))]
    return "\n".join(lines)


def stairs(levels: int) -> str:
    return "".join(f"{' ' * level}a:\n" for level in range(levels))


def flawed(kind: str, **spec: object) -> str:
    return json.dumps(manifest(kind, spec={**SPECS[kind][1], **spec}))


def long_path() -> str:
    """A name that would be repeated in the path of each mistake below it."""
    fields = "".join(f"      a{number}: 1\n" for number in range(20_000))
    head = "apiVersion: reconciler/v1\nkind: Instance\nmetadata: {name: a}\nspec:\n  flavor: a\n  image: a\n"
    return f"{head}  networks:\n    ? {'n' * 500_000}\n    :\n{fields}"


def honest() -> bytes:
    """A mebibyte of keypairs."""
    one = json.dumps(manifest("Keypair", "key-%06d")) + "\n---\n"
    return "".join(one % number for number in range(MEBIBYTE // len(one))).encode()


def corpus() -> Iterator[tuple[str, bytes]]:
    """Each hostile file, named."""
    for unit in UNITS:
        data = unit.encode()
        yield f"many {unit!r}", data * (MEBIBYTE // len(data))
    texts = {
        "alias bomb": bomb(12),
        "alias to itself": "a: &a [*a]",
        "merge bomb": merge_bomb(12),
        "stairs": stairs(1400),
        "long hexadecimal": "a: 0x" + "f" * 1_000_000,
        "long exponent": "a: 1e" + "9" * 1_000_000,
        "object": "!!python/object/apply:os.system [true]",
        "lone surrogate": 'a: "\\ud800"',
        "flow of numbers": f"[{'1,' * 500_000}]",
        "dashes as user data": flawed("Instance", userData="-" * 65_000),
        "passwords as user data": flawed("Instance", userData="password" * 8_000),
        "long user data": flawed("Instance", userData="x" * 1_000_000),
        "long name": json.dumps(manifest("Flavor", "x" * 1_000_000)),
        "long kind": "kind: " + "K" * 1_000_000,
        "unknown fields": flawed("Flavor", **{f"memory{n}": n for n in range(40_000)}),
        "long path": long_path(),
        "bad labels": json.dumps(manifest("Flavor", labels={f"l{n}": n for n in range(40_000)})),
        "bad rules": flawed("SecurityGroup", ingress=[{"protocol": "x", "ports": []}] * 15_000),
        "bad ports": flawed("SecurityGroup", ingress=[{"ports": 1}] * 1_000, egress=[{"ports": 1}] * 1_000),
    }
    yield from ((name, text.encode()) for name, text in texts.items())
    yield "lone bytes", b"\xff\xfe" * 1000
    yield "surrogate in UTF-8", b"a: \xed\xa0\x80"
    yield "UTF-16", "kind: Fleet".encode("utf-16")
    yield "binary", bytes(range(256)) * 4000


CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
from tests.laws.test_manifest_limits import corpus, honest
from reconciler.desired import load
from reconciler.manifest import Blob
for name, data in [("honest", honest()), *corpus()]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    _, diagnostics = load([Blob("hostile.yaml", data)], lambda path: None)
    took = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    places = [str(diagnostic.place) for diagnostic in diagnostics if diagnostic.place]
    print(json.dumps([name, sorted({{d.code for d in diagnostics}}), len(diagnostics), places[:1], took]), flush=True)
"""


def test_hostile_files_are_refused_in_bounded_time_and_memory(request: pytest.FixtureRequest) -> None:
    script = CHILD.format(memory=MEMORY, seconds=SECONDS)
    root = request.config.rootpath
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    honest, *seen = [json.loads(line) for line in done.stdout.splitlines()]
    names = [name for name, _ in corpus()]
    assert honest[1] == ["no-fleet"]
    assert done.returncode == 0, f"died after {seen[-1:]} at {names[len(seen) :][:1]}: {done.stderr[-2000:]}"
    assert [name for name, *_ in seen] == names
    for name, codes, count, _, took in seen:
        assert codes, f"{name}: nothing was said"
        assert count <= 1002, f"{name}: {count} diagnostics"
        assert took < TIMES_AN_HONEST_ONE * honest[-1], f"{name} took {took} s, an honest file {honest[-1]} s"


@pytest.mark.parametrize("unit", ["[", "- ", "? ", "{", "[a: "])
def test_nesting_stops_at_the_limit_long_before_the_parser_would_overflow(unit: str) -> None:
    _, diagnostics = read([Blob("deep.yaml", unit.encode() * 100_000)])
    assert [diagnostic.code for diagnostic in diagnostics] == ["too-deep"]
    assert diagnostics[0].place
    assert diagnostics[0].place.column < 64 * 4


def test_mistakes_between_resources_of_many_files_are_found_file_by_file() -> None:
    """A place is found by reading its file again: in the order of addresses, that would be once per mistake."""
    files = 40
    blobs = [
        blob(
            *(
                manifest("Instance", f"n{number:05}", project="far", spec=SPECS["Instance"][1])
                for number in range(start, 8_000, files)
            ),
            path=f"{start}.yaml",
        )
        for start in range(files)
    ]
    began = time.process_time()
    _, diagnostics = load(blobs, lambda path: None)
    assert time.process_time() - began < 10
    assert len(diagnostics) == 1001
    assert {diagnostic.code for diagnostic in diagnostics} == {"no-fleet", "unknown-reference", "volume-in-use"}


def test_a_fleet_of_too_many_files_is_refused() -> None:
    _, diagnostics = read(Blob(f"{number:05}.yaml", b"") for number in range(MOST_FILES + 1))
    assert [(diagnostic.code, str(diagnostic.place)) for diagnostic in diagnostics] == [
        ("too-many-files", f"{MOST_FILES}.yaml")
    ]


def test_a_fleet_of_too_many_bytes_is_refused() -> None:
    data = b"#" * MEBIBYTE
    _, diagnostics = read(Blob(f"{number:05}.yaml", data) for number in range(65))
    assert [(diagnostic.code, str(diagnostic.place)) for diagnostic in diagnostics] == [
        ("too-many-files", "00064.yaml")
    ]


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    _, diagnostics = read([Blob("big.yaml", b"#" * (MOST_BYTES + 1))])
    assert [diagnostic.code for diagnostic in diagnostics] == ["file-too-large"]
