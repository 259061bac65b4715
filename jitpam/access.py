# SPDX-License-Identifier: Apache-2.0
"""Prepares given things for use. Tickets are put into a cache. Secrets are put into sealed memory or into the file that ``--to``
names.

Law: jitsudo never reads a secret. The kernel copies each secret from one descriptor to another. A secret is written to a file
only with ``--to``. This file must be new, and gets mode 0600. A certificate is not secret, so it may be written beside its key
(module ``certificate``). If the given things cannot be used, jitsudo removes every file and directory that it has made for them.
"""

from __future__ import annotations

import posix
import time

from jitpam import certificate
from jitpam.appointment import here, in_words
from jitpam.client import NotAuthenticated, Unreachable
from jitpam.options import UsageError
from jitpam.saying import say
from jitpam.ticket import NoTicket, TicketCache, seconds_of
from jitpam.wire.messages import Given
from jitpam.wire.shown import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jitpam.client import Connection

TICKET = "service-ticket:"  # a thing whose name begins with this text is permission to get a ticket from the KDC
NUMBERS = b"JITSUDO_ACCESS_FD"  # descriptors of secrets for the command, separated by commas
CACHE = b"KRB5CCNAME"
TOGETHER_WITHIN = 5.0  # seconds within which jitd must send all things of one request
MOST = 64 * 1024  # bytes of a secret
AGAIN_AFTER = 5.0  # the shortest time between two requests for a ticket that replaces another, in seconds


_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Unusable(NoTicket):
    """The given thing cannot be used. The text of this error is a sentence."""


class Got:
    """One given thing and its secret, a descriptor, or None if it has none, or it did not arrive."""

    __slots__ = ("given", "secret")

    def __init__(self, given: Given, secret: int | None) -> None:
        self.given = given
        self.secret = secret

    @property
    def is_ticket(self) -> bool:
        """True if the thing is permission to get a ticket, which the client then fetches."""
        return self.given.thing.startswith(TICKET)


def everything(first: Given, connection: Connection) -> list[Got]:
    """Return ``first`` and the other things of the same answer, with their secrets. Raises Unreachable."""
    got, heard = [Got(first, _secret_of(first, connection))], first
    while heard.more:
        again = connection.hear(time.monotonic() + TOGETHER_WITHIN)
        if not isinstance(again, Given):
            raise Unreachable(f"jitd broke the protocol: it said {again.type} before it had given everything")
        got.append(Got(again, _secret_of(again, connection)))
        heard = again
    return got


def _secret_of(given: Given, connection: Connection) -> int | None:
    if given.secret != "here":
        return None
    descriptor = connection.take_control()
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.lseek(descriptor, 0, 0)  # the command must read the secret from its beginning
    except OSError:  # it is not a file in memory: the next step that uses it reports the error
        pass
    return descriptor


class Access:
    """The cache, files and descriptors that a person needs to use the things in ``got``. ``file`` is the file for one secret
    (``--to``), or None. ``key`` is the file of the public key for which a certificate was requested (``--key``). ``key`` is
    ``-`` for standard input, and None without ``--key``.
    """

    def __init__(self, got: list[Got], file: bytes | None, key: bytes | None = None) -> None:
        """Make a directory for the tickets if at least one ticket was given. Raises NoTicket."""
        self._got = got
        self._key = None if file is not None else key
        is_beside = self._key not in (None, certificate.STREAM) and self._certificate is not None
        self.file = certificate.place_for(self._key or b"") if is_beside else file
        """The file that ``make`` writes, or None if ``make`` writes no file."""
        self._is_beside = is_beside
        self.tickets_until = 0  # when the first ticket ends, in seconds since 1970, or 0 without tickets
        self._made = -1  # the descriptor of the file that was made: while it is open, no other file can get the same inode
        self._cache = TicketCache() if any(one.is_ticket for one in got) else None
        self._renewals: list[_Renewal] = []

    def make(self) -> None:
        """Fetch all tickets, and write the file for a secret or certificate. Raises NoTicket, Unusable and NotAuthenticated."""
        for one in self._got:
            if one.given.secret and one.secret is None:
                raise Unusable(f"the secret of {one.given.thing} was handed over before, and is not sent again: request it again")
        secrets = [one for one in self._got if one.secret is not None]
        if self.file is not None and not self._is_beside and len(secrets) != 1:
            names = ", ".join(one.given.thing for one in secrets)
            raise Unusable(
                f"--to takes one secret, but {f'each of these has one: {names}' if names else 'nothing that was given has one'}"
            )
        for one in self._got:
            if self._cache is not None and one.is_ticket:
                ends_at = _fetch(self._cache, one.given)
                self._renewals.append(_Renewal(self._cache, one.given, ends_at))
                self.tickets_until = min(ends_at, self.tickets_until or ends_at)
            elif one.given.name:
                say(one.given.name)
        if self._is_beside and self._certificate is not None and self.file is not None:
            self._replace(self._certificate.secret or 0, self.file)
        elif self.file is not None:
            self._write(secrets[0].secret or 0, self.file, 0o600)

    def renew(self) -> None:
        """Fetch new tickets for those that are half over. The KDC lets no ticket last until the end of a long grant, so that a
        ticket ends soon after the grant was taken back. Never raises.
        """
        for one in self._renewals:
            one.renew()

    @property
    def ends_early(self) -> bool:
        """True if a ticket ends before its grant."""
        return any(one.ends_early for one in self._renewals)

    def must_be_readable(self) -> None:
        """Raise Unusable if a secret has no file, where there is no command that could read it."""
        read = self._certificate if self._key is not None else None
        unread = [one.given.thing for one in self._got if one.secret is not None and one is not read]
        if unread and (self.file is None or self._is_beside):
            raise Unusable(f"{unread[0]} comes with a secret: name a new file for it (--to FILE), or a command that reads it")

    @property
    def _certificate(self) -> Got | None:
        """The certificate for the person's key, or None if no certificate or several were given."""
        found = [one for one in self._got if one.secret is not None and one.given.thing.startswith(certificate.KIND)]
        return found[0] if len(found) == 1 else None

    def printed(self) -> str:
        """Return the certificate that must be printed to standard output, or an empty string if there is none."""
        one = self._certificate
        if self._key != certificate.STREAM or one is None or one.secret is None:
            return ""
        return posix.pread(one.secret, MOST, 0).decode("ascii", "replace").strip()

    @property
    def variables(self) -> dict[bytes, bytes]:
        """The environment variables that tell a command where the tickets and secrets are."""
        found = {} if self._cache is None else {CACHE: self._cache.name}
        numbers = b",".join(b"%d" % number for number in self.descriptors)
        return found | ({NUMBERS: numbers} if numbers else {})

    @property
    def descriptors(self) -> list[int]:
        """The descriptors of the secrets, in the order of the things in the request."""
        return [one.secret for one in self._got if one.secret is not None]

    def close(self) -> None:
        """Close the secrets' descriptors. The tickets' cache and ``file`` stay until ``destroy``. Never raises."""
        for one in self._got:
            if one.secret is not None:
                posix.close(one.secret)
                one.secret = None

    def destroy(self) -> None:
        """Remove the cache of the tickets and the file that was made, and close the descriptors of the secrets. Never raises."""
        self.close()
        if self._cache is not None:
            self._cache.destroy()
        made, self._made = self._made, -1
        if made < 0 or self.file is None:
            return
        try:
            ours, found = posix.fstat(made), posix.lstat(self.file)
            posix.close(made)
            if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino):
                posix.unlink(self.file)
        except OSError:  # the file or its directory does not exist any more
            pass

    def _replace(self, secret: int, file: bytes) -> None:
        """Copy the certificate from ``secret`` into ``file``, in the place of an earlier certificate. Raises Unusable."""
        if not certificate.may_be_made(file):
            raise Unusable(f"{shown(file)} exists, and jitd did not make it")
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            posix.unlink(file)
        except OSError:  # either no file is there, or ``_write`` fails next and reports the error
            pass
        self._write(secret, file, 0o644)

    def _write(self, secret: int, file: bytes, mode: int) -> None:
        """Copy the secret from ``secret`` into ``file``, which is new. Raises Unusable."""
        try:
            self._made = posix.open(file, _NEW, mode)
        except OSError as fault:
            raise Unusable(f"{shown(file)} cannot be made: {fault.strerror}") from None
        try:
            posix.fchmod(self._made, mode)  # a default ACL of the directory may have given more rights
            n_bytes, at = posix.fstat(secret).st_size, 0
            if not 0 < n_bytes <= MOST:
                raise Unusable(f"the secret that came is empty, or has more than {MOST // 1024} KiB")
            while at < n_bytes:
                copied = posix.sendfile(self._made, secret, at, n_bytes - at)
                if not copied:
                    raise Unusable("the secret became shorter while it was copied")
                at += copied
            posix.fsync(self._made)
        except OSError as fault:
            raise Unusable(f"{shown(file)} cannot be written: {fault.strerror}") from None


class _Renewal:
    """Keeps the ticket of ``given`` in ``cache`` valid. The present ticket ends at ``ends_at``, in seconds since 1970."""

    def __init__(self, cache: TicketCache, given: Given, ends_at: int) -> None:
        self._cache, self._given, self._ends_at = cache, given, ends_at
        self._is_told = False
        self._wait()

    @property
    def ends_early(self) -> bool:
        return self._ends_at + 1 < _end_of(self._given)

    def renew(self) -> None:
        """Fetch a new ticket if it is time. If the present ticket has ended and the KDC gives no other, tell the person once."""
        if time.monotonic() < self._due or not self.ends_early:
            return
        try:
            self._ends_at = self._cache.fill(self._given.name, self._given.to, self._ends_at)
            self._is_told = False
        except (NoTicket, NotAuthenticated) as fault:
            if time.time() >= self._ends_at and not self._is_told:
                self._is_told = True
                say(f"the ticket for {self._given.name} has ended, and there is no new one yet: {fault}")
        self._wait()

    def _wait(self) -> None:
        self._due = time.monotonic() + max(AGAIN_AFTER, (self._ends_at - time.time()) / 2)


def _end_of(given: Given) -> float:
    try:
        return seconds_of(given.until)
    except ValueError:
        return time.time() + given.left_ms / 1000


def _fetch(cache: TicketCache, given: Given) -> int:
    """Returns the end of the ticket, in seconds since 1970. Raises NoTicket and NotAuthenticated."""
    until = _end_of(given)
    ends_at = cache.fill(given.name, given.to)
    if ends_at > until + 1:
        say(
            f"warning: the KDC gave a ticket until {in_words(ends_at)}, beyond the end of the grant, {here(given.until)}: "
            "the KDC's gate may be off; tell the KDC's administrator"
        )
    return ends_at


def check_file(file: bytes) -> None:
    """Raise UsageError if it is certain, before the request, that the file (``--to``) cannot be made."""
    directory = file.rpartition(b"/")[0] or (b"/" if file.startswith(b"/") else b".")
    try:
        posix.lstat(file)
    except FileNotFoundError:
        if not posix.access(directory, posix.W_OK | posix.X_OK):
            raise UsageError(
                f"{shown(file)} cannot be made: you may not write into {shown(directory)}; nothing was asked"
            ) from None
        return
    except OSError as fault:
        raise UsageError(f"{shown(file)} cannot be made: {fault.strerror}; nothing was asked") from None
    raise UsageError(f"{shown(file)} exists, and --to makes a new file: name another one; nothing was asked")
