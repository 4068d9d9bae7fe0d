"""Keypair: a public SSH key that instances let in. Private keys never enter Git."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from reconciler.kinds.base import Kind, Spec, Text, register


class KeypairSpec(Spec, frozen=True, kw_only=True):
    """Exactly one of `publicKey` and `publicKeyFile`."""

    public_key: Annotated[str, Meta(max_length=16384, description="One OpenSSH public key line.")] | None = None
    public_key_file: (
        Annotated[str, Meta(max_length=512, description="A file of the same commit, relative to the manifest.")] | None
    ) = None
    description: Text = ""


KIND = register(Kind(name="Keypair", scope="project", spec=KeypairSpec))
