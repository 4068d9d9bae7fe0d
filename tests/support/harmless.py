"""Whether Markdown has anything in it that acts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.report.markdown import MARK

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
OUR_HTML = re.compile(re.escape(MARK) + r"|<details><summary><code>[^<>]*</code></summary>|</details>")
OUR_WORDS = re.compile(r"[A-Za-z0-9 :;,.()/…*-]*")


def is_harmless(markdown: str) -> None:
    """Outside of code there is nothing but our own words and tags."""
    for token in leaves(MARKDOWN.parse(markdown)):
        if token.type in ("text", "inline"):
            assert OUR_WORDS.fullmatch(token.content), token
        elif token.type in ("html_block", "html_inline"):
            assert OUR_HTML.fullmatch(token.content.strip()), token
        else:
            assert token.type not in ("link_open", "image"), token


def leaves(tokens: list[Token]) -> Iterator[Token]:
    """The tokens that hold no others."""
    for token in tokens:
        yield from leaves(token.children) if token.children else [token]
