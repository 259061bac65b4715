# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-programs say to each other: frozen bytes, read strictly."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from jitd.beside.packets import MAX_BODY
from jitd_outsiders.programs.messages import (
    ANSWERS,
    LONGEST_LINE,
    MOST_BYTES,
    QUESTIONS,
    REPORTS,
    Answer,
    Ended,
    Failed,
    NotExecuted,
    Printed,
    Report,
    Run,
)
from jitpam.wire.declared import sentence

GOLDEN = Path(__file__).parent / "golden"
MESSAGES: dict[str, Run | Answer | Report] = {
    "run": Run("change-calendar", ("/usr/lib/x/calendar", "--zone", "\u00fc \u20ac"), b'{"a":1}\0\xff', 10_000),
    "printed": Printed(b'{"answer":"pass"}\n'),
    "printed-nothing": Printed(b""),
    "failed": Failed("/usr/lib/x/calendar has not ended within 10 s, and was killed"),
    "ended": Ended(3),
    "killed": Ended(-9),
    "not-executed": NotExecuted("could not be executed: Exec format error"),
}
RUN = {"do": "run", "name": "risk", "program": ["/bin/x", "y"], "given": "eA==", "deadline_ms": 1000}


def write(message: Run | Answer | Report) -> bytes:
    if isinstance(message, Ended | NotExecuted):
        return REPORTS.write(message)
    return QUESTIONS.write(message) if isinstance(message, Run) else ANSWERS.write(message)


def read(written: bytes) -> Run | Answer | Report:
    if b'"say"' in written:
        return REPORTS.read(written)
    return QUESTIONS.read(written) if b'"do"' in written else ANSWERS.read(written)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert write(MESSAGES[name]) == frozen
    assert read(frozen) == MESSAGES[name]


def test_every_kind_of_message_is_frozen() -> None:
    assert {type(message) for message in MESSAGES.values()} == {Run, *Answer.__args__, *Report.__args__}
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"do": "ran"}, {"do": None}, {"more": 1}, {"said": "printed"},
        {"name": ""}, {"name": "A"}, {"name": "a\n"}, {"name": "a" * 65}, {"name": 1}, {"name": "-a"},
        {"program": []}, {"program": "/bin/x"}, {"program": ["x"]}, {"program": ["/bin/x", 1]}, {"program": ["/bin/x", "a\0"]},
        {"program": ["/bin/x", "\ud800"]}, {"program": ["/x"] * 65}, {"program": ["/" + "x" * LONGEST_LINE]}, {"program": None},
        {"program": [""]}, {"program": ["./x"]},
        {"given": "eA="}, {"given": "eA==\n"}, {"given": "e A=="}, {"given": "eB=="}, {"given": "e-=="}, {"given": 1},
        {"given": "AAAA" * (MOST_BYTES // 3 + 1)},
        {"deadline_ms": 0}, {"deadline_ms": -1}, {"deadline_ms": "1"}, {"deadline_ms": True}, {"deadline_ms": 3_600_001},
        {"deadline_ms": None},
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_a_question_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    """THREATS U-03."""
    assert QUESTIONS.read(json.dumps(RUN).encode()) == Run("risk", ("/bin/x", "y"), b"x", 1000)
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(RUN | change).encode())


@pytest.mark.parametrize(
    "report",
    [
        {"say": "ended", "code": 256}, {"say": "ended", "code": -65}, {"say": "ended", "code": "0"},
        {"say": "ended", "code": None}, {"say": "ended", "code": False}, {"say": "ended"},
        {"say": "ended", "code": 0, "why": "x"}, {"say": "printed", "code": 0},
        {"say": "not_executed", "why": ""}, {"say": "not_executed", "why": "a\nb"}, {"say": "not_executed", "why": "x" * 501},
        {"code": 0}, ["ended", 0],
    ],
    ids=lambda report: str(report)[:60],
)  # fmt: skip
def test_a_report_that_is_not_exactly_as_declared_is_not_read(report: object) -> None:
    with pytest.raises(ValueError):
        REPORTS.read(json.dumps(report).encode())


@pytest.mark.parametrize("field", RUN)
def test_a_question_that_lacks_a_field_is_not_read(field: str) -> None:
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps({name: value for name, value in RUN.items() if name != field}).encode())


@pytest.mark.parametrize(
    "answer",
    [
        {"said": "printed"}, {"said": "printed", "output": "eA==", "why": "x"}, {"said": "printed", "output": "!"},
        {"said": "printed", "output": "AAAA" * (MOST_BYTES // 3 + 1)}, {"said": "failed"}, {"said": "failed", "why": ""},
        {"said": "failed", "why": "a\nb"}, {"said": "failed", "why": "\u00e4"}, {"said": "failed", "why": "x" * 1001},
        {"said": "failed", "why": 1}, {"said": "run"}, {"said": None}, {"output": "eA=="}, {"said": []},
    ],
    ids=lambda answer: str(answer)[:60],
)  # fmt: skip
def test_an_answer_that_is_not_exactly_as_declared_is_not_read(answer: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(answer).encode())


@pytest.mark.parametrize("of", [QUESTIONS.read, ANSWERS.read])
@pytest.mark.parametrize(
    "written",
    [b"", b"null", b"[]", b"{}", b"\xff", b'{"do":"run"', b"[" * 60_000, b'{"do":"run","do":"run"}', '{"do":"\u00e4"}'.encode()],
    ids=lambda written: repr(written)[:40],
)
def test_bytes_that_are_not_a_message_are_a_value_error(of: object, written: bytes) -> None:
    assert callable(of)
    with pytest.raises(ValueError):
        of(written)


def test_whatever_the_bytes_are_a_reader_raises_value_error_and_nothing_else() -> None:
    chance = random.Random(15)
    frozen = [write(message) for message in MESSAGES.values()]
    n_read = 0
    for _ in range(20_000):
        written = bytearray(chance.choice(frozen))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(written))
            match chance.randrange(3):
                case 0:
                    written[at] = chance.randrange(256)
                case 1:
                    del written[at : at + chance.randint(1, 9)]
                case _:
                    written[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
            written = written or bytearray(b"x")
        for of in (QUESTIONS.read, ANSWERS.read):
            try:
                found = of(bytes(written))
            except ValueError:
                continue
            n_read += 1
            assert read(write(found)) == found, "what is read can be written"
    assert n_read > 0


def test_a_message_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(ValueError):
        QUESTIONS.write(Run("risk", ("x",), b"", 1000))
    with pytest.raises(ValueError):
        ANSWERS.write(Printed(b"x" * (MOST_BYTES + 1)))
    with pytest.raises(ValueError):
        ANSWERS.write(Failed("x" * 1001))


def test_the_longest_messages_have_room_in_a_packet() -> None:
    longest = Run("a" * 64, ("/" + "\u20ac" * (LONGEST_LINE - 1),), b"\xff" * MOST_BYTES, 3_600_000)
    assert len(QUESTIONS.write(longest)) < MAX_BODY
    assert len(ANSWERS.write(Printed(b"\xff" * MOST_BYTES))) < MAX_BODY


def test_a_sentence_is_made_fit_for_a_message() -> None:
    for text in ("", "a\nb", "\u00e4" * 2000, "x" * 5000):
        assert ANSWERS.read(ANSWERS.write(Failed(sentence(text))))
