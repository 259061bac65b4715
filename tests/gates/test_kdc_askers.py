# SPDX-License-Identifier: Apache-2.0
"""What the process that asks KDCs for tickets is asked and answers: frozen bytes, read strictly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.packages import places
from jitd_gates import gates
from jitd_gates.askers import ASK, SEEN, Ask
from jitd_gates.strings import OFF, Sighting
from jitpam.wire.declared import Codec

GOLDEN = Path(__file__).parent / "golden-askers"
SERVICE, CLIENT = "postgres/db1.lab.example.test@EXAMPLE.TEST", "jitd/lab.example.test@EXAMPLE.TEST"
CODECS: dict[str, Codec[object]] = {"ask": ASK, "seen": SEEN}  # type: ignore[dict-item]
MESSAGES = {
    "ask": Ask("EXAMPLE.TEST", CLIENT, "/etc/jitd/jitd.keytab", (SERVICE,), ("kdc1.example.test", "tcp/[::1]:88"), 3_000),
    "seen": Sighting("kdc1.example.test", SERVICE, OFF, "it gave a ticket that nobody has granted"),
}
PLAIN = {
    "ask": {
        "do": "ask", "realm": "R", "client": "a/b@R", "keytab": "/k", "services": ["s/h@R"], "kdcs": [], "patience_ms": 1,
    },
    "seen": {"said": "seen", "kdc": "", "service": "s/h@R", "state": "on", "why": "x"},
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert CODECS[name].write(MESSAGES[name]) == frozen
    assert CODECS[name].read(frozen) == MESSAGES[name]
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ask", {"do": "seek"}), ("ask", {"realm": ""}), ("ask", {"client": "a"}), ("ask", {"more": 1}),
        ("ask", {"keytab": ""}), ("ask", {"keytab": "/\0"}),
        ("ask", {"services": ["s"]}), ("ask", {"services": "s@R"}), ("ask", {"kdcs": [""]}), ("ask", {"kdcs": None}),
        ("ask", {"patience_ms": 0}), ("ask", {"patience_ms": 1.5}), ("ask", {"patience_ms": True}),
        ("seen", {"state": "ON"}), ("seen", {"state": ["on"]}), ("seen", {"service": "s"}), ("seen", {"why": ""}),
        ("seen", {"why": "a\nb"}), ("seen", {"kdc": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_a_message_that_is_not_exactly_as_declared_is_not_read(name: str, change: dict[str, object]) -> None:
    CODECS[name].read(json.dumps(PLAIN[name]).encode())
    with pytest.raises(ValueError):
        CODECS[name].read(json.dumps(PLAIN[name] | change).encode())


@given(st.binary(max_size=100))
def test_whatever_the_bytes_are_only_value_error_is_raised(noise: bytes) -> None:
    for codec in CODECS.values():
        with pytest.raises(ValueError):
            codec.read(noise)


def test_a_process_that_cannot_read_its_question_says_so() -> None:
    """A question of another version, for example."""
    command = [sys.executable, "-IS", "-c", gates.PROGRAM, *places()]
    done = subprocess.run(command, input=b'{"realm":"R"}', capture_output=True, check=False)
    assert done.returncode == 1 and done.stderr == b"jitd: the question cannot be read: is not text\n" and not done.stdout
