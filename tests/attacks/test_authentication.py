# SPDX-License-Identifier: Apache-2.0
"""Who is let in: tokens that were altered, cut, replayed, relayed, stripped or made for something else.

Law: every refusal here leaves the chain as it was.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import gssapi
import pytest

from jitd.server.acceptor import Acceptor, NoKey, NotAuthenticated
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import (
    FLAGS,
    HOST_KEYTAB,
    KRB5,
    REALM,
    SERVICE,
    Flag,
    Raw,
    channel_of,
    connected,
    initiator,
    kadmin,
    submission,
    ticket_of,
    uid_of,
)
from tests.times import times

TIMES = times(2)
"""How often each position is altered, each time another bit; 8 are all of them."""
REPLAYS = 40
"""How often a recorded stream is played."""

LIST = messages.List(what="requests", ended=False)


@contextmanager
def nothing_recorded(house):
    """What happens inside leaves no record behind, and no request."""
    before = house.at_rest().records()
    yield
    assert house.records() == before


def token_for(channel, **changes):
    return bytes(initiator(ticket_of("alice"), channel, **changes).step() or b"")


def refused(house, make, uid="alice"):
    """What the daemon refuses with when it is given the token that ``make`` makes for the channel; it hangs up after that."""
    with Raw(house, uid_of(uid)) as raw:
        answer = raw.offer(make(raw.greet()))
        assert isinstance(answer, messages.Refused), answer
        assert raw.is_closed()
        return answer


# --- the token itself --------------------------------------------------------------------------------------------------


def test_a_token_with_any_bit_changed_never_authenticates(house):
    """THREATS K-01: every position of a valid AP-REQ, so that also what Kerberos leaves unsealed has one spelling only."""
    connected(house, "alice").close()
    length = max(len(token_for(bytes([n] * 32))) for n in range(8))
    assert length > 500
    with nothing_recorded(house):
        for place in range(length):
            for n in range(TIMES):

                def altered(channel, place=place, bit=(place + n * 3) % 8):
                    token = bytearray(token_for(channel))
                    hint = type_of_name_in(token)
                    at = place % len(token)
                    token[at] ^= 1 << (7 if at == hint and token[at] ^ 1 << bit in HINTS else bit)
                    return bytes(token)

                assert refused(house, altered).code in ("unauthenticated", "failed"), place


HINTS = (1, 2, 3)
"""What a KDC may say the type of the service's name is: the only byte that is not one byte, and nothing rests on it."""


def type_of_name_in(token):
    return bytes(token).index(bytes.fromhex("a003020101a1")) + 4


def test_the_type_of_a_name_is_one_of_three(house):
    """THREATS K-01: every value of the one byte that the test above leaves some freedom; all else of the proof is the same."""
    for value in range(256):
        with Raw(house, uid_of("alice")) as raw:
            token = bytearray(token_for(raw.greet()))
            token[type_of_name_in(token)] = value
            assert (raw.offer(bytes(token)).type == "token") == (value in HINTS), value


def test_a_token_cut_at_any_length_or_followed_by_more_never_authenticates(house):
    """THREATS K-01: truncations."""
    length = min(len(token_for(bytes([n] * 32))) for n in range(8)) - 4
    with nothing_recorded(house):
        for end in range(length):
            assert refused(house, lambda channel, end=end: token_for(channel)[:end]).code == "unauthenticated", end
        for more in (b"\0", b"x" * 100):
            assert refused(house, lambda channel, more=more: token_for(channel) + more).code == "unauthenticated"


def test_a_token_without_its_frame_is_none(house):
    """THREATS K-01: libkrb5 would take the bare AP-REQ too."""
    assert refused(house, lambda channel: token_for(channel)[17:]).code == "unauthenticated"


def test_a_token_is_taken_once(house):
    """THREATS K-01, K-04: by another connection, by the same one, and by the same one before it is answered."""
    with nothing_recorded(house):
        with Raw(house, uid_of("alice")) as first:
            token = token_for(first.greet())
            assert isinstance(first.offer(token), messages.DaemonToken)
            assert refused(house, lambda channel: token).code == "unauthenticated"
            first.say(messages.Token(token=token))
            assert first.is_closed()
        with Raw(house, uid_of("alice")) as raw:
            token = token_for(raw.greet())
            raw.send(frame(encode(messages.Token(token=token))) * 2)
            assert raw.is_closed()


def test_errors_of_the_library_are_not_deferred():
    """THREATS K-01: an altered token raises in what the acceptor calls, not when something is asked of the context later."""
    from jitd.server.acceptor import raw as raw_library

    channel = bytes(32)
    token = bytearray(token_for(channel))
    token[-1] ^= 1
    key = Acceptor(HOST_KEYTAB, "lab.example.test", REALM).credentials()
    bindings = raw_library.ChannelBindings(application_data=channel)
    with pytest.raises(gssapi.exceptions.GSSError):
        raw_library.accept_sec_context(bytes(token), key, None, bindings)


def test_a_replayed_token_makes_no_message_even_where_the_replay_cache_is_off(monkeypatch):
    """THREATS K-04: what a thief of a stream lacks is the session's key: a context comes about, and no message fits it."""
    monkeypatch.setenv("KRB5RCACHENAME", "none:")
    channel = bytes(32)
    context = initiator(ticket_of("alice"), channel)
    token = bytes(context.step())
    acceptor = Acceptor(HOST_KEYTAB, "lab.example.test", REALM)
    proof, answer = acceptor.accept(token, channel)
    context.step(answer)
    recorded = context.wrap(b"submit", True).message
    assert proof.unwrap(recorded) == b"submit"
    again, _ = acceptor.accept(token, channel)
    with pytest.raises(NotAuthenticated):
        again.unwrap(recorded)


@pytest.fixture
def aes_alone(tmp_path):
    """A keytab with the AES key of a service whose tickets the KDC encrypts with RC4, as AD does for an account that says nothing
    about encryption types.
    """
    service, whole, keytab = f"jitd/rc4.example.test@{REALM}", tmp_path / "whole", tmp_path / "aes"
    kadmin("addprinc", "-randkey", "-e", "arcfour-hmac:normal,aes256-cts-hmac-sha1-96:normal", service)
    kadmin("ktadd", "-norandkey", "-k", str(whole), service)
    words = f"read_kt {whole}\ndelete_entry 1\nwrite_kt {keytab}\nquit\n"
    subprocess.run(["ktutil"], input=words, text=True, check=True, capture_output=True)
    yield service, keytab
    kadmin("delprinc", "-force", service)


def test_a_ticket_of_a_type_that_no_key_has_is_refused_with_what_to_tell_the_directory(aes_alone):
    service, keytab = aes_alone
    channel = bytes(32)
    with pytest.raises(NoKey) as refused:
        Acceptor(keytab, "rc4.example.test", REALM).accept(token_for(channel, service=service), channel)
    assert str(refused.value) == (
        f"the KDC has encrypted your ticket for {service} with arcfour-hmac, and jitd has only keys of aes256-cts-hmac-sha1-96. "
        "In Active Directory, an administrator sets msDS-SupportedEncryptionTypes to 16 on the account that has this service "
        "principal name; then kinit"
    )


def test_a_ticket_of_an_older_key_of_the_same_type_is_refused_as_that(aes_alone, tmp_path):
    """The twin."""
    service, _ = aes_alone
    channel, keytab = bytes(32), tmp_path / "older"
    token = token_for(channel, service=service)
    kadmin("ktadd", "-k", str(keytab), "-e", "arcfour-hmac:normal", service)
    with pytest.raises(NoKey, match="has not the key version"):
        Acceptor(keytab, "rc4.example.test", REALM).accept(token, channel)


# --- other keys, other mechanisms ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded_keytab():
    """Our key among those of other services of the same host."""
    keytab = Path("/srv/crowded.keytab")
    others = [f"{kind}/lab.example.test@{REALM}" for kind in ("host", "HTTP", "nfs")] + [f"jitd/other.example.test@{REALM}"]
    known = kadmin("listprincs")
    for other in others:
        if other not in known:
            kadmin("addprinc", "-randkey", other)
    for principal in (SERVICE, *others):
        kadmin("ktadd", "-norandkey", "-k", str(keytab), principal)
    yield keytab, others
    keytab.unlink()


@pytest.mark.parametrize("further", ["", "    ignore_acceptor_hostname = true\n"], ids=["as it is", "ignore_acceptor_hostname"])
def test_a_ticket_for_another_service_of_the_same_keytab_is_refused(own_house, crowded_keytab, further):
    """THREATS K-02."""
    keytab, others = crowded_keytab
    configuration = Path("/etc/krb5.conf")
    plain = configuration.read_text()
    configuration.write_text(plain.replace("[libdefaults]\n", f"[libdefaults]\n{further}"))
    try:
        house = own_house(config=f'keytab = "{keytab}"').start()
        connected(house, "alice").close()
        with nothing_recorded(house):
            for other in others:
                answer = refused(house, lambda channel, other=other: token_for(channel, service=other))
                assert answer.code == "unauthenticated", other
    finally:
        configuration.write_text(plain)


def framed(oid: bytes, inner: bytes) -> bytes:
    """An initial token of the mechanism ``oid`` (RFC 2743 section 3.1)."""
    body = bytes((6, len(oid))) + oid + inner
    return b"\x60\x82" + len(body).to_bytes(2, "big") + body


SPNEGO, IAKERB, OLD, MICROSOFTS = (
    bytes.fromhex(digits) for digits in ("2b0601050502", "2b0601050205", "2b05010502", "2a864882f712010202")
)


@pytest.mark.parametrize(
    "make",
    [
        lambda channel: token_for(channel, mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2")),
        lambda channel: framed(SPNEGO, b"NEGOEXTS" + bytes(64)),
        lambda channel: framed(IAKERB, token_for(channel)[15:]),
        lambda channel: framed(OLD, token_for(channel)[15:]),
        lambda channel: framed(MICROSOFTS, token_for(channel)[15:]),
        lambda channel: b"NTLMSSP\0\1\0\0\0" + bytes(32),
        lambda channel: b"",
        lambda channel: os.urandom(700),
        lambda channel: bytes(700),
        lambda channel: b"\x60\x84\xff\xff\xff\xff",
    ],
    ids=["SPNEGO", "NegoEx", "IAKERB", "old krb5", "Microsoft's", "NTLMSSP", "empty", "random", "zeros", "a length"],
)
def test_another_mechanism_than_krb5_is_refused_before_anything_is_written(house, make):
    """THREATS K-03."""
    with nothing_recorded(house):
        assert refused(house, make).code == "unauthenticated"


# --- replay ------------------------------------------------------------------------------------------------------------


def test_a_recorded_stream_that_is_played_again_creates_nothing(own_house):
    """THREATS K-04: to the same daemon, to one that was restarted, and to one whose replay cache was deleted."""
    house = own_house().start()
    with Raw(house, uid_of("alice")) as raw:
        context = initiator(ticket_of("alice"), raw.greet())
        token = frame(encode(messages.Token(token=bytes(context.step()))))
        raw.send(token)
        context.step(raw.hear().token)
        raw.context = context
        assert isinstance(raw.hear(), messages.Welcome)
        asking = frame(raw.seal(encode(submission("true", waits=False))))
        raw.send(asking)
        assert raw.hear().owed
        stream = frame(raw.hellos[0]) + token + asking
    assert list((house.root / "state").glob("replay*")), "the cache is where only root gets"

    def played():
        with nothing_recorded(house):
            for _ in range(REPLAYS):
                with Raw(house, uid_of("alice")) as thief:
                    thief.send(stream)
                    assert thief.is_closed()

    played()
    house.restart()
    played()
    house.kill()
    for file in (house.root / "state").glob("replay*"):
        file.unlink()
    house.start()
    played()
    assert len(house.rows("requests", "--all")) == 1


# --- relay -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thief", ["bob", "eve", "root"])
def test_a_token_that_another_account_relays_is_refused(house, thief):
    """THREATS K-05: the token is alice's and whole, the kernel says who brings it."""
    with nothing_recorded(house), Raw(house, uid_of(thief)) as raw:
        context = initiator(ticket_of("alice"), raw.greet())
        answer = raw.offer(bytes(context.step()))
        context.step(answer.token)
        raw.context = context
        answer = raw.hear()
        assert isinstance(answer, messages.Refused) and answer.code == "unauthenticated"
        assert raw.is_closed()


def test_a_token_for_another_connection_is_refused(house):
    """THREATS K-05: the nonces of two connections differ, so do their channels."""
    with nothing_recorded(house), Raw(house, uid_of("alice")) as one:
        channel = one.greet()
        assert refused(house, lambda _: token_for(channel)).code == "unauthenticated"


def test_one_bit_of_a_hello_that_differs_is_a_refusal(house):
    """THREATS K-05: whichever byte of whichever hello was not the same on its way."""
    with Raw(house, uid_of("alice")) as raw:
        raw.greet()
        lengths = [len(hello) for hello in raw.hellos]
    with nothing_recorded(house):
        for which, length in enumerate(lengths):
            for place in range(length):
                with Raw(house, uid_of("alice")) as raw:
                    raw.greet()
                    hellos = [bytearray(hello) for hello in raw.hellos]
                    hellos[which][place] ^= 1 << place % 8
                    answer = raw.offer(token_for(channel_of(*map(bytes, hellos))))
                    assert isinstance(answer, messages.Refused) and answer.code == "unauthenticated", (which, place)


@pytest.mark.parametrize("channel", [None, b"", bytes(32)], ids=["stripped", "empty", "zeros"])
def test_a_token_without_the_binding_is_refused(house, channel):
    """THREATS K-05."""
    with nothing_recorded(house):
        assert refused(house, lambda _: token_for(channel)).code == "unauthenticated"


LEAVABLE = (Flag.mutual_authentication, Flag.replay_detection, Flag.out_of_sequence_detection)
"""Integrity and confidentiality libkrb5 promises whether asked to or not; a frame without is refused below."""


@pytest.mark.parametrize("missing", LEAVABLE, ids=lambda flag: flag.name)
def test_a_context_that_promises_less_is_refused(house, missing):
    """THREATS K-04, K-05: mutual authentication, replay and sequence detection are not for the client to leave out."""
    fewer = tuple(flag for flag in FLAGS if flag is not missing)
    with nothing_recorded(house):
        assert refused(house, lambda channel: token_for(channel, flags=fewer)).code == "unauthenticated"


# --- the seal ----------------------------------------------------------------------------------------------------------


def test_a_sealed_request_with_any_byte_changed_is_not_made(house):
    """THREATS K-05: the request itself is inside the seal."""
    with connected(house, "alice") as raw:
        length = len(raw.seal(encode(submission("true"))))
    with nothing_recorded(house):
        for place in range(length):
            with connected(house, "alice") as raw:
                sealed = bytearray(raw.seal(encode(submission("true"))))
                sealed[place % len(sealed)] ^= 1 << place % 8
                raw.send(frame(bytes(sealed)))
                assert raw.is_closed(), place


@pytest.mark.parametrize(
    "bad",
    [
        lambda seal: [seal()] * 2,
        lambda seal: [seal(), seal()][1:],
        lambda seal: [seal(), seal()][::-1],
        lambda seal: [seal(), seal(), seal()][::2],
        lambda seal: [seal(), encode(LIST)],
        lambda seal: [seal(), seal(encrypt=False)],
        lambda seal: [seal(encrypt=False)],
    ],
    ids=["twice", "the second first", "swapped", "a gap", "plain", "signed only", "signed only, first"],
)
def test_a_frame_that_is_not_the_next_sealed_one_ends_the_connection(house, bad):
    """THREATS K-04, S-10: and, once the client has proved itself by a first good one, it is one record in the chain."""
    before = len(house.at_rest().records())
    with connected(house, "alice") as raw:
        made = []

        def seal(**how):
            made.append(raw.seal(encode(LIST), **how))
            return made[-1]

        frames = bad(seal)
        for body in frames:
            raw.send(frame(body))
        assert raw.is_closed()
    new = house.records()[before:]
    is_proved = frames[0] is made[0] and len(frames) > 1
    assert [r["event"] for r in new] == (["connection.broken"] if is_proved else [])
    assert all(r["actor"] == f"alice@{REALM}" for r in new)


def test_the_mechanism_of_these_tests_is_the_one_that_is_accepted(house):
    """The other side of all of it: the same steps, unaltered, are welcome."""
    with connected(house, "alice") as raw:
        assert raw.context.mech == KRB5
        assert raw.rows(LIST) == []
