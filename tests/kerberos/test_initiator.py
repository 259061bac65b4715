# SPDX-License-Identifier: Apache-2.0
"""The initiator with a real KDC, and python-gssapi as the other end: that of jitsudo, and that of a gate (contrib/gates)."""

import os
import pathlib
import signal
import subprocess
import threading
import time

import gssapi
import k5test
import pytest
from gssapi.raw import ChannelBindings

from jitpam.initiator import Initiator, NotAuthenticated, Unproved, own_host, within
from tests.prover import ALICE, INSTALLED, PATIENT, PROOF, Prover, built, encoded
from tests.waiting import PATIENCE, wait_for

HOST = "db1.example.test"
CHANNEL = bytes(range(32))
in_the_lab = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's alice, whose rights it takes")


class Other(gssapi.SecurityContext):
    """A daemon's end that hides no fault."""


Other.__DEFER_STEP_ERRORS__ = False  # not in the class: its metaclass sets True over what the body says


def other_end(realm, channel=CHANNEL, service=f"jitd/{HOST}@EXAMPLE.TEST"):
    name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
    key = gssapi.Credentials(name=name, usage="accept", store={"keytab": f"FILE:{realm.k5.keytab}"})
    return Other(creds=key, usage="accept", channel_bindings=ChannelBindings(application_data=channel) if channel else None)


@pytest.fixture(autouse=True)
def nobody_is_hurried(monkeypatch):
    """On a busy host a KDC that answers is late, and so is what needs none. Who is to be late says how long is too long."""
    monkeypatch.setattr("jitpam.initiator.TICKET_WITHIN", PATIENCE)


@pytest.fixture
def initiator(realm, cache):
    realm.kinit(cache)
    made = Initiator(HOST)
    made.obtain_ticket(PATIENCE)
    return made


@pytest.fixture
def pair(realm, initiator):
    """Both ends of a finished context."""
    other = other_end(realm)
    initiator.finish(other.step(initiator.first_token(CHANNEL)))
    return initiator, other


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The initiator of a gate, under sanitizers, and in no hurry."""
    return built(tmp_path_factory.mktemp("prove") / "prove", PATIENT, sanitized=True)


@pytest.fixture
def gate(program, realm, cache, tmp_path):
    """Starts the initiator of a gate for alice, whose home is this test's directory."""

    def start(program=program, under=()):
        for path in (*list(tmp_path.parents)[:-2], pathlib.Path(realm.configuration).parent, program.parent):
            os.chmod(path, path.stat().st_mode | 0o055)
        configuration = pathlib.Path(os.environ["KRB5_CONFIG"])
        os.chmod(configuration, 0o644)
        subprocess.run(["chown", "-R", f"{ALICE}:{ALICE}", tmp_path], check=True)
        places = {pathlib.Path("/etc/krb5.conf"): configuration, pathlib.Path("/home/alice"): tmp_path}
        return Prover(program, places, under)

    return start


OURS, GATES = "jitsudo's", "a gate's"
both = pytest.fixture(params=[OURS, pytest.param(GATES, marks=in_the_lab)])


def our_fault(host=HOST, timeout_for=PATIENCE):
    with pytest.raises(NotAuthenticated) as caught:
        Initiator(host).obtain_ticket(timeout_for)
    return caught.value.cause, str(caught.value)


@both
def fault_of(request):
    """Why there is no ticket: the cause, and the sentence. The initiator of a gate says the same sentence as jitsudo's."""
    if request.param == OURS:
        return our_fault
    start = request.getfixturevalue("gate")

    def fault(host=HOST):
        cause, text = our_fault(host)
        with start() as prover:
            prover.ask(host, os.environ["KRB5CCNAME"], CHANNEL)
            assert prover.why() == text
        return cause, text

    return fault


@both
def proved_by(request, realm):
    """Who the other end sees; jitsudo's initiator says the same of itself."""

    def proved(host=HOST, cache=None):
        other = other_end(realm, service=f"jitd/{host}@EXAMPLE.TEST")
        if request.param == OURS:
            initiator = Initiator(host, cache)
            initiator.obtain_ticket(PATIENCE)
            initiator.finish(other.step(initiator.first_token(CHANNEL)))
            assert initiator.principal == str(other.initiator_name)
        else:
            with request.getfixturevalue("gate")() as prover:
                prover.ask(host, cache.decode() if cache else os.environ["KRB5CCNAME"], CHANNEL)
                prover.say({"token": encoded(other.step(prover.token()))})
                assert other.unwrap(prover.proof()) == (PROOF + CHANNEL, True, 0)
        return str(other.initiator_name)

    return proved


# --- what is asked for, and what is checked


def test_a_context_has_every_flag_and_no_delegation(pair):
    initiator, other = pair
    flag = gssapi.RequirementFlag
    assert other.complete
    assert other.mech == gssapi.MechType.kerberos
    for wanted in (
        flag.mutual_authentication,
        flag.integrity,
        flag.confidentiality,
        flag.replay_detection,
        flag.out_of_sequence_detection,
        flag.channel_bound,
    ):
        assert wanted in other.actual_flags
    assert flag.delegate_to_peer not in other.actual_flags
    assert other.delegated_creds is None
    assert str(other.initiator_name) == initiator.principal == "alice@EXAMPLE.TEST"
    before = time.time()
    until = other.lifetime + before, other.lifetime + time.time()  # the second is read no sooner than the lifetime
    assert until[0] - 5 < initiator.expires_at + 300 < until[1] + 5  # the acceptor adds its 300 s of skew


def test_messages_travel_both_ways(pair):
    initiator, other = pair
    for message in (b"x", b"\0" * 70_000, bytes(range(256)) * 4096):
        opened = other.unwrap(initiator.wrap(message))
        assert opened.message == message
        assert opened.encrypted
        assert initiator.unwrap(other.wrap(message, True).message) == message


def test_a_token_is_bound_to_its_channel(realm, initiator):
    """THREATS K-05, the client's side: another channel, and the acceptor refuses the token."""
    token = initiator.first_token(CHANNEL)
    with pytest.raises(gssapi.exceptions.GSSError):
        other_end(realm, channel=bytes(32)).step(token)


def test_the_ticket_is_in_the_cache_before_any_token_is_made(realm, cache, initiator):
    realm.k5.stop_kdc()
    try:
        other = other_end(realm)
        initiator.finish(other.step(initiator.first_token(CHANNEL)))
    finally:
        realm.k5.start_kdc()


def test_an_answer_with_any_byte_changed_is_refused(realm, cache):
    realm.kinit(cache)
    for place in range(0, 200, 7):
        initiator = Initiator(HOST)
        initiator.obtain_ticket(PATIENCE)
        answer = bytearray(other_end(realm).step(initiator.first_token(CHANNEL)))
        if place >= len(answer):
            break
        answer[place] ^= 0x41
        with pytest.raises(Unproved):
            initiator.finish(bytes(answer))
        with pytest.raises(Unproved):
            initiator.wrap(b"x")


@pytest.mark.parametrize("answer", [b"", b"\0", b"\x60\x05", b"A" * 300])
def test_an_answer_that_is_none_is_refused(initiator, answer):
    initiator.first_token(CHANNEL)
    with pytest.raises(Unproved):
        initiator.finish(answer)


@in_the_lab
def test_a_gate_has_no_proof_of_an_answer_that_is_changed_or_none(realm, cache, gate):
    """THREATS S-09: nothing is sealed before the daemon has proved itself."""
    realm.kinit(cache)
    for change in ("a byte at 0", "a byte at 30", "a byte at the end", "empty", "ours"):
        with gate() as prover:
            prover.ask(HOST, str(cache), CHANNEL)
            token = prover.token()
            answer = bytearray(other_end(realm).step(token))
            if "byte" in change:
                answer[{"0": 0, "30": 30, "end": -1}[change.split()[-1]]] ^= 0x41
            prover.say({"token": encoded({"empty": b"", "ours": token}.get(change, bytes(answer)))})
            assert prover.why().startswith(f"the server cannot prove that it is jitd/{HOST}: "), change


@in_the_lab
def test_a_gates_context_has_every_flag_and_no_delegation_and_is_bound_to_its_channel(realm, cache, gate):
    """THREATS K-05."""
    realm.kinit(cache, "-f")
    with gate() as prover:
        prover.ask(HOST, str(cache), CHANNEL)
        with pytest.raises(gssapi.exceptions.GSSError):
            other_end(realm, channel=bytes(32)).step(prover.token())
    with gate() as prover:
        prover.ask(HOST, str(cache), CHANNEL)
        other = other_end(realm)
        prover.say({"token": encoded(other.step(prover.token()))})
        assert other.unwrap(prover.proof()).encrypted
        assert prover.hear() is None, "and it has ended"
    flag = gssapi.RequirementFlag
    assert flag.channel_bound in other.actual_flags and flag.mutual_authentication in other.actual_flags
    assert flag.replay_detection in other.actual_flags and flag.out_of_sequence_detection in other.actual_flags
    assert flag.delegate_to_peer not in other.actual_flags and other.delegated_creds is None


def test_an_answer_without_the_hosts_key_is_refused(realm, initiator):
    """THREATS S-09: whoever listens without the key cannot make an answer; not even by giving our own token back."""
    token = initiator.first_token(CHANNEL)
    with pytest.raises(Unproved):
        initiator.finish(token)


def test_nothing_is_sealed_before_the_daemon_has_proved_itself(initiator):
    initiator.first_token(CHANNEL)
    with pytest.raises(Unproved):
        initiator.wrap(b"x")
    with pytest.raises(Unproved):
        initiator.unwrap(b"x")


@pytest.mark.parametrize("order", [(0, 0), (1,), (1, 0), (0, 2)], ids=["twice", "a gap at first", "swapped", "a gap"])
def test_a_message_that_is_not_the_next_one_is_a_fault(pair, order):
    initiator, other = pair
    sealed = [other.wrap(bytes([n]), True).message for n in range(3)]
    with pytest.raises(Unproved):
        for number in order:
            initiator.unwrap(sealed[number])


def test_a_message_that_is_whole_but_not_secret_is_a_fault(pair):
    initiator, other = pair
    with pytest.raises(Unproved, match="not encrypted"):
        initiator.unwrap(other.wrap(b"x", False).message)


def test_a_message_cut_short_or_changed_is_a_fault(pair):
    initiator, other = pair
    sealed = other.wrap(b"message", True).message
    for bad in (b"", sealed[:-1], sealed[:20], bytes([sealed[0] ^ 1]) + sealed[1:], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Unproved):
            initiator.unwrap(bad)


# --- no ticket, each in its own words


def test_no_ticket(cache, fault_of):
    cause, text = fault_of()
    assert cause == "no ticket"
    assert text.endswith("kinit")


def test_an_expired_ticket(realm, cache, fault_of):
    realm.kinit(cache, "-l", "1s")
    time.sleep(2.1)
    assert fault_of() == ("expired", "your Kerberos ticket has expired: kinit")


def test_a_ticket_that_is_not_valid_yet(realm, cache, fault_of):
    realm.kinit(cache, "-s", "1h")
    assert fault_of()[0] == "skew"


def test_a_service_that_the_kdc_does_not_know(realm, cache, fault_of):
    realm.kinit(cache)
    cause, text = fault_of("db2.example.test")
    assert cause == "service"
    assert "jitd/db2.example.test" in text
    assert "not enrolled" in text


def test_a_host_of_a_realm_without_trust(realm, cache, fault_of):
    realm.kinit(cache)
    cause, text = fault_of("x.mapped.test")
    assert cause == "realm"
    assert "OTHER.TEST" in text


def test_a_realm_whose_kdc_nobody_knows(realm, cache, tmp_path, monkeypatch, fault_of):
    realm.kinit(cache)
    bare = tmp_path / "krb5.conf"
    bare.write_text("[libdefaults]\ndefault_realm = EXAMPLE.TEST\ndns_lookup_kdc = false\n")
    monkeypatch.setenv("KRB5_CONFIG", str(bare))
    cause, text = fault_of()
    assert cause == "realm"
    assert "EXAMPLE.TEST" in text


def test_a_kdc_that_is_down(realm, cache, fault_of):
    realm.kinit(cache)
    realm.k5.stop_kdc()
    try:
        assert fault_of()[0] == "kdc down", "it is not taken for one that is silent"
    finally:
        realm.k5.start_kdc()


def test_a_kdc_that_is_silent_holds_nobody_longer_than_said(realm, cache):
    realm.kinit(cache)
    sockets = realm.silent_kdc()
    try:
        assert our_fault(timeout_for=0.5)[0] == "kdc silent", "the library would say in the end that it is down"
    finally:
        for one in sockets:
            one.close()
        realm.k5.start_kdc()


def test_a_clock_that_is_wrong(realm, cache, fault_of):
    """The KDC's answer for a request that is ten minutes off: libkrb5 itself offers the offset that makes it so."""
    realm.kinit(cache)
    shift_cache_by(cache, 600)
    cause, text = fault_of()
    assert cause == "skew"
    assert "clocks" in text


def shift_cache_by(cache, seconds):
    """Write into the cache's header (format 4, tag 1) that the KDC's clock is so many seconds ahead of ours."""
    data = bytearray(cache.read_bytes())
    assert data[:2] == b"\x05\x04"
    assert data[4:8] == b"\x00\x01\x00\x08"
    data[8:12] = seconds.to_bytes(4, "big")
    cache.write_bytes(data)


@in_the_lab
def test_a_kdc_that_is_silent_holds_no_gate_longer_than_3_seconds(realm, cache, gate):
    realm.kinit(cache)
    sockets = realm.silent_kdc()
    try:
        with gate(INSTALLED) as prover:
            prover.ask(HOST, str(cache), CHANNEL)
            assert prover.why() == "the KDC did not answer within 3 s: try again, or check the network and the KDC"
    finally:
        for one in sockets:
            one.close()
        realm.k5.start_kdc()


def test_a_cache_that_may_not_be_read(realm, cache, tmp_path):
    realm.kinit(cache)
    for path in (*list(tmp_path.parents)[:-2], tmp_path, pathlib.Path(realm.configuration).parent):
        os.chmod(path, path.stat().st_mode | 0o055)
    os.chmod(realm.configuration, 0o644)
    code = (
        "import os, sys; os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534);"
        "from jitpam.initiator import Initiator, NotAuthenticated\n"
        "try: Initiator('db1.example.test').obtain_ticket()\n"
        "except NotAuthenticated as fault: print(fault.cause, '|', fault)"
    )
    tree = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    # The library is imported before the uid changes: a checkout below /root is not for everybody.
    start = f"import sys; sys.path.insert(0, {tree!r}); import jitpam.initiator; {code}"
    said = subprocess.run([*python(), start], capture_output=True, text=True, check=True).stdout
    assert said.startswith("unreadable | "), said
    assert str(cache) in said


@in_the_lab
def test_a_cache_that_a_gates_person_may_not_read(cache, gate):
    with gate() as prover:
        prover.ask(HOST, "FILE:/etc/shadow", CHANNEL)
        named = " (KRB5CCNAME is FILE:/etc/shadow)"
        assert prover.why() == f"the credential cache may not be read by you{named}: kinit into one of your own"


def python():
    import sys

    return [sys.executable, "-IS", "-c"]


def test_a_damaged_cache(cache, fault_of):
    for content in (b"", b"hello", b"\x05\x04\x00"):
        cache.write_bytes(content)
        assert fault_of()[0] == "cache"


def test_a_directory_of_caches_without_a_ticket(cache, tmp_path, monkeypatch, fault_of):
    monkeypatch.setenv("KRB5CCNAME", f"DIR:{tmp_path}/caches")
    assert fault_of()[0] == "no ticket"
    assert fault_of()[0] == "no ticket"  # libkrb5 has made the directory


def test_a_directory_of_caches(realm, cache, tmp_path, monkeypatch, proved_by):
    monkeypatch.setenv("KRB5CCNAME", f"DIR:{tmp_path}/caches")
    (tmp_path / "caches").mkdir(mode=0o700)
    realm.kinit(f"DIR:{tmp_path}/caches")
    assert proved_by() == "alice@EXAMPLE.TEST"


@pytest.fixture(scope="module")
def second_realm():
    """SECOND.TEST, whose KDC nobody has to reach once its ticket is there."""
    made = k5test.K5Realm(realm="SECOND.TEST", portbase=62000, krb5_conf={"libdefaults": {"dns_lookup_kdc": "false"}})
    made.addprinc("alice", "alicealice")
    yield made
    made.stop()


@pytest.fixture
def collection(realm, cache, tmp_path, monkeypatch):
    """The name of a collection of alice's and of alice/spare's, whose primary cache is the latter's; and a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    name = f"DIR:{tmp_path}/caches"
    (tmp_path / "caches").mkdir(mode=0o700)
    monkeypatch.setenv("KRB5CCNAME", name)
    realm.k5.addprinc("alice/spare", "alice/sparealice/spare")
    realm.kinit(f"DIR::{tmp_path}/caches/tkt1", who="alice")
    realm.kinit(f"DIR::{tmp_path}/caches/tkt2", who="alice/spare")
    (tmp_path / "caches/primary").write_text("tkt2\n")
    yield name
    realm.k5.run_kadminl("delprinc -force alice/spare")


@pytest.mark.parametrize("named", ["by the environment", "by its caller"])
@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ("", "alice/spare"),
        ("alice@EXAMPLE.TEST service=jitd", "alice"),
        (f"alice@EXAMPLE.TEST service=jitd host={HOST}", "alice"),
        ("alice@EXAMPLE.TEST host=*.example.test", "alice"),
        ("alice@EXAMPLE.TEST realm=EXAMPLE.TEST", "alice"),
        ("alice@EXAMPLE.TEST service=host", "alice/spare"),
        ("alice@EXAMPLE.TEST service=jitd host=db2.example.test", "alice/spare"),
    ],
)
def test_of_a_collection_the_one_of_k5identity_is_used(collection, tmp_path, proved_by, named, lines, chosen):
    (tmp_path / ".k5identity").write_text(f"{lines}\n")
    assert proved_by(cache=collection.encode() if named == "by its caller" else None) == f"{chosen}@EXAMPLE.TEST"


@pytest.mark.parametrize("named", ["by the environment", "by its caller"])
def test_of_a_collection_the_one_of_the_hosts_realm_is_used(realm, second_realm, cache, tmp_path, monkeypatch, proved_by, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    name = f"DIR:{tmp_path}/caches"
    (tmp_path / "caches").mkdir(mode=0o700)
    monkeypatch.setenv("KRB5CCNAME", name)
    realm.kinit(f"DIR::{tmp_path}/caches/tkt1")
    second_realm.run(["kinit", "-c", f"DIR::{tmp_path}/caches/tkt2", "alice"], input="alicealice\n")
    (tmp_path / "caches/primary").write_text("tkt2\n")
    assert proved_by(cache=name.encode() if named == "by its caller" else None) == "alice@EXAMPLE.TEST"


def test_a_choice_of_k5identity_without_a_ticket_is_said(realm, collection, tmp_path, fault_of):
    (tmp_path / ".k5identity").write_text("alice/third@EXAMPLE.TEST service=jitd\n")
    cause, text = fault_of()
    assert cause == "no ticket"
    assert text.endswith("you have no ticket of alice/third@EXAMPLE.TEST: kinit alice/third@EXAMPLE.TEST")


def test_a_refusal_names_who_was_chosen(realm, collection, tmp_path):
    """A KDC that is asked about a service that it does not know, after the choice."""
    (tmp_path / ".k5identity").write_text("alice@EXAMPLE.TEST service=jitd\n")
    initiator = Initiator("db2.example.test")
    with pytest.raises(NotAuthenticated, match="not enrolled"):
        initiator.obtain_ticket(PATIENCE)
    assert initiator.principal == "alice@EXAMPLE.TEST"


def test_a_keyring_where_the_kernel_lets_us(realm, cache, monkeypatch, fault_of):
    monkeypatch.setenv("KRB5CCNAME", "KEYRING:process:jitd-test")
    assert fault_of()[0] in ("no ticket", "cache")


@pytest.mark.parametrize(
    ("name", "words"),
    [("MEMORY:x", "no other program"), ("BOGUS:x", "type that is not known"), ("KCM:", "no KCM daemon")],
)
def test_a_kind_of_cache_that_cannot_work_here_is_named(cache, monkeypatch, name, words, fault_of):
    monkeypatch.setenv("KRB5CCNAME", name)
    cause, text = fault_of()
    assert cause == "cache"
    assert words in text


def test_a_broken_configuration(cache, tmp_path, monkeypatch, fault_of):
    (tmp_path / "krb5.conf").write_text("[libdefaults\n x")
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    assert fault_of()[0] == "configuration"


def test_dns_is_not_asked_what_the_host_is_called(realm, cache):
    """Part of K-18: a name that no resolver knows has a ticket all the same, whatever `rdns` says."""
    realm.kinit(cache)
    initiator = Initiator(HOST)
    initiator.obtain_ticket(PATIENCE)
    assert initiator.target == f"jitd/{HOST}"


@pytest.mark.parametrize(
    ("asked", "asks"),
    [
        (f"from jitpam.initiator import Initiator; Initiator({HOST!r}).obtain_ticket()", False),
        (f"import gssapi as g; g.Name('jitd@{HOST}', g.NameType.hostbased_service).canonicalize(g.MechType.kerberos)", True),
    ],
    ids=["ours", "a host-based service"],
)
def test_no_resolver_of_any_kind_is_asked_for_the_host(realm, cache, tmp_path, asked, asks):
    """Part of K-18: the first that every resolver looks into is the file of hosts; another kind of name has it looked into."""
    realm.kinit(cache)
    seen = tmp_path / "opened"
    places = [os.path.dirname(os.path.dirname(file)) for file in (os.path.dirname(__file__), gssapi.__file__)]
    code = f"import sys; sys.path[:0] = {places!r}; {asked}"
    subprocess.run(["strace", "-f", "-o", seen, "-e", "trace=openat", *python(), code], check=True, capture_output=True)
    assert ("/etc/hosts" in seen.read_text()) is asks


@in_the_lab
def test_no_resolver_is_asked_by_a_gate(realm, cache, tmp_path, gate):
    """Part of K-18."""
    realm.kinit(cache)
    seen = tmp_path / "opened"
    with gate(INSTALLED, ("strace", "-f", "-o", str(seen), "-e", "trace=openat")) as prover:
        prover.ask(HOST, str(cache), CHANNEL)
        prover.token()
    assert "/etc/krb5.conf" in seen.read_text() and "/etc/hosts" not in seen.read_text()


# --- waiting, and the host's name


def test_within_gives_what_the_work_gives():
    assert within(PATIENCE, lambda: 7) == 7
    with pytest.raises(KeyError):
        within(PATIENCE, lambda: {}["x"])


def test_work_that_is_left_behind_takes_no_signal_of_ours():
    from jitpam.signals import Signals

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            within(0.05, lambda: threading.Event().wait(PATIENCE))
        except TimeoutError:
            signals = Signals()
            signals.catch([signal.SIGTERM])
            os.kill(os.getpid(), signal.SIGTERM)
            status = 0 if wait_for(signals.taken) == [(signal.SIGTERM, os.getpid())] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_within_comes_back_in_time():
    has_ended = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.1, lambda: has_ended.wait(PATIENCE))  # which has no end before the next line
    has_ended.set()


LONGEST = b"a" * 64
"""The longest name that Linux gives a host, and longer than a label of DNS."""


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (LONGEST, LONGEST.decode()),
        (b"DB1", "db1"),
        ("b\u00fcro".encode(), "b\u00fcro"),
        (b"b\xfcro", "b\udcfcro"),
        (b"a..b", "a..b"),
        (b"xn--zz", "xn--zz"),
    ],
)
def test_whatever_the_host_is_called_that_is_its_name(node, found):
    """For the client and for the daemon: what one of them calls it otherwise, the other has no key for."""
    tree = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    code = (
        f"import ctypes, sys; sys.path.insert(0, {tree!r}); ctypes.CDLL(None).sethostname({node!r}, {len(node)});"
        "from jitpam.initiator import own_host; from jitd.settings.host import host_name\n"
        "print(ascii(own_host()), host_name().lower().rstrip('.') == own_host())"
    )
    said = subprocess.run(["unshare", "--uts", *python(), code], capture_output=True, text=True, check=True).stdout
    assert said == f"{ascii(found)} True\n"


@pytest.mark.parametrize("host", [LONGEST.decode(), "b\u00fcro", "a..b", ".", "x y", "a@b", "a/b", "\\"])
def test_a_host_that_the_kdc_cannot_know_is_one_that_is_not_enrolled(realm, cache, fault_of, host):
    realm.kinit(cache)
    cause, text = fault_of(host)
    assert cause == ("other" if "@" in host else "service"), text
    assert host in text


def test_a_host_whose_name_is_no_text_is_one_that_is_not_enrolled(realm, cache):
    realm.kinit(cache)
    cause, text = our_fault("b\udcfcro")
    assert cause == "service" and "b\udcfcro" in text


def test_the_longest_name_has_a_ticket(realm, cache, proved_by):
    service = f"jitd/{LONGEST.decode()}"
    realm.k5.addprinc(service)
    realm.k5.extract_keytab(service, realm.k5.keytab)
    realm.kinit(cache)
    assert proved_by(LONGEST.decode()) == "alice@EXAMPLE.TEST"


def test_the_hosts_name_is_lower_case_and_of_one_word():
    name = own_host()
    assert name == name.lower().rstrip(".")
    assert name
