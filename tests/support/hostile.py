"""What a stranger would put into a repository, and how it is told that nothing of it has acted."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

from reconciler.cli.formats import ALSO
from tests.support.command import Desk, Ran

HOOKS = (
    *("pre-commit", "post-checkout", "post-merge", "post-index-change", "reference-transaction", "pre-push"),
    *("post-rewrite", "pre-auto-gc", "fsmonitor-watchman", "prepare-commit-msg", "commit-msg", "post-commit"),
)
TEXTS = (
    *("::set-output name=a::b", "::add-mask::x", "##[add-mask]x", "##vso[task.setvariable]x", "::stop-commands::t"),
    *("```", "~~~", "</details><img src=x onerror=alert(1)>", "@everyone #1", "[a](javascript:x)", "| a | b |", "-->"),
    *("%0A::error::y", "[red]rich[/red]", "$(touch canary)", "`touch canary`", "; touch canary"),
)
"""Injections that are printable, for places that take such text."""
RAW = ("\x1b]52;c;AAAA\x07", "\x1b[31m", "\x9b31m", "\u202e", "\u2066", "\u200b", "\r", "\x00", "\x7f", "\ud800")
"""Those that are not."""
_ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ANYWHERE = re.compile(r"##\w*\[")
_OURS = re.compile(r"::(error|warning|notice|group|endgroup)( [^:]*)?::")


class Traps:
    """Programs in a repository's configuration, hooks and attributes, each of which leaves a file when it is run."""

    def __init__(self, git: Path, folder: Path) -> None:
        self._git, self._folder = git, folder
        folder.mkdir()
        self._hooks()
        self._configuration()
        (git / "info").mkdir(exist_ok=True)
        (git / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")

    def sprung(self) -> set[str]:
        """The names of those that were run; and they are set again."""
        names = {path.name for path in self._folder.iterdir()}
        for path in self._folder.iterdir():
            path.unlink()
        return names

    def _command(self, name: str) -> str:
        return f"touch {self._folder / name}; cat"

    def _hooks(self) -> None:
        for name in HOOKS:
            path = self._git / "hooks" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\ntouch {self._folder / 'hook'}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def _configuration(self) -> None:
        remote = f"ext::sh -c touch% {self._folder / 'promisor'}"
        programs = {
            'filter "evil"': ("clean", "smudge"),
            'diff "evil"': ("textconv", "command"),
            'merge "evil"': ("driver",),
            "core": ("fsmonitor", "pager", "editor", "sshCommand", "askPass", "gitProxy", "alternateRefsCommand"),
            "gpg": ("program",),
            'gpg "ssh"': ("program",),
            "diff": ("external",),
            "credential": ("helper",),
            "uploadpack": ("packObjectsHook",),
        }
        lines = [
            f"[include]\n\tpath = {self._git / 'more'}\n[log]\n\tshowSignature = true\n[commit]\n\tgpgSign = true\n"
        ]
        lines += [f'[remote "origin"]\n\turl = {remote}\n\tpromisor = true\n\tpartialclonefilter = blob:none\n']
        lines += ['[protocol "ext"]\n\tallow = always\n[extensions]\n\tpartialClone = origin\n']
        for section, names in programs.items():
            lines += [f"[{section}]\n", *(f'\t{name} = "{self._command(name)}"\n' for name in names)]
        (self._git / "more").write_text(
            f'[alias]\n\tst = "!{self._command("alias")}"\n[core]\n\tprecomposeUnicode = true\n'
        )
        config = self._git / "config"
        text = config.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 1")
        config.write_text(text + "".join(lines))


def harmless(ran: Ran, output: str = "text") -> None:
    """Neither a terminal nor a runner takes any of what was written for a command; nothing unforeseen happened."""
    for stream, commands in ((ran.out, output == "github"), (ran.err, False)):
        assert not _ACTING.search(stream), _ACTING.search(stream)
        assert not _ANYWHERE.search(stream)
        for line in stream.splitlines():
            if line.lstrip().startswith("::"):
                assert commands, line
                assert _OURS.match(line), line
    assert "bug in reconciler" not in ran.err
    assert "Traceback" not in ran.err


def compared(desk: Desk, base: str, head: str, output: str, files: Path) -> Ran:
    """`plan --base` as a check in a workflow runs it. With `github` all other formats come as well, into the folder."""
    files.mkdir(exist_ok=True)
    environment: dict[str, Any] = {
        "GITHUB_ACTIONS": "true",
        "CI": "true",
        "GITHUB_STEP_SUMMARY": str(files / "summary"),
    }
    others = [word for name in ALSO for word in ("--also", f"{name}={files / name}")] if output == "github" else []
    return desk.run("plan", "--base", base, "--rev", head, "-o", output, *others, **environment)
