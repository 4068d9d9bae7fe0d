"""What is written arrives, in any encoding, and a stream that breaks stops nothing."""

from __future__ import annotations

import errno
import io
import os
import re
from pathlib import Path

import pytest

from reconciler.report.line import Span, line
from reconciler.report.screen import Screen, Stream

EVIL = "\x1b]52;c;AAAA\x07[red]\u202e"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def as_terminal(environment: dict[str, str]) -> tuple[Stream, io.StringIO]:
    file = _Terminal()
    return Stream(file, environment), file


def test_colours_appear_on_a_terminal_and_data_in_them_stays_harmless() -> None:
    stream, file = as_terminal({"TERM": "xterm"})
    stream.write([line(Span(EVIL, "red"))])
    written = file.getvalue()
    assert "\x1b[31m" in written
    assert "\\x1b]52;c;AAAA\\x07[red]\\u202e" in written
    assert "\x1b]" not in written


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_who_wants_no_colour_gets_none(environment: dict[str, str]) -> None:
    stream, file = as_terminal(environment)
    stream.write([line(Span("text", "red"))])
    assert file.getvalue() == "text\n"


def test_a_long_line_is_not_broken_on_a_terminal() -> None:
    stream, file = as_terminal({"TERM": "xterm", "COLUMNS": "20"})
    stream.write([line("x" * 500)])
    assert file.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    "evil", ["::add-mask::x", "  ::stop-commands::t", "a ##[add-mask]x", "##vso[task.setvariable]x"]
)
@pytest.mark.parametrize("runner", ["CI", "GITHUB_ACTIONS", "TF_BUILD"])
def test_a_runner_that_reads_the_log_finds_no_command_in_it(runner: str, evil: str) -> None:
    for environment, same in (({}, True), ({runner: "true"}, False)):
        file = io.StringIO()
        Stream(file, environment).write([line(evil)])
        assert (file.getvalue() == f"{evil}\n") is same
        assert same or not re.search(r"^\s*::|##\w*\[", file.getvalue())


def test_an_encoding_that_lacks_letters_gets_others_instead() -> None:
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, encoding="ascii"), {})
    stream.write([line("a → b, größer")])
    stream.flush()
    assert raw.getvalue() == b"a -> b, gr\\xf6\\xdfer\n"


def test_a_reader_that_leaves_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        stream = Stream(file, {})
        stream.write([line("x" * 100_000)])
        assert stream.failure is not None
        assert stream.failure.errno == errno.EPIPE
        stream.write([line("more")])
        assert Screen(stream, Stream(io.StringIO(), {})).close()


def test_a_full_disk_is_told_and_the_data_is_said_to_be_incomplete() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        talk = io.StringIO()
        screen = Screen(Stream(file, {}), Stream(talk, {}))
        screen.show([line("data")])
        assert not screen.close()
        assert "the data is not complete" in talk.getvalue()


def test_quiet_leaves_talk_out_but_not_errors() -> None:
    out, talk = io.StringIO(), io.StringIO()
    screen = Screen(Stream(out, {}), Stream(talk, {}), quiet=True)
    screen.say("talk")
    screen.warn([line("error")])
    screen.show([line("data")])
    assert (out.getvalue(), talk.getvalue()) == ("data\n", "error\n")
