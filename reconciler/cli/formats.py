"""The formats in which a plan is shown: names only, since a command names them before it knows what it does."""

from __future__ import annotations

FORMATS = ("text", "json", "markdown", "github", "sarif", "gitlab-terraform", "gitlab-codequality")
ALSO = tuple(name for name in FORMATS if name != "github")
"""Those that may go to files beside: annotations mean something in a log alone."""
