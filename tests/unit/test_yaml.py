"""The safe subset of YAML: what values mean, what is refused, and where things stand."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.document import span
from reconciler.yaml import BROKEN, read

MEANINGS: list[tuple[str, Any, str]] = [
    ("52:54:00:12:34:56", "52:54:00:12:34:56", "a MAC is no sexagesimal number"),
    ("22:22", "22:22", "neither are ports or times"),
    ("no", "no", "the Norway problem"),
    ("yes", "yes", "YAML 1.1's truth values are text"),
    ("on", "on", "YAML 1.1's truth values are text"),
    ("Off", "Off", "YAML 1.1's truth values are text"),
    ("y", "y", "YAML 1.1's truth values are text"),
    ("true", True, "the core schema's truth values"),
    ("FALSE", False, "the core schema's truth values"),
    ("tRue", "tRue", "only three forms of them"),
    ("null", None, "nothing"),
    ("~", None, "nothing"),
    ("nULL", "nULL", "only three forms of it"),
    ("0", 0, "a number"),
    ("-12", -12, "a number"),
    ("+7", 7, "a number"),
    ("010", "010", "octal for some readers, ten for others: so it is text"),
    ("08", "08", "the same"),
    ("0o17", 15, "the core schema's octal form"),
    ("0x1F", 31, "the core schema's hexadecimal form"),
    ("1_000", "1_000", "YAML 1.1's digit groups are text"),
    ("0b101", "0b101", "YAML 1.1's binary form is text"),
    ("9223372036854775807", 2**63 - 1, "the largest number"),
    ("-9223372036854775808", -(2**63), "the least number"),
    ("1.5", 1.5, "a decimal number"),
    ("1e3", 1000.0, "a decimal number"),
    (".5", 0.5, "a decimal number"),
    ("1.2.3.4", "1.2.3.4", "an address is text"),
    ("10.10.0.0/24", "10.10.0.0/24", "a network is text"),
    ("2024-01-01", "2024-01-01", "a date is text"),
    ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "a time is text"),
    ("1:59:59", "1:59:59", "a duration is text"),
    ("=", "=", "YAML 1.1's value key is text"),
    ("'5'", "5", "quotes make text"),
    ('"true"', "true", "quotes make text"),
    ('"a\\tb\\nc"', "a\tb\nc", "tabs and newlines may be in text"),
    ("|\n  a\n  b\n", "a\nb\n", "a block of text"),
    (">-\n  a\n  b\n", "a b", "a folded block of text"),
    ("Grüße, 世界 🎉", "Grüße, 世界 🎉", "text is Unicode"),
    ("''", "", "empty text is not nothing"),
]


@pytest.mark.parametrize(("text", "meaning", "reason"), MEANINGS, ids=[text for text, _, _ in MEANINGS])
def test_a_scalar_means_what_the_core_schema_says(text: str, meaning: Any, reason: str) -> None:
    file = read("a.yaml", f"key: {text}\n".encode())
    assert file.diagnostics == []
    value = file.documents[0].plain()["key"]
    assert (value, type(value)) == (meaning, type(meaning)), reason


REFUSED = [
    ("key: 9223372036854775808", "number-out-of-range", "it does not fit into 64 bits"),
    ("key: 0xFFFFFFFFFFFFFFFFFFFF", "number-out-of-range", "the same in hexadecimal"),
    ("key: 1e999", "number-out-of-range", "it is not finite"),
    ("key: .nan", "number-out-of-range", "it is no number"),
    ("key: -.Inf", "number-out-of-range", "it is not finite"),
    ("key: &a 1", "anchor", "no anchors"),
    ("key: *a", "alias", "no aliases"),
    ("<<: {a: b}", "merge-key", "no merge keys"),
    ("key: !!str 1", "tag", "no tags"),
    ("key: ! 1", "tag", "not even the empty one"),
    ("key: !!python/name:os.system", "tag", "least of all these"),
    ("key: !!binary aGk=", "tag", "no binary"),
    ("key: !!set {a}", "tag", "no sets"),
    ("a: 1\na: 2", "duplicate-key", "the last one would win silently"),
    ("{a: 1, 'a': 2}", "duplicate-key", "quotes make no other key"),
    ("? [a]\n: b", "key-not-text", "a key is text"),
    ("? {a: b}\n: b", "key-not-text", "a key is text"),
    ('key: "\\x1b[31m"', "forbidden-character", "terminal escapes"),
    ('key: "\\0"', "forbidden-character", "NUL"),
    ('key: "\\u202e"', "forbidden-character", "bidirectional control"),
    ('key: "\\x85"', "forbidden-character", "C1"),
    ('key: "\\x7f"', "forbidden-character", "DEL"),
    ('"a\\e": b', "forbidden-character", "in keys as well"),
    ("key: a\u202eb", "forbidden-character", "unescaped as well"),
    ("key: b # \u2066", "forbidden-character", "in comments as well"),
    ("key: a\u2028b", "forbidden-character", "a line separator that editors do not show"),
    ('key: "\\ud800"', "yaml-syntax", "a lone surrogate"),
    ("key: [", "yaml-syntax", "broken syntax"),
    ("key: b\n\tc: d", "yaml-syntax", "a tab"),
]


@pytest.mark.parametrize(("text", "code", "reason"), REFUSED, ids=[repr(text) for text, _, _ in REFUSED])
def test_what_is_no_part_of_the_subset_is_refused_with_its_place(text: str, code: str, reason: str) -> None:
    diagnostics = read("a.yaml", text.encode()).diagnostics
    assert [diagnostic.code for diagnostic in diagnostics] == [code], reason
    assert diagnostics[0].place
    assert diagnostics[0].place.line


def test_reading_goes_on_behind_a_mistake_that_is_none_of_syntax() -> None:
    file = read("a.yaml", b"a: &x 1\nb: *x\nc: !!int 3\nc: 4\nd: 5\n")
    assert [diagnostic.code for diagnostic in file.diagnostics] == ["anchor", "alias", "tag", "duplicate-key"]
    assert file.documents[0].plain() == {"a": 1, "b": BROKEN, "c": "3", "d": 5}


def test_a_key_is_text_whatever_it_would_be_as_a_value() -> None:
    assert read("a.yaml", b"1: a\ntrue: b\nno: c\n").documents[0].plain() == {"1": "a", "true": "b", "no": "c"}


def test_a_file_may_have_many_documents_and_empty_ones_mean_nothing() -> None:
    file = read("a.yaml", b"# nothing\n---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n")
    assert [document.plain() for document in file.documents] == [{"a": 1}, {"b": 2}]
    assert [document.line for document in file.documents] == [4, 8]


def test_documents_before_a_syntax_mistake_are_read() -> None:
    file = read("a.yaml", b"a: 1\n---\nb: [\n")
    assert [document.plain() for document in file.documents] == [{"a": 1}]
    assert not file.complete


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_places_count_from_one_whatever_editor_wrote_the_file(newline: str, mark: str) -> None:
    text = mark + newline.join(["metadata:", "  name: web", "spec:", "  ünïcode: [a, {b: c}]", ""])
    document = read("a.yaml", text.encode()).documents[0]
    at = span(document, ("spec", "ünïcode", 1, "b"))
    assert (at.line, at.column, at.length) == (4, 20, 1)
    key = span(document, ("spec",))
    assert (key.line, key.column, key.length) == (3, 1, 4)


def test_a_path_that_leads_nowhere_stands_for_what_is_there_of_it() -> None:
    document = read("a.yaml", b"spec:\n  networks:\n    lan: {}\n").documents[0]
    at = span(document, ("spec", "networks", "lan", "address"))
    assert (at.line, at.column, at.length) == (3, 5, 3)
    assert span(document, ("ghost",)) == span(document, ())


def test_invalid_utf_8_is_told_with_its_place() -> None:
    diagnostics = read("a.yaml", b"a: 1\nb: \xc3\xa4\xff\n").diagnostics
    assert [str(diagnostic.place) for diagnostic in diagnostics] == ["a.yaml:2:5"]


def test_as_many_values_as_are_allowed_are_read() -> None:
    file = read("a.yaml", b"[" + b"1," * 99_999 + b"]")
    assert file.diagnostics == []
    assert len(file.documents[0].value) == 99_999


def test_as_many_levels_as_are_allowed_are_read() -> None:
    assert read("a.yaml", b"[" * 64 + b"]" * 64).diagnostics == []
    assert [diagnostic.code for diagnostic in read("a.yaml", b"[" * 65 + b"]" * 65).diagnostics] == ["too-deep"]
