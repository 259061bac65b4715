# SPDX-License-Identifier: Apache-2.0
"""Every message as a frame, byte for byte: a jitsudo of last year and a daemon of today speak with each other.

Law: ``golden/frames`` has for each message who says it, the length that stands before it, and its body; twice where fields may be
left empty. To write the file anew, on purpose: ``JITD_GOLDEN=write``, and look at the difference.
"""

import os
from pathlib import Path

import pytest

from jitpam.wire.coding import decode, encode
from jitpam.wire.framing import FrameReader, frame
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON, NONCE_LENGTH, VERSION

GOLDEN = Path(__file__).parent / "golden/frames"
SAYS = {"client": FROM_CLIENT, "daemon": FROM_DAEMON}
FULL = {
    "int": 2**53 - 1,
    "Count": 2**53 - 1,
    "Inode": 2**63,
    "bool": True,
    "str": 'K7QM-2XVD ü\u202e "\\/\n',
    "Typed": 'K7QM-2XVD ü\u202e "\\/\n',
    "bytes": b"\x00\xff\n~?",
    "list[str]": ["", "terminal", "ä"],
    "list[bytes]": [b"/bin/ls", b"", b"\xfe"],
    "list[list[bytes]]": [[b"TERM", b"xterm"], []],
    "dict[str, Any]": {"id": "K7QM", "n": -1, "none": None, "is": False, "of": [["a"], {"b": "\x7f€"}]},
}
"""The declared kind of a field → a value with all that such a one can have."""
EMPTY = {
    "int": 0,
    "Count": 0,
    "Inode": 0,
    "bool": False,
    "str": "",
    "Typed": "",
    "bytes": b"",
    "list[str]": [],
    "list[bytes]": [],
    "list[list[bytes]]": [],
}
EMPTY["dict[str, Any]"] = {}


def filled(field, of):
    """What ``field`` is filled with; a text begins with the field's name."""
    return field + FULL[of] if of in ("str", "Typed") else FULL[of]


def rows():
    """(who says it, its name, its fields' values) for each message with all, and for each with as little as can be."""
    for speaker, declared in SAYS.items():
        for name, kind in declared.items():
            yield speaker, name, {field: filled(field, of.removesuffix(" | None")) for field, of in kind.fields.items()}
            if kind.fields:
                yield speaker, name, {field: None if of.endswith(" | None") else EMPTY[of] for field, of in kind.fields.items()}


ROWS = list(rows())


def line(speaker, name, values):
    whole = frame(encode(SAYS[speaker][name](**values)))
    return f"{speaker} {whole[:4].hex()} {whole[4:].decode('ascii')}"


def golden():
    if os.environ.get("JITD_GOLDEN") == "write":
        GOLDEN.write_text("".join(f"{line(*row)}\n" for row in ROWS), "ascii")
    return GOLDEN.read_text("ascii").splitlines()


ALWAYS = golden()


def test_every_message_of_either_side_has_its_frames_and_no_other():
    names = [(speaker, f'{{"type":"{name}"') for speaker, name, _ in ROWS]
    said = [words.split(" ", 2) for words in ALWAYS]
    assert [(speaker, body[: len(start)]) for (speaker, _, body), (_, start) in zip(said, names, strict=True)] == names
    assert {(speaker, name) for speaker, name, _ in ROWS} == {(speaker, name) for speaker in SAYS for name in SAYS[speaker]}


@pytest.mark.parametrize(
    "number", range(len(ROWS)), ids=[f"{speaker} {name} {n % 2}" for n, (speaker, name, _) in enumerate(ROWS)]
)
def test_a_frame_is_what_it_always_was(number):
    assert line(*ROWS[number]) == ALWAYS[number]


@pytest.mark.parametrize(
    "number", range(len(ROWS)), ids=[f"{speaker} {name} {n % 2}" for n, (speaker, name, _) in enumerate(ROWS)]
)
def test_what_was_always_said_is_heard_as_it_was_meant(number):
    """Field by field: a message's own ``==`` has no part in it."""
    speaker, name, values = ROWS[number]
    _, length, body = ALWAYS[number].split(" ", 2)
    reader = FrameReader()
    reader.feed(bytes.fromhex(length) + body.encode("ascii"))
    heard = decode(reader.next_frame(), SAYS[speaker])
    assert reader.is_empty
    assert (heard.type, type(heard)) == (name, SAYS[speaker][name])
    assert dict(heard.__dict__) == values


def test_the_first_word_is_what_it_always_was():
    """PROTOCOL.md section 5: version 1, and 32 bytes that nobody said before."""
    assert (VERSION, NONCE_LENGTH) == (1, 32)
