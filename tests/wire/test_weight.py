# SPDX-License-Identifier: Apache-2.0
"""What a client sends is weighed before it is decoded (THREATS S-15), by the numbers of PROTOCOL.md section 2."""

from __future__ import annotations

import pytest

from jitpam.wire.coding import decode, encode, weigh
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.messages import FROM_CLIENT, Explain, List, Submit
from jitpam.wire.shown import shown, unshown

SMALL, TOKEN, LARGE, COMMAS = 65_536, 131_099, 4_194_304, 20_000
LIST = encode(List(what="requests", ended=False))
ASK = dict(
    service="jitsudo", login=False, user=None, group=None, cwd=b"/", cwd_device=1, cwd_inode=2, chdir=False, variables=[],
    preserved=[], locale=[], streams=[], reason=None, lasts_for=None, uses=None, timeout_for=None, tty=None, login_session=0,
    parents=[],
)  # fmt: skip
EXPLAIN = encode(Explain(**ASK, argv=[b"true"]))


def padded(body: bytes, size: int) -> bytes:
    """``body`` with blanks after it, ``size`` bytes long."""
    return body + b" " * (size - len(body))


def holds(body: bytes) -> bool:
    """True if ``body`` may be decoded."""
    try:
        weigh(body, FROM_CLIENT)
    except RemoteProtocolError:
        return False
    return True


def test_the_longest_body_of_each_message_is_read_and_one_byte_more_is_not() -> None:
    """THREATS S-15: what holds no command has no need of four mebibytes."""
    large = ("submit", "anew", "breakglass", "explain", "suppose", "report", "enforce", "enforcecommand")
    most = {name: LARGE if name in large else TOKEN if name == "token" else SMALL for name in FROM_CLIENT}
    most["edit"] = 3 * SMALL  # a text of 64 KiB in base64, and a reason
    most["edits"] = 4 * SMALL  # and the paths of sixteen files
    for name, n_bytes in most.items():
        body = b'{"type":"%b",' % name.encode()
        assert holds(padded(body, n_bytes)), name
        assert not holds(padded(body, n_bytes + 1)), name


@pytest.mark.parametrize("body", [EXPLAIN, LIST], ids=["large", "small"])
def test_as_many_commas_as_there_may_be_are_read_and_one_more_is_not(body: bytes) -> None:
    """THREATS S-15: twenty thousand members at the most, wherever they stand."""
    n_more = COMMAS - body.count(b",")
    assert holds(body + b"," * n_more)
    assert not holds(body + b"," * (n_more + 1))


@pytest.mark.parametrize(
    "body",
    [
        b" " + EXPLAIN,
        EXPLAIN.replace(b'"type":"explain",', b"", 1)[:-1] + b',"type":"explain"}',
        EXPLAIN.replace(b'"type":', b'"type": ', 1),
        EXPLAIN.replace(b'"explain"', b'"\\u0065xplain"', 1),
        EXPLAIN.replace(b'"explain"', b'"explainer"', 1),
        b"",
    ],
    ids=["a blank first", "the type last", "a blank in it", "an escape", "another word", "nothing"],
)
def test_a_large_body_that_does_not_begin_with_its_type_is_not_decoded(body: bytes) -> None:
    """THREATS S-15: what it is has to be known before it is decoded. A small one may be spelt as it likes."""
    assert holds(padded(body, SMALL))
    assert not holds(padded(body, SMALL + 1))


def test_a_long_honest_command_is_weighed_and_read() -> None:
    """The other side: nineteen thousand arguments, and two mebibytes of them."""
    many = Submit(**ASK, argv=[b"rm", *[b"file"] * 19_000], waits=True, if_owed=True)
    long = Submit(**ASK, argv=[b"echo", *[b"\xff" * 100_000] * 20], waits=True, if_owed=True)
    for message in (many, long):
        body = encode(message)
        weigh(body, FROM_CLIENT)
        assert decode(body, FROM_CLIENT) == message


def test_text_with_a_lone_surrogate_anywhere_is_refused_and_long_text_without_is_read() -> None:
    long = "é" * 500_000
    for tail, is_good in (("", True), ("\\ud800", False), ("\\udfff", False)):
        body = EXPLAIN.replace(b'"reason":null', b'"reason":"' + long.encode() + tail.encode() + b'"')
        weigh(body, FROM_CLIENT)
        if is_good:
            assert decode(body, FROM_CLIENT).reason == long
        else:
            with pytest.raises(RemoteProtocolError):
                decode(body, FROM_CLIENT)


def test_a_long_text_is_shown_as_its_pieces_are() -> None:
    """Wherever it is cut, and however many code points are in it that were never met before."""
    text = " ".join(map(chr, range(0x20, 0xD7FF, 3))) + "\\\x1b" * 20_000 + "\U000e0100ä"
    assert shown(text) == "".join(map(shown, text))
    assert unshown(shown(text)) == text.encode()
