# SPDX-License-Identifier: Apache-2.0
"""What the process that looks for a KDC is asked: frozen bytes, read strictly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.kdc import reach
from jitd.kdc.reaching import FAILED
from jitd.kdc.seeking import SEEK, Seek
from jitd.packages import places

GOLDEN = Path(__file__).parent / "golden-seeker"
PLAIN = {"do": "seek", "realm": "R", "client": "a/b@R"}


def test_the_question_has_the_bytes_that_it_has_always_had() -> None:
    question, frozen = Seek("EXAMPLE.TEST", "jitd/lab.example.test@EXAMPLE.TEST"), (GOLDEN / "seek.json").read_bytes()
    assert SEEK.write(question) == frozen
    assert SEEK.read(frozen) == question


@pytest.mark.parametrize(
    "change", [{"do": "ask"}, {"realm": ""}, {"realm": "A@B"}, {"realm": "A\n"}, {"client": "a"}, {"more": 1}], ids=str
)
def test_a_question_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    SEEK.read(json.dumps(PLAIN).encode())
    with pytest.raises(ValueError):
        SEEK.read(json.dumps(PLAIN | change).encode())


@given(st.binary(max_size=100))
def test_whatever_the_bytes_of_the_question_are_only_value_error_is_raised(noise: bytes) -> None:
    with pytest.raises(ValueError):
        SEEK.read(noise)


def test_a_look_that_cannot_read_its_question_has_failed_and_proves_nothing() -> None:
    """THREATS K-22. A question of another version, for example."""
    command = [sys.executable, "-IS", "-c", reach.PROGRAM, *places()]
    done = subprocess.run(command, input=b'{"realm":"R"}', capture_output=True, check=False)
    assert done.returncode == FAILED and done.stderr == b"jitd: the question cannot be read: is not text\n" and not done.stdout
