"""What a YAML parser's complaint means to the person who wrote the file."""

from __future__ import annotations

import yaml

from reconciler.diagnostic import Diagnostic
from reconciler.text import SourceText

_CODE, _SUMMARY = "yaml-syntax", "not valid YAML"

_REMEDIES = {
    "mapping values are not allowed in this context": (
        "A `:` stands where none can be. Check the indentation of this line; put the value in quotes if it holds `: `."
    ),
    "did not find expected key": "This line does not fit those above it. Check its indentation.",
    "did not find expected '-' indicator": "This line does not fit the list above it. Check its indentation.",
    "could not find expected ':'": "A key needs `: ` and a value after it.",
    "found unexpected end of stream": "This quote is never closed.",
    "did not find expected ',' or ']'": "This list needs `,` between its items and `]` at its end.",
    "did not find expected ',' or '}'": "This mapping needs `,` between its fields and `}` at its end.",
    "found unknown escape character": "Text in double quotes knows no such escape. Use single quotes, or write `\\\\`.",
    "found invalid Unicode character escape code": "This escape stands for no character. Write the character itself.",
    "found undefined tag handle": "Tags are not part of this YAML: remove it; put a value in quotes if it is text.",
    "found incompatible YAML document": "Remove the `%YAML` line.",
    "found a tab character that violates indentation": "Lines are indented with spaces, never with tabs.",
    "block sequence entries are not allowed in this context": (
        "A list item cannot stand here. Begin the list on a line of its own below its key."
    ),
    "did not find expected <document start>": "The document before this line has ended. Put `---` between documents.",
    "found duplicate %YAML directive": "Remove one of the `%YAML` lines.",
}


def explain(source: SourceText, problem: yaml.YAMLError) -> Diagnostic:
    """The diagnostic for whatever the parser raised; the rest of the file could not be read."""
    unclosed = str(getattr(problem, "context", "")).endswith(("flow sequence", "flow mapping", "quoted scalar"))
    mark = getattr(problem, "context_mark" if unclosed else "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    remedy = _remedy(source, str(getattr(problem, "problem", "")), line, column)
    since = _since(problem, line)
    return source.error(_CODE, _SUMMARY, f"{remedy}{since} The rest of the file was not read.", line, column)


def _remedy(source: SourceText, problem: str, line: int, column: int) -> str:
    if problem == "found character that cannot start any token":
        character = source.excerpt(line, column)[column - 1 : column]
        if character == "\t":
            return "Lines are indented with spaces, never with tabs."
        return f"A value cannot begin with `{character}`. Put it in quotes."
    return _REMEDIES.get(problem, f"The parser says: {problem or 'unreadable'}.")


def _since(problem: yaml.YAMLError, line: int) -> str:
    """Where the construct began that went wrong, if that is another line."""
    mark, context = getattr(problem, "context_mark", None), str(getattr(problem, "context", "") or "")
    if mark is None or mark.line + 1 == line:
        return ""
    what = context.removeprefix("while ").removeprefix("parsing ").removeprefix("scanning ")
    return f" It happened in {what or 'something'} that begins in line {mark.line + 1}."
