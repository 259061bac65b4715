# SPDX-License-Identifier: Apache-2.0
"""A conversation at another host's door, over a carrier. What is on the way can hide, and can make somebody wait, and no more."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import gssapi
import pytest
from gssapi.raw import ChannelBindings

from jitpam import carrier, client, initiator
from jitpam.carrier import OTHERWISE, UNPROVED, Command
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unanswered, Unreachable
from jitpam.initiator import CHANNEL, DOOR, channel_of
from jitpam.wire import coding, messages
from jitpam.wire.codes import CODES
from jitpam.wire.coding import encode
from jitpam.wire.framing import LIMIT, FrameReader, frame
from jitpam.wire.messages import (
    Carried,
    DaemonHello,
    DaemonToken,
    Done,
    Item,
    List,
    Lock,
    Observe,
    Prove,
    Refused,
    Replay,
    Review,
    Revoke,
    Show,
    Slow,
    Stamp,
    Stop,
    Unlock,
    Watch,
    Welcome,
)
from tests.marks import by_day, full, once_each
from tests.waiting import PATIENCE, wait_for

HOST = "db1.example.test"
TREE = Path(__file__).parents[2]
LIE = "\x1b]0;the wire\x07 LIE \x1b[2Jyou are root now"
"""What no terminal may get before the host has proved itself."""
WELCOME = Welcome(principal="alice@EXAMPLE.TEST", user="alice", host=HOST, until="2030-01-01T00:00:00Z", operator=False)
APPROVES = Review(id="K7QM-2XVD", verdict="approve", fingerprint=bytes(32), comment="")


class Acceptor(gssapi.SecurityContext):
    """A daemon's end that hides no fault."""


Acceptor.__DEFER_STEP_ERRORS__ = False  # not in the class: its metaclass sets True over what the body says


class Door:
    """The door of a host, made of a script. It is called with this for one conversation after the other."""

    def __init__(self, path: Path, realm) -> None:
        self.path = str(path)
        self.realm = realm
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.heard: list[messages.Message] = []
        self.fault: BaseException | None = None
        self.thread: threading.Thread | None = None

    def play(self, *scripts) -> None:
        self.thread = threading.Thread(target=self._run, args=(scripts,), daemon=True)
        self.thread.start()

    def _run(self, scripts) -> None:
        try:
            for script in scripts:
                self.socket, _ = self.listener.accept()
                self.socket.settimeout(PATIENCE)
                self.frames, self.context = FrameReader(LIMIT), None
                with self.socket:
                    script(self)
        except BaseException as fault:
            self.fault = fault

    def finish(self) -> None:
        if self.thread is not None:
            self.thread.join(PATIENCE)
            assert not self.thread.is_alive()
        self.listener.close()
        if self.fault:
            raise self.fault

    # --- what a script does

    def hear(self):
        """The next message; None if nothing comes any more."""
        while (body := self.frames.next_frame()) is None:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.frames.feed(data)
        self.body = body if self.context is None else self.context.unwrap(body).message
        message = coding.decode(self.body, messages.FROM_CLIENT)
        self.heard.append(message)
        return message

    def say(self, *said) -> None:
        for message in said:
            body = encode(message)
            self.socket.sendall(frame(body if self.context is None else self.context.wrap(body, True).message))

    def hellos(self, channel: bytes = DOOR) -> bytes:
        """Both hellos, after the carrier's frame; returns the channel that they make."""
        assert isinstance(self.hear(), Carried)
        hello = self.hear()
        assert hello.authentication == "krb5"
        answer = DaemonHello(version=1, nonce=bytes(32))
        self.say(answer)
        return channel_of(encode(hello), encode(answer), channel)

    def prove(self, channel: bytes = DOOR) -> None:
        """The handshake of somebody who has the key, up to the token."""
        bound = self.hellos(channel)
        name = gssapi.Name(f"jitd/{HOST}@EXAMPLE.TEST", gssapi.NameType.kerberos_principal)
        key = gssapi.Credentials(name=name, usage="accept", store={"keytab": f"FILE:{self.realm.k5.keytab}"})
        context = Acceptor(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=bound))
        token = context.step(self.hear().token)
        self.say(DaemonToken(token=token))
        self.context = context

    def welcome(self) -> None:
        self.prove()
        self.say(WELCOME)


@pytest.fixture
def door(realm, cache, tmp_path, monkeypatch):
    realm.kinit(cache)
    monkeypatch.setattr(client, "_AT_LEAST", PATIENCE)  # this host may be busy
    monkeypatch.setattr(initiator, "TICKET_WITHIN", PATIENCE)
    monkeypatch.setattr(initiator.Initiator.obtain_ticket, "__defaults__", (PATIENCE, None))
    made = Door(tmp_path / "door.sock", realm)
    yield made
    made.finish()


def by(path: str, before: str = "") -> Command:
    """The command of a carrier: the program jitd-door, at another path."""
    code = (
        f"import sys; sys.path[:0] = [{str(TREE)!r}, {str(TREE / 'extensions')!r}]; {before}\n"
        f"from jitd_fleet import program; program.SOCKET = {path!r}; sys.argv = ['jitd-door', 'stdio']\n"
        "raise SystemExit(program.main())"
    )
    return Command((sys.executable, "-IS", "-c", code))


def connected(door: Door, host: str = HOST):
    return carrier.connect(host, by(door.path))


def connecting(door: Door, capfd, expected=(Unreachable, NotAuthenticated)) -> str:
    """The words with which no conversation begins. The wire's text is on the screen in the carrier's quotes alone."""
    with pytest.raises(expected) as caught:
        connected(door)
    out, err = capfd.readouterr()
    quoted = rf'jitd: the carrier to {HOST} says: "[^"]*"'
    said = f"{caught.value}{out}" + re.sub(quoted, "", err)
    assert "LIE" not in said and "\x1b" not in said
    return str(caught.value)


# --- nothing of what is on the way is believed -------------------------------------------------------------------------


def test_a_conversation_at_the_door_is_sealed_and_the_carrier_says_where_it_comes_from(door, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22")

    def script(door):
        door.welcome()
        assert door.hear() == Show(id="K7QM-2XVD")
        door.say(Item(row={"id": "K7QM-2XVD"}), Done(text="that is all"))
        assert door.hear().type == "bye"

    door.play(script)
    connection = connected(door)
    assert connection.welcome == WELCOME
    assert list(connection.ask(Show(id="K7QM-2XVD"))) == [{"id": "K7QM-2XVD"}]
    assert connection.said == "that is all"
    connection.close()
    door.finish()
    assert door.heard[0] == Carried(carrier="ssh", source="192.0.2.7")


REFUSALS, STAGES = [*sorted(CODES), "no such code"], ["greeted", "authenticating"]
OTHER_STAGE = full("every day, each refusal comes at one of the two stages")


@pytest.mark.parametrize(("code", "when"), by_day(product(REFUSALS, STAGES), once_each(REFUSALS, STAGES), OTHER_STAGE))
def test_a_refusal_before_the_proof_is_told_in_our_own_words(door, code, when, capfd):
    """THREATS F-05."""

    def script(door):
        if when == "authenticating":
            door.hellos()
        else:
            door.hear()
        door.hear()
        door.say(Refused(code=code, text=LIE))
        while door.hear() is not None:
            pass

    door.play(script)
    said = connecting(door, capfd, NotAuthenticated if code == "unauthenticated" else Unreachable)
    if code in CODES:
        assert said.startswith(f"what answers has not proved to be {HOST}, and {UNPROVED.get(code, OTHERWISE)}".format(host=HOST))
    else:
        assert f"does not answer as jitd on {HOST} would" in said


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        LIE.encode() * 100,
        b"\xff" * 100_000,
        frame(LIE.encode()),
        frame(b'{"type":"hello","version":1,"nonce":"","LIE":"LIE"}'),
        frame(b'{"type":"LIE"}'),
        frame(encode(DaemonHello(version=2, nonce=bytes(32)))),
        frame(encode(DaemonHello(version=1, nonce=b"LIE"))),
        frame(encode(Welcome(principal=LIE, user="root", host=LIE, until=None, operator=True))),
        frame(encode(Slow(left_ms=60_000))),
        frame(encode(Prove(account=LIE, n_left=5))),
        frame(encode(Done(text=LIE))),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))) + frame(encode(DaemonToken(token=LIE.encode()))),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))) + frame(encode(DaemonToken(token=b""))),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))) + frame(encode(Slow(left_ms=60_000))),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))) + frame(encode(WELCOME)),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))) + frame(LIE.encode()),
    ],
)
def test_what_does_not_answer_as_jitd_would_is_not_shown(door, answer, capfd):
    """THREATS F-05."""

    def script(door):
        door.hear()
        door.hear()
        with contextlib.suppress(OSError):
            door.socket.sendall(answer)
            door.socket.shutdown(socket.SHUT_WR)
            while door.socket.recv(65536):
                pass

    door.play(script)
    said = connecting(door, capfd, Unreachable)
    assert f"does not answer as jitd on {HOST} would" in said or "the carrier ended: " in said


def test_another_host_in_its_place_is_refused(realm, door, tmp_path, capfd):
    """THREATS F-03. What answers has a key, but another host's."""
    realm.k5.addprinc("jitd/web2.example.test")
    keytab = str(tmp_path / "keytab")
    realm.k5.extract_keytab("jitd/web2.example.test", keytab)

    def script(door):
        bound = door.hellos()
        key = gssapi.Credentials(usage="accept", store={"keytab": f"FILE:{keytab}"})
        context = Acceptor(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=bound))
        with pytest.raises(gssapi.exceptions.GSSError):
            context.step(door.hear().token)
        door.say(Refused(code="unauthenticated", text=LIE))

    door.play(script)
    said = connecting(door, capfd, NotAuthenticated)
    assert f"has not proved to be {HOST}" in said and "your ticket is for alice@EXAMPLE.TEST" in said


def test_a_host_that_has_the_key_and_another_name_is_asked_nothing(door, capfd):
    """THREATS F-03."""

    def script(door):
        door.prove()
        door.say(Welcome(principal="alice@EXAMPLE.TEST", user="alice", host="web2.example.test", until=None, operator=False))
        assert door.hear() is None or door.heard[-1].type == "bye"

    door.play(script)
    said = connecting(door, capfd, Unreachable)
    assert said.startswith(f'what answers has the key of jitd/{HOST}, but calls itself "web2.example.test": nothing was asked')
    door.finish()
    assert {one.type for one in door.heard} <= {"carried", "hello", "token", "bye"}


def test_a_proof_for_the_door_is_none_at_the_local_socket(door):
    """THREATS F-03. The acceptor of the local socket makes another channel of the same hellos."""

    def script(door):
        with pytest.raises(gssapi.exceptions.GSSError, match="channel bindings"):
            door.prove(CHANNEL)

    door.play(script)
    with pytest.raises(Unreachable):
        connected(door)


def test_a_frame_that_is_not_wrapped_after_the_proof_is_a_fault(door, capfd):
    """THREATS F-05, F-07."""

    def script(door):
        door.prove()
        door.socket.sendall(frame(encode(Refused(code="forbidden", text=LIE))))
        while door.hear() is not None:
            pass

    door.play(script)
    assert "was not sealed by" in connecting(door, capfd, Unreachable)


def test_text_after_the_proof_is_the_hosts_own(door):
    def script(door):
        door.welcome()
        door.hear()
        door.say(Refused(code="forbidden", text="this rule takes no approval by the door: approve on the host"))
        door.hear()

    door.play(script)
    connection = connected(door)
    with pytest.raises(RefusedByDaemon, match="^this rule takes no approval by the door: approve on the host$"):
        connection.do(Show(id="K7QM-2XVD"))
    connection.close()


# --- stamps ------------------------------------------------------------------------------------------------------------

NEED_A_STAMP = (
    APPROVES,
    Review(id="K7QM-2XVD", verdict="reviewed", fingerprint=bytes(32), comment=""),
    Unlock(id="K7QM-2XVD", whom=None, name=None, reason=""),
)
NEED_NONE = (
    Review(id="K7QM-2XVD", verdict="deny", fingerprint=bytes(32), comment="no"),
    Revoke(id="K7QM-2XVD", of=None, reason=""),
    Stop(id="K7QM-2XVD", reason=""),
    Lock(whom="all", name="", lasts_for=None, reason=""),
    List(what="requests", ended=False),
)


@pytest.mark.parametrize("message", [*NEED_A_STAMP, *NEED_NONE], ids=lambda one: f"{one.type} {getattr(one, 'verdict', '')}")
def test_what_permits_is_sent_after_a_stamp_and_all_else_at_once(door, message):
    """THREATS F-01."""

    def script(door):
        door.welcome()
        while (heard := door.hear()) is not None and heard.type != "bye":
            door.say(Done(text="" if heard == Stamp() else "done"))

    door.play(script)
    connection = connected(door)
    assert [connection.do(message) for _ in range(2)] == ["done", "done"]
    connection.close()
    door.finish()
    once = [Stamp(), message] if message in NEED_A_STAMP else [message]
    assert door.heard[3:-1] == once * 2


@pytest.mark.parametrize("message", NEED_A_STAMP, ids=lambda one: f"{one.type} {getattr(one, 'verdict', '')}")
def test_what_permits_is_not_sent_if_the_answer_to_the_stamp_is_held(door, message, monkeypatch):
    """THREATS F-01. Nothing that permits is on the way: there is nothing to hold, and nothing to deliver later."""
    monkeypatch.setattr(carrier, "STAMPED_WITHIN", 0.5)
    over = threading.Event()

    def script(door):
        door.welcome()
        assert door.hear() == Stamp()
        assert over.wait(PATIENCE)
        with contextlib.suppress(OSError):  # the client may have gone
            door.say(Done(text=""))
        assert door.hear() is None

    door.play(script)
    connection = connected(door)
    monkeypatch.setattr(client, "_AT_LEAST", 0.1)
    with pytest.raises(Unreachable, match="does not answer.*; nothing was done") as caught:
        connection.do(message)
    assert "not known" not in str(caught.value)
    over.set()
    connection.close()
    door.finish()
    assert message not in door.heard


def test_an_answer_to_the_stamp_that_comes_too_late_is_as_none(door, monkeypatch):
    """THREATS F-01. The wait for it may be longer on a busy host; what counts is when it came."""
    monkeypatch.setattr(carrier, "STAMPED_WITHIN", 0.2)

    def script(door):
        door.welcome()
        assert door.hear() == Stamp()
        passed.wait(0.5)
        door.say(Done(text=""))
        assert door.hear() is None or door.heard[-1].type == "bye"

    passed = threading.Event()
    door.play(script)
    connection = connected(door)
    with pytest.raises(Unreachable, match="nothing was done: try again"):
        connection.do(APPROVES)
    connection.close()
    door.finish()
    assert APPROVES not in door.heard


def test_a_client_knows_whether_a_part_of_its_word_can_have_left(door):
    """Who types Ctrl-C is told so."""
    known = []

    def script(door):
        door.welcome()
        for _ in range(2):
            door.hear()
            known.append(connection.is_sent)
            door.say(Done(text=""))

    door.play(script)
    connection = connected(door)
    connection.do(APPROVES)
    door.finish()
    connection.close()
    assert known == [False, True], "the stamp, and the approval"


@pytest.mark.parametrize(("held", "is_sent"), [(2.5, True), (2.6, False), (3600.0, False)], ids=["2.5 s", "2.6 s", "1 h"])
def test_from_the_word_of_the_person_to_what_permits_are_at_most_5_s(door, monkeypatch, held, is_sent):
    """THREATS F-01. Half of them are for the stamp, and the host takes nothing after the other half."""

    def script(door):
        door.welcome()
        assert door.hear() == Stamp()
        clock.at += held
        door.say(Done(text=""))
        if door.hear() == APPROVES:
            door.say(Done(text="approved"))
            door.hear()

    clock = BootClock(monkeypatch)
    door.play(script)
    connection = connected(door)
    if is_sent:
        assert connection.do(APPROVES) == "approved"
    else:
        with pytest.raises(Unreachable, match=f"^jitd on {HOST} does not answer within 2.5 s; nothing was done: try again$"):
            connection.do(APPROVES)
    connection.close()
    door.finish()
    assert (APPROVES in door.heard) is is_sent


@pytest.mark.parametrize("answer", [Refused(code="failed", text="no"), Item(row={})], ids=["refused", "a row"])
def test_what_permits_is_not_sent_without_the_answer_to_the_stamp(door, answer):
    def script(door):
        door.welcome()
        assert door.hear() == Stamp()
        door.say(answer)
        assert door.hear() is None or door.heard[-1].type == "bye"

    door.play(script)
    connection = connected(door)
    with pytest.raises((RefusedByDaemon, Unreachable)):
        connection.do(APPROVES)
    connection.close()
    door.finish()
    assert APPROVES not in door.heard


def test_a_run_that_somebody_watches_is_stopped_without_a_stamp(door):
    def script(door):
        door.welcome()
        assert isinstance(door.hear(), Observe)
        door.say(Item(row={"run": "K7QM-2XVD"}))
        assert door.hear() == Stop(id="K7QM-2XVD", reason="")
        door.say(Done(text=""), Done(text="stopped"))
        door.hear()

    door.play(script)
    connection = connected(door)
    rows = connection.follow(Observe(id="K7QM-2XVD"))
    assert next(rows) == Item(row={"run": "K7QM-2XVD"})
    connection.say(Stop(id="K7QM-2XVD", reason=""))
    assert connection.hear(None) == Done(text="") and connection.hear(None) == Done(text="stopped")
    connection.close()


@pytest.mark.parametrize("message", [APPROVES, NEED_NONE[3]], ids=["approve", "lock"])
def test_if_the_answer_is_lost_nobody_says_that_nothing_was_done(door, message):
    def script(door):
        door.welcome()
        while door.hear() != message:
            door.say(Done(text=""))

    door.play(script)
    connection = connected(door)
    with pytest.raises(Unreachable, match="whether it was done is not known: look before you try again"):
        connection.do(message)
    connection.close()


# --- the carrier -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(255)", r"the carrier ended: .* \(status 255\)"),
        ("import sys; sys.stdin.buffer.read(10); raise SystemExit(7)", r"the carrier ended: .* \(status 7\)"),
        ("import os; os.kill(os.getpid(), 9)", r"the carrier ended: .* \(signal 9\)"),
        ("import sys; sys.stdout.write('LIE\\n' * 20000)", "does not answer as jitd on db1.example.test would: "),
    ],
    ids=["at once", "in the middle", "killed", "garbage"],
)
def test_a_carrier_that_ends_is_named_with_how_it_ended(door, code, said):
    with pytest.raises(Unreachable, match=said) as caught:
        carrier.connect(HOST, Command((sys.executable, "-IS", "-c", code)))
    assert "LIE\n" not in str(caught.value)


@pytest.mark.parametrize("before", ["", r"\x1b[32m", r"\n", r"\r\n\n", r"\t"])
def test_what_a_shell_on_the_way_prints_first_is_quoted_as_the_words_of_the_carrier(door, capfd, before):
    code = f"import sys, time; print('{before}Welcome to \"db1\"\\x1b[2J\\njitd: request is approved', flush=True); time.sleep(9)"
    with pytest.raises(Unreachable, match=r"its start files \(\.bashrc\) must say nothing where there is no terminal$"):
        carrier.connect(HOST, Command((sys.executable, "-IS", "-c", code)))
    said = " ".join(capfd.readouterr().err.split())
    assert (
        f"jitd: the carrier to {HOST} says: \"{'[32m' if '[' in before else ''}Welcome to 'db1'" in said
        and "\x1b" not in said
        and "is approved" not in said
    )


def test_a_carrier_that_ends_in_the_middle_of_an_answer_is_named(door):
    def script(door):
        door.welcome()
        door.hear()
        door.say(Item(row={"id": "K7QM-2XVD", "host": "web2.example.test"}))

    door.play(script)
    connection = connected(door)
    rows = connection.ask(List(what="requests", ended=False))
    assert next(rows) == {"id": "K7QM-2XVD", "host": HOST}, "a row is of the host that the ticket names"
    with pytest.raises(Unreachable, match=r"(?s)^the carrier ended: .* \(status 0\)$"):
        next(rows)
    connection.close()


def test_a_carrier_that_cannot_be_started_is_named(door):
    with pytest.raises(Unreachable, match="^the carrier cannot be started: /nonexistent/ssh db17: No such file or directory$"):
        carrier.connect(HOST, Command(("/nonexistent/ssh", "db17")))


def test_a_host_without_a_door_is_told_by_the_carrier(door, tmp_path, capfd):
    with pytest.raises(Unreachable, match=r"\(status 1\)$"):
        carrier.connect(HOST, by(str(tmp_path / "none.sock")))
    assert re.search(
        f'jitd: the carrier to {HOST} says: "jitd-door: there is no .*: this host has no door', capfd.readouterr().err
    )


def test_what_a_carrier_writes_to_its_standard_error_is_shown_as_its_words(door, capfd):
    """THREATS F-05."""
    lines = "import sys; sys.stderr.write('\\x1b[2Jjitd: approved\\r\\n' * 80 + 'x' * 3000 + '\\n'); sys.stderr.flush()"

    def script(door):
        door.welcome()
        door.hear()

    door.play(script)
    connection = carrier.connect(HOST, by(door.path, lines))
    connection.close()
    door.finish()
    err = capfd.readouterr().err
    assert "\x1b" not in err and "\r" not in err
    told = err.splitlines()
    assert all(line.startswith(f'jitd: the carrier to {HOST} says: "') for line in told[:50])
    assert told[50:] == [f"jitd: the carrier to {HOST} says more, which is not shown"]


@pytest.mark.parametrize("quote", '"“”„‟«»″〞＂')
def test_no_quote_in_the_words_of_a_carrier_ends_them(door, capfd, quote):
    """THREATS F-05."""
    code = f"import sys; sys.stderr.write('{quote}. jitd: approved{quote}\\n')"
    with pytest.raises(Unreachable, match=r"\(status 0\)$"):
        carrier.connect(HOST, Command((sys.executable, "-IS", "-c", code)))
    assert "says: \"'. jitd: approved'\"" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize("deaf", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"], ids=["", "deaf"])
def test_a_carrier_that_does_not_end_is_ended(door, deaf, monkeypatch):
    monkeypatch.setattr(carrier, "ENDED_WITHIN", 0.2)
    monkeypatch.setattr(carrier, "CARRIED_WITHIN", 0.5)
    monkeypatch.setattr(client, "_AT_LEAST", 0.1)
    begun = []
    popen = subprocess.Popen

    def noted(*words, **more):
        begun.append(popen(*words, **more))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    with pytest.raises(Unreachable, match="does not answer"):
        carrier.connect(HOST, Command((sys.executable, "-IS", "-c", f"{deaf}import signal\nwhile True: signal.pause()")))
    assert [one.returncode is not None for one in begun] == [True]


def test_the_carrier_does_not_end_by_ctrl_c_which_is_for_what_is_watched(door):
    def script(door):
        door.welcome()
        assert door.hear().type == "show"
        door.say(Done(text=""))
        door.hear()

    door.play(script)
    connection = connected(door)
    os.kill(connection._stream._process.pid, 2)
    assert list(connection.ask(Show(id="K7QM-2XVD"))) == []
    connection.close()


def test_no_descriptor_is_left(door):
    def script(door):
        door.welcome()
        door.hear()

    before = len(os.listdir("/proc/self/fd"))
    door.play(script)
    connected(door).close()
    door.thread.join(PATIENCE)
    assert len(os.listdir("/proc/self/fd")) == before


# --- without end -------------------------------------------------------------------------------------------------------


def without_end(*said):
    """A host that proves itself, hears one message, and says ``said`` again and again."""

    def script(door):
        door.welcome()
        if isinstance(door.hear(), Stamp):
            door.say(Done(text=""))
            door.hear()
        with contextlib.suppress(OSError):
            while True:
                door.say(*said)

    return script


@pytest.mark.parametrize(
    "message", [APPROVES, Lock(whom="user", name="eve", lasts_for=None, reason="")], ids=lambda one: one.type
)
def test_a_host_that_answers_a_deed_with_rows_is_not_heard_any_more(door, message):
    """THREATS F-22. It could otherwise say rows without end, and no other host would be told."""
    door.play(without_end(Item(row={"id": "K7QM-2XVD"})))
    connection = connected(door)
    with pytest.raises(Unanswered, match=f"jitd on {HOST} says more than an answer can have; whether it was done is not known"):
        connection.do(message)
    connection.close()


def test_a_host_tells_one_row_of_one_request(door):
    """THREATS F-22."""
    door.play(without_end(Item(row={"id": "K7QM-2XVD"})))
    connection = connected(door)
    with pytest.raises(Unreachable, match="says more than an answer can have"):
        list(connection.ask(Show(id="K7QM-2XVD")))
    connection.close()


@pytest.mark.parametrize("way", ["list", "watch"])
def test_a_host_does_not_fill_the_memory_with_rows(door, way, monkeypatch):
    """THREATS F-22."""
    monkeypatch.setattr(carrier, "MOST_BYTES", 100_000)
    door.play(without_end(Item(row={"id": "K7QM-2XVD", "reason": "x" * 1000})))
    connection = connected(door)
    with pytest.raises(Unreachable, match="says more than an answer can have"):
        if way == "list":
            list(connection.ask(List(what="requests", ended=False)))
        else:
            list(connection.watch(Watch(ended=False)))
    connection.close()


@pytest.mark.parametrize("way", ["list", "watch"])
def test_what_is_there_now_has_so_many_rows_and_no_more(door, way, monkeypatch):
    """THREATS F-22. A screen lays all of them out, again and again."""
    monkeypatch.setattr(carrier, "MOST_ROWS", 3)
    row = Item(row={"id": "K7QM-2XVD"})

    def script(door):
        door.welcome()
        with contextlib.suppress(OSError):
            door.hear()
            door.say(row, row, row, Done(text=""))
            if way == "list":
                door.hear()
                door.say(row, row, row, row, Done(text=""))
                door.hear()
            door.say(row, row, row, row, Done(text=""))
            door.hear()

    door.play(script)
    connection = connected(door)
    watched = connection.watch(Watch(ended=False))

    def told(*, ended: bool = False):
        return next(watched) if way == "watch" else list(connection.ask(List(what="requests", ended=ended)))

    assert len(told()) == 3
    if way == "list":
        assert len(told(ended=True)) == 4, "of what has ended, there may be very many"
    with pytest.raises(Unreachable, match="says more than an answer can have"):
        told()
    connection.close()


def test_each_change_of_what_is_watched_may_have_as_many_bytes_as_the_first(door, monkeypatch):
    monkeypatch.setattr(carrier, "MOST_BYTES", 5000)
    door.play(without_end(Item(row={"id": "K7QM-2XVD", "reason": "x" * 1000}), Done(text="")))
    connection = connected(door)
    changes = connection.watch(Watch(ended=False))
    assert [len(next(changes)) for _ in range(20)] == [1] * 20
    connection.close()


def test_a_host_that_says_all_the_time_that_it_is_slow_is_not_waited_for_without_end(door, monkeypatch):
    """THREATS F-22. What comes all the time is heard without a wait, so no wait has an end."""
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 0.0)

    def script(door):
        door.prove()
        said = (door.context.wrap(encode(one), True).message for one in (Slow(left_ms=0), Slow(left_ms=0), WELCOME))
        with contextlib.suppress(OSError):
            door.socket.sendall(b"".join(map(frame, said)))  # all of it is there before the client looks
            door.hear()

    door.play(script)
    with pytest.raises(Unreachable, match=f"jitd on {HOST} does not answer"):
        connected(door).close()


def test_a_carrier_that_another_thread_has_left_is_ended_also_if_it_is_deaf(door, monkeypatch):
    """THREATS F-22."""
    monkeypatch.setattr(carrier, "ENDED_WITHIN", 0.3)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    streams = [by(door.path, before).dial(HOST, 5) for before in ("", f"{deaf}; import time; time.sleep(600)")]
    carrier.end_all()
    assert all(stream.has_ended() for stream in streams)
    for stream in streams:
        stream.end()
        stream.socket.close()


# --- on the way --------------------------------------------------------------------------------------------------------


class Tap:
    """Stands between the carrier and the door. ``change`` gets each frame, its direction and its number."""

    def __init__(self, path: str, to: str, change) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.to, self.change = to, change
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # only this wakes the thread
        self.listener.close()

    def _run(self) -> None:
        while True:
            try:
                ours, _ = self.listener.accept()
            except OSError:
                return
            theirs = socket.socket(socket.AF_UNIX)
            theirs.connect(self.to)
            for one, other, way in ((ours, theirs, "up"), (theirs, ours, "down")):
                threading.Thread(target=self._copy, args=(one, other, way), daemon=True).start()

    def _copy(self, one, other, way) -> None:
        frames, number = FrameReader(LIMIT), 0
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                frames.feed(data)
                while (body := frames.next_frame()) is not None:
                    for changed in self.change(way, number, body):
                        other.sendall(frame(changed))
                    number += 1
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


def flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


CHANGES = {
    "flipped": lambda body, before: [flipped(body)],
    "cut": lambda body, before: [body[:-1]],
    "repeated": lambda body, before: [body, body],
    "left out": lambda body, before: [],
    "an earlier one": lambda body, before: [before],
}
UP, DOWN = (
    ("carried", "hello", "token", "show", "stamp", "review"),
    ("hello", "token", "welcome", "row", "done", "stamped", "done"),
)


FRAMES = [*(("up", n) for n in range(1, 6)), *(("down", n) for n in range(7))]
ALL_CHANGES = [(*frame, how) for frame, how in product(FRAMES, CHANGES)]
OTHER_CHANGES = full("every day, each frame is changed in one way; tests/attacks/test_door.py changes each before a real jitd")


@pytest.mark.parametrize(
    ("way", "number", "how"), by_day(ALL_CHANGES, [(*frame, how) for frame, how in once_each(FRAMES, CHANGES)], OTHER_CHANGES)
)
def test_what_was_changed_on_the_way_ends_the_conversation_and_permits_nothing(door, tmp_path, way, number, how, monkeypatch):
    """THREATS F-01. The last answer alone may be lost, after the host has done what was asked: then nobody says that it was."""
    monkeypatch.setattr(carrier, "STAMPED_WITHIN", 1.0)
    monkeypatch.setattr(client, "ANSWER_WITHIN", 1.0)
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 1.0)
    monkeypatch.setattr(carrier, "HANDSHAKE_WITHIN", 1.0)
    monkeypatch.setattr(carrier, "CARRIED_WITHIN", 3.0)
    monkeypatch.setattr(client, "_AT_LEAST", 0.1)
    approved = []
    before = {"up": b"\x00", "down": b"\x00"}

    def change(which, at, body):
        now = CHANGES[how](body, before[which]) if (which, at) == (way, number) else [body]
        before[which] = body
        return now

    def script(door):
        with contextlib.suppress(Exception):  # whatever comes broken ends it, as it does in jitd
            door.welcome()
            while (heard := door.hear()) is not None:
                if heard == APPROVES:
                    approved.append(heard)
                door.say(*([Item(row={"id": "K7QM-2XVD"})] if heard.type == "show" else []), Done(text=""))

    tap = Tap(str(tmp_path / "tap.sock"), door.path, change)
    door.play(script)
    said = None
    try:
        connection = carrier.connect(HOST, by(str(tmp_path / "tap.sock")))
        try:
            assert list(connection.ask(Show(id="K7QM-2XVD"))) == [{"id": "K7QM-2XVD"}]
            said = connection.do(APPROVES)
        finally:
            connection.close()
    except (Unreachable, NotAuthenticated):
        pass
    tap.close()
    if (way, number) == ("down", 6):
        assert said is None or how == "repeated"  # it came, and what came again was not heard any more
    elif (way, number, how) == ("up", 5, "repeated"):
        assert len(approved) == 1  # the second one is not in sequence
    elif (way, number, how) == ("down", 5, "repeated"):
        assert said is None  # the stamp was answered in time, and what comes in the place of the answer is not taken for it
    else:
        assert approved == [] and said is None


def test_two_clients_whose_conversations_are_crossed_get_nothing(realm, door, tmp_path):
    """THREATS F-04. What the one says after the hellos goes to the other's conversation, and the answers likewise."""
    token: list[bytes] = []

    def first(door):
        door.hellos()
        token.append(door.hear().token)

    def second(door):
        bound = door.hellos()
        name = gssapi.Name(f"jitd/{HOST}@EXAMPLE.TEST", gssapi.NameType.kerberos_principal)
        key = gssapi.Credentials(name=name, usage="accept", store={"keytab": f"FILE:{realm.k5.keytab}"})
        context = Acceptor(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=bound))
        own = door.hear().token
        with pytest.raises(gssapi.exceptions.GSSError, match="channel bindings"):
            context.step(token[0])
        another = Acceptor(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=bound))
        answers.append(another.step(own))

    def third(door):
        door.hellos()
        door.hear()
        door.say(DaemonToken(token=answers[0]))
        assert door.hear() is None

    answers: list[bytes] = []
    door.play(first, second, third)
    for _ in range(3):
        with pytest.raises(Unreachable):
            connected(door)


# --- signs of life


class BootClock:
    """The clock by which a client tells how old a sign of life is: it stands until the test sets it."""

    def __init__(self, monkeypatch) -> None:
        self.at = 1000.0
        monkeypatch.setattr(carrier, "_boot_clock", lambda: self.at)


class Clocks(BootClock):
    """All clocks of a client: they stand until the test sets them."""

    def __init__(self, monkeypatch) -> None:
        super().__init__(monkeypatch)
        for module in (client, carrier):
            monkeypatch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self.at

    def __getattr__(self, name):
        return getattr(time, name)


FOLLOWS = {
    "watch": Watch(ended=False),
    "replay": Replay(id="K7QM-2XVD", follow=True),
    "audit": messages.Audit(follow=True),
}


def says(door, follows, *answers):
    """A script: the host answers ``follows`` by each of ``answers``, each after ``go`` was released once, and says no more."""
    go = threading.Semaphore(0)

    def script(door):
        door.welcome()
        assert door.hear() == follows
        for answer in answers:
            go.acquire(timeout=PATIENCE)
            door.say(*answer)
        while door.hear() is not None:
            pass

    door.play(script)
    return go


def sign(age):
    return Item(row={"age": age})


def test_a_list_that_is_watched_is_not_shown_for_ever_if_nothing_more_is_heard(door, monkeypatch):
    """THREATS F-37. Who carries stands still."""
    clock, go = BootClock(monkeypatch), says(door, Watch(ended=False), [sign(0), Done(text="")], [sign(60), Done(text="")])
    connection = connected(door)
    states = connection.watch(Watch(ended=False))
    for _ in range(2):
        go.release()
        assert next(states) == []
        clock.at += 60
    clock.at += 61
    connection._n_graces = 0
    with pytest.raises(Unreachable, match=f"^jitd on {HOST} has not been heard since [0-2][0-9]:[0-5][0-9]$"):
        next(states)
    connection.close()


@pytest.mark.parametrize("what", FOLLOWS)
def test_what_is_followed_is_not_shown_for_ever_if_nothing_more_is_heard(door, monkeypatch, what):
    """THREATS F-37. The board, jitd watch and jitd audit show --follow look now and then, or wait for the next row."""
    row = Item(row={"text": ""})
    clock, go = BootClock(monkeypatch), says(door, FOLLOWS[what], [sign(0), row], [sign(60), row])
    connection = connected(door)
    heard = connection.follow(FOLLOWS[what], every=0.01)
    for _ in range(2):
        assert next(heard) is None
        go.release()
        assert next(one for one in heard if one is not None) == row
        clock.at += 60
    clock.at += 59
    assert next(heard) is None
    clock.at += 2
    with pytest.raises(Unreachable, match="has not been heard since"):
        next(heard)
    connection.close()


def watched(connection):
    return connection.watch(Watch(ended=False))


def heard_of(what):
    return lambda connection: ([] for one in connection.follow(FOLLOWS[what]) if one is not None)


@pytest.mark.parametrize("begins", [watched, *map(heard_of, FOLLOWS)], ids=["list", *FOLLOWS])
def test_what_is_followed_goes_on_for_as_long_as_a_quiet_host_gives_signs_of_life(door, monkeypatch, begins, request):
    """The limit is that of the latest sign, and not that of the question."""
    signs = [[sign(age)] for age in range(0, 361, 60)]
    what = FOLLOWS.get(request.node.callspec.id, Watch(ended=False))
    go = says(door, what, *signs, [Done(text="")])
    connection = connected(door)
    clocks = Clocks(monkeypatch)
    connection._n_graces = 0
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(next, begins(connection))
        for _ in signs:
            go.release()
            wait_for(lambda: told.done() or connection._current_at == clocks.at, what="the sign of life")
            clocks.at += 60
        go.release()
        assert told.result(PATIENCE) == []
    connection.close()


def test_signs_that_are_held_back_and_passed_on_one_by_one_do_not_count_as_new(door, monkeypatch):
    """THREATS F-37. One comes each minute, and what comes was said long ago."""
    clock = BootClock(monkeypatch)
    go = says(door, Watch(ended=False), *([sign(age), Done(text="")] for age in (0, 10, 20)))
    connection = connected(door)
    states = connection.watch(Watch(ended=False))
    for _ in range(3):
        go.release()
        assert next(states) == []
        clock.at += 60
    clock.at -= 39  # so the last one came 21 s ago, and is 121 s old
    connection._n_graces = 0
    with pytest.raises(Unreachable, match="has not been heard since"):
        next(states)
    connection.close()


def test_an_answer_beside_a_list_that_is_watched_is_waited_for_while_the_list_counts(door, tmp_path, monkeypatch):
    """THREATS F-37. Who waits for one conversation does not hear that the other one says nothing more."""
    clock, go = BootClock(monkeypatch), says(door, Watch(ended=False), [sign(0), Done(text="")])
    watched, other = connected(door), Door(tmp_path / "other.sock", door.realm)
    states = watched.watch(Watch(ended=False))
    go.release()
    next(states)

    def script(other):
        other.welcome()
        other.hear()
        other.say(Item(row={"id": "K7QM-2XVD"}), Done(text=""))
        other.hear()
        go.acquire(timeout=PATIENCE)

    other.play(script)
    beside = connected(other)
    beside.asks_beside(watched)
    beside._n_graces = 0
    clock.at += 60  # the clock stands, so the answer has another 60 s
    assert list(beside.ask(List(what="reviews", ended=False))) == [{"id": "K7QM-2XVD"}]
    clock.at += 61
    with pytest.raises(Unreachable, match=f"^jitd on {HOST} does not answer$"):
        list(beside.ask(List(what="reviews", ended=False)))
    go.release()
    for one in (beside, watched):
        one.close()
    other.finish()


def test_who_hears_nothing_at_all_of_what_they_follow_is_told(door, monkeypatch):
    """THREATS F-37."""
    clock, _ = BootClock(monkeypatch), says(door, Watch(ended=False))
    connection = connected(door)
    heard = connection.follow(Watch(ended=False), every=0.01)
    assert next(heard) is None
    clock.at += 121
    with pytest.raises(Unreachable, match="has not been heard since"):
        next(heard)
    connection.close()


@pytest.mark.parametrize("said", [sign("soon"), sign(None), Item(row={"age": 121, "id": "K7QM-2XVD"})])
def test_what_says_no_age_is_no_sign_of_life(door, monkeypatch, said):
    """THREATS F-37."""
    clock, go = BootClock(monkeypatch), says(door, Watch(ended=False), [sign(0), said, Done(text="")])
    connection = connected(door)
    states = connection.watch(Watch(ended=False))
    go.release()
    next(states)
    clock.at += 121
    connection._n_graces = 0
    with pytest.raises(Unreachable, match="has not been heard since"):
        next(states)
    connection.close()


@pytest.mark.parametrize(("number", "is_known"), [(41, True), ("41", False), (True, False), (None, False)])
def test_a_list_is_of_the_record_that_the_host_says_after_its_last_row(door, number, is_known):
    """THREATS F-28. The number is no row, and what follows is of none."""

    def script(door):
        door.welcome()
        for answer in ([Item(row={"id": "a"}), Item(row={"number": number}), Done(text="")], [Done(text="")]):
            door.hear()
            door.say(*answer)
        door.hear()
        door.say(Item(row={"number": 1}), Done(text=""))
        while door.hear() is not None:
            pass

    door.play(script)
    connection = connected(door)
    asked = List(what="requests", ended=False)
    assert list(connection.ask(asked)) == [{"id": "a"}] and connection.number == (number if is_known else None)
    assert list(connection.ask(asked)) == [] and connection.number is None
    assert list(connection.ask(messages.Status())) == [{"number": 1}], "where no list was asked for, it is a row"
    connection.close()


def test_each_state_of_a_list_that_is_watched_has_its_own_record(door):
    """THREATS F-28."""
    go = says(door, Watch(ended=False), *([Item(row={"number": number}), Done(text="")] for number in (3, 5)))
    connection = connected(door)
    states = connection.watch(Watch(ended=False))
    for number in (3, 5):
        go.release()
        assert (next(states), connection.number) == ([], number)
    connection.close()


def test_numbers_without_end_are_more_than_an_answer_can_have(door, monkeypatch):
    monkeypatch.setattr(carrier, "MOST_BYTES", 1000)

    def script(door):
        door.welcome()
        door.hear()
        with contextlib.suppress(OSError):
            while True:
                door.say(Item(row={"number": 1}))

    door.play(script)
    connection = connected(door)
    with pytest.raises(Unreachable, match="more than an answer can have"):
        list(connection.ask(List(what="requests", ended=False)))
    connection.close()


def test_a_row_that_looks_like_a_sign_of_life_is_a_row_where_none_is_due(door):
    def script(door):
        door.welcome()
        door.hear()
        door.say(sign(0), Done(text=""))
        while door.hear() is not None:
            pass

    door.play(script)
    connection = connected(door)
    assert list(connection.ask(List(what="requests", ended=False))) == [{"age": 0}]
    connection.close()
