# SPDX-License-Identifier: Apache-2.0
"""What a person uses things by that were given: the tickets in a cache, secrets in sealed memory, and the file of ``--to``.

Law: jitsudo never reads a secret. The kernel copies it from one descriptor to another. A secret gets into a file only with
``--to``: a new file of mode 0600, which nothing was before. All that was made is removed if it cannot be used.
"""

from __future__ import annotations

import posix
import time

from jitpam.client import Unreachable
from jitpam.options import UsageError
from jitpam.saying import say
from jitpam.ticket import NoTicket, TicketCache, instant_of, seconds_of
from jitpam.wire.messages import Given
from jitpam.wire.shown import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jitpam.client import Connection

TICKET = "service-ticket:"
"""How the name of a thing begins that is leave to get a ticket from the KDC."""
NUMBERS = b"JITSUDO_ACCESS_FD"
"""The variable with the numbers of the command's descriptors that have a secret, separated by commas."""
CACHE = b"KRB5CCNAME"
TOGETHER_WITHIN = 5.0
"""Seconds in which jitd tells us of all things that were given together."""
MOST = 64 * 1024
"""Most bytes of a secret."""


_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC


class Unusable(NoTicket):
    """What was given cannot be used. The text is a sentence."""


class Got:
    """One thing that was given, and its secret: a descriptor, or None if it has none, or if that did not come."""

    __slots__ = ("given", "secret")

    def __init__(self, given: Given, secret: int | None) -> None:
        self.given = given
        self.secret = secret

    @property
    def is_ticket(self) -> bool:
        """True if the thing is leave to get a ticket, which the client fetches."""
        return self.given.thing.startswith(TICKET)


def everything(first: Given, connection: Connection) -> list[Got]:
    """Return ``first`` and the things that jitd gives with it on ``connection``, each with its secret. Raises Unreachable."""
    got, heard = [Got(first, _secret_of(first, connection))], first
    while heard.more:
        again = connection.hear(time.monotonic() + TOGETHER_WITHIN)
        if not isinstance(again, Given):
            raise Unreachable(f"jitd broke the protocol: it said {again.type} before all was given")
        got.append(Got(again, _secret_of(again, connection)))
        heard = again
    return got


def _secret_of(given: Given, connection: Connection) -> int | None:
    if given.secret != "here":
        return None
    descriptor = connection.take_control()
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.lseek(descriptor, 0, 0)  # the command reads it from its beginning
    except OSError:  # no file in memory: what is done with it says so
        pass
    return descriptor


class Access:
    """What is made of the things in ``got``. ``file`` is the file for the secret of one of them (``--to``); None without."""

    def __init__(self, got: list[Got], file: bytes | None) -> None:
        """Make a directory for the tickets, if there are to be any. Raises NoTicket."""
        self._got = got
        self._file = file
        self.tickets_until = 0
        """When the first of the tickets ends, in seconds since 1970; 0 without tickets."""
        self._made = -1  # the descriptor of the file: while it is open, no other file gets the same inode
        self._cache = TicketCache() if any(one.is_ticket for one in got) else None

    def make(self) -> None:
        """Fetch the tickets, and write the file. Raises NoTicket, Unusable and NotAuthenticated."""
        for one in self._got:
            if one.given.secret and one.secret is None:
                raise Unusable(f"the secret of {one.given.thing} was handed over before, and does not come again: ask anew")
        secrets = [one for one in self._got if one.secret is not None]
        if self._file is not None and len(secrets) != 1:
            names = ", ".join(one.given.thing for one in secrets)
            raise Unusable(
                f"--to takes one secret, and {f'these have one: {names}' if names else 'nothing that was given has one'}"
            )
        for one in self._got:
            if self._cache is not None and one.is_ticket:
                ends_at = _fetch(self._cache, one.given)
                self.tickets_until = min(ends_at, self.tickets_until or ends_at)
            elif one.given.name:
                say(one.given.name)
        if self._file is not None:
            self._write(secrets[0].secret or 0, self._file)

    def must_be_readable(self) -> None:
        """Raise Unusable if a secret came, and there is neither a command nor a file for it."""
        unread = [one.given.thing for one in self._got if one.secret is not None]
        if unread and self._file is None:
            raise Unusable(f"{unread[0]} comes with a secret: name a new file for it (--to FILE), or a command that reads it")

    @property
    def variables(self) -> dict[bytes, bytes]:
        """The environment variables by which a command finds it."""
        found = {} if self._cache is None else {CACHE: self._cache.name}
        numbers = b",".join(b"%d" % number for number in self.descriptors)
        return found | ({NUMBERS: numbers} if numbers else {})

    @property
    def descriptors(self) -> list[int]:
        """The descriptors with secrets, in the order in which the things were asked for."""
        return [one.secret for one in self._got if one.secret is not None]

    def close(self) -> None:
        """Close the descriptors of secrets. What was made stays, and ``destroy`` still removes it. Never raises."""
        for one in self._got:
            if one.secret is not None:
                posix.close(one.secret)
                one.secret = None

    def destroy(self) -> None:
        """Remove what was made, and close the descriptors. Never raises."""
        self.close()
        if self._cache is not None:
            self._cache.destroy()
        made, self._made = self._made, -1
        if made < 0 or self._file is None:
            return
        try:
            ours, found = posix.fstat(made), posix.lstat(self._file)
            posix.close(made)
            if (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino):
                posix.unlink(self._file)
        except OSError:  # it is gone, or its directory is
            pass

    def _write(self, secret: int, file: bytes) -> None:
        """Write the secret into the new file ``file``. Raises Unusable."""
        try:
            self._made = posix.open(file, _NEW, 0o600)
        except OSError as fault:
            raise Unusable(f"{shown(file)} cannot be made: {fault.strerror}") from None
        try:
            posix.fchmod(self._made, 0o600)  # a default ACL of the directory may have given more
            n_bytes, at = posix.fstat(secret).st_size, 0
            if not 0 < n_bytes <= MOST:
                raise Unusable(f"the secret that came is empty, or has more than {MOST // 1024} KiB")
            while at < n_bytes:
                copied = posix.sendfile(self._made, secret, at, n_bytes - at)
                if not copied:
                    raise Unusable("the secret that came has got shorter")
                at += copied
            posix.fsync(self._made)
        except OSError as fault:
            raise Unusable(f"{shown(file)} cannot be written: {fault.strerror}") from None


def _fetch(cache: TicketCache, given: Given) -> int:
    """Fetch the ticket of ``given`` into ``cache``. Returns its end, in seconds since 1970. Raises NoTicket and
    NotAuthenticated.
    """
    try:
        until = seconds_of(given.until)
    except ValueError:
        until = time.time() + given.left_ms / 1000
    ends_at = cache.fill(given.name, given.to)
    if ends_at > until + 1:
        say(
            f"warning: the KDC gave a ticket until {instant_of(ends_at)}, beyond the end of the grant, {given.until}: "
            "its gate may be off; tell its administrator"
        )
    return ends_at


def check_file(file: bytes) -> None:
    """Raise UsageError if ``file`` (``--to``) certainly cannot be made, before anybody is asked."""
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
