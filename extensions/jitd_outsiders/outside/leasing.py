# SPDX-License-Identifier: Apache-2.0
"""Requests and ends leases of HashiCorp Vault or OpenBao, with the HTTP API that their manuals describe. Each holding has its own
token, a child of jitd's token. When the token of a holding ends, the server also ends all leases that were read with this token.
Therefore leases can be ended even if their ids are not known.
Law: a secret leaves this process only in a sealed memfd. The token of a holding is kept for KEPT_FOR seconds, and is used once. A
lease is never renewed. A lease is treated as ended only if the server says so. If jitd does not understand an answer of the
server, the lease is not treated as ended.
Sources: the HTTP APIs of Vault and OpenBao: "Token auth method", "/sys/leases", "SSH secrets engine", "HTTP status codes".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from jitd.beside.answering import NoAnswer
from jitd.beside.secret import sealed
from jitd_outsiders.asking import json_text
from jitd_outsiders.outside import ssh_certificates
from jitd_outsiders.outside.connecting import Checked
from jitd_outsiders.outside.fetching import JSON, PLAIN, context_of, exchange, within
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.leases import (
    LONGEST,
    Answer,
    Begin,
    Begun,
    End,
    Lease,
    Leased,
    Look,
    Looked,
    Over,
    Question,
    Refused,
    Server,
    Sign,
    Signed,
)
from jitd_outsiders.outside.messages import Fetched
from jitpam.wire.declared import sentence

KEPT_FOR = 60.0  # seconds at most for which jitd-outside keeps the token of a holding before a lease is read
MOST_KEPT = 512
SLACK = 60  # seconds at most by which the server's clock may be ahead of this host's clock
MOST_TOKEN = 4096  # bytes of a token
REFUSED = {
    400: "the server refuses it",
    403: "the server does not permit it; see what the policies of jitd's token permit, and whether the token is good still",
    404: "the server has nothing there, or does not permit it",
    405: "the server has nothing there that can be read in this way",
}
"""Maps an HTTP status to its meaning. Each status in this map means that the server has refused and has changed nothing."""
NOT_NOW = {
    412: "the server is not up to date with its cluster",
    429: "the server is a standby, or gets too many questions",
    472: "the server is a standby for the recovery of another server",
    473: "the server is a standby that can only read",
    502: "the server could not reach another server that it needs",
    503: "the server is sealed, or being maintained",
}
"""Maps an HTTP status to its meaning. Each status in this map means a temporary fault."""
NO_LEASE, NO_TOKEN = ("invalid lease", "lease not found"), ("invalid accessor",)
"""The errors that a server reports if a lease or a token does not exist. The HTTP status of such an answer is 400. For a missing
token, the status can also be 403.
"""


class Leases:
    """Requests leases from servers, with the tokens in ``keys``."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._tokens: dict[str, tuple[float, str]] = {}  # maps an accessor to its token and the time when the token was created

    async def answer(self, question: Question) -> Answer:
        """Answer one question of the daemon. Raises NoAnswer."""
        try:
            return await within(question.deadline_ms, self._answer(question))
        except NoAnswer as why:
            raise NoAnswer(f"{question.server.url.rstrip('/')}: {why}") from None

    async def _answer(self, question: Question) -> Answer:
        match question:
            case Begin():
                return await self._begin(question)
            case Lease():
                return await self._lease(question)
            case Sign():
                return await self._sign(question)
            case End():
                return await self._end(question)
            case Look():
                return await self._look(question)

    # --- the questions ---------------------------------------------------------------------------------------------------

    async def _begin(self, asked: Begin) -> Begun | Refused:
        lasts = f"{asked.seconds}s"
        wanted = {
            "display_name": f"jitd-{asked.holding}",
            "meta": {"jitd": asked.holding, "account": asked.account},
            "type": "service",
            "ttl": lasts,
            "explicit_max_ttl": lasts,
            "renewable": False,
        }
        ours = self._ours(asked.server)
        said = await self._send(asked.server, ours, "auth/token/create", wanted)
        if fault := _refusal(said):
            return Refused(sentence(f"no token for this holding: {fault}"))
        given = _table(_content(said), "auth")
        token, accessor = given.get("client_token"), given.get("accessor")
        if not isinstance(token, str) or not _is_token(token):
            raise NoAnswer("the server has given no token for this holding")
        ends = given.get("lease_duration")
        try:
            if not isinstance(accessor, str) or not _is_token(accessor) or not isinstance(ends, int):
                raise NoAnswer("the server has given a token for this holding, but nobody can end the token later")
            if not 0 < ends <= asked.seconds + SLACK:
                raise NoAnswer(f"the server has given a token for this holding, but the token does not end after {lasts}")
        except NoAnswer:
            with suppress(Exception):  # if this fails too, no harm is done: nothing was read with the token
                await self._send(asked.server, token, "auth/token/revoke-self", {})
            raise
        self._keep(accessor, token)
        return Begun(accessor)

    async def _lease(self, asked: Lease) -> Leased | Refused:
        made_at, token = self._tokens.pop(asked.accessor, (0.0, ""))
        if not token or time.monotonic() > made_at + KEPT_FOR:
            raise NoAnswer("jitd-outside was started anew meanwhile, and has lost the token of this holding: ask again")
        said = await self._send(asked.server, token, asked.path, dict(asked.parameters) or None)
        if fault := _refusal(said):
            return Refused(sentence(f"no lease of {asked.path}: {fault}"))
        found = _content(said)
        lease, seconds, data = found.get("lease_id"), found.get("lease_duration"), _table(found, "data")
        if not isinstance(lease, str) or not lease:
            return Refused(f"the secret of {asked.path} has no lease, so jitd could not take it back: jitd does not give it")
        if type(seconds) is not int or seconds < 1 or not data:
            raise NoAnswer(f"the answer of {asked.path} does not describe a lease")
        return Leased(lease, min(seconds, LONGEST), _sealed(json_text.write(data) + b"\n"))

    async def _sign(self, asked: Sign) -> Signed | Refused:
        wanted = {**dict(asked.parameters), "public_key": asked.key, "ttl": f"{asked.seconds}s", "cert_type": "user"}
        latest = int(time.time()) + asked.seconds + SLACK
        said = await self._send(asked.server, self._ours(asked.server), asked.path, wanted)
        if fault := _refusal(said):
            return Refused(sentence(f"{asked.path} does not sign the key: {fault}"))
        certificate = _table(_content(said), "data").get("signed_key")
        if not isinstance(certificate, str) or not certificate.isascii():
            raise NoAnswer(f"the answer of {asked.path} has no certificate (signed_key)")
        try:
            until = ssh_certificates.end_of(certificate, asked.key)
        except ValueError as fault:
            raise NoAnswer(f"the certificate of {asked.path} {fault}") from None
        if until > latest:
            return Refused(f"the certificate of {asked.path} is good for longer than the grant: it is not given")
        return Signed(until, _sealed(certificate.strip().encode("ascii") + b"\n"))

    async def _end(self, asked: End) -> Over:
        """End the lease, then the token. Both are tried, whatever the server says of the first, or how long it is silent."""
        self._tokens.pop(asked.accessor, None)
        # When a token ends, the server ends its leases in the background, and gives no message if that fails.
        lease = ("sys/leases/revoke", {"lease_id": asked.lease, "sync": True}, NO_LEASE, f"the lease {asked.lease} is not ended")
        read_with = f"the lease was read with the token {asked.accessor}, and this token is not ended"
        token = ("auth/token/revoke-accessor", {"accessor": asked.accessor}, NO_TOKEN, read_with)
        faults = []
        for path, body, gone, what in (lease, token) if asked.lease else (token,):
            try:
                said = await within(asked.deadline_ms // 3, self._send(asked.server, self._ours(asked.server), path, body))
                if not _is_gone(said, gone) and (fault := _refusal(said)):
                    faults.append(f"{what}: {fault}")
            except NoAnswer as why:
                faults.append(f"{what}: {why}")
        if faults:
            raise NoAnswer("; ".join(faults))
        if asked.lease and await self._stands(asked.server, asked.lease):
            raise NoAnswer(f"the server said that it ended the lease {asked.lease}, but still has the lease")
        return Over()

    async def _look(self, asked: Look) -> Looked:
        return Looked(await self._stands(asked.server, asked.lease))

    async def _stands(self, server: Server, lease: str) -> bool:
        """Raises NoAnswer if the server gives no clear answer."""
        said = await self._send(server, self._ours(server), "sys/leases/lookup", {"lease_id": lease})
        if _is_gone(said, NO_LEASE):
            return False
        if fault := _refusal(said):
            raise NoAnswer(f"it is not known whether the lease {lease} exists: {fault}")
        found = _content(said)
        if _table(found, "data").get("id", found.get("id")) != lease:
            raise NoAnswer("the server has answered about another lease")
        return True

    # --- one request -----------------------------------------------------------------------------------------------------

    async def _send(self, server: Server, token: str, path: str, body: Mapping[str, object] | None) -> Fetched:
        """Send a POST of ``body``, or a GET if that is None, with ``token``. Return the answer, whatever its status. Raises
        NoAnswer, and the exceptions of ``exchange``.
        """
        headers = {**PLAIN, "X-Vault-Request": "true", "X-Vault-Token": token}
        if server.namespace:
            headers["X-Vault-Namespace"] = server.namespace
        content = None
        if body is not None:
            headers["Content-Type"] = JSON
            content = json_text.write(body)
        certificate = self._keys.get(server.certificate) if server.certificate else b""
        context, backend = context_of(server.ca, certificate), Checked(server.addresses)
        return await exchange("GET" if content is None else "POST", f"{server.url}v1/{path}", headers, content, context, backend)

    def _ours(self, server: Server) -> str:
        """Return jitd's own token for ``server``. Raises NoSuchKey and NoAnswer."""
        token = self._keys.get(server.token).decode("ascii", "replace").strip()
        if not _is_token(token):
            raise NoAnswer(f"the file {server.token} must have one line, which is a token of the server")
        return token

    def _keep(self, accessor: str, token: str) -> None:
        """Drop the tokens that are older than KEPT_FOR, and the oldest of more than MOST_KEPT."""
        now = time.monotonic()
        kept = {one: (at, of) for one, (at, of) in self._tokens.items() if now <= at + KEPT_FOR}
        self._tokens = {**dict(list(kept.items())[1 - MOST_KEPT :]), accessor: (now, token)}


def _is_token(text: str) -> bool:
    return 0 < len(text) <= MOST_TOKEN and text.isascii() and text.isprintable() and " " not in text


def _sealed(secret: bytes) -> int:
    try:
        return sealed(secret)
    except (OSError, ValueError) as fault:
        raise NoAnswer(f"the secret from the server cannot be passed to the daemon: {fault}") from None


def _refusal(said: Fetched) -> str:
    """Return why the server has refused, or an empty text. Raises NoAnswer if it has neither refused nor done it."""
    if said.status == 204:
        return ""
    if said.status == 200:
        _content(said)  # raises if the answer does not have the form that a server of leases uses
        return ""
    what = f" ({'; '.join(_errors(said)) or f'status {said.status}'})"
    if said.status in REFUSED:
        return REFUSED[said.status] + what
    if 300 <= said.status < 400:
        raise NoAnswer("the server redirects jitd, and jitd follows no redirect: name the active server in url")
    raise NoAnswer(NOT_NOW.get(said.status, f"the server has failed with the status {said.status}") + what)


def _is_gone(said: Fetched, words: tuple[str, ...]) -> bool:
    """True if the server refuses because the lease or token in the request does not exist. The server's answer must contain
    exactly one error. This error must be one of ``words``, or end with an asterisk, a blank and one of ``words``.
    """
    errors = _errors(said)
    told = [word for error in errors for word in words if error == word or error.endswith(f"* {word}")]
    return said.status in (400, 403, 404) and len(errors) == 1 == len(told)


def _errors(said: Fetched) -> tuple[str, ...]:
    """Return the reasons that the server gives, each without line breaks."""
    try:
        found = json_text.read_object(said.body).get("errors")
    except ValueError:
        return ()
    errors = [" ".join(error.split())[:200] for error in found if isinstance(error, str)] if isinstance(found, list) else []
    return tuple(error for error in errors if error)


def _content(said: Fetched) -> dict[str, object]:
    try:
        return json_text.read_object(said.body)
    except ValueError as fault:
        raise NoAnswer(f"the server's answer {fault}") from None


def _table(found: Mapping[str, object], key: str) -> dict[str, object]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}
