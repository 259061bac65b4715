# SPDX-License-Identifier: Apache-2.0
"""What the PAM module and its initiator say to each other: frozen bytes, read strictly. A module that was loaded before an
upgrade starts the initiator of after it.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT_BEFORE_AUTHENTICATION, frame

_kept = sys.path[:]
from jitpam import pam_initiator, pam_jit  # noqa: E402

sys.path[:] = _kept  # each of the two narrows it, for the program that it is in

GOLDEN = Path(__file__).parent / "golden-initiator"
ASKED: dict[str, Any] = {
    "uid": 4001,
    "cache": "RklMRTovdG1wL2tyYjVjY180MDAx",
    "host": "db1.example.test",
    "binding": "AAECAwQFBgc=",
}
READ = {"uid": 4001, "cache": b"FILE:/tmp/krb5cc_4001", "host": "db1.example.test", "binding": bytes(range(8))}
ANSWERED = {"token": "YWJj"}
OURS = {
    "token": {"type": "token", "token": "YWJj"},
    "proof": {"type": "proof", "proof": "YWJj"},
    "refused": {"type": "refused", "text": "no Kerberos ticket: kinit, j\u00fcrgen"},
}


def heard(written: bytes, readers: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(written)
        ours.shutdown(socket.SHUT_WR)
        return pam_initiator.hear(theirs, readers)


def test_the_question_and_the_answer_of_the_module_have_the_bytes_that_they_have_always_had() -> None:
    for name, words, readers, values in (
        ("asked", ASKED, pam_initiator.ASKED, READ),
        ("asked-without-a-cache", ASKED | {"cache": None}, pam_initiator.ASKED, READ | {"cache": None}),
        ("answered", ANSWERED, pam_initiator.ANSWERED, {"token": b"abc"}),
    ):
        frozen = (GOLDEN / f"{name}.json").read_bytes()
        assert pam_jit._frame(words) == frame(frozen)
        assert heard(frame(frozen), readers) == values


@pytest.mark.parametrize("name", OURS)
def test_what_the_initiator_says_has_frozen_bytes_and_the_module_reads_them(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pam_initiator.say(theirs, OURS[name])
        assert ours.recv(10_000) == frame(frozen)
    module = object.__new__(pam_jit._Channel)  # of which only the reader of frames is needed
    module._read = frame(frozen)
    assert module._whole() == OURS[name] and module._read == b""


def test_every_message_is_frozen() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == {"asked", "asked-without-a-cache", "answered", *OURS}


@pytest.mark.parametrize(
    "change",
    [
        {"uid": "4001"}, {"uid": -1}, {"uid": 1.0}, {"uid": True}, {"uid": None}, {"uid": 2**53}, {"cache": "YR=="},
        {"cache": "YQ==\n"}, {"cache": 1}, {"cache": ["YQ=="]}, {"host": None}, {"host": "a\0b"}, {"host": "\ud800"},
        {"binding": None}, {"binding": "YQ"}, {"binding": "Y Q=="}, {"binding": "\u00e4"}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_question_that_is_otherwise_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        heard(frame(json.dumps(ASKED | change).encode()), pam_initiator.ASKED)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"token":"YQ==","token":"YQ=="}', b'{"token":"YQ=="}x', b"\xff"])
def test_an_answer_that_is_otherwise_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, RemoteProtocolError)):
        heard(frame(body), pam_initiator.ANSWERED)


def test_a_frame_that_is_too_long_is_refused_before_it_has_come_and_one_that_never_comes_is_the_end() -> None:
    with pytest.raises(RemoteProtocolError):
        heard((LIMIT_BEFORE_AUTHENTICATION + 1).to_bytes(4, "big"), pam_initiator.ANSWERED)
    with pytest.raises(EOFError):
        heard(frame(json.dumps(ANSWERED).encode())[:-1], pam_initiator.ANSWERED)


def test_the_rights_of_root_are_given_up_before_anything_else_is_done_with_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(pam_initiator, "become", lambda uid: done.append(f"become {uid}"))
    monkeypatch.setattr(pam_initiator, "prove", lambda *_: done.append("prove"))
    monkeypatch.setattr(pam_initiator.os, "closerange", lambda *_: None)
    monkeypatch.setattr(pam_initiator.signal, "alarm", lambda _: None)
    said: list[dict[str, str]] = []
    monkeypatch.setattr(pam_initiator, "say", lambda _, words: said.append(words))
    for question in (ASKED, ASKED | {"uid": "4001"}):
        ours, theirs = socket.socketpair()
        monkeypatch.setattr(pam_initiator, "socket", lambda fileno, end=theirs: end)
        with ours, theirs, suppress(OSError):
            ours.sendall(frame(json.dumps(question).encode()))
            pam_initiator.main()
    assert done == ["become 4001", "prove"]
    assert [words["type"] for words in said] == ["refused"] and "uid" in said[0]["text"]
