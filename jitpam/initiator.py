# SPDX-License-Identifier: Apache-2.0
"""Makes GSSAPI tokens for ``jitd/<host>`` from the user's credential cache. This module implements the initiator's part of
PROTOCOL.md section 3.

Law: only the krb5 mechanism is used, and credentials are never delegated. Every status of the library is checked. Nothing is
wrapped or unwrapped before the daemon has proved its identity and all requested flags are granted. Every call that may wait for
a KDC has a time limit, which its caller sets. This module calls the library through its own binding, which uses the C half of
ctypes. docs/adr/0002-initiator.md gives the reasons and the measurements.
"""

from __future__ import annotations

import _thread
import posix  # importing `os` would make each start 1 ms longer
import sys
import time

from jitpam import krb5
from jitpam.krb5 import Bindings, Given, Handle, Number, Oid, Taken
from jitpam.news import SILENT_KDC, News

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")
else:
    import _signal  # importing `signal` would make each start 3 ms longer

SERVICE = "jitd"
TICKET_WITHIN = 3.0
"""Seconds for a ticket where nobody sees what is waited for. Where a person does, they are told after so many, and libkrb5 ends
the wait: after some 30 seconds for each KDC that does not answer.
"""
CHANNEL, DOOR = b"jitd channel 1\n", b"jitd door 1\n"  # begin the channel binding. A proof for one is none at the other
HOST_WITHIN = 1.0  # seconds at most for the resolver to find this host's full name
_copying = _thread.allocate_lock()


class NotAuthenticated(Exception):
    """The user could not authenticate. ``cause`` is a key word for programs. The text tells the user what to do."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class Unproved(Exception):
    """The peer could not prove that it is jitd, or did not seal a message correctly."""


# --- the initiator ---------------------------------------------------------------------------------------------------


class Initiator:
    """Authenticates the user once to the jitd on ``target_host``, and then seals and opens each message of the connection.

    Call ``obtain_ticket``, ``first_token`` and ``finish`` in this order, and then ``wrap`` and ``unwrap``. ``cache`` is the name
    of the credential cache. If ``cache`` is None, the environment names the cache. A process that has changed its user id must
    pass ``cache``, because the library ignores the environment in such a process (secure_getenv(3)). ``realm`` is the realm of
    the host. If it is empty, krb5.conf names it, or the KDC of the user's realm. With ``copies``, tickets are kept in copies of
    the caches that this process alone has. The dictionary, which several initiators may share, maps each cache to its copy.
    """

    def __init__(
        self, target_host: str, cache: bytes | None = None, *, realm: str = "", copies: dict[bytes, bytes] | None = None
    ) -> None:
        self._cache = cache
        self._named_realm = realm
        self._copies = copies
        self.target = f"{SERVICE}/{target_host}"
        self.principal = ""  # the principal of the credentials, known after `obtain_ticket`
        self.expires_at = 0.0  # the end of the service ticket in seconds since 1970, known after `obtain_ticket`
        try:
            self._gss = krb5.gssapi()
            self._krb5 = krb5.krb5()
        except OSError as fault:
            raise NotAuthenticated("library", f"the Kerberos library cannot be loaded: {fault}") from None
        self._minor = Number()
        self._library = Handle()
        self._name = Handle()
        self._credentials = Handle()
        self._context = Handle()
        self._mechanism = Oid(len(krb5.KRB5), krb5.KRB5)
        self._realm = ""
        self._chosen_cache: bytes | None = None
        self._is_finished = False

    def obtain_ticket(self, timeout_for: float = TICKET_WITHIN, news: News | None = None) -> None:
        """Have a service ticket in the cache, from the KDC if need be. Raises NotAuthenticated, also after ``timeout_for``
        seconds, unless ``news``, which then says what is waited for, as long as libkrb5 waits.
        """
        fault = self._krb5.krb5_init_context(self._library)
        if fault:
            raise NotAuthenticated("configuration", f"the Kerberos configuration (krb5.conf) cannot be read (error {fault})")
        krb5.share_keyring(krb5.default_cache(self._library) if self._cache is None else self._cache)

        def say_whom() -> None:
            assert news is not None
            news.say(SILENT_KDC.format(realm=self._realm or self._own_realm(), seconds=timeout_for))

        try:
            within(timeout_for, self._obtain_ticket, None if news is None else say_whom)
        except TimeoutError:
            raise NotAuthenticated(
                "kdc silent",
                f"the KDC did not answer within {timeout_for:g} s: try again, or check the network and the KDC",
            ) from None

    def _obtain_ticket(self) -> None:
        self._realm = self._named_realm or self._realm_of_target()
        named = _given(self._wanted)
        # The name is given as a principal. For a host-based service, DNS could rename the host (rdns, THREATS K-18).
        kind = Oid(len(krb5.KRB5_PRINCIPAL_NAME), krb5.KRB5_PRINCIPAL_NAME)
        self._call("gss_import_name", named, kind, self._name)
        self._chosen_cache = cache = self._copied(self._chosen() or self._cache)
        if cache is not None:  # the name is set only for this thread, which acquires the credentials below
            self._call("gss_krb5_ccache_name", cache, None)
        major = self._gss.gss_acquire_cred(self._minor, None, krb5.FOREVER, None, krb5.INITIATE, self._credentials, None, None)
        if major:
            raise self._why_no_ticket(major)
        # Make a token that is not sent. For this, the library fetches the service ticket and keeps it in the cache.
        self._start(None)
        self._gss.gss_delete_sec_context(self._minor, self._context, None)

    def first_token(self, channel: bytes) -> bytes:
        """Return the token for the daemon, bound to ``channel``. Raises NotAuthenticated."""
        bindings = Bindings(application_data=_given(channel))
        try:  # if the cache did not keep the ticket, this call asks the KDC again
            return within(TICKET_WITHIN, lambda: self._start(bindings))
        except TimeoutError:
            raise NotAuthenticated("kdc silent", "the KDC stopped answering: try again") from None

    def _start(self, bindings: Bindings | None) -> bytes:
        token = Taken()
        lifetime = Number()
        major = self._gss.gss_init_sec_context(
            self._minor,
            self._credentials,
            self._context,
            self._name,
            self._mechanism,
            krb5.WANTED,
            0,
            bindings,
            None,
            None,
            token,
            None,
            lifetime,
        )
        if not self.principal:
            self.principal = self._owner()
        if major != krb5.CONTINUE_NEEDED:
            raise self._why_no_ticket(major)
        self.expires_at = time.time() + lifetime.value
        return self._take(token)

    def _chosen(self) -> bytes:
        """Return the name of the cache that the library chooses for the target from the collection, by ~/.k5identity or by the
        realm (k5identity(5)). If it chooses none, return b"": GSSAPI then takes the primary cache. Raises NotAuthenticated.

        GSSAPI makes the same choice, but only for a name of a host-based service, which our name is not. It also makes none in a
        process that has changed its user id, where the collection must be named.
        """
        cache, owner, name = Handle(), Handle(), krb5.String()
        wanted = krb5.principal()
        if self._cache is not None:
            self._krb5.krb5_cc_set_default_name(self._library, self._cache)
        if self._krb5.krb5_parse_name(self._library, self._wanted, wanted):
            return b""
        wanted.contents.type = krb5.OF_A_HOST
        self._krb5.krb5_cc_select(self._library, wanted, cache, owner)
        if cache.value and not self._krb5.krb5_cc_get_full_name(self._library, cache, name):
            return name.value or b""
        if owner.value and not self._krb5.krb5_unparse_name(self._library, owner, name):
            who = (name.value or b"").decode("utf-8", "surrogateescape")
            raise NotAuthenticated(
                "no ticket", f"~/.k5identity chooses {who} for this host, but you have no ticket of {who}: kinit {who}"
            )
        return b""

    def _copied(self, cache: bytes | None) -> bytes | None:
        if self._copies is None:
            return cache
        name = cache or krb5.default_cache(self._library)
        with _copying:
            if name not in self._copies:
                self._copies[name] = krb5.in_memory(self._library, name)
            return self._copies[name]

    def _owner(self) -> str:
        """Return "" if there are none. The library must have chosen the cache by then: earlier, it takes the primary one."""
        return self._owner_of(self._credentials)

    def _own_realm(self) -> str:
        """Return the realm of the credentials. Another thread uses these credentials now, so they are acquired once more."""
        credentials, minor = Handle(), Number()
        self._gss.gss_krb5_ccache_name(minor, self._chosen_cache, None)  # for this thread
        self._gss.gss_acquire_cred(minor, None, krb5.FOREVER, None, krb5.INITIATE, credentials, None, None)
        realm = self._owner_of(credentials).rpartition("@")[2] or "your realm"
        if credentials.value:
            self._gss.gss_release_cred(minor, credentials)
        self._gss.gss_krb5_ccache_name(minor, None, None)
        return realm

    def _owner_of(self, credentials: Handle) -> str:
        minor, owner, shown = Number(), Handle(), Taken()  # the status of a start that has failed is still needed
        self._gss.gss_inquire_cred(minor, credentials, owner, None, None, None)
        if not owner.value or self._gss.gss_display_name(minor, owner, shown, None):
            return ""
        self._gss.gss_release_name(minor, owner)
        principal = krb5.bytes_at(shown)
        self._gss.gss_release_buffer(minor, shown)
        return principal.decode("utf-8", "surrogateescape")

    def finish(self, token: bytes) -> None:
        """Check the daemon's answer. Raises Unproved if it lacks the key of ``jitd/<host>``, or a flag is not granted."""
        answer = Taken()
        granted = Number()
        major = self._gss.gss_init_sec_context(
            self._minor,
            self._credentials,
            self._context,
            self._name,
            self._mechanism,
            krb5.WANTED,
            0,
            None,
            _given(token),
            None,
            answer,
            granted,
            None,
        )
        if major:
            raise Unproved(f"the server cannot prove that it is {self.target}: {self._status(major)}")
        if answer.length:
            raise Unproved("the server wants more authentication messages than the protocol has")
        if granted.value & krb5.WANTED != krb5.WANTED or granted.value & (krb5.DELEGATE | krb5.ANONYMOUS):
            raise Unproved(f"the security context is not what was asked for (flags {granted.value:#x})")
        self._is_finished = True

    def wrap(self, message: bytes) -> bytes:
        """Return ``message`` in sealed form: encrypted, and protected against changes. Raises Unproved."""
        self._must_be_finished()
        is_secret = krb5.Int()
        sealed = Taken()
        major = self._gss.gss_wrap(self._minor, self._context, 1, 0, _given(message), is_secret, sealed)
        if major or not is_secret.value:
            raise Unproved(f"a message could not be sealed: {self._status(major)}")
        return self._take(sealed)

    def unwrap(self, sealed: bytes) -> bytes:
        """Return the message in ``sealed``. Raises Unproved unless it is the daemon's next message, encrypted and unchanged."""
        self._must_be_finished()
        is_secret = krb5.Int()
        message = Taken()
        major = self._gss.gss_unwrap(self._minor, self._context, _given(sealed), message, is_secret, None)
        # The low bits of the major status show that a message came twice, late, too early or after a gap. These are errors too.
        if major:
            self._take(message)
            raise Unproved(f"a message was not sealed by {self.target}, or came out of order: {self._status(major)}")
        if not is_secret.value:
            self._take(message)
            raise Unproved("a message was not encrypted")
        return self._take(message)

    def close(self) -> None:
        """Release the security context and the credentials."""
        self._is_finished = False
        for release, handle in (
            (self._gss.gss_release_cred, self._credentials),
            (self._gss.gss_release_name, self._name),
        ):
            if handle.value:
                release(self._minor, handle)
        if self._context.value:
            self._gss.gss_delete_sec_context(self._minor, self._context, None)
        if self._library.value:
            self._krb5.krb5_free_context(self._library)
            self._library = Handle()

    # --- messages for faults

    def _must_be_finished(self) -> None:
        if not self._is_finished:
            raise Unproved("nothing is sealed before the daemon has proved itself")

    def _call(self, name: str, *arguments: object) -> None:
        major = getattr(self._gss, name)(self._minor, *arguments)
        if major:
            raise NotAuthenticated("library", f"{name} failed: {self._status(major)}")

    def _take(self, buffer: Taken) -> bytes:
        data = krb5.bytes_at(buffer)
        self._gss.gss_release_buffer(self._minor, buffer)
        return data

    def _status(self, major: int) -> str:
        """Return the library's text for the status of the mechanism, or for ``major`` if the mechanism has set none."""
        minor = self._minor.value
        kind, status = (krb5.BY_MINOR, minor) if minor else (krb5.BY_MAJOR, major)
        text = Taken()
        more = Number()
        if self._gss.gss_display_status(self._minor, status, kind, self._mechanism, more, text):
            return f"status {major:#x}, {minor:#x}"
        return self._take(text).decode("utf-8", "surrogateescape")

    @property
    def _wanted(self) -> bytes:
        return f"{self.target}@{self._realm}".encode("utf-8", "surrogateescape")

    def _realm_of_target(self) -> str:
        """Return the realm that krb5.conf names for the host, or "", so that the KDC of the user's realm is asked."""
        realms = krb5.strings()
        host = self.target.partition("/")[2].encode("utf-8", "surrogateescape")
        if self._krb5.krb5_get_host_realm(self._library, host, realms):
            return ""
        realm = realms[0] or b""
        self._krb5.krb5_free_host_realm(self._library, realms)
        return realm.decode("utf-8", "surrogateescape")

    def _why_no_ticket(self, major: int) -> NotAuthenticated:
        code = krb5.Int(self._minor.value).value
        said = self._status(major)
        if major == krb5.NO_CREDENTIALS:
            return self._why_no_credentials(said)
        own_realm = self.principal.rpartition("@")[2]
        if code == -1765328377 and self._realm not in ("", own_realm):  # KDC_ERR_S_PRINCIPAL_UNKNOWN, of krbtgt/REALM
            return NotAuthenticated(
                "realm",
                f"this host is of realm {self._realm}, your ticket is of realm {own_realm}, and these realms do not trust each"
                f" other: kinit with a principal of {self._realm}",
            )
        known = _CAUSES.get(code)
        if known is None:
            return NotAuthenticated("other", f"no ticket for {self.target}: {said}")
        cause, text = known
        return NotAuthenticated(
            cause,
            text.format(target=self.target, principal=self.principal or "you", realm=own_realm, said=said, full=full_keyring()),
        )

    def _why_no_credentials(self, said: str) -> NotAuthenticated:
        import os

        name = os.environ.get("KRB5CCNAME", "") if self._cache is None else os.fsdecode(self._cache)
        kind = name.partition(":")[0] if ":" in name else "FILE"
        where = f" (KRB5CCNAME is {name})" if name else ""
        if kind == "MEMORY":
            return NotAuthenticated(
                "cache", "KRB5CCNAME names a MEMORY cache, which no other program can read: use FILE:, DIR:, KCM: or KEYRING:"
            )
        cache = Handle()
        owner = Handle()
        if self._cache is None:
            code = self._krb5.krb5_cc_default(self._library, cache)
        else:
            code = self._krb5.krb5_cc_resolve(self._library, self._cache, cache)
        if not code:
            code = self._krb5.krb5_cc_get_principal(self._library, cache, owner)
        if code == _NOT_OUR_UID and name.rpartition(":")[2] in (str(posix.geteuid()), name):
            code = OVER_QUOTA  # libkrb5 takes each refusal of the kernel for a wrong uid
        known = _CACHE_CAUSES.get(code)
        if known is None:
            return NotAuthenticated("cache", f"{said}{where}: kinit, or mend KRB5CCNAME")
        cause, text = known
        return NotAuthenticated(cause, text.format(where=where, kind=kind, full=full_keyring()))


OVER_QUOTA = 122  # EDQUOT, if the keys of an account are too many or too large for one more (keyrings(7))
_NOT_OUR_UID = -1750600185  # KRB5_KCC_INVALID_UID
_SKEW = "the clocks of this host and of the KDC differ too much: have them set right, then kinit again"
_CAUSES = {
    -1765328352: ("expired", "your Kerberos ticket has expired: kinit"),  # AP_ERR_TKT_EXPIRED
    -1765328347: ("skew", _SKEW),  # AP_ERR_SKEW
    -1765328351: ("skew", "your Kerberos ticket is not valid yet, or the clock of this host is behind: kinit again"),
    -1765328236: ("skew", _SKEW),  # KDCREP_SKEW
    -1765328228: (
        "kdc down",
        "no KDC of realm {realm} can be reached: try again, or check the network and the KDC",
    ),
    -1765328230: ("realm", "no KDC is known for realm {realm}: krb5.conf does not name one"),  # REALM_UNKNOWN
    -1765328164: ("realm", "the KDC of realm {realm} cannot be found by its name: look at krb5.conf"),  # REALM_CANT_RESOLVE
    -1765328377: (
        "service",
        "the KDC knows no {target}: this host is not enrolled for jitd; ask its administrator to add that principal",
    ),
    -1765328366: ("revoked", "the KDC says that {principal} is locked or has expired: ask its administrator"),
    -1765328378: ("revoked", "the KDC does not know {principal} any more: ask its administrator"),
    -1765328364: ("revoked", "the KDC has revoked the ticket of {principal}: kinit again"),
    -1765328372: ("policy", "the KDC gives no ticket for {target}: {said}"),
    OVER_QUOTA: ("cache", "{full}"),
}  # fmt: skip
"""Maps a status of the krb5 mechanism to a cause and to a sentence that tells the user what to do."""

_CACHE_CAUSES = {
    -1765328189: ("no ticket", "you have no Kerberos ticket{where}: kinit"),  # FCC_NOFILE
    -1765328243: ("no ticket", "you have no Kerberos ticket{where}: kinit"),  # CC_NOTFOUND
    -1765328190: ("unreadable", "the credential cache may not be read by you{where}: kinit into one of your own"),
    -1765328244: ("cache", "KRB5CCNAME is of a type that is not known here ({kind}): use FILE:, DIR:, KCM: or KEYRING:"),
    -1765328185: ("cache", "the credential cache is damaged{where}: kinit again"),  # CC_FORMAT
    -1765328172: ("cache", "the credential cache is of another format{where}: kinit again"),  # CCACHE_BADVNO
    _NOT_OUR_UID: ("cache", "KRB5CCNAME names a persistent keyring that is not yours{where}: unset it, and kinit"),
    OVER_QUOTA: ("cache", "{full}"),
    -1750600181: ("cache", "no KCM daemon runs on this host, which the credential cache needs{where}"),
}  # fmt: skip
"""Maps what libkrb5 returns if it cannot open the cache to a cause and a sentence that says what to do."""


def full_keyring() -> str:
    """Return the sentence for a credential cache that has no room in the kernel's keyrings."""
    return (
        "the kernel keeps no more keys for your account (/proc/key-users): kinit into a file instead"
        f" (export KRB5CCNAME=FILE:/tmp/krb5cc_{posix.geteuid()}; kinit)"
    )


def _given(data: bytes) -> Given:
    return Given(len(data), data)


class NoProcess(Exception):
    """The kernel starts no more processes or threads for this account, or in its control group (setrlimit(2), RLIMIT_NPROC)."""

    def __init__(self) -> None:
        super().__init__(
            "no process or thread can be started: the limit of this account (ulimit -u) or of its session is reached"
        )


def within(seconds: float, work: Callable[[], T], then: Callable[[], None] | None = None) -> T:
    """Call ``work`` in a new thread. Return its result or raise its exception. After ``seconds`` seconds, raises TimeoutError,
    or calls ``then`` and waits on. After a timeout the thread continues, but the process can still exit by ``os._exit``.

    If the kernel starts no thread (RLIMIT_NPROC), ``work`` is called in this one, and takes as long as it takes: somebody whose
    processes have reached their limit needs a command that ends them.
    """
    finished = _thread.allocate_lock()
    finished.acquire()
    result: list[T] = []
    fault: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as raised:
            fault.append(raised)
        finally:
            finished.release()

    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())  # the new thread must not get our signals
    try:
        _thread.start_new_thread(run, ())
        is_started = True
    except RuntimeError:
        is_started = False
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
    if not is_started:
        return work()
    if not finished.acquire(timeout=seconds):
        if then is None:
            raise TimeoutError
        then()
        finished.acquire()
    if fault:
        raise fault[0]
    return result[0]


def channel_of(client_hello: bytes, daemon_hello: bytes, where: bytes = CHANNEL) -> bytes:
    """Return the channel binding for a token. The binding is a digest of ``where``, and of the lengths and texts of both hellos
    (PROTOCOL.md section 3). ``where`` is CHANNEL, or DOOR.
    """
    try:  # importing `hashlib` takes 2 ms more, and to look for a module that is not there 0.2 ms
        if sys.version_info >= (3, 12):
            from _sha2 import sha256  # type: ignore[import-not-found]
        else:
            from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256
    framed = b"".join(len(body).to_bytes(4, "big") + body for body in (client_hello, daemon_hello))
    return bytes(sha256(where + framed).digest())


def own_host() -> str:
    """Return this host's full name, like ``hostname -f``. One with a dot is not looked up. Without a longer one within
    HOST_WITHIN seconds, it is the short one, as jitd's own default.
    """
    name = posix.uname().nodename
    if "." not in name.strip("."):
        from _socket import AI_CANONNAME, getaddrinfo  # importing `socket` would take 5 ms more

        try:
            # as bytes: of a text, Python first makes an internationalized name, for which a label has at most 63 characters
            sought = name.encode("utf-8", "surrogateescape")
            found = within(HOST_WITHIN, lambda: getaddrinfo(sought, None, flags=AI_CANONNAME))
            beginning = f"{name.lower()}."
            name = next((full for _, _, _, full, _ in found if full.lower().startswith(beginning)), name)
        except (OSError, TimeoutError, UnicodeError):  # a resolver may answer with bytes that are no text
            pass
    return name.rstrip(".").lower()
