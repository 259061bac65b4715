# SPDX-License-Identifier: Apache-2.0
"""Fetches granted service tickets into a new credential cache that contains nothing else. The cache is in the kernel's keyring of
the login session if the person's own default cache is a keyring, and otherwise a file.

Law: the person's own cache is read and never changed. A service ticket that is already in the person's cache is not used. The
request to the KDC uses a copy of the person's cache that contains only the ticket-granting tickets. The KDC has FETCH_WITHIN
seconds to answer. The removal of the new cache is not a security measure, because the person may have copied the ticket.
"""

from __future__ import annotations

import posix
import time
from _stat import S_IMODE, S_ISDIR

from jitpam import krb5, krb5_caches
from jitpam.initiator import OVER_QUOTA, NotAuthenticated, full_keyring, within
from jitpam.krb5 import Handle, String
from jitpam.krb5_caches import MATCH_TIMES_EXACT, NO_STORE, Credential

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as _datetime
    from typing import Any
else:
    import _datetime  # importing `datetime` itself would make each start 2 ms longer

FETCH_WITHIN = 10.0  # seconds within which the KDC must answer. libkrb5 itself would wait for 30 seconds.
AGAIN_WITHIN = 2.0  # the same for a ticket that replaces one. Meanwhile jitsudo does nothing else, such as pass on signals.
LAGS_FOR = 4.0  # seconds for which a refusal by policy is asked again: a replica may not have the grant yet
AGAIN_EVERY = 0.5
FILE = b"krb5cc"
_KEYRING = b"KEYRING:session:jitsudo:"
"""The beginning of a keyring's name. The caches of one login session are in one collection, which is not the person's own: there,
GSSAPI could choose a cache that holds no ticket-granting ticket. A collection for each cache would leave an empty one each time.
"""
_EXPIRED, _NO_CACHE, _NOT_FOUND, _POLICY = -1765328352, -1765328189, -1765328243, -1765328372
"""Codes of libkrb5: KRB5KRB_AP_ERR_TKT_EXPIRED, KRB5_FCC_NOFILE, KRB5_CC_NOTFOUND, KRB5KDC_ERR_POLICY."""


class NoTicket(Exception):
    """The ticket cannot be fetched or stored. The text is a sentence, with the KDC's or libkrb5's message."""


class TicketCache:
    """A new credential cache, which ``fill`` fills: a keyring, or one file of mode 0600 in a new directory of mode 0700.

    If jitsudo is killed, a file stays until somebody removes it. A keyring ends with the last ticket in it, or with the login
    session. Only programs of the same login session can use a keyring.
    """

    def __init__(self) -> None:
        """Make a directory in XDG_RUNTIME_DIR if only this user may enter that, otherwise in /tmp. Raises NoTicket."""
        default = krb5.default_cache(_context(_calls()))
        krb5.share_keyring(default)
        self._directory = b"" if default.startswith(b"KEYRING:") else _new_directory()
        own = _KEYRING + posix.urandom(8).hex().encode()
        self.name = b"FILE:" + self._directory + b"/" + FILE if self._directory else own
        """The value of KRB5CCNAME for a program that uses the cache."""

    def fill(self, service: str, client: str, after: int = 0) -> int:
        """Fetch a ticket of the principal ``client`` for the principal ``service``, and add it to the cache. Both names include
        their realm. If the cache already has a ticket for ``service``, ``after`` is its end. A ticket that ends later then
        replaces that one, and the KDC has only AGAIN_WITHIN seconds.

        Returns the end of the ticket, in seconds since 1970. Raises NoTicket. Raises NotAuthenticated if ``client`` has no
        ticket-granting ticket that is still valid.
        """
        patience = AGAIN_WITHIN if after else FETCH_WITHIN
        try:
            return within(patience, _Fetch(service, client, self.name, after).run)
        except TimeoutError:
            raise NoTicket(f"the KDC did not answer within {patience:g} s: try again, or check the network and the KDC") from None

    def destroy(self) -> None:
        """Remove the keyring, or the file and its directory. Never raises."""
        try:
            if not self._directory:
                calls, made = _calls(), Handle()
                library = _context(calls)  # a thread that the KDC has left waiting may still use the other one
                calls.krb5_cc_resolve(library, self.name, made) or calls.krb5_cc_destroy(library, made)
                return
            for name in posix.listdir(self._directory):
                posix.unlink(self._directory + b"/" + name)
            posix.rmdir(self._directory)
        except (OSError, NoTicket):
            pass


class _Fetch:
    """Fetches one ticket with the client's credentials and stores it in the cache ``into``. For ``after``, see ``fill``."""

    def __init__(self, service: str, client: str, into: bytes, after: int) -> None:
        self._krb5 = _calls()
        self._library = _context(self._krb5)
        self._service, self._client = service, client
        self._into = into
        self._after = after

    def run(self) -> int:
        """Fetch the ticket and store it. Returns the end of the ticket, in seconds since 1970. Raises NoTicket and
        NotAuthenticated.

        The handles of libkrb5 are not closed, because a process fetches only a few tickets.
        """
        wanted = Credential()
        wanted.client, wanted.server = self._principal(self._client), self._principal(self._service)
        by = self._granting_tickets(wanted.client)
        found = krb5_caches.address()
        until = time.monotonic() + (0.0 if self._after else LAGS_FOR)
        while code := self._krb5.krb5_get_credentials(self._library, NO_STORE, by, wanted, found):
            if code != _POLICY or time.monotonic() >= until:
                raise self._why_not(code)
            time.sleep(AGAIN_EVERY)
        ends_at = int(found.contents.ends_at)
        if ends_at <= self._after:  # e.g. both end with the ticket-granting ticket
            return ends_at
        made = Handle()
        self._do("krb5_cc_resolve", self._into, made)
        if self._krb5.krb5_cc_get_principal(self._library, made, Handle()):  # it holds no ticket yet
            self._do("krb5_cc_initialize", made, wanted.client)
        self._do("krb5_cc_store_cred", made, found)
        if self._after:
            self._remove_older(made, found.contents)
        self._do("krb5_cc_close", made)
        return ends_at

    def _remove_older(self, cache: Handle, new: Any) -> None:
        """Remove the tickets that ``new`` replaces, because a keyring has room for few. If this fails, they end soon."""
        at, older, name = Handle(), [], self._name_of(new.server)
        self._do("krb5_cc_start_seq_get", cache, at)
        one = Credential()
        while not self._krb5.krb5_cc_next_cred(self._library, cache, at, one):
            if self._name_of(one.server) == name and one.ends_at < new.ends_at:
                older.append(one)
            one = Credential()
        self._krb5.krb5_cc_end_seq_get(self._library, cache, at)
        for one in older:
            self._krb5.krb5_cc_remove_cred(self._library, cache, MATCH_TIMES_EXACT, one)

    def _granting_tickets(self, client: Any) -> Handle:
        """Return a cache in memory with only the client's ticket-granting tickets. Raises NoTicket and NotAuthenticated."""
        own, copy, at = Handle(), Handle(), Handle()
        code = self._krb5.krb5_cc_cache_match(self._library, client, own)
        if code in (_NO_CACHE, _NOT_FOUND):
            raise self._no_credentials()
        self._must_be_0(code)
        self._do("krb5_cc_new_unique", b"MEMORY", None, copy)
        self._do("krb5_cc_initialize", copy, client)
        self._do("krb5_cc_start_seq_get", own, at)
        is_empty = True
        one = Credential()
        while not self._krb5.krb5_cc_next_cred(self._library, own, at, one):
            if self._name_of(one.server).startswith(b"krbtgt/"):
                self._do("krb5_cc_store_cred", copy, one)
                is_empty = False
            one = Credential()
        self._krb5.krb5_cc_end_seq_get(self._library, own, at)
        self._krb5.krb5_cc_close(self._library, own)
        if is_empty:
            raise self._no_credentials()
        return copy

    def _principal(self, name: str) -> Any:
        made = Handle()
        self._do("krb5_parse_name", name.encode("utf-8", "surrogateescape"), made)
        return made.value

    def _name_of(self, principal: Any) -> bytes:
        name = String()
        self._do("krb5_unparse_name", principal, name)
        return name.value or b""

    # --- messages for faults

    def _do(self, call: str, *arguments: object) -> None:
        self._must_be_0(getattr(self._krb5, call)(self._library, *arguments))

    def _must_be_0(self, code: int) -> None:
        if code == OVER_QUOTA:
            raise NoTicket(f"the ticket cannot be kept: {full_keyring()}")
        if code:
            raise NoTicket(f"the ticket cannot be kept or fetched: {self._said(code)}")

    def _no_credentials(self) -> NotAuthenticated:
        return NotAuthenticated("no ticket", f"your credential caches have no ticket of {self._client}: kinit, then ask again")

    def _why_not(self, code: int) -> NotAuthenticated | NoTicket:
        if code == _EXPIRED:
            return NotAuthenticated("expired", "your Kerberos ticket has expired: kinit, then ask again")
        return NoTicket(f"the KDC gives {self._client} no ticket for {self._service}: {self._said(code)}")

    def _said(self, code: int) -> str:
        text: bytes | None = krb5_caches.texts().krb5_get_error_message(self._library, code)
        return (text or b"error %d" % code).decode("utf-8", "surrogateescape")


def _calls() -> Any:
    try:
        return krb5_caches.calls()
    except OSError as fault:
        raise NoTicket(f"the Kerberos library cannot be loaded: {fault}") from None


def _context(calls: Any) -> Handle:
    library = Handle()
    fault = calls.krb5_init_context(library)
    if fault:
        raise NoTicket(f"the Kerberos configuration (krb5.conf) cannot be read (error {fault})")
    return library


def _new_directory() -> bytes:
    fault = None
    for place in [*_own_place(), b"/tmp"]:
        path = place + b"/jitsudo-" + posix.urandom(8).hex().encode()
        try:
            posix.mkdir(path, 0o700)
            posix.chmod(path, 0o700)  # mkdir applies the umask, chmod does not
            return path
        except OSError as error:
            fault = error
    raise NoTicket(f"no directory can be made for the ticket: {fault and fault.strerror}; nothing was fetched")


def _own_place() -> list[bytes]:
    """Return the path in XDG_RUNTIME_DIR, if that is a directory of this user with mode 0700, and otherwise nothing."""
    place = posix.environ.get(b"XDG_RUNTIME_DIR", b"")
    try:
        place.decode()  # a path that is not UTF-8 cannot be printed as a shell command
        found = posix.lstat(place) if place.startswith(b"/") else None
    except (OSError, UnicodeDecodeError):
        found = None
    is_ours = found and S_ISDIR(found.st_mode) and found.st_uid == posix.geteuid() and S_IMODE(found.st_mode) == 0o700
    return [place] if is_ours else []


def seconds_of(instant: str) -> float:
    """Return ``instant`` (RFC 3339, UTC) as seconds since 1970. Raises ValueError if the form is wrong."""
    return _datetime.datetime.fromisoformat(instant).timestamp()
