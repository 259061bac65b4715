# SPDX-License-Identifier: Apache-2.0
"""Checks that a krb5 token has the one encoding that jitd accepts (RFC 4121 section 4.1, RFC 4120 sections 5.3 and 5.5.1).

Law: pure. libkrb5 decrypts the two encrypted parts of a token, but does not check the other bytes (realm, service, options).
The other bytes are cleartext and not protected. Therefore a client could send the same proof in many encodings. This module
accepts one encoding, and refuses all other encodings (THREATS K-01).
"""

from __future__ import annotations

_START = bytes.fromhex("06092a864886f7120102020100")  # the object id of krb5, and the mark for an AP-REQ
_VERSION = 5
_AP_REQ = 14
_MUTUAL = bytes.fromhex("0020000000")  # a bit string that sets the option for mutual authentication, and no other option
_NAME_TYPES = (1, 2, 3)  # NT-PRINCIPAL, NT-SRV-INST and NT-SRV-HST (RFC 4120 section 6.2): a KDC may write any of them

_INTEGER, _BITS, _OCTETS, _TEXT, _SEQUENCE = 0x02, 0x03, 0x04, 0x1B, 0x30


def is_canonical(token: bytes, service: str) -> bool:
    """True if ``token`` is exactly the DER encoding of an AP-REQ for ``service`` (``jitd/host@REALM``)."""
    try:
        return _spelled(token, service) == token
    except (IndexError, KeyError, ValueError):
        return False


def encryption_types(token: bytes) -> tuple[int, int]:
    """Return the encryption types (RFC 3961 section 8) of the ticket and the session key of a canonical, accepted token: right,
    because libkrb5 has decrypted with keys of these types.
    """
    request = _fields(_inner(_inner(token, 0x60)[len(_START) :], 0x6E))
    ticket = _fields(_inner(request[3], 0x61))
    return _number(_fields(ticket[3])[0]), _number(_fields(request[4])[0])


def _spelled(token: bytes, service: str) -> bytes:
    """Encode a token for ``service``. Copy only the encrypted parts, the key version and the encryption types from ``token``.

    Raises IndexError, KeyError or ValueError if one of these values is missing in ``token``.
    """
    name, _, realm = service.rpartition("@")
    request = _fields(_inner(_inner(token, 0x60)[len(_START) :], 0x6E))
    ticket = _fields(_inner(request[3], 0x61))
    name_type = _number(_fields(ticket[2])[0])
    if name_type not in _NAME_TYPES:
        raise ValueError("the name is of another type")
    sname = _sequence(_field(0, _integer(name_type)), _field(1, _sequence(*(_tlv(_TEXT, p.encode()) for p in name.split("/")))))
    return _tlv(
        0x60,
        _START
        + _tlv(
            0x6E,
            _sequence(
                _field(0, _integer(_VERSION)),
                _field(1, _integer(_AP_REQ)),
                _field(2, _tlv(_BITS, _MUTUAL)),
                _field(
                    3,
                    _tlv(
                        0x61,
                        _sequence(
                            _field(0, _integer(_VERSION)),
                            _field(1, _tlv(_TEXT, realm.encode())),
                            _field(2, sname),
                            _field(3, _sealed(ticket[3], has_version=True)),
                        ),
                    ),
                ),
                _field(4, _sealed(request[4], has_version=False)),
            ),
        ),
    )


def _sealed(data: bytes, *, has_version: bool) -> bytes:
    """Encode the type and the ciphertext again, and the key version if ``has_version`` is True."""
    parts = _fields(data)
    kept = [_field(0, _integer(_number(parts[0])))]
    if has_version:
        version = _number(parts[1])
        if version < 1:
            raise ValueError("libkrb5 treats version 0 as any version")
        kept.append(_field(1, _integer(version)))
    return _sequence(*kept, _field(2, _tlv(_OCTETS, _inner(parts[2], _OCTETS))))


# --- DER ---------------------------------------------------------------------------------------------------------------


def _read(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and the value of the first DER element, and the bytes after it. Raises ValueError or IndexError."""
    tag, length, start = data[0], data[1], 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if start > 6 or end > len(data):
        raise ValueError("cut short")
    return tag, data[start:end], data[end:]


def _inner(data: bytes, wanted: int) -> bytes:
    """Return the value of ``data``, one DER element with the tag ``wanted``. Raises ValueError or IndexError."""
    tag, value, rest = _read(data)
    if tag != wanted or rest:
        raise ValueError("another element")
    return value


def _fields(data: bytes) -> dict[int, bytes]:
    """Return the members of a sequence as a mapping from context tag to value. Raises ValueError or IndexError."""
    found = {}
    rest = _inner(data, _SEQUENCE)
    while rest:
        tag, value, rest = _read(rest)
        found[tag - 0xA0] = value
    return found


def _number(data: bytes) -> int:
    return int.from_bytes(_inner(data, _INTEGER), "big", signed=True)


def _tlv(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(size))) + size + value


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _field(number: int, value: bytes) -> bytes:
    return _tlv(0xA0 + number, value)


def _sequence(*values: bytes) -> bytes:
    return _tlv(_SEQUENCE, b"".join(values))
