# SPDX-License-Identifier: Apache-2.0
"""Too many, too slow, too large: descriptors, connections, requests, files and lists that are there to wear the daemon out.

Law: an approver is served while it happens, and not after it; and when it is over nothing of it is left.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitd.server.listener import HANDSHAKE_FOR
from jitd.workers import Workers
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import Raw, asked, connected, review, shown_to, submission, ticket_of, uid_of
from tests.marks import full
from tests.system.conftest import OF_THE_LAB
from tests.times import times
from tests.waiting import PATIENCE, status_of, wait_for

TIMES = times(300)
"""Connections of each kind of flood."""
SLOW = 1500
"""Connections that say nothing, or not enough."""
FEW = 10
"""Of them, at least so many hang yet when an approver has been served: a busy host takes a while to make so many."""
PER_ACCOUNT = 100
"""Of them, for each of many accounts: less than one may have."""
READERS = Workers().kept.n_threads
"""Descriptors of the database that those who read lists leave to the next ones (SQLite closes none while it is locked)."""
_number = itertools.count(1)
LIST = messages.List(what="requests", ended=False)
HELLO = encode(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=bytes(32)))


def n_descriptors(house) -> int:
    return len(os.listdir(f"/proc/{house.process.pid}/fd"))


def is_back_to(house, before: int) -> bool:
    return n_descriptors(house) <= before


def faults(house, since: int) -> list[str]:
    """Of what kind the protocol was broken after the record of that number."""
    return [record["detail"]["fault"] for record in house.records(since) if record["event"] == "connection.broken"]


def serve_an_approver(house) -> None:
    """All that an approver does: connect, sign in, look, approve. There is something to approve."""
    with connected(house, "alice") as alice:
        id = alice.submit("echo", str(next(_number)), waits=False)  # another one each time: an unused grant answers for its like
    ticket_of("bob")
    with connected(house, "bob") as bob:
        (row,) = bob.rows(messages.Show(id=id))
        answer = bob.ask(review(row))[-1]
        assert isinstance(answer, messages.Done), answer
    assert shown_to(house, "root", id)["state"] == "approved"


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- descriptors ---------------------------------------------------------------------------------------------------------


def test_descriptors_that_a_client_sends_are_closed_and_end_the_connection(house):
    """THREATS S-05: any number of them, of any kind, with frames, parts of them and nonsense, before and after authentication."""
    connected(house, "alice").close()
    before = n_descriptors(house)
    directory = os.open("/", os.O_PATH)
    reading, writing = os.pipe()
    one, other = socket.socketpair()
    kinds = [directory, reading, writing, one.fileno(), other.fileno()]
    since = house.head().number
    with connected(house, "dave") as raw:
        raw.rows(LIST)  # what he has proved with a message of his own is recorded
        raw.send_descriptors(b"\0", [directory])
        assert raw.is_closed()
    found = wait_for(lambda: faults(house, since), what="the record")
    assert found == ["it sent descriptors"], "and not for half a frame, of which the rest is waited for"
    for n in range(TIMES):
        count = (1, 2, 3, 4, 5, 8, 64, 253)[n % 8]
        data = (frame(HELLO), b"\0", frame(HELLO)[:5], b"\xff" * 9)[n // 8 % 4]
        who = ("eve", None)[n // 32 % 2]
        with Raw(house, uid_of("eve")) if who is None else connected(house, who) as raw:
            raw.send_descriptors(data, [kinds[(n + k) % len(kinds)] for k in range(count)])
            assert raw.is_closed()
    for descriptor in (directory, reading, writing):
        os.close(descriptor)
    one.close()
    other.close()
    wait_for(lambda: is_back_to(house, before + READERS))  # dave has read a list


def test_sockets_that_travel_through_themselves_leave_nothing(house):
    """THREATS S-05: a connection sent over itself is referred to by nobody but its own queue."""
    connected(house, "alice").close()
    before = n_descriptors(house)
    for n in range(TIMES // 3):
        with Raw(house, uid_of("eve")) as raw, Raw(house, uid_of("eve")) as other:
            if n % 2:
                raw.greet()  # then the daemon reads on; else the first byte comes with it
            raw.send_descriptors(b"\0", [raw.socket.fileno(), other.socket.fileno()])
            other.send_descriptors(b"\0", [raw.socket.fileno()])
    wait_for(lambda: is_back_to(house, before))


def test_no_nonsense_of_any_kind_leaves_a_descriptor_open(house):
    """THREATS S-05: every way in which a connection can end."""
    connected(house, "alice").close()
    before = n_descriptors(house)
    for n in range(TIMES):
        raw = Raw(house, uid_of("eve"))
        match n % 6:
            case 0:
                raw.send(os.urandom(n))
            case 1:
                raw.send(frame(HELLO) + b"\0")
            case 2:
                raw.greet()
                raw.say(messages.Token(token=os.urandom(100)))
            case 3:
                raw.sign_in(ticket_of("eve"))
                raw.send(b"\0\0")
            case 4:
                raw.sign_in(ticket_of("eve"))
                raw.say(LIST)
            case 5:
                raw.sign_in(ticket_of("eve"))
                raw.socket.shutdown(socket.SHUT_WR)
                assert raw.is_closed()
        raw.close()
    wait_for(lambda: is_back_to(house, before + READERS))


# --- connections ---------------------------------------------------------------------------------------------------------


def test_clients_of_two_threads_come_each_as_who_they_are(tmp_path):
    """Of the clients here, and not of the daemon: else what hangs below is not who it says."""

    def come(uid):
        with socket.socket(socket.AF_UNIX) as listener:
            path = tmp_path / str(uid)
            listener.bind(str(path))
            path.chmod(0o777)
            listener.listen()
            for _ in range(TIMES):
                Raw(SimpleNamespace(socket=path), uid).close()
                peer, _ = listener.accept()
                with peer:
                    found.append((uid, struct.unpack("iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]))

    found = []
    for directory in (tmp_path, *tmp_path.parents[:-2]):
        directory.chmod(0o755)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(come, uid) for uid in (20001, 20002)]:
            done.result()
    assert set(found) == {(20001, 20001), (20002, 20002)} and os.geteuid() == 0


def test_an_approver_is_served_while_slow_clients_hang_and_they_are_let_go(house):
    """THREATS S-07: half-open handshakes of many accounts, none of which even has a ticket."""
    serve_an_approver(house)
    before = n_descriptors(house)
    slow = []
    beginnings = (b"", b"\0", b"\xff", frame(HELLO)[:30], frame(HELLO), frame(HELLO) + b"\0\0", b"\0\1\0\0" + b"[" * 1000)

    def hang():
        raw = Raw(house, 20000 + len(slow) // PER_ACCOUNT)
        raw.send(beginnings[len(slow) % len(beginnings)])
        slow.append(raw)

    for _ in range(SLOW):
        hang()
    served = threading.Event()

    def go_on():
        while not served.wait(0.02):
            hang()

    with ThreadPoolExecutor(1) as more:
        going_on = more.submit(go_on)
        try:
            serve_an_approver(house)
            wait_for(lambda: n_descriptors(house) > before + FEW, what="many who hang while an approver is served")
        finally:
            served.set()
            going_on.result()
    wait_for(lambda: is_back_to(house, before), what="the end of those who were too slow")
    for raw in slow:
        assert raw.is_closed()
        raw.close()


def test_a_client_that_sends_one_byte_at_a_time_has_no_longer_than_others(house):
    """Part of S-07: the budget is for the whole handshake, and every byte starts none anew."""
    began_at = time.monotonic()
    with Raw(house, uid_of("eve")) as raw:
        whole = frame(HELLO + b" " * 60_000)
        raw.socket.settimeout(0.2)
        sent = 0
        for at in range(len(whole)):
            try:
                raw.socket.send(whole[at : at + 1], socket.MSG_NOSIGNAL)
                sent += 1
                assert not raw.socket.recv(1), "nothing is answered to half a hello"
                break
            except TimeoutError:
                assert time.monotonic() - began_at < 2 * PATIENCE
            except (BrokenPipeError, ConnectionResetError):
                break
        assert 0 < sent < len(whole)
        assert HANDSHAKE_FOR - 0.5 < time.monotonic() - began_at < 2 * PATIENCE, "a byte a time would take hours"


def test_one_account_has_so_many_connections_and_no_more(own_house):
    """THREATS S-07: whoever takes all of theirs takes none of anybody else's, and has each back when it ends."""
    house = own_house(config="[limits]\nconnections_per_uid = 5").start()
    taken = [connected(house, "eve") for _ in range(5)]  # an unfinished handshake would end by itself after some seconds
    with Raw(house, uid_of("eve")) as sixth:
        with suppress(BrokenPipeError, ConnectionResetError):
            sixth.send(frame(HELLO))
        assert sixth.is_refused(), "it is told why, and its hello is not answered"
    serve_an_approver(house)
    taken.pop().close()
    wait_for(lambda: is_admitted(house, "eve"))
    for raw in taken:
        raw.close()
    for who in ("root", "bob", "eve"):
        wait_for(lambda who=who: is_admitted(house, who))
    many = [connected(house, "root") for _ in range(20)]
    assert len(many) == 20, "root is never kept out of its own house"
    for raw in many:
        raw.close()


def is_admitted(house, who) -> bool:
    with Raw(house, uid_of(who)) as raw:
        with suppress(BrokenPipeError, ConnectionResetError):
            raw.send(frame(HELLO))
        body = raw.hear_body()
        return body is not None and b'"type":"hello"' in body


def test_an_approver_is_served_while_others_knock_without_end(house):
    """THREATS S-07: handshakes that are wrong at their very end, as many at a time as one account may have."""
    serve_an_approver(house)
    knocking = []
    for n in range(150):
        raw = Raw(house, uid_of("eve"))
        raw.send(frame(HELLO) + frame(encode(messages.Token(token=bytes([n]) * 2000))))
        knocking.append(raw)
    serve_an_approver(house)
    for raw in knocking:
        assert raw.is_closed()
        raw.close()


# --- requests ------------------------------------------------------------------------------------------------------------


def test_one_person_has_so_many_requests_waiting_and_no_more(own_house):
    """THREATS A-09 and S-08: also when they are all submitted in the same moment; one that is withdrawn makes room."""
    house = own_house(config="[limits]\npending_per_person = 3").start()
    many = [connected(house, "alice") for _ in range(12)]
    for raw in many:
        raw.say(submission("true", waits=False))
    heard = [raw.hear() for raw in many]
    made = [one.id for one in heard if isinstance(one, messages.Progress)]
    refused = [one for one in heard if isinstance(one, messages.Refused)]
    assert (len(made), len(refused)) == (3, 9)
    assert {one.code for one in refused} == {"denied"} and "3 of your requests wait already" in refused[0].text
    assert len(house.rows("requests", "--all")) == 3
    with connected(house, "alice") as raw:
        assert raw.ask(messages.Withdraw(id=made[0]))[-1].type == "done"
        raw.submit("true", waits=False)
        assert raw.refusal(submission("true"))[0] == "denied"
    done = house.sudo("alice", "true")
    assert done.returncode == 121
    for raw in many:
        raw.close()


def test_a_host_has_so_many_requests_waiting_and_no_more(own_house):
    """Part of S-08: what is permitted at once goes on."""
    policy = OF_THE_LAB.replace('"group:dba"', '"group:dba", "user:eve"') + (
        '[[permit]]\nname = "free"\nwho = ["user:carol"]\ncommands = [["/usr/bin/true"]]\n'
    )
    house = own_house(policy, config="[limits]\npending = 4").start()
    with connected(house, "alice") as alice, connected(house, "eve") as eve:
        for raw in (alice, eve, alice, eve):
            raw.submit("true", waits=False)
        for raw in (alice, eve):
            code, text = raw.refusal(submission("true"))
            assert (code, text) == ("denied", "too many requests wait on this host: try again later")
    assert house.sudo("carol", "true").returncode == 0


def test_who_may_nothing_does_not_fill_the_disk(own_house):
    """Part of S-08: what is refused is recorded, and a large refusal counts as many small ones."""
    house = own_house().start()
    refused = {"no rule permits": 0, "too many of your requests": 0}
    with connected(house, "eve") as raw:
        for _ in range(20):
            _, text = raw.refusal(submission("echo", b"x" * 1_000_000))
            refused[next(why for why in refused if why in text)] += 1
    assert refused["no rule permits"] <= 3
    assert sum(file.stat().st_size for file in (house.root / "state").rglob("*") if file.is_file()) < 20_000_000
    serve_an_approver(house)


# --- large inputs --------------------------------------------------------------------------------------------------------


IS_ALIKE = full("every day, the argument consists of control characters, which are shown by more characters than any others")


@pytest.mark.parametrize(
    "argument",
    [
        pytest.param(b"\x01" * 400_000, id="controls"),
        pytest.param(b"x" * 2_000_000, id="plain", marks=IS_ALIKE),
        pytest.param("\U000e0100".encode() * 100_000, id="invisible", marks=IS_ALIKE),
    ],
)
def test_a_huge_argument_is_shown_whole_and_hides_no_other_request(own_house, argument):
    """THREATS S-07, R-04: what cannot be shown is not asked; what is asked, everybody who reviews can list, see and approve."""
    house = own_house().start()
    with connected(house, "alice") as alice:
        id = alice.submit("echo", argument, waits=False)
    row = shown_to(house, "bob", id)
    assert len(row["argv"][1]) >= len(argument.decode("utf-8", "replace"))
    serve_an_approver(house)
    assert [r["id"] for r in house.rows("requests", who="bob")] == [id]
    approved = house.jitd("approve", id, "--yes", who="bob", timeout=300)  # a screen of 3 MiB, on a busy machine
    assert approved.returncode == 0
    assert shown_to(house, "bob", id)["grant"]["left"] == 1
    with connected(house, "bob") as bob:
        for what in ("grants", "requests"):
            assert id in [row["id"] for row in bob.rows(messages.List(what=what, ended=True))]
    assert len(house.records()) > 3
    house.verify()


@pytest.mark.parametrize(
    "argv",
    [(b"echo", b"\x01" * 1_500_000), (b"/" + b"\x01" * 1_400_000,), (b"echo", *[b"\x01" * 60] * 19_900)],
    ids=["one", "the name", "many"],
)
def test_what_nobody_could_be_shown_whole_is_not_asked(house, argv):
    """THREATS S-07, R-04: a request that breaks the list of an approver would hide all others."""
    before = house.rows("requests", "--all")
    with connected(house, "alice") as raw:
        code, text = raw.refusal(submission(*argv))
        assert code == "usage" and "too long to be shown" in text
    assert house.rows("requests", "--all") == before


@pytest.mark.parametrize(
    ("argv", "cwd"),
    [
        ((b"echo", *[b"/root/" + b"/".join([b"\xff" * 240] * 16)] * 64, b"\xff" * 120_000, b"\xff" * 120_000), b"/"),
        ((b"echo", *[b"-abcdefgh" + b"/".join([b"\xff" * 200] * 18)] * 64), b"/root"),
        ((b"echo", *[b"-abcdefgh" + b"/".join([b"x" * 200] * 19)] * 64), b"/root/x"),
    ],
    ids=["many", "many for each argument", "long"],
)
def test_what_arguments_could_mean_does_not_make_a_request_too_long_to_be_shown(own_house, argv, cwd):
    """THREATS S-07: each argument means up to ten paths, and the row of the request has them all."""
    house = own_house().start()
    with connected(house, "alice") as alice:
        honest = alice.submit("echo", *[f"/root/{'name-of-a-file' * 10}/{n}" for n in range(64)], waits=False)
        code, text = alice.refusal(submission(*argv, cwd=cwd, waits=False))
        assert (code, "cannot be shown to who approves it" in text) == ("denied", True)
        longest = alice.submit("echo", *[b"/root/" + b"x" * 200] * 64, b"\xff" * 110_000, b"\xff" * 110_000, waits=False)
    assert {row["id"] for row in house.rows("requests", who="bob")} == {honest, longest}
    for id in (honest, longest):
        assert len(shown_to(house, "bob", id)["operands"]) >= 64
    house.verify()


def test_an_approver_is_served_while_somebody_has_huge_files_looked_at(own_house):
    """THREATS S-07: one account's files take no more than their share of the threads."""
    house = own_house().start()
    directory = Path("/srv/files")
    directory.mkdir(exist_ok=True)
    os.chown(directory, uid_of("alice"), 0)
    file = directory / "large"
    with file.open("wb") as made:
        made.truncate(1 << 30)
    file.chmod(0o755)
    os.chown(file, uid_of("alice"), 0)
    serve_an_approver(house)
    others = [connected(house, who) for who in ("root", "bob", "eve")]
    looking = [connected(house, "alice") for _ in range(40)]
    for _ in range(5):  # on a busy host all looks may be over before the others have asked: then nothing kept the daemon busy
        os.utime(file)  # what is remembered of it counts no longer
        for raw in looking:
            raw.say(messages.Explain(**asked(str(file))))
        for raw in others:
            raw.rows(LIST)
        if not all(raw.has_something() for raw in looking):
            break
        for raw in looking:
            while raw.hear().type not in ("done", "refused"):
                pass
    else:
        pytest.fail("they are not looked at any more when the others have been served")
    serve_others(house, "eve")
    for raw in others + looking:
        raw.close()
    shutil.rmtree(directory)


def serve_others(house, *others):
    """Root, an approver and ``others`` are answered; none of them is the one who keeps the daemon busy."""
    for who in ("root", "bob", *others):
        with connected(house, who) as raw:
            raw.rows(LIST)


def test_an_approver_is_served_while_lists_are_watched_and_long(own_house):
    """THREATS S-07: watchers are told of what changed, and nobody waits for that; a client that never reads holds up nobody."""
    house = own_house(config="[limits]\npending_per_person = 500").start()
    with connected(house, "alice") as alice:
        for _ in range(300):
            alice.submit("echo", b"\x01" * 500, waits=False)
    watching = [connected(house, "carol") for _ in range(20)]
    for raw in watching:
        raw.say(messages.Watch(ended=False))
    never_reading = [connected(house, "alice") for _ in range(20)]
    for raw in never_reading:
        for _ in range(10):
            raw.say(LIST)
    for _ in range(3):
        serve_an_approver(house)
    for raw in watching + never_reading:
        raw.close()


def test_a_client_that_does_not_read_costs_little(own_house):
    """THREATS S-07: what waits for it is bounded, and goes with it."""
    house = own_house().start()
    with connected(house, "alice") as alice:
        for _ in range(2):
            alice.submit("echo", b"x" * 1_000_000, waits=False)
    before = memory_of(house, "VmRSS")
    Path(f"/proc/{house.process.pid}/clear_refs").write_text("5")  # proc(5): the most that it has held is what it holds now
    deaf = [connected(house, "alice") for _ in range(30)]
    for raw in deaf:
        raw.say(messages.List(what="requests", ended=True))
    serve_an_approver(house)
    wait_for(lambda: any(raw.has_something() for raw in deaf), what="a list")  # nobody reads it, and the others wait for that
    used = memory_of(house, "VmHWM") - before
    for raw in deaf:
        raw.close()
    assert used < 30 * 6_000_000, "a row that is large, in its three forms, and no more of them than one"
    serve_an_approver(house)


def memory_of(house, name: str) -> int:
    """``VmRSS``: the bytes that the daemon holds. ``VmHWM``: the most that it has held."""
    return int(status_of(house.process.pid)[name].split()[0]) * 1024
