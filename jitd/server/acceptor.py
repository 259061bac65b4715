# SPDX-License-Identifier: Apache-2.0
"""The GSSAPI acceptor. From a client's token, the acceptor gets a proved principal, and a context that protects messages
(PROTOCOL.md section 3).

Law: a client may send only one token. This token must use the krb5 mechanism and the daemon's own key. A context is valid only if
it is complete, mutual, protected against replay, and bound to this channel. If anything is not certain, an exception is raised.
No default value accepts a client.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import gssapi
from gssapi import (
    raw,
)  # GSSAPI's own calls raise errors at once; the layer above defers errors (THREATS K-01), and is slower
from gssapi.raw.ext_krb5 import Krb5LucidContextV1, krb5_export_lucid_sec_context
from gssapi.raw.misc import GSSError

from jitd.core.authentication import Authentication, name_of_encryption
from jitd.kdc import keytab
from jitd.server.apreq import encryption_types, is_canonical
from jitd.server.attested import attested
from jitd.server.verified_pac import is_delegated

KRB5 = gssapi.MechType.kerberos
_Flag = gssapi.RequirementFlag
REQUIRED = (
    _Flag.mutual_authentication,
    _Flag.integrity,
    _Flag.confidentiality,
    _Flag.replay_detection,
    _Flag.out_of_sequence_detection,
    _Flag.channel_bound,
)

# Error codes of RFC 4120 section 7.5.9, with the numbers of libkrb5 (krb5_err.et), and libkrb5's own codes for keytabs.
_BASE = -1765328384
_BADKEYVER = _BASE + 44
_NOT_YET_VALID = _BASE + 33
_SKEW = _BASE + 37
_EXPIRED = _BASE + 32
_REPEAT = _BASE + 34
_KT_NOTFOUND = -1765328203
_KT_KVNONOTFOUND = -1765328154
_NOKEY = _BASE + 45
_BAD_INTEGRITY = _BASE + 31
_SUPPORTED = {23: 4, 17: 8, 18: 16}  # bits in msDS-SupportedEncryptionTypes ([MS-KILE] section 2.2.7)
_OF_ANOTHER_TYPE = frozenset({_BADKEYVER, _KT_NOTFOUND, _KT_KVNONOTFOUND, _NOKEY, _BAD_INTEGRITY})
"""Minor codes of libkrb5 if no key decrypts a ticket, for example because the ticket has another type."""
_GSS_S_CREDENTIALS_EXPIRED = 11 << 16  # RFC 2744 section 3.9.1
_OF_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Minor codes of GSSAPI. Each code means that this host could not read or write the file of the replay cache or the keytab. In
spite of such a fault, the ticket and the keys may be valid.
"""


_WELL_KNOWN = b"WELLKNOWN/"
"""The first component of a principal that belongs to nobody, such as the anonymous principal (RFC 6111). GSSAPI reports a ticket
of an anonymous principal as anonymous only if the client asks GSSAPI to do so.
"""
_UNCHECKED = (
    "no KDC has checked the realms between {} and {}: the KDC's administrator sets reject_bad_transit = true, and capaths if the "
    "way is longer than one step; then kinit"
)


class NotAuthenticated(Exception):
    """The client did not prove who it is. The argument is a sentence for the client."""


class WrongClock(NotAuthenticated):
    """The ticket or the proof is of another time than this host's."""


class NoKey(Exception):
    """The daemon has no usable key in its keytab. The argument is a sentence for the client and its administrator."""


class NoKeyFor(NoKey):
    """No key of the keytab decrypts the ticket of a client. Nobody has proved that a KDC has issued this ticket."""


class CannotNote(NoKey):
    """The daemon accepts no proof at present, because it cannot note on its disk which proofs were already used. The argument is
    a sentence for the client and its administrator.
    """


@dataclass(slots=True)
class Proof:
    """The proof of a client's identity, with the complete security context. ``principal`` is the client's name in the form that
    GSSAPI displays. ``ends_at`` is the time when the ticket ends (aware, UTC). ``authentication`` says how the person got the
    ticket. If ``is_delegated`` is True, a service has got it on behalf of the person.
    """

    principal: bytes
    ends_at: datetime
    authentication: Authentication
    is_delegated: bool
    _context: gssapi.SecurityContext

    def wrap(self, body: bytes) -> bytes:
        """Return ``body``, encrypted for the client."""
        return raw.wrap(self._context, body, True).message

    def unwrap(self, sealed: bytes) -> bytes:
        """Return what the client has wrapped. Raises NotAuthenticated if it was altered, repeated, lost or reordered."""
        try:
            opened = raw.unwrap(self._context, sealed)
        except GSSError as fault:
            raise NotAuthenticated("a frame could not be verified") from fault
        if not opened.encrypted:
            raise NotAuthenticated("a frame was not encrypted")
        return opened.message


class Acceptor:
    """Accepts contexts for ``jitd/host@realm`` with the keys in the keytab ``file``. The keytab is read again for each client,
    because its keys change over time. ``sids`` are the SIDs that the settings name.
    """

    def __init__(self, file: Path, host: str, realm: str, sids: frozenset[str] = frozenset()) -> None:
        self._keytab = file
        self._sids = sids
        self._service = f"jitd/{host}@{realm}"

    def credentials(self) -> gssapi.Credentials:
        """Return the daemon's credentials, with which it accepts. Raises NoKey with a sentence about the keytab."""
        try:
            with self._keytab.open("rb") as file:
                if file.read(1) != b"\x05":
                    raise NoKey(f"jitd's keytab {self._keytab} is not a keytab: jitd doctor tells root how to make it anew")
        except FileNotFoundError:
            raise NoKey(f"jitd's keytab {self._keytab} is missing: jitd doctor tells root how to make it") from None
        except OSError as fault:
            raise NoKey(f"jitd cannot read its keytab {self._keytab}: {fault.strerror}") from None
        try:
            name = gssapi.Name(self._service, gssapi.NameType.kerberos_principal)
            return gssapi.Credentials(name=name, usage="accept", mechs=[KRB5], store={"keytab": f"FILE:{self._keytab}"})
        except GSSError as fault:
            if (minor := _signed(fault.min_code)) in _OF_OURS:
                raise NoKey(f"jitd cannot read its keytab {self._keytab}: {os.strerror(minor)}") from None
            raise NoKey(
                f"jitd's keytab {self._keytab} holds no key of {self._service}: jitd doctor tells root how to add it"
            ) from None

    def accept(self, token: bytes, channel: bytes) -> tuple[Proof, bytes]:
        """Return the proof, and the answer's token. ``channel`` is the hash of both hellos. Raises NotAuthenticated or NoKey."""
        if not token:
            raise NotAuthenticated("an empty token proves nothing")
        if not is_canonical(token, self._service):
            raise NotAuthenticated(f"not a krb5 token for {self._service}: kinit, and see that the ticket is for this host")
        bindings = raw.ChannelBindings(application_data=channel)
        try:
            made = raw.accept_sec_context(token, self.credentials(), None, bindings)
            if made.more_steps:
                raise NotAuthenticated("the client wants to send more than one token")
            if made.mech != KRB5:
                raise NotAuthenticated("only krb5 is accepted")
            flags = int(made.flags)
            if not all(flags & flag for flag in REQUIRED):
                raise NotAuthenticated("the client's context lacks channel binding, mutual authentication or message protection")
            if flags & _Flag.anonymity:
                raise NotAuthenticated("an anonymous ticket proves nothing")
            target = raw.inquire_context(made.context).target_name
            if target is None or _displayed(target) != self._service.encode():
                raise NotAuthenticated(f"the ticket is not for {self._service}")
            principal = _displayed(made.initiator_name)
            given = attested(made.context, made.initiator_name, token, self._service, datetime.now(UTC), self._sids)
            if "anonymous" in given.flags or principal.startswith(_WELL_KNOWN):
                raise NotAuthenticated("an anonymous ticket proves nothing")
            if len(given.realms) > 1 and not given.is_path_checked:
                raise NotAuthenticated(_UNCHECKED.format(*given.realms))
            delegated = is_delegated(made.initiator_name)
            finished, ends_at = _with_end(made.context)
        except GSSError as fault:
            raise self._wrong_type(fault, token) or self._named(fault) from fault
        if made.token is None:
            raise NotAuthenticated("the client did not ask for mutual authentication")
        return Proof(principal, ends_at, given, delegated, finished), made.token

    def _wrong_type(self, fault: GSSError, token: bytes) -> NoKey | None:
        """For a ticket of another type than all keys, as of an account without msDS-SupportedEncryptionTypes ([MS-KILE])."""
        if _signed(fault.min_code) not in _OF_ANOTHER_TYPE:
            return None
        theirs, _ = encryption_types(token)
        try:
            ours = keytab.encryption_types(self._keytab.read_bytes(), self._service)
        except (OSError, ValueError):
            return None
        if theirs in ours or not ours:
            return None
        bits = sum(bit for number, bit in _SUPPORTED.items() if number in ours)
        return NoKeyFor(
            f"the KDC has encrypted your ticket for {self._service} with {name_of_encryption(theirs)}, and jitd has only keys of "
            f"{' and '.join(name_of_encryption(number) for number in sorted(ours))}. In Active Directory, an administrator sets "
            f"msDS-SupportedEncryptionTypes to {bits or _SUPPORTED[17] + _SUPPORTED[18]} on the account that has this service "
            "principal name; then kinit"
        )

    def _named(self, fault: GSSError) -> Exception:
        """Its sentence says how to correct ``fault``. An unknown fault is treated as a fault of the client."""
        minor = _signed(fault.min_code)
        if minor in (_KT_NOTFOUND, _KT_KVNONOTFOUND, _BADKEYVER):
            return NoKeyFor(
                f"jitd's keytab {self._keytab} has not the key version that the KDC uses for {self._service}: "
                f"jitd doctor tells root how to renew it; afterwards drop your old ticket with kinit"
            )
        if minor == _SKEW:
            return WrongClock("the clocks of this host and the KDC are more than five minutes apart: set the time, then kinit")
        if minor == _EXPIRED or fault.maj_code == _GSS_S_CREDENTIALS_EXPIRED:
            return NotAuthenticated("your ticket has expired: kinit")
        if minor == _NOT_YET_VALID:
            return WrongClock("your ticket is not valid yet: check the clock")
        if minor == _REPEAT:
            return NotAuthenticated("this proof of who you are was used before: try again")
        if minor in _OF_OURS:
            return CannotNote(f"jitd cannot note which tickets were used, and so takes none: {os.strerror(minor)}")
        return NotAuthenticated("the ticket was not accepted: kinit, and see that it is for this host")


def _displayed(name: raw.Name) -> bytes:
    return raw.display_name(name, False).name


def _with_end(context: raw.SecurityContext) -> tuple[gssapi.SecurityContext, datetime]:
    """Return when its ticket ends, too. The lifetime that GSSAPI reports includes the allowed clock skew."""
    kept = raw.export_sec_context(context)
    lucid = krb5_export_lucid_sec_context(raw.import_sec_context(kept), 1)  # the call destroys its argument, so it gets a copy
    assert isinstance(lucid, Krb5LucidContextV1) and lucid.endtime is not None, "version 1 was asked for"
    return gssapi.SecurityContext(token=kept), datetime.fromtimestamp(lucid.endtime, UTC)


def _signed(code: int) -> int:
    return code - (1 << 32) if code >= 1 << 31 else code
