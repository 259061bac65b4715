# SPDX-License-Identifier: Apache-2.0
"""The client with a ticket, and daemons that are not what they say: THREATS S-09 and the client's half of K-05."""

import os
import pathlib
import re
import subprocess
import time

import gssapi
import pytest
from gssapi.raw import ChannelBindings

from jitpam import client, initiator
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, channel_of, connect
from jitpam.wire import coding, messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import DaemonHello, DaemonToken, Done, Item, Refused, Show, Welcome
from tests.client.acting import FakeDaemon, command_line
from tests.waiting import PATIENCE

HOST = "db1.example.test"
WELCOME = Welcome(principal="alice@EXAMPLE.TEST", user="alice", host=HOST, until="2030-01-01T00:00:00Z", operator=False)


class Acceptor(gssapi.SecurityContext):
    """A daemon's end that hides no fault."""


Acceptor.__DEFER_STEP_ERRORS__ = False  # not in the class: its metaclass sets True over what the body says


@pytest.fixture
def daemon(realm, cache, tmp_path, monkeypatch):
    realm.kinit(cache)
    fake = FakeDaemon(tmp_path / "jitd.sock")
    monkeypatch.setenv("JITD_SOCKET", fake.path)
    monkeypatch.setattr(client, "own_host", lambda: HOST)
    monkeypatch.setattr(client, "_AT_LEAST", PATIENCE)  # this host may be busy
    monkeypatch.setattr(initiator, "TICKET_WITHIN", PATIENCE)
    monkeypatch.setattr(initiator.Initiator.obtain_ticket, "__defaults__", (PATIENCE, None))
    yield fake
    fake.finish()


def hellos(peer):
    """Both hellos; returns the channel that they make."""
    hello = peer.hear()
    assert hello.authentication == "krb5"
    answer = DaemonHello(version=1, nonce=bytes(32))
    peer.say(answer)
    return channel_of(encode(hello), encode(answer))


def proved(realm, peer):
    """The whole handshake by one who has the key; returns the context."""
    channel = hellos(peer)
    name = gssapi.Name(f"jitd/{HOST}@EXAMPLE.TEST", gssapi.NameType.kerberos_principal)
    key = gssapi.Credentials(name=name, usage="accept", store={"keytab": f"FILE:{realm.k5.keytab}"})
    context = Acceptor(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=channel))
    peer.say(DaemonToken(token=context.step(peer.hear().token)))
    return context


def seal(context, message, encrypt=True):
    return frame(context.wrap(encode(message), encrypt).message)


def test_with_a_ticket_all_that_is_said_is_sealed(realm, daemon):
    def script(peer):
        context = proved(realm, peer)
        peer.send(seal(context, WELCOME))
        data = peer.socket.recv(65536)
        assert b"secret-id" not in data
        asked = context.unwrap(data[4:]).message
        assert coding.decode(asked, messages.FROM_CLIENT) == Show(id="secret-id")
        peer.send(seal(context, Item(row={"id": "secret-id"})) + seal(context, Done(text="done")))
        peer.socket.recv(65536)

    daemon.play(script)
    connection = connect(with_ticket=True)
    assert connection.welcome == WELCOME
    assert list(connection.ask(Show(id="secret-id"))) == [{"id": "secret-id"}]
    connection.close()


@pytest.mark.parametrize("answer", [b"", b"x" * 100, "echo"], ids=["nothing", "rubbish", "our own token"])
def test_a_daemon_without_the_hosts_key_is_refused_and_told_nothing(daemon, answer):
    """THREATS S-09."""
    after = []

    def script(peer):
        hellos(peer)
        token = peer.hear().token
        peer.say(DaemonToken(token=token if answer == "echo" else answer))
        after.append(peer.socket.recv(100))

    daemon.play(script)
    with pytest.raises(Unreachable, match="is not jitd: "):
        connect(with_ticket=True)
    daemon.finish()
    assert after == [b""]


def test_a_daemon_that_leaves_its_proof_out_is_refused(daemon):
    """A welcome in the place of the token: the table of PROTOCOL.md lets it pass, the client does not."""

    def script(peer):
        hellos(peer)
        peer.hear()
        peer.say(WELCOME)

    daemon.play(script)
    with pytest.raises(Unreachable, match="it said welcome"):
        connect(with_ticket=True)


def test_a_welcome_that_is_not_sealed_is_refused(realm, daemon):
    def script(peer):
        proved(realm, peer)
        peer.say(WELCOME)

    daemon.play(script)
    with pytest.raises(Unreachable, match="was not sealed by"):
        connect(with_ticket=True)


def test_a_welcome_that_is_whole_but_not_secret_is_refused(realm, daemon):
    def script(peer):
        context = proved(realm, peer)
        peer.send(seal(context, WELCOME, encrypt=False))

    daemon.play(script)
    with pytest.raises(Unreachable, match="not encrypted"):
        connect(with_ticket=True)


def test_an_answer_that_comes_twice_is_refused(realm, daemon):
    def script(peer):
        context = proved(realm, peer)
        peer.send(seal(context, WELCOME))
        peer.socket.recv(65536)
        peer.send(seal(context, Item(row={})) * 2)

    daemon.play(script)
    connection = connect(with_ticket=True)
    with pytest.raises(Unreachable, match="came out of order: .*duplicate"):
        list(connection.ask(Show(id="A")))
    connection.close()


def test_a_changed_hello_changes_the_channel(realm, daemon):
    """THREATS K-05: one bit of either hello changed on the way, and jitd cannot take the token."""
    refused = []

    def script(peer):
        hello = peer.hear()
        answer = DaemonHello(version=1, nonce=bytes(32))
        peer.say(answer)
        token = peer.hear().token
        other = DaemonHello(version=1, nonce=b"\1" + bytes(31))
        name = gssapi.Name(f"jitd/{HOST}@EXAMPLE.TEST", gssapi.NameType.kerberos_principal)
        key = gssapi.Credentials(name=name, usage="accept", store={"keytab": f"FILE:{realm.k5.keytab}"})
        bindings = ChannelBindings(application_data=channel_of(encode(hello), encode(other)))
        try:
            Acceptor(creds=key, usage="accept", channel_bindings=bindings).step(token)
        except gssapi.exceptions.GSSError:
            refused.append(True)

    daemon.play(script)
    with pytest.raises(Unreachable, match="jitd closed the connection"):
        connect(with_ticket=True)
    daemon.finish()
    assert refused == [True]


@pytest.mark.parametrize(("code", "kind"), [("unauthenticated", NotAuthenticated), ("failed", RefusedByDaemon)])
def test_a_refusal_in_the_handshake_is_told_as_what_it_is(daemon, code, kind):
    def script(peer):
        hellos(peer)
        peer.hear()
        peer.say(Refused(code=code, text="because"))

    daemon.play(script)
    with pytest.raises(kind, match="because"):
        connect(with_ticket=True)


def test_without_a_ticket_the_daemon_is_not_even_called(daemon, cache):
    cache.unlink()
    with pytest.raises(NotAuthenticated) as caught:
        connect(with_ticket=True)
    assert caught.value.cause == "no ticket"
    daemon.listener.setblocking(False)  # a connection that was made would be there by now
    with pytest.raises(BlockingIOError):
        daemon.listener.accept()


def test_a_silent_kdc_holds_the_whole_command_for_three_seconds_and_lets_it_go(realm, cache, monkeypatch, tmp_path):
    """The library goes on waiting in a thread that is left behind: the process must end all the same. Each of its four KDCs
    would have it wait for longer than the test does.
    """
    nobody = 65534
    realm.kinit(cache)
    os.chown(cache, nobody, nobody)
    for path in (*list(cache.parents)[:-2], pathlib.Path(realm.configuration).parent):
        os.chmod(path, path.stat().st_mode | 0o055)
    configuration = tmp_path / "krb5.conf"
    text = pathlib.Path(realm.configuration).read_text()
    kdc = re.search(r"kdc = 127\.0\.0\.1:\d+\n", text)[0]
    configuration.write_text(text.replace(kdc, "".join(kdc.replace("0.0.1", f"0.0.{n}") for n in (1, 2, 3, 4))))
    configuration.chmod(0o644)
    monkeypatch.setenv("KRB5_CONFIG", str(configuration))
    *start, code, seconds, word = command_line("true")
    loading, _, running = code.rpartition("main()")
    code = f"{loading}import os, jitpam.krb5; os.setresgid(*[{nobody}] * 3); os.setresuid(*[{nobody}] * 3); main(){running}"
    sockets = realm.silent_kdc()
    try:
        started_at = time.monotonic()
        done = subprocess.run([*start, code, seconds, word], capture_output=True, check=False, timeout=PATIENCE)
        assert time.monotonic() - started_at > 2.9
        assert done.returncode == 119, done.stderr
        assert b"did not answer within 3 s" in done.stderr
    finally:
        for one in sockets:
            one.close()
        realm.k5.start_kdc()


def test_the_ticket_and_the_handshake_have_five_seconds_together():
    assert initiator.TICKET_WITHIN + 2.0 <= 5.0
