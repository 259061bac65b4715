# SPDX-License-Identifier: Apache-2.0
"""What the PAM module and its initiator (contrib/gates) say to each other: frozen bytes, read strictly. And what is left of the
rights, descriptors, limits and signals of who has started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitpam import initiator
from jitpam.wire.framing import LIMIT_BEFORE_AUTHENTICATION
from tests.marks import full
from tests.prover import ALICE, HANGS_AS_THE_PERSON, INSTALLED, PATIENT, SOURCES, Prover, built, frame, framed
from tests.waiting import status_of, wait_for

in_the_lab = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's alice, whose rights it takes")
GOLDEN = Path(__file__).parent / "golden-initiator"
ASKED: dict[str, Any] = {
    "uid": ALICE,
    "cache": "RklMRTovdG1wL2tyYjVjY180MDAx",
    "host": "db1.example.test",
    "binding": "AAECAwQFBgc=",
}
ANSWERED = {"token": "YWJj"}
OURS = {
    "token": {"type": "token", "token": "YWJj"},
    "proof": {"type": "proof", "proof": "YWJj"},
    "refused": {"type": "refused", "text": "no Kerberos ticket: kinit, j\u00fcrgen"},
}
UNREAD, UNREAD_ANSWER = "the gate's question cannot be read", "the gate's answer cannot be read"
NO_TICKET = "you have no Kerberos ticket (KRB5CCNAME is FILE:/tmp/krb5cc_4001): kinit"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The initiator, under sanitizers, and in no hurry."""
    return built(tmp_path_factory.mktemp("prove") / "prove", PATIENT, sanitized=True)


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that asks nothing of Kerberos before it reads the answer."""
    asks = """    length = hear_answer(answer, sizeof(answer));
    refuse(length == 3 && memcmp(answer, "abc", 3) == 0 ? "abc" : "more");
    by.host = asked.host;
"""
    replaced = {"    by.host = asked.host;\n": asks}
    return built(tmp_path_factory.mktemp("answering") / "prove", PATIENT, replaced, sanitized=True)


@pytest.fixture(autouse=True)
def nobodys_ticket() -> Iterator[None]:
    """Another test of this lab may have left one in the place where alice's is looked for."""
    place, aside = Path("/tmp/krb5cc_4001"), Path("/tmp/krb5cc_4001.aside")
    is_there = place.exists()
    if is_there:
        place.rename(aside)
    yield
    if is_there:
        aside.rename(place)


def answer_to(program: Path, *frames: bytes) -> str:
    """What it says to the ``frames``."""
    with Prover(program) as prover:
        for data in frames:
            prover.send(data)
        return prover.why()


# --- the messages ---------------------------------------------------------------------------------------------------------


@in_the_lab
@pytest.mark.parametrize(("name", "words"), [("asked", ASKED), ("asked-without-a-cache", ASKED | {"cache": None})])
def test_a_question_in_the_bytes_that_it_has_always_had_is_read(program: Path, name: str, words: dict[str, Any]) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert framed(words) == frame(frozen)
    assert answer_to(program, frame(frozen)) == (NO_TICKET if words["cache"] else "you have no Kerberos ticket: kinit")


@in_the_lab
def test_an_answer_in_the_bytes_that_it_has_always_had_is_read(answering: Path) -> None:
    frozen = (GOLDEN / "answered.json").read_bytes()
    assert framed(ANSWERED) == frame(frozen)
    assert answer_to(answering, framed(ASKED), frame(frozen)) == "abc"


def test_what_the_initiator_says_has_frozen_bytes(tmp_path: Path) -> None:
    """make() of prove.c is all that makes a message."""
    says = """    gss_buffer_desc abc = { 3, "abc" };
    make(&told, "token", &abc, NULL);
    say(&told);
    make(&told, "proof", &abc, NULL);
    say(&told);
    refuse("no Kerberos ticket: kinit, j\\303\\274rgen");
    hear_question(&asked);
"""
    with Prover(built(tmp_path / "prove", PATIENT, {"    hear_question(&asked);\n": says}, sanitized=True)) as prover:
        said = prover.hear_raw()
    assert said == b"".join(frame((GOLDEN / f"{name}.json").read_bytes()) for name in OURS)
    assert [json.loads((GOLDEN / f"{name}.json").read_bytes()) for name in OURS] == [*OURS.values()]


def test_every_message_is_frozen() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == {"asked", "asked-without-a-cache", "answered", *OURS}


@in_the_lab
@pytest.mark.parametrize(
    "change",
    [
        {"uid": "4001"}, {"uid": -1}, {"uid": 1.0}, {"uid": True}, {"uid": None}, {"uid": 2**32 - 1}, {"uid": 2**32 + ALICE},
        {"uid": 2**53}, {"uid": 2**64 + ALICE}, {"cache": "YR=="}, {"cache": "YQ==\n"}, {"cache": 1}, {"cache": ["YQ=="]},
        {"cache": "YQBi"}, {"cache": "YWJj" * 1400}, {"host": None}, {"host": "a\0b"}, {"host": "\ud800"}, {"host": "a" * 4096},
        {"binding": None}, {"binding": "YQ"}, {"binding": "Y Q=="}, {"binding": "\u00e4"}, {"binding": "YWJj" * 400}, {"more": 1},
    ],
    ids=lambda change: str(change)[:40],
)  # fmt: skip
def test_a_question_that_is_otherwise_is_refused(program: Path, change: dict[str, object]) -> None:
    """THREATS P-18."""
    assert answer_to(program, framed(ASKED | change)) == UNREAD


@in_the_lab
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{", b" {"), (b":", b": "), (b"}", b"}\n"), (b"}", b"}x"), (b"}", b",}"), (b"}", b""), (b"4001", b"04001"),
        (b"db1", b"\\u0064b1"), (b"db1", b"db1\xc3\xbc"), (b"db1", b"db1\\/"), (b"db1", b"db1\x7f"), (b"db1", b"\\u00FC"),
        (b'"host"', b'"uid"'), (b'"uid":4001,', b""), (b'{"uid":4001,"cache"', b'{"cache"'), (b"null", b"nul"), (b"4001", b""),
    ],
)  # fmt: skip
def test_each_thing_has_one_spelling(program: Path, old: bytes, new: bytes) -> None:
    """THREATS P-18."""
    frozen = (GOLDEN / "asked-without-a-cache.json").read_bytes()
    assert old in frozen
    assert answer_to(program, frame(frozen.replace(old, new, 1))) == UNREAD


@in_the_lab
@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b'{"token":"YQ==","token":"YQ=="}', b'{"token":"YQ=="}x', b'{ "token":"YQ=="}', b"\xff"]
)
def test_an_answer_that_is_otherwise_is_refused(answering: Path, body: bytes) -> None:
    assert answer_to(answering, framed(ASKED), frame(body)) == UNREAD_ANSWER


@in_the_lab
def test_a_token_of_the_greatest_size_is_read_and_a_greater_one_is_not(answering: Path) -> None:
    most = json.dumps({"token": "YWJj" * (96 * 1024 // 3)}, separators=(",", ":")).encode()
    assert answer_to(answering, framed(ASKED), frame(most)) == "more"
    more = json.dumps({"token": "YWJj" * (96 * 1024 // 3) + "YQ=="}, separators=(",", ":")).encode()
    assert answer_to(answering, framed(ASKED), frame(more)) == UNREAD_ANSWER


@pytest.mark.parametrize("length", [0, LIMIT_BEFORE_AUTHENTICATION + 1, 2**32 - 1])
def test_a_frame_of_a_wrong_length_is_refused_before_it_has_come(program: Path, length: int) -> None:
    assert answer_to(program, length.to_bytes(4, "big")) == "the gate's message cannot be read"


def test_a_gate_that_is_gone_is_the_end(program: Path) -> None:
    for sent in (b"", b"\0", frame(b"{}")[:-1]):
        ours, theirs = socket.socketpair()
        with theirs, ours, subprocess.Popen([program], stdin=theirs, env={}) as started:
            theirs.close()
            ours.sendall(sent)
            ours.shutdown(socket.SHUT_WR)
            assert ours.recv(100) == b""
            assert started.wait() == 0


def test_nobody_who_asks_nothing_holds_it(tmp_path: Path) -> None:
    with Prover(built(tmp_path / "prove", {"ENDS_WITHIN": "1"})) as prover:
        assert prover.hear() is None


def test_its_sentences_are_those_of_jitsudo() -> None:
    """What one of the two learns, the other has to learn."""
    text = (SOURCES / "initiator.c").read_text()
    defined = {name: value.strip('"') for name, value in re.findall(r'^#define (\w+) (".*"|-?\d+)', text, re.MULTILINE)}
    for name, ours in (("CAUSES", initiator._CAUSES), ("CACHE_CAUSES", initiator._CACHE_CAUSES)):
        body = re.search(rf"^static const struct cause {name}\[\] = {{\n(.*?)^}};", text, re.MULTILINE | re.DOTALL)
        assert body is not None
        rows = re.findall(r'^    \{ (\S+), (?:"(.*)"|(\w+)) \},$', body[1], re.MULTILINE)
        theirs = {int(defined.get(code, code)): plain or defined[word] for code, plain, word in rows}
        assert len(rows) == body[1].count("\n")
        assert theirs == {code: sentence for code, (_, sentence) in ours.items()}


# --- what is left of its starter's ---------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Path]:
    """One that waits as alice, before it does anything of hers."""
    os.chmod(tmp_path, 0o755)
    yield built(tmp_path / "prove", PATIENT, HANGS_AS_THE_PERSON)


def hostile() -> None:
    """What a program that root runs may hand down: between fork and exec."""
    for number in range(3, 40):
        os.dup2(0, number)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.umask(0)
    os.setgroups([0, 4, 27])
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(28, 0xC, 0, 0, 0) == 0  # PR_SET_SECUREBITS: capabilities outlast a change of the uid, for ever
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[2], sets[5] = sets[1], sets[4]  # inheritable
    assert libc.capset(header, sets) == 0


@in_the_lab
def test_nothing_of_its_starters_rights_descriptors_and_signals_is_left(bare: Path) -> None:
    """THREATS P-03."""
    ours, theirs = socket.socketpair()
    with ours, theirs, open("/dev/null", "wb") as null:
        started = subprocess.Popen([bare], stdin=theirs, stdout=null, stderr=null, env={"KRB5_TRACE": "/x", "HOME": "/x"},
                                   preexec_fn=hostile, close_fds=False)  # fmt: skip
        try:
            ours.sendall(framed(ASKED))
            wait_for(
                lambda: (
                    "1" in status_of(started.pid)["NoNewPrivs"] and _limit(started.pid, "Max cpu time") == PATIENT["ENDS_WITHIN"]
                )
            )
            wait_for(lambda: os.readlink(f"/proc/{started.pid}/cwd") == "/")
            status = status_of(started.pid)
            assert status["Uid"].split() == status["Gid"].split() == [str(ALICE)] * 4
            assert {*status["Groups"].split()} == {str(number) for number in os.getgrouplist("alice", ALICE)}
            assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
            assert status["Umask"] == "0077"
            assert not int(status["SigBlk"], 16) & 1 << signal.SIGALRM - 1
            assert int(status["SigCgt"], 16) == 1 << signal.SIGALRM - 1
            assert sorted(os.listdir(f"/proc/{started.pid}/fd"), key=int) == ["0", "1", "2"]
            assert os.stat(f"/proc/{started.pid}/mem").st_uid == 0, "it is not dumpable"
            limits = {"core file size": "0", "processes": "0", "open files": "64", "address space": str(1 << 30)}
            for name, most in limits.items():
                assert _limit(started.pid, f"Max {name}") == most
        finally:
            started.kill()
            started.wait()


def _limit(pid: int, name: str) -> str:
    """The hard limit."""
    line = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith(name))
    return line[26:].split()[1]


@in_the_lab
@pytest.mark.parametrize(
    ("uid", "why"),
    [
        (0, "root needs no proof, and this process still has rights of root"),
        (999_999, "there is no such account here"),
        (2**32 - 2, "there is no such account here"),
    ],
)
def test_it_becomes_nobody_who_is_root_or_not_there(program: Path, uid: int, why: str) -> None:
    """THREATS P-03."""
    assert answer_to(program, framed(ASKED | {"uid": uid})) == why


@in_the_lab
@pytest.mark.parametrize("uid", [ALICE, 4002])
def test_a_person_who_starts_it_gets_nothing(uid: int) -> None:
    """THREATS P-03."""
    with Prover(INSTALLED, under=("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups")) as prover:
        prover.say(ASKED | {"uid": uid})
        assert prover.why() == "this process cannot give up the rights of root"


@in_the_lab
def test_limits_of_the_callers_make_no_core_and_no_signal_of_it(program: Path) -> None:
    """sudo hands down the limits of who calls it: a cache that may not grow is no reason to be killed."""
    ours, theirs = socket.socketpair()

    def narrowed() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

    with ours, theirs, subprocess.Popen([INSTALLED], stdin=theirs, env={}, preexec_fn=narrowed) as started:
        theirs.close()
        ours.sendall(framed(ASKED))
        assert NO_TICKET.encode() in ours.recv(10_000)
        assert started.wait() == 0


# --- the reader under sanitizers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [100_000, pytest.param(1_000_000, marks=full("every day, the same generator makes the first 100,000 of these"))]
)
def test_odd_messages_break_no_promise_and_no_bound(tmp_path: Path, number: int) -> None:
    """THREATS P-18: many more with make -C contrib/gates fuzz (make torture)."""
    subprocess.run(["make", "-s", "-C", SOURCES, f"{tmp_path}/fuzz-messages", f"FUZZ={tmp_path}/fuzz"], check=True)
    done = subprocess.run([tmp_path / "fuzz-messages", str(number), "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\w+)=(\d+)", done.stdout))
    assert int(counts["inputs"]) == number
    assert all(int(counts[kind]) > number / 100 for kind in ("texts", "bytes", "numbers", "questions")), (
        "it reads what is right, too"
    )


def test_odd_caches_and_answers_of_the_library_break_no_promise(tmp_path: Path) -> None:
    """THREATS P-18: many more with make -C contrib/gates fuzz (make torture)."""
    subprocess.run(["make", "-s", "-C", SOURCES, f"{tmp_path}/fuzz-initiator", f"FUZZ={tmp_path}/fuzz"], check=True)
    done = subprocess.run([tmp_path / "fuzz-initiator", "100000", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\w+)=(\d+)", done.stdout))
    assert int(counts["inputs"]) == 100_000 and int(counts["sealed"]) > 10_000, "it seals what is right, too"
