# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-givers say to each other: frozen bytes, read strictly."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from jitd_things.givers import messages, passwords, process, questions
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.messages import ANSWERS, QUESTIONS, Give, Look, Mend, Search, Take

GOLDEN = Path(__file__).parent / "golden"
ORDER = Order("WNC0-D702.2", "ops-ssh", "alice", 4001, 1_800_000_000, "ssh-ed25519 AAAA alice@desk", "a" * 64)
MESSAGES = {
    "give": Give("ssh-certificate", ORDER),
    "mend": Mend("postgres-role", Order("WNC0-D702", "reporting", "alice", 4001, 1_800_000_000, "", "a" * 64)),
    "take": Take("sudoers", Order("WNC0-D702", "logs", "alice", 4001, 1_800_000_000, let_in=("4711:12345",))),
    "look": Look("account", ORDER),
    "search": Search("sudoers", "logs", ("WNC0-D702", "WNC0-D702.2")),
    "given": Given("sudo permits you now: ALL=(root) /usr/bin/id"),
    "taken": Taken(),
    "taken-but": Taken("files of theirs are left in /var/tmp"),
    "seen": Seen(State.CHANGED, "the file has other lines"),
    "strays": Strays(("WNC0-D702",)),
    "refused": Refused("visudo refuses the lines"),
    "failed": Failed("the deed was killed"),
}
GIVE = {
    "do": "give", "kind": "sudoers", "holding": "WNC0-D702", "name": "logs", "account": "alice", "uid": 4001, "until": 1,
    "brought": "", "approved": "", "let_in": [],
}  # fmt: skip


def write(message):
    return QUESTIONS.write(message) if isinstance(message, messages.Question) else ANSWERS.write(message)


def read(written):
    return QUESTIONS.read(written) if b'"do"' in written else ANSWERS.read(written)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name):
    file = GOLDEN / f"{name}.json"
    if os.environ.get("JITD_GOLDEN") == "write":
        file.write_bytes(write(MESSAGES[name]))
    assert write(MESSAGES[name]) == file.read_bytes()
    assert read(file.read_bytes()) == MESSAGES[name]


def test_every_kind_of_message_is_frozen():
    assert {type(one) for one in MESSAGES.values()} == {*messages.Question.__args__, *messages.Answer.__args__}
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"do": "gave"}, {"do": None}, {"more": 1}, {"kind": "house"}, {"kind": 1}, {"holding": "../../etc"},
        {"holding": "WNC0-D702.0"}, {"holding": "WNC0-D702\n"}, {"name": "Logs"}, {"name": ""}, {"name": "a/b"},
        {"account": "ali:ce"}, {"account": "-rf"}, {"account": "ali\nce"}, {"account": "\u200b"}, {"uid": -1}, {"uid": True},
        {"uid": 2**32}, {"uid": "4001"}, {"until": -1}, {"until": 1.5}, {"brought": "a\nb"}, {"brought": "x" * 20_000},
        {"approved": "a"}, {"approved": "A" * 64},
        {"let_in": ["1"]}, {"let_in": ["0:1"]}, {"let_in": ["1:1"] * 1001}, {"let_in": "1:1"},
    ],
)  # fmt: skip
def test_a_question_with_anything_else_in_it_is_not_read(change):
    """THREATS Q-10."""
    QUESTIONS.read(json.dumps(GIVE).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(GIVE | change).encode())


def test_a_secret_comes_with_given_alone_and_is_no_part_of_the_bytes():
    assert b"secret" not in ANSWERS.write(Given("take it", 7))
    assert ANSWERS.read(ANSWERS.write(Given("take it", 7)), 7) == Given("take it", 7)
    with pytest.raises(ValueError):
        ANSWERS.read(ANSWERS.write(Taken()), 7)


def test_no_bytes_raise_anything_but_value_error():
    """THREATS Q-10."""
    rng = random.Random(17)
    frozen = [file.read_bytes() for file in GOLDEN.iterdir()]
    for _ in range(3000):
        data = bytearray(rng.choice(frozen))
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        for reader in (QUESTIONS.read, ANSWERS.read):
            try:
                reader(bytes(data))
            except ValueError:
                continue


def test_who_has_a_secret_is_known_until_it_is_taken():
    """A deed that is forked later knows it: so what is mended keeps its password."""
    secret = os.memfd_create("x")
    try:
        process._note_secret(Give("postgres-role", ORDER), Given("", secret))
        assert passwords.is_handed_out(ORDER)
        for question, answer in ((Take("postgres-role", ORDER), Failed("no")), (Look("postgres-role", ORDER), Taken())):
            process._note_secret(question, answer)
            assert passwords.is_handed_out(ORDER)
        process._note_secret(Take("postgres-role", ORDER), Taken())
        assert not passwords.is_handed_out(ORDER)
        process._note_secret(Mend("postgres-role", ORDER), Given("", secret))
        process._note_secret(Give("postgres-role", ORDER), Given(""))
        assert not passwords.is_handed_out(ORDER), (
            "only what was given anew with a secret, and not what was mended, is handed out"
        )
    finally:
        os.close(secret)


def test_the_daemon_knows_the_answer_to_every_question():
    assert {*questions.KINDS} == {*messages.Question.__args__}
