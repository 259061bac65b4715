# SPDX-License-Identifier: Apache-2.0
"""What is read from the PAC of a ticket: bytes of a real Active Directory, bytes that this file encodes, and bytes of nobody."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from gssapi.raw.misc import GSSError
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.authentication import Pac
from jitd.server import verified_pac
from jitd.server.pac import MOST_BYTES, BadPac, account, user_principal_name

# Of Samba 4.17: erin, who is in "Night Shift", which is in "Ops Team"; and zed, with a ticket of zed.upn@AD.EXAMPLE.TEST.
ERIN = bytes.fromhex(
    "01100800cccccccca801000000000000000002000000000000000000ffffffffffffff7fffffffffffffff7f02832319947fdd0102438d435d80dd01"
    "02037d0e95a0dd0108000800040002000000000008000200000000000c00020000000000100002000000000014000200000000001800020000000000"
    "5504000001020000030000001c0002002000000000000000000000000000000000000000040006002000020006000800240002002800020000000000"
    "000000001000000000000000000000000000000000000000000000000000000000000000010000002c00020000000000000000000000000004000000"
    "00000000040000006500720069006e000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000003000000010200000700000059040000070000005e0400000700000003000000000000000200000044004300"
    "04000000000000000300000041004400580000000400000001040000000000051500000009022a2f049c0873608e1d4a010000003000020007000000"
    "0100000001010000000000120100000000000000"
)
ZED_UPN = bytes.fromhex(
    "2e0018001e00480002000000060068001c006e00000000007a00650064002e00750070006e004000610064002e006500780061006d0070006c006500"
    "2e0074006500730074000000410044002e004500580041004d0050004c0045002e00540045005300540000007a006500640001050000000000051500"
    "000009022a2f049c0873608e1d4ae5070000000000000000"
)
NOBODYS_NAME: Any = None
DOMAIN = (21, 1, 2, 4294967295)
SID = "S-1-5-21-1-2-4294967295"
ON = 0x7  # mandatory, enabled by default, enabled
OFF, DENY_ONLY = 0x3, 0x7 | 0x10
EXTRA, RESOURCE = 0x20, 0x200
Groups = Sequence[tuple[int, int]]


def of_sid(*parts: int) -> bytes:
    return struct.pack("<IBB6s", len(parts), 1, len(parts), (5).to_bytes(6, "big")) + struct.pack(f"<{len(parts)}I", *parts)


def of_text(text: str) -> tuple[bytes, bytes]:
    """The header of a text, and what its pointer leads to."""
    raw = text.encode("utf-16-le")
    body = struct.pack("<III", len(raw) // 2, 0, len(raw) // 2) + raw
    return struct.pack("<HHI", len(raw), len(raw), 0x20000), body + bytes(-len(body) % 4)


def of_pairs(pairs: Groups) -> bytes:
    return struct.pack("<I", len(pairs)) + b"".join(struct.pack("<II", *pair) for pair in pairs)


def encoded(
    name: str = "carol",
    groups: Groups = ((513, ON), (1105, ON)),
    *,
    primary: int = 513,
    rid: int = 1104,
    flags: int = EXTRA,
    control: int = 0x10,
    extra: Sequence[tuple[tuple[int, ...], int]] = (),
    resource: Groups = (),
    padding: bytes = b"",
) -> bytes:
    """A KERB_VALIDATION_INFO, by the words of [MS-PAC] and [C706], and not by the product's code."""
    texts = [of_text(text) for text in (name, "Carol C.", "", "", "", "")]
    servers = [of_text(text) for text in ("DC1", "ADX")]
    fixed = struct.pack("<I48x", 0x20004) + b"".join(header for header, _ in texts) + struct.pack("<HH", 1, 0)
    fixed += struct.pack("<IIIII16x", rid, primary, len(groups), 0x20008, flags) + b"".join(header for header, _ in servers)
    fixed += struct.pack("<I8xI28x", 0x2000C, control)
    fixed += struct.pack(
        "<IIIII", len(extra), 0x20010 if extra else 0, *((0x20014, len(resource), 0x20018) if resource else (0,) * 3)
    )
    body = b"".join(body for _, body in texts) + of_pairs(groups) + b"".join(body for _, body in servers) + of_sid(*DOMAIN)
    if extra:
        body += of_pairs([(0x20100, attributes) for _, attributes in extra]) + b"".join(of_sid(*sid) for sid, _ in extra)
    if resource:
        body += of_sid(21, 9, 9, 9) + of_pairs(resource)
    whole = fixed + body + padding
    return struct.pack("<BBHIII", 1, 0x10, 8, 0xCCCCCCCC, len(whole), 0) + whole


def test_a_pac_of_a_real_domain_says_who_it_is_and_of_which_groups_nested_ones_too() -> None:
    found = account(ERIN)
    assert found is not None and found.name == "erin"
    domain, _, rid = found.sid.rpartition("-")
    assert rid == "1109"
    assert found.groups == {f"{domain}-{group}" for group in (513, 1113, 1118)} | {"S-1-18-1"}
    assert user_principal_name(ZED_UPN) == "zed.upn@ad.example.test"


@pytest.mark.parametrize(
    ("made", "groups"),
    [
        ({}, {f"{SID}-513", f"{SID}-1105"}),
        ({"groups": [(1105, ON)], "primary": 600}, {f"{SID}-600", f"{SID}-1105"}),
        ({"groups": []}, {f"{SID}-513"}),
        ({"groups": [(1105, OFF)]}, {f"{SID}-513"}),
        ({"groups": [(1105, DENY_ONLY)]}, {f"{SID}-513"}),
        ({"groups": [(1105, ON), (1105, DENY_ONLY)]}, {f"{SID}-513"}),
        ({"groups": [(1105, DENY_ONLY), (1105, ON)]}, {f"{SID}-513"}),
        ({"groups": [(513, DENY_ONLY)]}, set()),
        ({"groups": [], "extra": [((21, 5, 5, 5, 7), ON)]}, {f"{SID}-513", "S-1-5-21-5-5-5-7"}),
        ({"groups": [], "extra": [((21, 5, 5, 5, 7), DENY_ONLY)]}, {f"{SID}-513"}),
        ({"groups": [], "extra": [((21, 5, 5, 5, 7), ON)], "flags": 0}, {f"{SID}-513"}),
        ({"groups": [], "resource": [(7, ON | 0x20000000)], "flags": RESOURCE}, {f"{SID}-513", "S-1-5-21-9-9-9-7"}),
        ({"groups": [], "resource": [(7, OFF)], "flags": RESOURCE}, {f"{SID}-513"}),
        ({"groups": [], "resource": [(7, ON)], "flags": EXTRA}, {f"{SID}-513"}),
        ({"groups": [], "extra": [((32, 544), ON)], "resource": [(7, ON)], "flags": EXTRA | RESOURCE},
         {f"{SID}-513", "S-1-5-32-544", "S-1-5-21-9-9-9-7"}),
    ],
)  # fmt: skip
def test_a_group_counts_if_it_is_enabled_and_not_there_to_deny_alone(made: dict[str, object], groups: set[str]) -> None:
    """THREATS F-18."""
    found = account(encoded(**made))  # type: ignore[arg-type]
    assert found is not None and found.groups == groups


@pytest.mark.parametrize("made", [{"control": 0x11}, {"flags": EXTRA | 1}], ids=["disabled", "guest"])
def test_who_is_disabled_or_a_guest_is_nobody(made: dict[str, int]) -> None:
    """THREATS F-18."""
    assert account(encoded(**made)) is None  # type: ignore[arg-type]


WHOLE = encoded(extra=[((21, 5, 5, 5, 7), ON)], resource=[(7, ON)], flags=EXTRA | RESOURCE)


@pytest.mark.parametrize("whole", [ERIN, WHOLE], ids=["samba", "own"])
def test_a_pac_that_is_cut_at_any_length_is_refused(whole: bytes) -> None:
    """THREATS F-18: also if it announces the length that it has."""
    for length in range(len(whole) - 1):
        cut = whole[:length]
        for made in (cut, cut[:8] + struct.pack("<I", max(0, length - 16)) + cut[12:]):
            if length >= len(whole) - 8 and made is not cut and not any(whole[length:]):
                continue  # less padding is no fault
            with pytest.raises(BadPac):
                account(made)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", "ends"),
        (b"\x02" + WHOLE[1:], "header"),
        (WHOLE[:1] + b"\x00" + WHOLE[2:], "header"),
        (WHOLE + bytes(8), "length"),
        (encoded(padding=bytes(8)), "follows"),
        (encoded(rid=0), "no account"),
        (encoded(name=""), "no account"),
        (WHOLE[:16] + bytes(4) + WHOLE[20:], "empty"),
        (bytes(MOST_BYTES + 1), "more than"),
        (encoded(groups=[(rid, ON) for rid in range(1_000_000)]), "more than"),
        (encoded().replace(of_pairs([(513, ON), (1105, ON)]), struct.pack("<I", 0x7FFFFFFF)), "announced"),
        (encoded().replace(of_pairs([(513, ON), (1105, ON)]), struct.pack("<IIIII", 3, 513, ON, 1105, ON)), "announced"),
        (encoded().replace(struct.pack("<II", 2, 0x20008), struct.pack("<II", 0xFFFFFFFF, 0x20008)), "announced"),
        (encoded().replace(struct.pack("<II", 2, 0x20008), struct.pack("<II", 2, 0)), "not there"),
        (encoded().replace(of_sid(*DOMAIN)[:6], struct.pack("<IBB", 4, 1, 15)), "SID"),
        (encoded().replace(of_sid(*DOMAIN)[:6], struct.pack("<IBB", 4, 2, 4)), "SID"),
        (encoded().replace(of_sid(*DOMAIN)[:6], struct.pack("<IBB", 200, 1, 200)), "SID"),
        (encoded().replace(of_text("carol")[0], struct.pack("<HHI", 9, 10, 1)), "text"),
        (encoded().replace(of_text("carol")[0], struct.pack("<HHI", 12, 10, 1)), "text"),
        (encoded().replace(of_text("carol")[0], struct.pack("<HHI", 10, 10, 0)), "text"),
        (encoded().replace("carol".encode("utf-16-le"), b"\x00\xd8" * 5), "UTF-16"),
        (WHOLE.replace(struct.pack("<II", 0x20100, ON), struct.pack("<II", 0, ON)), "not there"),
        (WHOLE.replace(struct.pack("<III", 0x20014, 1, 0x20018), struct.pack("<III", 0, 1, 0x20018)), "an?|SID|array"),
    ],
)  # fmt: skip
def test_a_pac_whose_lengths_lie_is_refused(bad: bytes, why: str) -> None:
    """THREATS F-18."""
    with pytest.raises(BadPac, match=why):
        account(bad)


def test_a_pac_with_thousands_of_groups_is_read() -> None:
    found = account(encoded(groups=[(rid, ON) for rid in range(1, 16_001)]))
    assert found is not None and len(found.groups) == 16_000


@given(st.binary(max_size=600))
def test_bytes_of_nobody_raise_one_error(bad: bytes) -> None:
    """THREATS F-18."""
    for made in (bad, WHOLE[:20] + bad):
        with pytest.raises(BadPac):
            account(made[:8] + struct.pack("<I", max(0, len(made) - 16)) + made[12:])


@given(st.sampled_from([ERIN, WHOLE]), st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_pac_raises_one_error_or_gives_what_its_bytes_say(whole: bytes, changes: list[tuple[int, int]]) -> None:
    """THREATS F-18: it was verified before, so no group can be proved to be wrong, but nothing else may come of it."""
    made = bytearray(whole)
    for at, byte in changes:
        made[at % len(made)] = byte
    try:
        found = account(bytes(made))
    except BadPac:
        return
    assert found is None or all(group.startswith("S-1-") for group in found.groups)


@given(st.binary(max_size=200))
def test_a_user_principal_name_is_read_or_raises_the_same_error(bad: bytes) -> None:
    """THREATS F-18."""
    for made in (bad, ZED_UPN[: len(bad)], bad[:4] + ZED_UPN[4:]):
        try:
            assert isinstance(user_principal_name(made), str)
        except BadPac:
            continue


@pytest.mark.parametrize("bad", [b"", ZED_UPN[:3], ZED_UPN[:20], b"\x01" + ZED_UPN[1:], ZED_UPN[:2] + b"\x00\x00" + ZED_UPN[4:]])
def test_a_user_principal_name_outside_of_its_buffer_is_refused(bad: bytes) -> None:
    """THREATS F-18."""
    with pytest.raises(BadPac):
        user_principal_name(bad)


@pytest.mark.parametrize(
    ("changed", "is_there"),
    [
        ({}, True),
        ({"authenticated": False}, False),
        ({"complete": False}, False),
        ({"values": [ERIN, ERIN]}, False),
        ({"values": []}, False),
        ({"values": [ERIN[:-8]]}, False),
        ({"fails": GSSError(13 << 16, 22)}, False),
        ({"attrs": None}, False),
        ({"attrs": [b"urn:mspac:logon-info"]}, False),
        ({"attrs": [b"urn:mspac:upn-dns-info"]}, False),
    ],
)  # fmt: skip
def test_a_buffer_counts_only_if_gssapi_calls_it_authenticated(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], is_there: bool
) -> None:
    """THREATS F-18."""
    attrs = changed.get("attrs", [b"urn:mspac:", b"urn:mspac:logon-info", b"urn:mspac:upn-dns-info"])

    def attribute(name: object, asked: bytes) -> object:
        if asked == b"urn:mspac:upn-dns-info":
            return SimpleNamespace(values=[ZED_UPN], authenticated=True, complete=True)
        if isinstance(fault := changed.get("fails"), Exception):
            raise fault
        return SimpleNamespace(**{"values": [ERIN], "authenticated": True, "complete": True, **changed})

    monkeypatch.setattr(verified_pac, "inquire_name", lambda name, mech_name: SimpleNamespace(attrs=attrs))
    monkeypatch.setattr(verified_pac, "get_name_attribute", attribute)
    erin = account(ERIN)
    assert erin is not None
    named = f"{erin.sid.rpartition('-')[0]}-1118"
    found = verified_pac.read_pac(NOBODYS_NAME, frozenset({named, "S-1-5-21-1-2-3-4"}))
    assert found == (Pac("erin", "zed.upn@ad.example.test", erin.sid, frozenset({named})) if is_there else None)


@pytest.mark.parametrize(
    ("attrs", "is_delegated"), [(None, False), ([b"urn:mspac:"], False), ([b"urn:mspac:delegation-info"], True)]
)
def test_a_ticket_by_delegation_is_known_by_a_buffer_also_if_nobody_has_verified_it(
    monkeypatch: pytest.MonkeyPatch, attrs: list[bytes] | None, is_delegated: bool
) -> None:
    """THREATS F-18."""
    monkeypatch.setattr(verified_pac, "inquire_name", lambda name, mech_name: SimpleNamespace(attrs=attrs))
    assert verified_pac.is_delegated(NOBODYS_NAME) is is_delegated
