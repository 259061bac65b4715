# SPDX-License-Identifier: Apache-2.0
"""Describes how a person authenticated to the KDC, what the KDC says about the person later, and what a rule may demand.

Law: every value comes from the KDC, and never from the client. If a value is not known, it does not meet any demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from jitd.core.duration import duration_in_words, spell_duration
from jitd.core.receipt import IN_WORDS, is_enough, stricter


class KdcAnswer(StrEnum):
    """What the KDC says about a person. NOT_ASKED means that jitd cannot ask about anybody: it gets no ticket for itself, or the
    KDC refuses to answer its questions. NO_ANSWER means that the KDC is silent, or that its answer says nothing about the
    person.
    """

    VALID = "valid"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    NOT_ASKED = "not asked"


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
"""The flags of a ticket, numbered as in libkrb5 (RFC 4120 section 5.3, RFC 6806 section 11, RFC 8062 section 3)."""
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
"""Maps the number of an encryption type to the name of the type (IANA, Kerberos Encryption Type Numbers)."""
PAC_COUNTS_FOR = timedelta(hours=10)
"""The most time after the authentication, as long as Active Directory gives tickets. A renewed one keeps its groups."""
NOT_BY_DOOR = "takes no approval by the door: approve on the host"  # said after a rule, or after one of its approvals
MOST_AHEAD = 300  # seconds that the KDC's clock may be ahead of this host's, as Kerberos usually allows (clock skew)


def names_of_flags(bits: int) -> tuple[str, ...]:
    """Return the names of the flags in ``bits``, in the order of their bits. A flag that has no name is shown as ``flag 0x…``."""
    named = [name for bit, name in FLAGS if bits & bit]
    known = sum(bit for bit, _ in FLAGS)
    return (*named, *(f"flag {1 << at:#x}" for at in range(31, -1, -1) if bits & ~known & 1 << at))


def name_of_encryption(number: int) -> str:
    """Return the name of the encryption type ``number``, or ``type N`` if ENCRYPTION does not have it."""
    return ENCRYPTION.get(number, f"type {number}")


@dataclass(frozen=True, slots=True)
class Pac:
    """What the PAC of a ticket says of the account, verified with the host's key ([MS-PAC]). ``name`` is the account's own name
    (sAMAccountName), and ``upn`` its user principal name. ``sid`` is its security identifier. ``groups`` are those
    SIDs of its groups that the settings name.
    """

    name: str
    upn: str
    sid: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Authentication:
    """Describes how a person got a ticket. All times are in UTC, with a time zone.

    ``at`` is the time of the initial authentication. The time stays the same when the ticket is renewed or forwarded. If a
    ticket was obtained with another ticket, both tickets have the same ``at``. ``looked_at`` is the time when jitd read the
    ticket. A ticket is read at the handshake, and again when the person reviews. ``flags`` contains names from FLAGS.
    ``indicators`` contains the sorted authentication indicators (RFC 8129) that the KDC has signed for this host.
    ``ticket_encryption`` is the encryption type of the ticket. ``session_encryption`` is the encryption type of the session key.
    ``realms`` contains the realm of the principal and the realm of this host. If the two realms are the same, ``realms``
    contains one realm. There may be other realms between the two realms, but GSSAPI does not report them. ``by_door`` is True if
    the person came through the door: then jitd knows nothing of the host on which the ticket is used. ``pac`` is None if the
    ticket has no PAC that counts, or if the settings name no SIDs. The KDC does not say ``signed``: it is what a receipt of this
    person proves (``core.receipt.LEVELS``), by a key that counts at this moment.
    """

    at: datetime
    looked_at: datetime
    flags: tuple[str, ...]
    indicators: tuple[str, ...]
    ticket_encryption: str
    session_encryption: str
    realms: tuple[str, ...]
    by_door: bool = False
    pac: Pac | None = None
    signed: str = ""

    def detail(self) -> dict[str, Any]:
        """Return the values that are stored in the chain."""
        return {
            "at": str(self.at),
            "flags": list(self.flags),
            "indicators": list(self.indicators),
            "ticket_encryption": self.ticket_encryption,
            "session_encryption": self.session_encryption,
            "realms": list(self.realms),
            **({"by_door": True} if self.by_door else {}),
            **({} if self.pac is None else {"sid": self.pac.sid, "sids": sorted(self.pac.groups)}),
        }

    @property
    def is_forwarded(self) -> bool:
        """True if the ticket was forwarded or is a proxy, or was obtained with such a one."""
        return "forwarded" in self.flags or "proxy" in self.flags

    @property
    def is_preauthenticated(self) -> bool:
        """True if the person had to prove their identity before the KDC issued the first ticket (pre-authentication)."""
        return "pre-authent" in self.flags

    @property
    def is_by_hardware(self) -> bool:
        """True if the person needed a hardware device for the pre-authentication."""
        return "hw-authent" in self.flags

    @property
    def is_path_checked(self) -> bool:
        """True if a KDC has checked the path of realms from the principal's to this host's (RFC 4120 section 2.7)."""
        return "transited-policy-checked" in self.flags

    def age_at(self, moment: datetime) -> int:
        """Return the time from the initial authentication to ``moment``, in whole seconds. ``moment`` must have a time zone. The
        result may be negative, because the clocks of the host and the KDC may differ.
        """
        return int((moment - self.at).total_seconds())


@dataclass(frozen=True, slots=True)
class Demand:
    """What a rule, or one of its approvals, demands of a person's authentication.

    The ticket must contain at least one of ``indicators``. If ``indicators`` is empty, the ticket needs no indicator.
    ``ticket_age`` is the maximum number of seconds since the initial authentication. None means that there is no maximum.
    ``forwarded`` is ``allow`` or ``refuse``. ``door`` is True if the person may come by the door. This demands nothing, so it is
    False where nobody has thought of the door. ``signed`` is what a receipt of the person has to prove at least, one of LEVELS
    (``core.receipt``). If it is empty, no receipt is needed.
    """

    indicators: tuple[str, ...] = ()
    ticket_age: int | None = None
    forwarded: str = "allow"
    door: bool = False
    signed: str = ""

    @property
    def is_none(self) -> bool:
        """True if nothing is demanded of a ticket, and no receipt."""
        return (self.indicators, self.ticket_age, self.forwarded, self.signed) == ((), None, "allow", "")

    def raised(self, signed: str) -> Demand:
        """Return this demand, with a receipt that proves at least ``signed``."""
        return replace(self, signed=stricter(self.signed, signed))

    @property
    def is_bare(self) -> bool:
        """True if a stolen ticket would do, whenever and however its owner authenticated."""
        return not self.indicators and self.ticket_age is None and not self.signed

    def lack(self, given: Authentication | None, moment: datetime | None = None) -> str:
        """Return "" if ``given`` meets this demand at ``moment``, or when jitd read the ticket if that is None. Else say what is
        missing and what to do, such as kinit: the end of a sentence after ``rule deploy`` and the like.
        """
        if given is not None and given.by_door and not self.door:  # also if nothing else is demanded
            return NOT_BY_DOOR
        if self.is_none:
            return ""
        if given is None:
            return "wants to know how you authenticated, and you have no Kerberos ticket: kinit"
        if self.forwarded != "allow" and given.is_forwarded:
            return "refuses tickets that were forwarded from another host, and your ticket was forwarded: kinit on this host"
        if self.indicators and not set(self.indicators) & set(given.indicators):
            shown = f"only {_either(given.indicators)}" if given.indicators else "none"
            how = _either(self.indicators)
            return f"wants the authentication indicator {how}, and your ticket has {shown}: kinit, and authenticate with {how}"
        if self.ticket_age is not None and (lack := self._age(self.ticket_age, given.age_at(moment or given.looked_at))):
            return lack
        if not is_enough(given.signed, self.signed):
            return f"takes only approvals that are {IN_WORDS[self.signed]}, one of yours that counts on this host"
        return ""

    def _age(self, most: int, age: int) -> str:
        again = f"kinit -l {spell_duration(most)} (kinit -R is not enough)"
        if age > most:
            ago = f"an authentication at most {duration_in_words(most)} old"
            return f"wants {ago}, and yours is {duration_in_words(age)} old: {again}"
        if age < -MOST_AHEAD:
            return "requires the age of your authentication, but its time is in the future: set this host's clock, then kinit"
        return ""

    def __str__(self) -> str:
        """Such as ``authenticated with otp or pkinit, at most 8 hours ago; also by the door``, to follow a noun."""
        parts = [f"with {_either(self.indicators)}"] if self.indicators else []
        parts += [f"at most {duration_in_words(self.ticket_age)} ago"] if self.ticket_age is not None else []
        parts += ["by a ticket that was not forwarded"] if self.forwarded != "allow" else []
        demanded = f"authenticated {', '.join(parts)}" if parts else ""
        return "; ".join(filter(None, (demanded, IN_WORDS[self.signed], "also by the door" if self.door else "")))


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
