# SPDX-License-Identifier: Apache-2.0
"""The giver of the kind ``vault``. The things are leases of HashiCorp Vault or OpenBao. jitd-outside reads and ends these
leases.

Law: see ``Giver``. Each holding has its own token. The accessor of the token is stored on the disk before the lease is read with
the token. The id of the lease is stored on the disk before the secret is passed on. So jitd can always end a lease that was
read, even if a process is killed at any moment. The token expires with the holding, and the lease expires with the token, even
while jitd is down. The daemon sees neither the token nor the secret.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from jitd.core.holding import Holding
from jitd.givers.kind import Order, Seen, State, Strays
from jitd.giving import Answer, Done, Failed, Found, Looked, Refused
from jitd.giving.lease_notes import LeaseNotes, NoNote, Note
from jitd.giving.orders import GrantOf, NoHolder, name_in, order_of
from jitd.outside import leases as messages
from jitd.outside.client import Failed as NoAnswer
from jitd.settings.giver_words import digest_of, lets_of
from jitd.settings.givers import Vault

DEADLINE = 20_000
"""Time limit for one question to jitd-outside, in milliseconds. Within this time, jitd-outside must get the answer of the server.
"""
MOST_ENDED = 1000
"""Maximum number of ended holdings that are remembered until their end is recorded."""
Ask = Callable[[messages.Question], Awaitable[messages.Answer | NoAnswer]]
"""Asks a server. See ``outside.client.Outside.lease``."""


class VaultLeases:
    """Gives the things of ``givers``, a mapping from names to settings. See ``Giver``. ``now`` returns the time of the wall
    clock.
    """

    def __init__(
        self, givers: Mapping[str, Vault], ask: Ask, notes: LeaseNotes, grant_of: GrantOf, now: Callable[[], datetime]
    ) -> None:
        self._givers = givers
        self._ask = ask
        self._notes = notes
        self._grant_of = grant_of
        self._now = now
        self._ended: deque[str] = deque(maxlen=MOST_ENDED)

    def ends_at(self, holding: Holding) -> None:
        return None

    def name_of(self, thing: str) -> str:
        return ""

    def fault(self, thing: str) -> str:
        return "" if name_in(thing) in self._givers else f"jitd.toml sets up no giver {name_in(thing)}, so it cannot give {thing}"

    async def give(self, holding: Holding) -> Answer:
        """See ``Giver.give``. If an earlier try has got a lease from the server, jitd ends this lease first, because its
        secret is lost.
        """
        giver = self._givers.get(name_in(holding.thing))
        if giver is None:
            return Refused(self.fault(holding.thing))
        try:
            order = order_of(holding, self._grant_of)
            if order.approved != digest_of(lets_of(giver)):
                return Refused(f"[givers.{giver.name}] of jitd.toml is not what was approved: ask again")
            if isinstance(ended := await self.take(holding), Failed):
                return ended
            return await (self._sign(giver, holding, order) if giver.signs else self._lease(giver, holding, order))
        except (NoHolder, NoNote) as fault:
            return Failed(str(fault))

    async def take(self, holding: Holding) -> Done | Failed:
        try:
            note = self._notes.read(holding.id)
            if note is None:
                return self._without_note(holding)
            if not note.accessor:
                return self._left(holding, note)
            server = self._server(holding.thing, note)
            said = await self._ask(messages.End(server, note.accessor, note.lease, DEADLINE))
            if not isinstance(said, messages.Over):
                return Failed(_why(said))
            self._notes.remove(holding.id)
            self._ended.append(holding.id)
        except NoNote as fault:
            return Failed(str(fault))
        return Done()

    async def look(self, holding: Holding) -> Looked:
        """See ``Giver.look``. If the thing is a certificate, only the person knows where the certificate is."""
        try:
            note = self._notes.read(holding.id)
            if note is None:
                return Seen(State.GONE, "somebody has removed jitd's note about the lease")
            if not note.accessor:
                return Seen(State.STANDS)
            said = await self._ask(messages.Look(self._server(holding.thing, note), note.lease, DEADLINE))
        except NoNote as fault:
            return Failed(str(fault))
        if not isinstance(said, messages.Looked):
            return Failed(_why(said))
        if said.stands:
            return Seen(State.STANDS)
        if self._seconds_until(note.until) <= 0:
            return Seen(State.GONE, "the lease was shorter than the grant and has ended: jitd renews no lease")
        return Seen(State.GONE, f"the server has no lease {note.lease} any more: somebody has ended it there")

    async def strays(self, thing: str, holdings: Sequence[str]) -> Found:
        """See ``Giver.strays``. The result contains each holding that has a note and is not in ``holdings``. Such a note exists
        if the database was replaced by an older copy, or was changed.
        """
        try:
            return Strays(tuple(holding for holding in self._notes.of(thing) if holding not in holdings))
        except NoNote as fault:
            return Failed(str(fault))

    # --- giving ------------------------------------------------------------------------------------------------------

    async def _lease(self, giver: Vault, holding: Holding, order: Order) -> Answer:
        """Read a lease for ``holding``. Raises NoNote."""
        seconds = self._seconds_until(order.until)
        if seconds <= 0:
            return Refused("the time of the grant is over")
        server = _server_of(giver)
        begun = await self._ask(messages.Begin(server, order.holding, order.account, seconds, DEADLINE))
        if not isinstance(begun, messages.Begun):
            return _not_done(begun)
        asked_at = int(self._now().timestamp())  # the lease ends no earlier than its seconds after this moment
        note = Note(holding.thing, server.url, server.namespace, begun.accessor)
        self._notes.write(holding.id, note)
        leased = await self._ask(messages.Lease(server, begun.accessor, giver.role, giver.parameters, DEADLINE))
        if not isinstance(leased, messages.Leased):
            return Failed(_why(leased))
        ends = min(order.until, asked_at + leased.seconds)
        noted = Note(note.thing, note.url, note.namespace, note.accessor, leased.lease, ends)
        self._note_or_close(holding.id, noted, leased.secret)
        short = ", which is before the grant ends, and jitd renews no lease" if ends < order.until else ""
        return Done(leased.secret, f"the lease is good until {_instant(ends)}{short}")

    async def _sign(self, giver: Vault, holding: Holding, order: Order) -> Answer:
        """Let the server sign a certificate for ``holding``. Raises NoNote."""
        seconds = self._seconds_until(order.until)
        if seconds <= 0:
            return Refused("the time of the grant is over")
        if not order.brought:
            return Refused(f"{holding.thing} signs your own key: ask again, with its file: --key ~/.ssh/id_ed25519.pub")
        server = _server_of(giver)
        signed = await self._ask(messages.Sign(server, giver.role, giver.parameters, order.brought, seconds, DEADLINE))
        if not isinstance(signed, messages.Signed):
            return _not_done(signed)
        self._note_or_close(holding.id, Note(holding.thing, server.url, server.namespace, until=signed.until), signed.secret)
        return Done(signed.secret, f"the certificate is good until {_instant(signed.until)}")

    def _note_or_close(self, holding: str, note: Note, secret: int | None) -> None:
        """Store ``note`` about the given thing. If the note cannot be stored, close ``secret``, so that nobody gets the secret.
        Raises NoNote.
        """
        try:
            self._notes.write(holding, note)
        except BaseException:
            if secret is not None:
                os.close(secret)
            raise

    def _without_note(self, holding: Holding) -> Done:
        """Return the answer for a holding that has no note. If the thing was never given, no lease was read. If the thing was
        given, the note can be missing for two reasons. Somebody has removed the note, or jitd was killed after the lease had
        ended, but before this end was recorded.
        """
        ends = int(holding.until.timestamp())
        if holding.given_at is None or holding.id in self._ended or self._seconds_until(ends) <= 0:
            return Done()
        return Done(left=f"jitd's note about {holding.thing} is missing: what was given may be good until {_instant(ends)}")

    def _left(self, holding: Holding, note: Note) -> Done:
        """Remove the note about a certificate. The answer says how long the certificate remains valid. Raises NoNote."""
        self._notes.remove(holding.id)
        is_over = self._seconds_until(note.until) <= 0
        return Done(left="" if is_over else f"the certificate is good until {_instant(note.until)}: the server revokes none")

    def _server(self, thing: str, note: Note) -> messages.Server:
        """Return the server that is named in ``note``. Raises NoNote if jitd.toml does not name this server."""
        giver = self._givers.get(name_in(thing))
        if giver is None:
            raise NoNote(f"{self.fault(thing)}: write the table [givers.{name_in(thing)}] there again, and restart jitd")
        server = _server_of(giver)
        if (server.url, server.namespace) != (note.url, note.namespace):
            within = f" in the namespace {note.namespace}" if note.namespace else ""
            again = f"name this server in [givers.{giver.name}] again, and restart jitd"
            raise NoNote(f"the lease comes from {note.url}{within}: {again}")
        return server

    def _seconds_until(self, until: int) -> int:
        return until - int(self._now().timestamp())


def _server_of(giver: Vault) -> messages.Server:
    by = giver.by
    token, certificate = (file.name if file else "" for file in (by.secret, by.certificate))
    return messages.Server(by.url, token, giver.namespace, by.addresses, by.ca, certificate)


def _not_done(said: messages.Answer | NoAnswer) -> Answer:
    return Refused(said.why) if isinstance(said, messages.Refused) else Failed(_why(said))


def _why(said: messages.Answer | NoAnswer) -> str:
    return getattr(said, "why", "") or "jitd-outside has answered another question"


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
