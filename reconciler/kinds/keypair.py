"""Keypair: a public SSH key that instances let in. Private keys never enter Git."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from reconciler import publickey
from reconciler.kinds.base import Kind, Problem, ShareWith, Spec, Text, register
from reconciler.treepath import flaw


class KeypairSpec(Spec, frozen=True, kw_only=True):
    """Exactly one of `publicKey` and `publicKeyFile`."""

    public_key: Annotated[str, Meta(max_length=16384, description="One OpenSSH public key line.")] | None = None
    public_key_file: (
        Annotated[str, Meta(max_length=512, description="A file of the same commit, relative to the manifest.")] | None
    ) = None
    share_with: ShareWith = ()
    description: Text = ""


def key_problem(path: str, text: str) -> Problem | None:
    """What is wrong with a public key, at `path`."""
    if "PRIVATE KEY" in text:
        detail = (
            "This is the private half of a key, and it is in Git now: whoever can read the repository can use it."
            " Make a new key, give its public half (the file ending in .pub) here, and remove the old one everywhere."
        )
        return Problem(path, "private-key", "this is a private key", detail, secret=True)
    try:
        publickey.blob(text)
    except ValueError as problem:
        return Problem(path, "bad-public-key", "not a public key", f"{str(problem)[:1].upper()}{str(problem)[1:]}.")
    return None


def _check(spec: KeypairSpec) -> Iterator[Problem]:
    if (spec.public_key is None) == (spec.public_key_file is None):
        have = "neither" if spec.public_key is None else "both"
        detail = f"A Keypair has exactly one of `publicKey` and `publicKeyFile`; this one has {have}."
        yield Problem("spec", "one-of", "exactly one is needed", detail)
    elif spec.public_key is not None:
        if problem := key_problem("spec.publicKey", spec.public_key):
            yield problem
    elif wrong := flaw(str(spec.public_key_file)):
        yield Problem("spec.publicKeyFile", "bad-path", "path is not allowed", f"It {wrong}.")


KIND = register(Kind(name="Keypair", scope="project", spec=KeypairSpec, check=_check))
