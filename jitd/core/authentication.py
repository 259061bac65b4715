# SPDX-License-Identifier: Apache-2.0
"""How somebody authenticated to the KDC, as their ticket says it, and what a rule may demand of that.

Law: pure. The KDC vouches for all of it, and the client for nothing. What is not known meets no demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.core.duration import duration_in_words, spell_duration

FLAGS = (
    (0x40000000, "forwardable"),
    (0x20000000, "forwarded"),
    (0x10000000, "proxiable"),
    (0x08000000, "proxy"),
    (0x04000000, "may-postdate"),
    (0x02000000, "postdated"),
    (0x01000000, "invalid"),
    (0x00800000, "renewable"),
    (0x00400000, "initial"),
    (0x00200000, "pre-authent"),
    (0x00100000, "hw-authent"),
    (0x00080000, "transited-policy-checked"),
    (0x00040000, "ok-as-delegate"),
    (0x00010000, "enc-pa-rep"),
    (0x00008000, "anonymous"),
)
"""The flags of a ticket (RFC 4120 section 5.3, RFC 6806 section 11, RFC 8062 section 3) as libkrb5 numbers them."""
ENCRYPTION = {
    1: "des-cbc-crc",
    3: "des-cbc-md5",
    16: "des3-cbc-sha1",
    17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192",
    23: "arcfour-hmac",
    25: "camellia128-cts-cmac",
    26: "camellia256-cts-cmac",
}
"""The encryption types (IANA, Kerberos Encryption Type Numbers)."""
MOST_AHEAD = 300
"""How many seconds the KDC's clock may be ahead of this host's: the clock skew that Kerberos allows."""


def names_of_flags(bits: int) -> tuple[str, ...]:
    """Return the names of the flags in ``bits``, in the order of the bits. A flag without a name is ``flag 0x…``."""
    named = [name for bit, name in FLAGS if bits & bit]
    known = sum(bit for bit, _ in FLAGS)
    return (*named, *(f"flag {1 << at:#x}" for at in range(31, -1, -1) if bits & ~known & 1 << at))


def name_of_encryption(number: int) -> str:
    """Return the name of an encryption type; ``type N`` if it has none here."""
    return ENCRYPTION.get(number, f"type {number}")


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a ticket came about. All instants are aware UTC.

    ``at`` is the initial authentication: a ticket that was renewed, forwarded or got with another ticket keeps it. ``looked_at``
    is when jitd looked: at the handshake, or at the review that the person gave. ``flags`` are names of FLAGS. ``indicators`` are
    the authentication indicators (RFC 8129) that the KDC has signed for this host, sorted. ``ticket_encryption`` and
    ``session_encryption`` name the types of the ticket and of its session key. ``realms`` are the realm of the principal and, if
    that is another one, the realm of this host. GSSAPI does not report the realms between these two.
    """

    at: datetime
    looked_at: datetime
    flags: tuple[str, ...]
    indicators: tuple[str, ...]
    ticket_encryption: str
    session_encryption: str
    realms: tuple[str, ...]

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of it."""
        return {
            "at": str(self.at),
            "flags": list(self.flags),
            "indicators": list(self.indicators),
            "ticket_encryption": self.ticket_encryption,
            "session_encryption": self.session_encryption,
            "realms": list(self.realms),
        }

    @property
    def is_forwarded(self) -> bool:
        """True if the ticket, or one that it was got with, was forwarded from another host, or is a proxy of one."""
        return "forwarded" in self.flags or "proxy" in self.flags

    @property
    def is_initial(self) -> bool:
        """True if the ticket itself was got by the initial authentication, and not with another ticket."""
        return "initial" in self.flags

    @property
    def is_preauthenticated(self) -> bool:
        """True if the KDC saw a proof before it issued the first ticket."""
        return "pre-authent" in self.flags

    @property
    def is_by_hardware(self) -> bool:
        """True if that proof needed a device of the person."""
        return "hw-authent" in self.flags

    @property
    def is_path_checked(self) -> bool:
        """True if a KDC has checked the realms on the way from the principal's realm to ours (RFC 4120 section 2.7)."""
        return "transited-policy-checked" in self.flags

    def age_at(self, moment: datetime) -> int:
        """Return how many whole seconds ``moment`` (aware) is after the initial authentication. The clocks of host and KDC may
        differ, so the number may be negative.
        """
        return int((moment - self.at).total_seconds())


@dataclass(frozen=True, slots=True)
class Demand:
    """What a rule, or one of its approvals, demands of how somebody authenticated.

    ``indicators``: one of them has to be in the ticket; empty if none has to. ``ticket_age``: how many seconds ago the initial
    authentication may have been at most; None for any number. ``forwarded`` is ``allow`` or ``refuse``.
    """

    indicators: tuple[str, ...] = ()
    ticket_age: int | None = None
    forwarded: str = "allow"

    @property
    def is_none(self) -> bool:
        """True if nothing is demanded."""
        return self == Demand()

    def lack(self, given: Authentication | None, moment: datetime | None = None) -> str:
        """Return what ``given`` lacks at ``moment`` (aware; None: when jitd looked), and what to type. The words follow a subject
        such as ``rule deploy``. Empty if nothing is lacking.
        """
        if self.is_none:
            return ""
        if given is None:
            return "wants to know how you authenticated, and you have no Kerberos ticket: kinit"
        if self.forwarded != "allow" and given.is_forwarded:
            return "refuses tickets that were forwarded from another host, and yours was: kinit on this host"
        if self.indicators and not set(self.indicators) & set(given.indicators):
            shown = f"only {_either(given.indicators)}" if given.indicators else "none"
            how = _either(self.indicators)
            return f"wants the authentication indicator {how}, and your ticket has {shown}: kinit, and authenticate with {how}"
        if self.ticket_age is not None:
            return self._age(self.ticket_age, given.age_at(moment or given.looked_at))
        return ""

    def _age(self, most: int, age: int) -> str:
        again = f"kinit -l {spell_duration(most)} (kinit -R does not change it)"
        if age > most:
            ago = f"an authentication at most {duration_in_words(most)} old"
            return f"wants {ago}, and yours is {duration_in_words(age)} old: {again}"
        if age < -MOST_AHEAD:
            return "wants to know the age of your authentication, and it lies in the future: set this host's clock, then kinit"
        return ""

    def __str__(self) -> str:
        """Return the demand in words that follow a noun: ``authenticated with otp or pkinit, at most 8 hours ago``."""
        parts = [f"with {_either(self.indicators)}"] if self.indicators else []
        parts += [f"at most {duration_in_words(self.ticket_age)} ago"] if self.ticket_age is not None else []
        parts += ["by a ticket that was not forwarded"] if self.forwarded != "allow" else []
        return f"authenticated {', '.join(parts)}" if parts else ""


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
