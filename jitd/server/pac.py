# SPDX-License-Identifier: Apache-2.0
"""Reads whose a ticket of Active Directory is, and of which groups this account is, from two buffers of the ticket's PAC
([MS-PAC] sections 2.5 and 2.10).

Law: pure. This module does not verify a PAC: that is the work of libkrb5. Every length is compared with what is there, nothing is
read twice, and whatever is not exactly as expected raises BadPac. What is not read here (times, quotas, keys) is skipped by its
length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MOST_BYTES = 1 << 17  # maximum length of a buffer. A ticket of Active Directory has at most 65,535 bytes (MaxTokenSize).
_MOST_SUBAUTHORITIES = 15  # [MS-DTYP] section 2.4.2.2
_GUEST, _HAS_EXTRA, _HAS_RESOURCE = 0x1, 0x20, 0x200  # UserFlags
_DISABLED = 0x1  # UserAccountControl, as [MS-SAMR] section 2.2.1.12 numbers it
_ENABLED, _DENY_ONLY = 0x4, 0x10  # the attributes of a group: SE_GROUP_ENABLED, SE_GROUP_USE_FOR_DENY_ONLY


class BadPac(ValueError):
    """A buffer is not what [MS-PAC] says. The argument says where, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Account:
    """``name`` is the account's own name (sAMAccountName), whatever name the ticket has. ``sid`` is its security identifier.
    ``groups`` are those of its groups that are enabled, and not there to deny alone.
    """

    name: str
    sid: str
    groups: frozenset[str]


class _Reader:
    """Takes values from ``data``, in the encoding NDR with little-endian numbers ([C706] chapter 14)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def bytes(self, n: int) -> bytes:
        if n > len(self._data) - self._at:
            raise BadPac(f"it ends at byte {len(self._data)}, where more is announced")
        self._at += n
        return self._data[self._at - n : self._at]

    def short(self) -> int:
        return int.from_bytes(self.bytes(2), "little")

    def long(self) -> int:
        """Return the next number of 32 bits. It is at a multiple of 4."""
        self.bytes(-self._at % 4)
        return int.from_bytes(self.bytes(4), "little")

    def left(self) -> int:
        return len(self._data) - self._at

    def size(self, announced: int) -> None:
        """Read the number of members of an array, which was already announced."""
        if (found := self.long()) != announced:
            raise BadPac(f"an array has {found} members, and {announced} are announced")

    def text(self, header: tuple[int, int, int]) -> str:
        """Return the text that the RPC_UNICODE_STRING ``header`` announces ([MS-DTYP] section 2.3.10)."""
        length, most, pointer = header
        if length % 2 or most % 2 or length > most or not (pointer or most == 0):
            raise BadPac("the length of a text is not possible")
        if not pointer:
            return ""
        self.size(most // 2)
        if self.long() != 0 or self.long() != length // 2:
            raise BadPac("a text does not begin at its beginning, or has another length than announced")
        try:
            return self.bytes(length).decode("utf-16-le")
        except UnicodeDecodeError:
            raise BadPac("a text is not UTF-16") from None

    def header(self) -> tuple[int, int, int]:
        return self.short(), self.short(), self.long()

    def sid(self) -> str:
        """Return a SID ([MS-DTYP] section 2.4.2.3), in the form ``S-1-5-21-1-2-3``."""
        announced = self.long()
        revision, n = self.bytes(2)
        if revision != 1 or n != announced or n > _MOST_SUBAUTHORITIES:
            raise BadPac("a SID has another revision or another length than announced")
        authority = int.from_bytes(self.bytes(6), "big")
        return "-".join(("S-1", str(authority), *(str(self.long()) for _ in range(n))))

    def pairs(self, announced: int, pointer: int) -> list[tuple[int, int]]:
        """Return an array of pairs of two numbers, such as the RID of a group and its attributes."""
        if not pointer:
            if announced:
                raise BadPac("an array is announced, and is not there")
            return []
        self.size(announced)
        return list(struct.iter_unpack("<II", self.bytes(8 * announced)))


def account(logon_info: bytes) -> Account | None:
    """Return the account in ``logon_info`` (KERB_VALIDATION_INFO), or None if disabled or a guest's. Raises BadPac."""
    if len(logon_info) > MOST_BYTES:
        raise BadPac(f"it has more than {MOST_BYTES} bytes")
    read = _Reader(logon_info)
    version, order, length, _ = struct.unpack("<BBHI", read.bytes(8))  # [MS-RPCE] section 2.2.6.1
    if (version, order, length) != (1, 0x10, 8):
        raise BadPac("it has not the header of version 1 and little-endian numbers")
    if read.long() != len(logon_info) - 16:
        raise BadPac("it has another length than announced")
    read.bytes(4)
    if not read.long():
        raise BadPac("it is empty")
    read.bytes(6 * 8)  # times
    own, *others = (read.header() for _ in range(6))
    read.bytes(4)  # counts of logons
    rid, primary, n_groups, groups, flags = (read.long() for _ in range(5))
    read.bytes(16)  # a session key
    servers = [read.header() for _ in range(2)]
    domain = read.long()
    read.bytes(8)
    control = read.long()
    read.bytes(28)  # failed logons
    n_extra, extra, resource_domain, n_resource, resource = (read.long() for _ in range(5))

    # What the pointers lead to, in their order.
    name = read.text(own)
    for header in others:
        read.text(header)
    of_domain = read.pairs(n_groups, groups)
    for header in servers:
        read.text(header)
    if not domain or not rid or not name:
        raise BadPac("it names no account")
    domain_sid = read.sid()
    of_others = [(read.sid(), attributes) for attributes in _extra(read.pairs(n_extra, extra))]
    resource_sid = read.sid() if resource_domain else ""
    of_resources = read.pairs(n_resource, resource)
    if of_resources and not resource_sid:
        raise BadPac("groups of a domain are there, and the domain is not")
    if read.left() >= 8:
        raise BadPac("something follows it")

    if flags & _GUEST or control & _DISABLED:
        return None
    found = [(f"{domain_sid}-{group}", attributes) for group, attributes in of_domain]
    found += of_others if flags & _HAS_EXTRA else []
    found += [(f"{resource_sid}-{group}", attributes) for group, attributes in of_resources] if flags & _HAS_RESOURCE else []
    barred = {group for group, attributes in found if not attributes & _ENABLED or attributes & _DENY_ONLY}
    # An account always has its primary group, unless the list of groups says otherwise.
    return Account(name, f"{domain_sid}-{rid}", frozenset({f"{domain_sid}-{primary}", *(group for group, _ in found)} - barred))


def _extra(pairs: list[tuple[int, int]]) -> list[int]:
    """Return the attributes of the SIDs to which ``pairs`` point."""
    if not all(pointer for pointer, _ in pairs):
        raise BadPac("a SID is announced, and is not there")
    return [attributes for _, attributes in pairs]


def user_principal_name(upn_info: bytes) -> str:
    """Return the user principal name in ``upn_info`` (UPN_DNS_INFO), such as ``bob.smith@example.org``. Raises BadPac."""
    if len(upn_info) > MOST_BYTES:
        raise BadPac(f"it has more than {MOST_BYTES} bytes")
    read = _Reader(upn_info)
    length, offset = read.short(), read.short()
    if length % 2 or offset < 12 or offset + length > len(upn_info):
        raise BadPac("the user principal name is not in it")
    try:
        return upn_info[offset : offset + length].decode("utf-16-le")
    except UnicodeDecodeError:
        raise BadPac("the user principal name is not UTF-16") from None
