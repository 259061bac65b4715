# SPDX-License-Identifier: Apache-2.0
"""The connection to jitd: what is not jitd is not believed, what does not answer is not waited for, what is broken ends it."""

import contextlib
import gc
import os
import socket
import struct
import threading
import time

import pytest

from jitpam import client
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, connect
from jitpam.news import SLOW_DIRECTORY, News
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import LIMIT, frame
from jitpam.wire.messages import DaemonHello, Done, Item, List, Progress, Refused, Show, Slow, Start, Watch, Welcome
from tests.waiting import PATIENCE, wait_for

WELCOME = Welcome(principal="root", user="root", host="db1.example.test", until=None, operator=True)


@pytest.fixture(autouse=True)
def at_the_fake_daemon(daemon, monkeypatch):
    monkeypatch.setenv("JITD_SOCKET", daemon.path)
    monkeypatch.setattr(client, "_AT_LEAST", PATIENCE)


def in_haste(monkeypatch, seconds):
    """What is silent is given up after so long."""
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", seconds)
    monkeypatch.setattr(client, "_AT_LEAST", seconds)


def seconds_of(call, expected=Unreachable):
    started_at = time.monotonic()
    with pytest.raises(expected) as caught:
        call()
    return time.monotonic() - started_at, str(caught.value)


# --- opening


def test_on_a_host_that_was_never_set_up_whatever_one_types_names_the_command_that_sets_it_up(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "SET_UP", (str(tmp_path / "keytab"), str(tmp_path / "state")))
    monkeypatch.setattr(client, "SOCKET", str(tmp_path / "usual.sock"))
    monkeypatch.setattr(client, "socket_path", lambda: client.SOCKET)
    _, said = seconds_of(connect)
    assert said == "jitd is not set up on this host yet: run jitd setup as root"
    (tmp_path / "state").touch()  # it is set up, and merely down
    _, said = seconds_of(connect, (Unreachable, NotAuthenticated))
    assert "jitd setup" not in said


def test_a_directory_that_is_slow_twice_is_waited_for_until_the_first_time_is_over(daemon, monkeypatch):
    told = []

    class Told(News):
        def say(self, sentence):
            told.append(sentence)

    class Haste(News):
        def say(self, sentence):
            in_haste(monkeypatch, 0.4)
            monkeypatch.setattr(client, "_GRACES", 0)

    def script(peer):
        peer.hear()
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        for _ in range(2):
            peer.say(Slow(left_ms=int(PATIENCE * 1000)))
        peer.say(WELCOME)
        assert peer.hear().type == "bye"

    def never(peer):
        peer.hear()
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        twice = [Slow(left_ms=0), Slow(left_ms=int(PATIENCE * 1000))]
        peer.send(b"".join(frame(encode(slow)) for slow in twice))  # both are there when the time of the first begins
        peer.hear()

    daemon.play(script)
    connection = connect(news=Told())
    assert connection.welcome == WELCOME and told == [SLOW_DIRECTORY]
    connection.close()
    daemon.play(never)
    seconds, text = seconds_of(lambda: connect(news=Haste()))
    assert seconds < PATIENCE and "does not answer" in text


# --- asking


def test_rows_come_one_by_one_and_the_last_word_is_kept(daemon):
    def script(peer):
        assert peer.welcome() == List(what="grants", ended=True)
        peer.say(Item(row={"id": "A"}))
        peer.say(Item(row={"id": "B"}))
        peer.say(Done(text="that is all"))
        assert peer.hear() == Show(id="A")
        peer.say(Refused(code="unknown", text="no such thing"))
        assert peer.hear().type == "bye"

    daemon.play(script)
    connection = connect()
    assert connection.welcome == WELCOME
    assert list(connection.ask(List(what="grants", ended=True))) == [{"id": "A"}, {"id": "B"}]
    assert connection.said == "that is all"
    with pytest.raises(RefusedByDaemon) as caught:
        connection.do(Show(id="A"))
    assert (caught.value.code, caught.value.text) == ("unknown", "no such thing")
    connection.close()


def test_a_watched_list_comes_again_whole(daemon):
    def script(peer):
        peer.welcome()
        for rows in ([1], [1, 2], []):
            for row in rows:
                peer.say(Item(row={"n": row}))
            peer.say(Done(text=""))
        assert peer.hear().type == "bye"

    daemon.play(script)
    connection = connect()
    lists = connection.watch(Watch(ended=False))
    assert [next(lists), next(lists), next(lists)] == [[{"n": 1}], [{"n": 1}, {"n": 2}], []]
    connection.close()


def test_what_waits_gives_its_turn_now_and_then(daemon):
    had_turns = threading.Event()

    def script(peer):
        peer.welcome()
        peer.progress("news")
        assert had_turns.wait(PATIENCE)
        peer.say(Refused(code="expired", text="nobody decided in time"))

    daemon.play(script)
    connection = connect()
    heard = []
    began = time.monotonic()
    with pytest.raises(RefusedByDaemon):
        for message in connection.follow(messages.Resume(id="X", streams=[]), every=0.1):
            heard.append(message)
            if len(heard) == 4:
                had_turns.set()
    assert isinstance(heard[0], Progress)
    assert heard[1:] == [None] * len(heard[1:]) and len(heard[1:]) >= 3
    assert time.monotonic() - began >= 0.3
    connection.close()


def test_an_answer_of_four_mebibytes_arrives(daemon):
    text = "x" * (LIMIT - 100)

    def script(peer):
        peer.welcome()
        peer.say(Done(text=text))

    daemon.play(script)
    connection = connect()
    assert connection.do(Show(id="A")) == text
    connection.close()


def test_arguments_of_two_mebibytes_go_out_and_more_is_refused_here(daemon, jitsudo, tmp_path):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="denied", text="no"))

    daemon.play(script)
    words = ["x" * 120_000] * 16
    assert jitsudo("echo", *words).returncode == 121
    assert sum(map(len, daemon.heard[0].argv)) > 1_900_000


# --- what is not there


def test_no_socket_is_told_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 100.0)
    monkeypatch.setenv("JITD_SOCKET", str(tmp_path / "none"))
    seconds, text = seconds_of(connect)
    assert seconds < 50
    assert "is it running" in text


def test_nobody_listening_is_told_at_once(daemon, monkeypatch):
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 100.0)
    daemon.listener.close()
    seconds, text = seconds_of(connect)
    assert seconds < 50
    assert "nobody listens" in text


def test_a_path_too_long_for_a_socket_is_told(monkeypatch):
    monkeypatch.setenv("JITD_SOCKET", "/" + "x" * 200)
    assert "cannot be reached" in seconds_of(connect)[1]


def test_a_daemon_that_takes_the_connection_and_says_nothing_is_not_waited_for(monkeypatch):
    in_haste(monkeypatch, 0.4)
    seconds, text = seconds_of(connect)
    assert seconds > 0.3
    assert "does not answer" in text


def test_a_daemon_whose_queue_is_full_is_not_waited_for(daemon, monkeypatch):
    daemon.listener.listen(0)
    others = []
    for _ in range(3):
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(daemon.path)
        others.append(one)
    in_haste(monkeypatch, 0.4)
    seconds, text = seconds_of(connect)
    assert seconds > 0.3
    assert "does not answer" in text
    for one in others:
        one.close()


def test_a_daemon_that_dribbles_is_not_waited_for_either(daemon, monkeypatch):
    """A byte now and then must not begin the wait anew."""
    in_haste(monkeypatch, 0.5)
    whole = frame(encode(DaemonHello(version=1, nonce=bytes(32))))
    n_taken = []

    def script(peer):
        peer.hear()
        for n, byte in enumerate(whole):
            try:
                peer.send(bytes([byte]))
            except OSError:
                n_taken.append(n)
                return
            time.sleep(0.2)

    daemon.play(script)
    seconds, _ = seconds_of(connect)
    assert seconds > 0.4
    daemon.finish()
    assert n_taken and n_taken[0] < len(whole), "it hung up in the middle of the hello"


# --- what is not jitd


def test_who_comes_late_to_a_step_gives_jitd_a_moment_all_the_same(daemon, monkeypatch):
    """A client that had no processor for some seconds: none of them was jitd's."""

    def script(peer):
        for answer in (DaemonHello(version=1, nonce=bytes(32)), WELCOME):
            if answer is not WELCOME:
                peer.hear()
            time.sleep(0.05)
            peer.say(answer)
        peer.hear()

    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 0.0)
    monkeypatch.setattr(client, "_AT_LEAST", PATIENCE)
    daemon.play(script)
    connection = connect()
    assert connection.welcome == WELCOME
    connection.close()


def test_to_root_a_socket_of_somebody_elses_is_not_jitd(tmp_path, monkeypatch):
    """THREATS S-09, where there is no ticket to prove anything by: the uid that listens must be root's."""
    path = tmp_path / "theirs.sock"
    heard = []
    pid = os.fork()
    if pid == 0:
        try:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            os.setresuid(65534, 65534, 65534)
            listener.listen(1)
            connection, _ = listener.accept()
            os._exit(1 if connection.recv(1) else 0)
        finally:
            os._exit(2)
    monkeypatch.setenv("JITD_SOCKET", str(path))

    def is_seen_through():
        try:
            connect()
        except Unreachable as fault:
            heard.append(str(fault))
        return "uid 65534" in heard[-1]

    wait_for(is_seen_through, what="a word of who listens")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "not a byte was said to it"


# --- what is broken


def after_hello(data):
    def script(peer):
        peer.hear()
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        peer.send(data)

    return script


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", 0),
        struct.pack(">I", 2**32 - 1),
        struct.pack(">I", LIMIT + 1),
        frame(b"hello"),
        frame(b"{}"),
        frame(b'{"type":"welcome"}'),
        frame(encode(DaemonHello(version=1, nonce=bytes(32)))),
        frame(encode(Done(text=""))),
        frame(encode(Item(row={}))),
        frame(encode(Progress(id="A", state="pending", owed=True, news=[], until=None))),
        frame(encode(messages.DaemonToken(token=b"x"))),
        frame(encode(WELCOME))[:-1],
        b"",
    ],
    ids=["empty frame", "largest length", "over the limit", "no JSON", "no type", "no fields", "hello again", "done", "item",
         "progress", "a token to root", "cut short", "silence and close"],
)  # fmt: skip
def test_what_is_broken_in_the_handshake_ends_it(daemon, monkeypatch, data):
    monkeypatch.setattr(client, "HANDSHAKE_WITHIN", 100.0)
    monkeypatch.setattr(client, "_AT_LEAST", 100.0)
    daemon.play(after_hello(data))
    assert seconds_of(connect)[0] < 50


@pytest.mark.parametrize("version", [0, 2, 255, -1])
def test_another_version_is_told(daemon, version):
    def script(peer):
        peer.hear()
        peer.say(DaemonHello(version=version, nonce=bytes(32)))

    daemon.play(script)
    assert f"version {version}" in seconds_of(connect)[1]


def test_a_refusal_is_read_though_the_daemon_closed_before_we_had_spoken(daemon, monkeypatch):
    def script(peer):
        peer.conversation.state = "greeted"
        peer.say(Refused(code="failed", text="too many connections"))

    daemon.play(script)
    monkeypatch.setattr(client.Connection, "_peer_must_be_root", lambda self: daemon.thread.join())
    seconds, text = seconds_of(connect, RefusedByDaemon)
    assert text == "too many connections"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 30])
def test_descriptors_that_nobody_asked_for_end_it_and_are_closed(daemon, count):
    """THREATS S-05."""

    def script(peer):
        peer.hear()
        peer.conversation.say(DaemonHello(version=1, nonce=bytes(32)))
        given = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
        peer.send(frame(encode(DaemonHello(version=1, nonce=bytes(32)))), *given)
        for descriptor in given:
            os.close(descriptor)

    gc.collect()  # what other tests have left is not closed in the middle
    before = len(os.listdir("/proc/self/fd"))
    daemon.play(script)
    assert ("unexpected descriptors" if count == 1 else "more than one descriptor") in seconds_of(connect)[1]
    daemon.thread.join(PATIENCE)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("count", "why"), [(0, "none where one was due"), (2, "more than one descriptor")])
def test_a_start_without_its_one_descriptor_ends_it(daemon, count, why):
    def script(peer):
        peer.welcome()
        message = Start(id="A", news=[])
        peer.conversation.say(message)
        peer.send(frame(encode(message)), *([0] * count))

    daemon.play(script)
    connection = connect()
    with pytest.raises(Unreachable, match=why):
        list(connection.follow(messages.Resume(id="A", streams=[])))
    connection.close()


def test_the_control_socket_is_not_inherited(daemon):
    def script(peer):
        peer.welcome()
        peer.start()

    daemon.play(script)
    connection = connect()
    assert isinstance(list(connection.follow(messages.Resume(id="A", streams=[])))[-1], Start)
    control = connection.take_control()
    assert not os.get_inheritable(control)
    os.close(control)
    connection.close()
