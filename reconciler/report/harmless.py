"""Text from users and hypervisors, made harmless for the places where checks of pull requests show it.

Markdown: a value stands in a fence or a code span and nowhere else, where neither markup nor HTML nor a mention means
anything; the fence is longer than any run of backticks within. Logs of runners: a line of data begins no command.
"""

from __future__ import annotations

import html
import re

from reconciler.report.line import escape

LONGEST_LINE = 400
"""Characters of one line; more are counted."""
_RUN = re.compile("`+")
_COMMAND = re.compile(r"^(\s*):(?=:)")
_ANYWHERE = re.compile(r"##(?=\w*\[)")
"""Runners' other form: GitHub's `##[name]`, Azure's `##vso[name]`, TeamCity's `##teamcity[name]`."""


def code(text: str) -> str:
    """A code span with that text."""
    shown = shortened(neutral(escape(text))) or " "
    ticks = "`" * (_longest_run(shown) + 1)
    blank = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{blank}{shown}{blank}{ticks}"


def html_code(text: str) -> str:
    """The same where Markdown is not read: in the line that a folded part shows."""
    return f"<code>{html.escape(shortened(neutral(escape(text))))}</code>"


def fence(lines: list[str]) -> str:
    """A block of lines, exactly as they are but for what would act on a runner that reads them in a log."""
    shown = [shortened(neutral(escape(line))).rstrip() for line in lines]
    ticks = "`" * max(3, *(_longest_run(line) + 1 for line in shown), 3)
    return "\n".join([f"{ticks}text", *shown, ticks])


def neutral(line: str) -> str:
    """A line that no runner takes for a command: of GitHub's two forms one begins a line, the other stands anywhere."""
    return _apart(_COMMAND.sub(r"\1: ", line))


def neutral_text(text: str) -> str:
    """Lines that no runner takes for commands."""
    return "\n".join(map(neutral, text.split("\n")))


def _apart(text: str) -> str:
    return _ANYWHERE.sub("## ", text)


def shortened(text: str) -> str:
    """The text, cut when it is very long."""
    more = len(text) - LONGEST_LINE
    return f"{text[:LONGEST_LINE]}… and {more} more characters" if more > 0 else text


def command(name: str, message: str, **properties: str | int) -> str:
    """A workflow command of GitHub: `::error file=a.yaml,line=3::message`, with everything escaped that ends a part."""
    words = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
    return f"::{name}{' ' + words if words else ''}::{_data(message)}"


def _data(text: str) -> str:
    """Line ends are wanted, as in a diagnostic's detail; whatever else acts on a terminal is shown."""
    lines = "\n".join(escape(line) for line in text.split("\n"))
    return _apart(lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _longest_run(text: str) -> int:
    return max((len(run) for run in _RUN.findall(text)), default=0)
