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
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from jitd.core.holding import Holding
from jitd.settings.giver_words import digest_of, lets_of
from jitd_outsiders.outside import leases as messages
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.messages import Answer, Give, Look, Mend, Question, Search, Take
from jitd_things.givers.vault import Vault
from jitd_things.giving.by_order import ByOrder
from jitd_things.giving.lease_notes import LeaseNotes, NoNote, Note
from jitd_things.giving.orders import GrantOf, order_for_principal

DEADLINE = 20_000  # milliseconds for a question to jitd-outside, in which the server must have answered
MOST_ENDED = 1000  # ended holdings that are remembered until their end is recorded
Ask = Callable[[messages.Question], Awaitable[messages.Answer | Failed]]  # see `outside.client.Outside.lease`


class VaultLeases(ByOrder):
    """Gives the things of ``givers``, a mapping from names to settings. ``now`` returns the time of the wall clock."""

    def __init__(
        self, givers: Mapping[str, Vault], ask: Ask, notes: LeaseNotes, grant_of: GrantOf, now: Callable[[], datetime]
    ) -> None:
        super().__init__("vault", givers, grant_of, in_turn=False)
        self._givers = givers
        self._server_says = ask
        self._notes = notes
        self._now = now
        self._ended: deque[str] = deque(maxlen=MOST_ENDED)

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        """See ``ByOrder.take``. The note alone says what has to be ended. It is written before anything is given. So a thing that
        has no note, and that nobody was told of, was never given.
        """
        with suppress(NoNote):  # what is wrong with the note, the answer to the question says
            if holding.given_at is None and self._notes.read(holding.id) is None:
                return Taken()
        return await super().take(holding)

    def order_of_given(self, holding: Holding) -> Order:
        """See ``ByOrder.order_of_given``. What ends a lease stands in its note."""
        return order_for_principal(holding)

    async def ask(self, question: Question) -> Answer:
        try:
            match question:
                case Give(order=order) | Mend(order=order):
                    return await self._give(order)
                case Take(order=order):
                    return await self._take(order)
                case Look(order=order):
                    return await self._look(order)
                case Search(name=name, holdings=known):
                    return Strays(tuple(holding for holding in self._notes.of(_thing(name)) if holding not in known))
        except NoNote as fault:
            return Failed(str(fault))

    async def _give(self, order: Order) -> Answer:
        """If an earlier try has got a lease, end it first, because its secret is lost. Raises NoNote."""
        giver = self._givers[order.name]
        if order.approved != digest_of(lets_of(giver)):
            return Refused(f"[givers.{giver.name}] of jitd.toml is not what was approved: ask again")
        if isinstance(ended := await self._take(order), Failed):
            return ended
        return await (self._sign(giver, order) if giver.signs else self._lease(giver, order))

    async def _take(self, order: Order) -> Taken | Failed:
        """Raises NoNote."""
        note = self._notes.read(order.holding)
        if note is None:
            return self._without_note(order)
        if not note.accessor:
            return self._left(order, note)
        said = await self._server_says(messages.End(self._server(order, note), note.accessor, note.lease, DEADLINE))
        if not isinstance(said, messages.Over):
            return Failed(_not_done(said).why)
        self._notes.remove(order.holding)
        self._ended.append(order.holding)
        return Taken()

    async def _look(self, order: Order) -> Seen | Failed:
        """Look for the lease of ``order``. If the thing is a certificate, only the person knows where it is. Raises NoNote."""
        note = self._notes.read(order.holding)
        if note is None:
            return Seen(State.GONE, "somebody has removed jitd's note about the lease")
        if not note.accessor:
            return Seen(State.STANDS)
        said = await self._server_says(messages.Look(self._server(order, note), note.lease, DEADLINE))
        if not isinstance(said, messages.Looked):
            return Failed(_not_done(said).why)
        if said.stands:
            return Seen(State.STANDS)
        if self._seconds_until(note.until) <= 0:
            return Seen(State.GONE, "the lease was shorter than the grant and has ended: jitd renews no lease")
        return Seen(State.GONE, f"the server has no lease {note.lease} any more: somebody has ended it there")

    # --- giving ------------------------------------------------------------------------------------------------------

    async def _lease(self, giver: Vault, order: Order) -> Answer:
        """Raises NoNote."""
        seconds = self._seconds_until(order.until)
        if seconds <= 0:
            return Refused("the time of the grant is over")
        server = _server_of(giver)
        begun = await self._server_says(messages.Begin(server, order.holding, order.account, seconds, DEADLINE))
        if not isinstance(begun, messages.Begun):
            return _not_done(begun)
        asked_at = int(self._now().timestamp())  # the lease ends no earlier than its seconds after this moment
        note = Note(_thing(order.name), server.url, server.namespace, begun.accessor)
        self._notes.write(order.holding, note)
        leased = await self._server_says(messages.Lease(server, begun.accessor, giver.role, giver.parameters, DEADLINE))
        if not isinstance(leased, messages.Leased):
            return Failed(_not_done(leased).why)
        ends = min(order.until, asked_at + leased.seconds)
        noted = Note(note.thing, note.url, note.namespace, note.accessor, leased.lease, ends)
        self._note_or_close(order.holding, noted, leased.secret)
        short = ", which is before the grant ends, and jitd renews no lease" if ends < order.until else ""
        return Given(f"the lease is good until {_instant(ends)}{short}", leased.secret)

    async def _sign(self, giver: Vault, order: Order) -> Answer:
        """Raises NoNote."""
        seconds = self._seconds_until(order.until)
        if seconds <= 0:
            return Refused("the time of the grant is over")
        if not order.brought:
            return Refused(f"{_thing(order.name)} signs your own key: ask again, with its file: --key ~/.ssh/id_ed25519.pub")
        server = _server_of(giver)
        signed = await self._server_says(messages.Sign(server, giver.role, giver.parameters, order.brought, seconds, DEADLINE))
        if not isinstance(signed, messages.Signed):
            return _not_done(signed)
        note = Note(_thing(order.name), server.url, server.namespace, until=signed.until)
        self._note_or_close(order.holding, note, signed.secret)
        return Given(f"the certificate is good until {_instant(signed.until)}", signed.secret)

    def _note_or_close(self, holding: str, note: Note, secret: int | None) -> None:
        """Close ``secret`` if ``note`` cannot be stored, so that nobody gets it. Raises NoNote."""
        try:
            self._notes.write(holding, note)
        except BaseException:
            if secret is not None:
                os.close(secret)
            raise

    def _without_note(self, order: Order) -> Taken:
        """Somebody has removed the note, or jitd was killed after the lease had ended, and before this end was recorded."""
        if order.holding in self._ended or self._seconds_until(order.until) <= 0:
            return Taken()
        return Taken(
            f"jitd's note about {_thing(order.name)} is missing: what was given may be good until {_instant(order.until)}"
        )

    def _left(self, order: Order, note: Note) -> Taken:
        """Remove the note about a certificate. The answer says how long the certificate remains valid. Raises NoNote."""
        self._notes.remove(order.holding)
        is_over = self._seconds_until(note.until) <= 0
        return Taken("" if is_over else f"the certificate is good until {_instant(note.until)}: the server revokes none")

    def _server(self, order: Order, note: Note) -> messages.Server:
        """Raises NoNote if jitd.toml does not name this server."""
        giver = self._givers.get(order.name)
        if giver is None:
            fault = self.fault(_thing(order.name))
            raise NoNote(f"{fault}: write the table [givers.{order.name}] there again, and restart jitd")
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


def _thing(name: str) -> str:
    return f"vault:{name}"


def _not_done(said: messages.Answer | Failed) -> Refused | Failed:
    return said if isinstance(said, Refused | Failed) else Failed("jitd-outside has answered another question")


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
