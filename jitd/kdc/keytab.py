# SPDX-License-Identifier: Apache-2.0
"""Reads the names of principals and the encryption types of their keys in a keytab. The format is version 2, which the
documentation of MIT krb5 describes.

Law: a key is never read from the keytab.
"""

from __future__ import annotations

import struct

from jitd.kdc.names import components, is_host

OWN = "jitd-kdc"  # the first component of the principal that writes grants. The second one is the host of jitd-kdc
_ESCAPED = str.maketrans({"\\": "\\\\", "/": "\\/", "@": "\\@", "\t": "\\t", "\n": "\\n", "\b": "\\b", "\0": "\\0"})


def principals(content: bytes) -> list[str]:
    """Return the principals with a key in the keytab, each once, in its order. Raises ValueError."""
    return list(dict.fromkeys(principal for principal, _ in _entries(content)))


def encryption_types(content: bytes, principal: str) -> frozenset[int]:
    """Return the encryption types (RFC 3961 section 8) of the keys of ``principal``. Raises ValueError."""
    return frozenset(enctype for name, enctype in _entries(content) if name == principal)


def _entries(content: bytes) -> list[tuple[str, int]]:
    """Return the principal and the encryption type of each entry. Raises ValueError."""
    if content[:2] != b"\x05\x02":
        raise ValueError("it does not begin like a keytab")
    found, at = [], 2
    try:
        while at < len(content):
            (size,) = struct.unpack_from(">i", content, at)
            at += 4
            if size > 0:
                found.append(_entry(content[at : at + size]))
            at += abs(size)
    except (struct.error, UnicodeDecodeError):
        raise ValueError("it is cut short or damaged") from None
    return found


def _entry(entry: bytes) -> tuple[str, int]:
    (n_components,) = struct.unpack_from(">H", entry, 0)
    words, at = [], 2
    for _ in range(n_components + 1):
        (size,) = struct.unpack_from(">H", entry, at)
        if len(entry) < at + 2 + size:
            raise struct.error
        words.append(entry[at + 2 : at + 2 + size].decode("utf-8").translate(_ESCAPED))
        at += 2 + size
    (enctype,) = struct.unpack_from(">H", entry, at + 9)  # after the type of the name, a time, and the key's version
    return "/".join(words[1:]) + "@" + words[0], enctype


def clients(content: bytes, service: str) -> list[str]:
    """Return the principals for which a host may request a ticket-granting ticket: ``service``, and then the accounts in the
    realm of ``service``. Only those that have a key in the keytab are returned. Active Directory knows a service only as a server
    ([MS-KILE] section 3.3.5.6.1), and the service belongs to an account: to the host's own (``NAME$``), or to one that was made
    for jitd. Raises ValueError if ``content`` is not a keytab.
    """
    found, realm = principals(content), service.rpartition("@")[2]
    accounts = [name for name in found if "/" not in name and name.endswith(f"@{realm}")]
    return [name for name in (service, *accounts) if name in found]


def own(content: bytes) -> tuple[str, str]:
    """Return the one ``jitd-kdc/HOST@REALM`` of a keytab, and HOST. Raises ValueError unless there is exactly one."""
    found = [name for name in principals(content) if len(components(name)) == 2 and components(name)[0] == OWN]
    if len(found) != 1:
        raise ValueError(f"it has keys of {len(found)} principals {OWN}/HOST, and must have keys of exactly one")
    host = components(found[0])[1]
    if not is_host(host):
        raise ValueError(f"the host of {found[0]} is not the name of a host in lower case")
    return found[0], host
