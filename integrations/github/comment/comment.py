"""Puts the comment of a plan onto its pull request, in place of the one before. Needs Python alone.

The files come from a job that ran a stranger's workflow: they may hold anything. So the number is one, and the pull
request of that number has the commit that was planned; and the comment has the form that `reconciler plan -o markdown`
gives it, in which nothing of a stranger's is markup: it stands in fences and in code spans.
"""

import json
import os
import re
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "<!-- reconciler plan -->"
AUTHOR = "github-actions[bot]"
MOST_BYTES = 65_536
"""What GitHub takes as a comment."""
MOST_PAGES = 50
SECONDS = 30

_NUMBER = re.compile(rb"[1-9][0-9]{0,9}\n?")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FENCE = re.compile(r"(`{3,})text")
_FOLD = re.compile(r"<details><summary><code>[^<>\n]*</code></summary>")
_TEXT = re.compile(r"([A-Za-z0-9 ,:;()*…'|-]|\.(?= |$))*")
"""What stands outside of code: our own words, in which nothing is a link, a mention, or HTML."""
_RULE = re.compile(r"\|(---\|)+")
_HEADING = re.compile(r"#{3,4} ")


class Refused(Exception):
    """What was handed over is not taken; the message says why."""


def harmless(text: str) -> None:
    """Raises `Refused` unless the text has the form of a plan's comment."""
    lines = text.split("\n")
    if lines[0] != MARK:
        raise Refused("its first line is not the mark")
    fence, before = "", MARK
    for number, line in enumerate(lines[1:], 2):
        if fence:
            fence = "" if _closes(line, fence) else fence
        elif opening := _FENCE.fullmatch(line):
            fence = opening[1]
        elif not _plain(line, before):
            raise Refused(f"line {number} is not of the form of a plan's comment")
        before = line
    if fence:
        raise Refused("a fence in it does not end")


def _closes(line: str, fence: str) -> bool:
    return re.fullmatch(f" {{0,3}}{fence}`*[ \t]*", line) is not None


def _plain(line: str, before: str) -> bool:
    """Whether a line outside of fences is ours. What follows HTML or a table without a blank line would be read as a
    part of it.
    """
    if not line:
        return True
    if before.startswith(("<details>", "</details>")):
        return False
    if line == "</details>" or _FOLD.fullmatch(line):
        return not before
    if before.startswith("|") != line.startswith("|") and before.startswith("|"):
        return False
    if _RULE.fullmatch(line):
        return before.startswith("|")
    code, words = _parted(_HEADING.sub("", line))
    if "|" in code and line.startswith("|"):
        return False
    if "|" in words and not line.startswith("|"):
        return False
    return _TEXT.fullmatch(words) is not None


def _parted(line: str) -> tuple[str, str]:
    """What stands in code spans of a line, and what does not: backticks that end no span are left in the latter."""
    code, words, rest = "", "", line
    while ticks := re.search("`+", rest):
        end = re.search(f"(?<!`){ticks[0]}(?!`)", rest[ticks.end() :])
        if end is None:
            return code, words + rest
        words += rest[: ticks.start()]
        code += rest[ticks.end() : ticks.end() + end.start()]
        rest = rest[ticks.end() + end.end() :]
    return code, words + rest


def read(path: Path, most: int) -> bytes:
    """A file of the folder, which must be one, and not too large."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{path.name} is no file")
            data = file.read(most + 1)
    except OSError as problem:
        raise Refused(f"{path.name}: {problem.strerror}") from None
    if len(data) > most:
        raise Refused(f"{path.name} has more than {most} bytes")
    return data


def comment_of(folder: Path) -> tuple[int, str]:
    """The number of the pull request, and the comment."""
    number = read(folder / "number", 16)
    if not _NUMBER.fullmatch(number):
        raise Refused("number is none")
    try:
        text = read(folder / "comment.md", MOST_BYTES).decode()
    except UnicodeDecodeError:
        raise Refused("comment.md is no text") from None
    harmless(text)
    return int(number), text


class Forge:
    """GitHub's interface, for one repository."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._root = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}"
        self._token = environment["COMMENT_TOKEN"]

    def ask(self, path: str, method: str = "GET", **value: str) -> Any:
        """What it answers."""
        request = urllib.request.Request(
            self._root + path,
            method=method,
            data=json.dumps(value).encode() if value else None,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "User-Agent": "vm-reconciler",
            },
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)

    def comments(self, number: int) -> Iterator[dict[str, Any]]:
        """Every comment of a pull request, the oldest first."""
        for page in range(1, MOST_PAGES + 1):
            found = self.ask(f"/issues/{number}/comments?per_page=100&page={page}")
            yield from found
            if len(found) < 100:
                return


def put(forge: Forge, number: int, head: str, text: str) -> str:
    """Write the comment, or leave the pull request alone; says which."""
    pull = forge.ask(f"/pulls/{number}")
    if pull["head"]["sha"] != head or pull["state"] != "open":
        return f"Pull request {number} is not at that commit, or no longer open: it is left alone."
    ours = (each for each in forge.comments(number) if each["user"]["login"] == AUTHOR)
    last = next((each for each in ours if each["body"].splitlines()[:1] == [MARK]), None)
    if last is None:
        forge.ask(f"/issues/{number}/comments", "POST", body=text)
        return f"Pull request {number} has a comment."
    forge.ask(f"/issues/comments/{int(last['id'])}", "PATCH", body=text)
    return f"The comment of pull request {number} was written anew."


def main() -> int:
    """Do it, and say what was done, or why not."""
    environment = dict(os.environ)
    try:
        if not _COMMIT.fullmatch(environment["COMMENT_HEAD"]):
            raise Refused("head is no commit")
        number, text = comment_of(Path(environment["COMMENT_FOLDER"]))
        print(put(Forge(environment), number, environment["COMMENT_HEAD"], text))
    except Refused as why:
        print(f"::error title=reconciler::The comment is not taken: {why}")
        return 1
    except (urllib.error.URLError, TimeoutError) as problem:
        print(f"::error title=reconciler::GitHub did not take the comment: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
