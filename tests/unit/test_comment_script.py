"""The job that writes comments: a stranger's files, and a make-believe GitHub that is asked over HTTP."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.report.markdown import MARK, failure_markdown
from tests.golden.test_checks import CASES

SCRIPT = Path(__file__).parents[2] / "integrations/github/comment/comment.py"
HEAD = "c0ffee" + "0" * 34
BOT = {"login": "github-actions[bot]"}


def loaded() -> Any:
    spec = importlib.util.spec_from_file_location("comment", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


comment = loaded()
GOOD = sorted(CASES.parent.rglob("*.md"))


class GitHub(ThreadingHTTPServer):
    """Pull request 7 of acme/cloud, its comments, and what was written."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.pull: dict[str, Any] = {"head": {"sha": HEAD}, "state": "open"}
        self.comments: list[dict[str, Any]] = []
        self.written: list[tuple[str, str, str]] = []
        self.tokens: set[str | None] = set()


class Answers(BaseHTTPRequestHandler):
    server: GitHub

    def do_GET(self) -> None:
        self.server.tokens.add(self.headers["Authorization"])
        page = re.fullmatch(r"/repos/acme/cloud/issues/7/comments\?per_page=100&page=(\d+)", self.path)
        if page:
            start = 100 * (int(page[1]) - 1)
            self._answer(self.server.comments[start : start + 100])
        elif self.path == "/repos/acme/cloud/pulls/7":
            self._answer(self.server.pull)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        self.server.written.append((self.command, self.path, text))
        self._answer({})

    def do_PATCH(self) -> None:
        self.do_POST()

    def _answer(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *words: Any) -> None:
        """Quietly."""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the other job leaves."""
    (tmp_path / "number").write_text("7\n")
    (tmp_path / "comment.md").write_bytes(GOOD[0].read_bytes())
    return tmp_path


def run(github: GitHub, folder: Path, head: str = HEAD) -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
        "GITHUB_REPOSITORY": "acme/cloud",
        "COMMENT_FOLDER": str(folder),
        "COMMENT_HEAD": head,
        "COMMENT_TOKEN": "a-token",
    }
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_first_comment_is_made(github: GitHub, folder: Path) -> None:
    assert run(github, folder) == (0, "Pull request 7 has a comment.\n")
    assert github.written == [("POST", "/repos/acme/cloud/issues/7/comments", GOOD[0].read_text(encoding="utf-8"))]
    assert github.tokens == {"Bearer a-token"}


def test_the_one_before_is_written_anew_however_many_there_are(github: GitHub, folder: Path) -> None:
    github.comments = [
        *({"id": number, "user": BOT, "body": "Something else"} for number in range(150)),
        {"id": 151, "user": {"login": "stranger"}, "body": f"{MARK}\nIt is mine"},
        {"id": 152, "user": BOT, "body": f"As the plan says: {MARK}"},
        {"id": 153, "user": BOT, "body": f"{MARK}\r\nThe plan of yesterday"},
    ]
    assert run(github, folder)[0] == 0
    assert [each[:2] for each in github.written] == [("PATCH", "/repos/acme/cloud/issues/comments/153")]


@pytest.mark.parametrize(
    "pull", [{"head": {"sha": "0" * 40}, "state": "open"}, {"head": {"sha": HEAD}, "state": "closed"}]
)
def test_a_pull_request_that_is_not_at_that_commit_is_left_alone(
    github: GitHub, folder: Path, pull: dict[str, Any]
) -> None:
    github.pull = pull
    code, out = run(github, folder)
    assert (code, github.written) == (0, [])
    assert "it is left alone" in out


@pytest.mark.parametrize("number", ["", "0", "7; rm -rf /", "../8", "-7", "7\n8", "99999999999999999999", "\u0667"])
def test_a_number_that_is_none_is_refused(github: GitHub, folder: Path, number: str) -> None:
    (folder / "number").write_text(number, encoding="utf-8")
    code, out = run(github, folder)
    assert (code, github.written) == (1, [])
    assert out.startswith("::error title=reconciler::The comment is not taken: number ")


def test_another_s_pull_request_does_not_get_the_comment(github: GitHub, folder: Path) -> None:
    (folder / "number").write_text("8\n")
    assert run(github, folder)[0] == 1
    assert github.written == []


def test_a_comment_that_is_no_file_or_too_large_is_refused(github: GitHub, folder: Path, tmp_path: Path) -> None:
    path = folder / "comment.md"
    path.write_text(f"{MARK}\n" + "a" * 70_000)
    assert "has more than 65536 bytes" in run(github, folder)[1]
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert run(github, folder) == (
        1,
        "::error title=reconciler::The comment is not taken: comment.md: Too many levels of symbolic links\n",
    )
    path.unlink()
    os.mkfifo(path)
    assert "comment.md is no file" in run(github, folder)[1]
    assert github.written == []


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_comment_of_ours_is_taken(path: Path) -> None:
    comment.harmless(path.read_text(encoding="utf-8"))


def test_a_comment_of_mistakes_is_taken() -> None:
    comment.harmless(failure_markdown([]))


@pytest.mark.parametrize(
    "body",
    [
        "@acme/everyone",
        "see #12",
        "[here](https://evil.invalid)",
        "https://evil.invalid",
        "www.evil.invalid",
        "See www.evil.invalid.",
        "![x](y)",
        "<img src=x>",
        "<!-- x -->",
        "**Note** &lt;",
        "a `b` <b>",
        "a `b",
        "`` a ` <img> `",
        "\\`<b>`",
        "```\n<img>\n```",
        "```text\nno end",
        "```text\na\n```x\n```\n\n<img>",
        "````text\na\n```\n```text\n````\n<img>",
        "    ```text\n<img>\n    ```",
        "~~~\n<img>",
        "| a `|` <b> |",
        "| a `b | <img> ` c |",
        "a `b | <img>`\n|---|---|",
        "| a |\n|---|\nb `| <img>`",
        "<details><summary><code>a</code></summary>\n<img>\n</details>",
        "<details><summary><code><img></code></summary>\n\n</details>",
        "</details>\n`<img>`",
        "<details open><summary><code>a</code></summary>",
        "GH_12 acme/cloud",
        "\u202e",
        "a\rb",
    ],
)
def test_what_is_not_of_the_form_of_a_plan_is_refused(body: str) -> None:
    with pytest.raises(comment.Refused):
        comment.harmless(f"{MARK}\n### Plan\n\n{body}\n")


def test_the_mark_comes_first() -> None:
    with pytest.raises(comment.Refused, match="first line"):
        comment.harmless(f"\n{MARK}\n")
