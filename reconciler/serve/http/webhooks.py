"""Webhooks of forges: a signed call is a hint to look at the repository, and nothing more.

What was pushed is fetched, never taken from the call, so its content is not even parsed. How each forge proves that it
is the caller:

- GitHub: `X-Hub-Signature-256: sha256=HEX`, the HMAC-SHA256 of the body;
- Gitea and Forgejo: `X-Gitea-Signature: HEX`, the same;
- GitLab: `X-Gitlab-Token`, the secret itself.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from reconciler.secret import SecretError, SecretSource, resolve
from reconciler.serve.http.allowance import Allowance, Heard
from reconciler.serve.http.request import Refused, Reply, Request, text
from reconciler.serve.telling.journal import Journal
from reconciler.trust.fields import WebhookTrust

_BURST, _EVERY = 30, 1.0
_LONGEST_ID = 200
_KEPT = 60.0
"""Seconds for which a secret is not asked for again, whether it was had or not."""


class _Forge(msgspec.Struct, frozen=True, kw_only=True):
    """Headers, in lower case, of which the first that is there counts. `prefix` stands before the proof."""

    proof: tuple[str, ...]
    event: tuple[str, ...]
    pushes: str
    delivery: tuple[str, ...]
    prefix: str = ""
    signed: bool = True


FORGES: Mapping[str, _Forge] = {
    "github": _Forge(
        proof=("x-hub-signature-256",),
        event=("x-github-event",),
        pushes="push",
        delivery=("x-github-delivery",),
        prefix="sha256=",
    ),
    "gitea": _Forge(
        proof=("x-forgejo-signature", "x-gitea-signature"),
        event=("x-forgejo-event", "x-gitea-event"),
        pushes="push",
        delivery=("x-forgejo-delivery", "x-gitea-delivery"),
    ),
    "gitlab": _Forge(
        proof=("x-gitlab-token",),
        event=("x-gitlab-event",),
        pushes="Push Hook",
        delivery=("idempotency-key", "x-gitlab-event-uuid"),
        signed=False,
    ),
}


class Webhooks:
    """Hears the forges that have a secret in the trusted configuration. `hint` is `Controls.hint`."""

    def __init__(self, trust: WebhookTrust, hint: Callable[[str], None], journal: Journal) -> None:
        secrets = {name: getattr(trust, name) for name in FORGES}
        self._secrets: dict[str, SecretSource] = {name: each for name, each in secrets.items() if each is not None}
        self._hint, self._journal = hint, journal
        self._allowance, self._heard = Allowance(_BURST, _EVERY), Heard()
        self._known: dict[str, tuple[float, str]] = {}
        self._turn = threading.Lock()

    def answer(self, name: str, request: Request) -> Reply:
        """Hear one call. Raises `Refused`."""
        if name not in self._secrets:
            raise Refused(404, "no secret for webhooks of that forge is in the trusted configuration")
        if request.method != "POST":
            raise Refused(405, "webhooks are POST requests", {"Allow": "POST"})
        if wait := self._allowance.wait(request.remote, time.monotonic()):
            raise Refused(429, "too many calls", {"Retry-After": str(int(wait) + 1)})
        forge, body = FORGES[name], request.body()
        proof = _first(request, forge.proof)
        if not _proven(forge, self._secret(name), proof, body):
            self._journal.tell("WebhookRefused", f"a call in {name}'s name was not signed with its secret", "warning")
            raise Refused(403, "the signature is missing or wrong")
        return self._taken(name, forge, request, proof)

    def _secret(self, name: str) -> str:
        """It is had anew now and then, so that it can be changed; not for each call, since strangers can call."""
        with self._turn:
            since, secret = self._known.get(name, (float("-inf"), ""))
            if time.monotonic() >= since + _KEPT:
                secret = self._resolved(name)
                self._known[name] = (time.monotonic(), secret)
        if not secret:
            raise Refused(503, "the secret cannot be had; the controller's log says why")
        return secret

    def _resolved(self, name: str) -> str:
        """The secret; empty, and told, when there is none."""
        try:
            secret = resolve(self._secrets[name])
            why = "is empty"
        except SecretError as problem:
            secret, why = "", f"cannot be had: {problem}"
        if not secret:
            self._journal.tell("WebhookSecret", f"the secret of {name}'s webhooks {why}", "error")
        return secret

    def _taken(self, name: str, forge: _Forge, request: Request, proof: str) -> Reply:
        if _first(request, forge.event) != forge.pushes:
            return text("only pushes matter here")
        delivery = _first(request, forge.delivery)[:_LONGEST_ID]
        marks = ([f"{name} {delivery}"] if delivery else []) + ([f"{name} {proof}"] if forge.signed else [])
        if self._heard.again(*marks):
            return text("this was heard before")
        self._hint(f"webhook of {name}")
        return text("heard; the branch is looked at", 202)


def _first(request: Request, names: tuple[str, ...]) -> str:
    return next((request.headers[name] for name in names if name in request.headers), "")


def _proven(forge: _Forge, secret: str, proof: str, body: bytes) -> bool:
    """In a time that does not depend on how much of it is right."""
    wanted = secret
    if forge.signed:
        wanted = forge.prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), proof.encode(errors="surrogateescape"))
