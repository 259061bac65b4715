# SPDX-License-Identifier: Apache-2.0
"""Jobs and words. Law: what is read is what was written, and anything else is a ValueError."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from jitd.monitor import launcher, orders, places
from jitd.monitor.orders import Job, Left, Login
from jitd.monitor.proof_orders import MayUse, Prove
from jitpam.wire.declared import Codec

JOB = Job(
    run="K7QM-2XVD.2",
    request="K7QM-2XVD",
    path=b"/bin/true",
    argv=(b"true",),
    environment=((b"PATH", b"/bin"),),
    cwd=b"/",
    cwd_device=1,
    cwd_inode=2**40,
    uid=0,
    gid=0,
    groups=(0, 4),
    streams=("pipe", "terminal", "closed"),
    digest=bytes(32),
    writable=False,
    ends_at_boot_ns=1_234_500_000_000,
    ends_because="its time is over",
    leftovers="end",
    requester_uid=1001,
    user="root",
)
EVERYTHING = Job(
    run="K7QM-2XVD.2",
    request="K7QM-2XVD",
    path=b"/usr/bin/psql",
    argv=(b"psql", b"", b"-c", b"select '\xff'"),
    environment=((b"PATH", b"/usr/bin:/bin"), (b"EMPTY", b""), (b"LC_NAME", b"J\xc3\xbcrgen")),
    cwd=b"/srv/\xff",
    cwd_device=2**64 - 1,
    cwd_inode=2**64 - 1,
    uid=1001,
    gid=2**32 - 2,
    groups=(1001, 4),
    streams=("pipe", "terminal", "closed"),
    digest=bytes(range(32)),
    writable=True,
    ends_at_boot_ns=1_234_500_000_000,
    ends_because="its timeout is over",
    leftovers="keep",
    requester_uid=1002,
    user="j\u00fcrgen",
    operands=((1, b"/srv/plan.sql", bytes(range(32, 64))), (3, b"/srv/missing", b"")),
    stdin="tty",
    is_housed=True,
    record="all",
    record_sync="always",
    record_failure="continue",
    record_bytes=1 << 20,
    fingerprint=bytes(range(64, 96)),
    host="db1.example.test",
    requester="alice@EXAMPLE.TEST",
    group="postgres",
    inherits=True,
    trusted_uid=1001,
    trusted=(b"/srv", b"/opt"),
    observed=True,
    interpreters=((b"/usr/bin/python3", bytes(range(96, 128))),),
    namespace="always",
    given_gid=2001,
    recorded_argv=(b"psql", b"", b"-c", b"***"),
    edit=(1, 2**64 - 1, b"new\n"),
    makes=(1, 2**64 - 1, 12, 0o640, b"new\n"),
    edits=((b"/etc/a", 1, 2**64 - 1, bytes(range(32)), b"new\n"), (b"/etc/b", 2, 3, bytes(32), b"")),
    removes=(1, 2**64 - 1, 0, 4, 0o640),
    checks=((b"/bin/t", b"{file}"),),
)
LOGIN = Login("K7QM-2XVD.2", 4711, 123456, "alice", "sshd", 1_234_500_000_000, "its grant has ended", is_housed=True)
LEFT = Left(
    "signaled",
    15,
    "alice\u2019s grant has ended",
    (3, 4096, "ab" * 32),
    (("a.timer",), ("/etc/cron.d/a", "/etc/cron.d/b"), (), ("c",)),
)
UNWRITTEN = orders.Unwritten(Left("exited", 1, ""), "the check /bin/x says no (status 1)\nj\u00fcrgen")
GOLDEN = Path(__file__).parent / "golden"
strings = some.binary().map(lambda raw: raw.replace(b"\0", b""))


MESSAGES: dict[str, tuple[Codec[Any], Any]] = {
    "job": (orders.JOBS, JOB),
    "job-of-everything": (orders.JOBS, EVERYTHING),
    "login": (orders.JOBS, LOGIN),
    "birth": (orders.TO_LAUNCHER, orders.Birth("K7QM-2XVD.2", "/run/jitd", "/var/lib/jitd")),
    "prove": (orders.TO_LAUNCHER, Prove("j\u00fcrgen")),
    "may-use": (orders.TO_LAUNCHER, MayUse("alice", "sudo-i")),
    "unborn": (orders.FROM_LAUNCHER, orders.Unborn("K7QM-2XVD.2", "no process could be created")),
    "here": (orders.FROM_MONITOR, orders.Here("K7QM-2XVD.2", "running", 1_234_500_000_000)),
    "ready": (orders.FROM_MONITOR, orders.Ready()),
    "started": (orders.FROM_MONITOR, orders.Started(4711)),
    "frozen": (orders.FROM_MONITOR, orders.Frozen()),
    "thawed": (orders.FROM_MONITOR, orders.Thawed()),
    "ended": (orders.FROM_MONITOR, LEFT),
    "unwritten": (orders.FROM_MONITOR, UNWRITTEN),
    "housed": (orders.FROM_DAEMON, orders.Housed()),
    "unhoused": (orders.FROM_DAEMON, orders.Unhoused()),
    "go": (orders.FROM_DAEMON, orders.Go()),
    "taken": (orders.FROM_DAEMON, orders.Taken()),
    "stop": (orders.FROM_DAEMON, orders.Stop("j\u00fcrgen stopped it")),
    "watched": (orders.FROM_DAEMON, orders.Watched(("bob", "j\u00fcrgen"))),
}
OF_MONITORS = [name for name, (of, _) in MESSAGES.items() if of is orders.FROM_MONITOR]


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    of, message = MESSAGES[name]
    assert of.write(message) == golden(name) and of.read(golden(name)) == message


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_read_by_those_it_is_for(name: str) -> None:
    for codec in (orders.JOBS, orders.TO_LAUNCHER, orders.FROM_LAUNCHER, orders.FROM_MONITOR, orders.FROM_DAEMON):
        if codec is not MESSAGES[name][0]:
            with pytest.raises(ValueError):
                codec.read(golden(name))


@pytest.mark.parametrize(
    "changes", [{}, {"namespace": "auto"}, {"namespace": "always", "given_gid": 0}, {"recorded_argv": (b"a",)}]
)
def test_a_job_comes_back_as_it_went(changes: dict[str, Any]) -> None:
    job = replace(JOB, **changes)
    assert orders.JOBS.read(orders.JOBS.write(job)) == job


@given(
    some.lists(strings, min_size=1).map(tuple),
    some.dictionaries(strings.filter(lambda name: name and b"=" not in name), strings).map(lambda d: tuple(d.items())),
    strings.map(lambda raw: b"/" + raw),
)
def test_any_bytes_come_back(argv: tuple[bytes, ...], environment: Any, cwd: bytes) -> None:
    job = replace(JOB, argv=argv, environment=environment, cwd=cwd)
    assert orders.JOBS.read(orders.JOBS.write(job)) == job


@pytest.mark.parametrize(
    "change",
    [
        {"run": "../../etc/x"}, {"run": ""}, {"run": "a/b"}, {"run": ".hidden"}, {"run": "x" * 33},
        {"run": "a\n"}, {"run": "é"},
        {"path": b"bin/true"}, {"path": b"/bin\0"}, {"argv": ()}, {"argv": (b"a\0",)}, {"environment": ((b"A=", b""),)},
        {"environment": ((b"", b""),)}, {"environment": ((b"A", b""), (b"A", b""))}, {"cwd": b"."},
        {"uid": -1}, {"uid": 2**32 - 1}, {"trusted_uid": 2**32 - 1}, {"uid": True}, {"gid": -1},
        {"groups": (2**32 - 1,)}, {"groups": (-1,)},
        {"streams": ("pipe",)}, {"streams": ("pipe", "pipe", "tape")}, {"digest": b""}, {"digest": bytes(33)},
        {"ends_at_boot_ns": 1.0}, {"ends_at_boot_ns": 2**63}, {"ends_at_boot_ns": True}, {"leftovers": "forget"}, {"writable": 1},
        {"ends_because": "\0"},
        {"namespace": "perhaps"}, {"namespace": True}, {"given_gid": -1}, {"given_gid": 2**32 - 1}, {"given_gid": False},
        {"recorded_argv": (b"a\0",)}, {"recorded_argv": (b"a", b"\0")},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_job_is_neither_written_nor_read(change: dict[str, Any]) -> None:
    """THREATS S-14."""
    with pytest.raises(ValueError):
        orders.JOBS.write(replace(JOB, **change))


def test_a_job_that_never_ends_comes_back() -> None:
    job = replace(JOB, ends_at_boot_ns=None, streams=())
    assert orders.JOBS.read(orders.JOBS.write(job)) == job


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"{", b"\xff", b'{"run": "x"}', b"[" * 100_000, b'{"say":"go","say":"go"}', b"null", b"1"],
)
def test_nonsense_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        orders.JOBS.read(body)
    with pytest.raises(ValueError):
        orders.FROM_DAEMON.read(body)


@given(some.binary())
def test_any_packet_is_a_word_or_a_value_error(packet: bytes) -> None:
    with suppress(ValueError):
        orders.FROM_MONITOR.read(packet)


def test_an_unknown_field_or_a_missing_one_is_refused() -> None:
    values = json.loads(orders.JOBS.write(JOB))
    for odd in ({**values, "more": 1}, {k: v for k, v in values.items() if k != "uid"}):
        with pytest.raises(ValueError):
            orders.JOBS.read(json.dumps(odd).encode())


def test_an_outcome_is_kept_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert places.read_outcome(str(tmp_path), "TEST") is None
    left = Left("signaled", 9, "stopped", (3, 4096, "ab" * 32))
    places.write_outcome(str(tmp_path), "TEST", left)
    assert places.read_outcome(str(tmp_path), "TEST") == left
    assert os.listdir(tmp_path / "runs") == ["TEST.json"]


@pytest.mark.parametrize("instant", ["1.0", "1e400", "NaN", "-Infinity", "true", '"1"', str(2**63), "1" + "0" * 400, "[]"])
def test_an_instant_that_is_none_is_a_value_error(instant: str) -> None:
    packet = b'{"say":"here","run":"TEST-0001","state":"starting","ends_at_boot_ns":%s}' % instant.encode()
    with pytest.raises(ValueError):
        orders.FROM_MONITOR.read(packet)


@pytest.mark.parametrize("name", OF_MONITORS)
def test_a_monitor_of_this_version_is_understood(name: str) -> None:
    assert orders.FROM_MONITOR.read(golden(name)) == MESSAGES[name][1]


@pytest.mark.parametrize("name", [name for name in OF_MONITORS if name not in ("ended", "unwritten")])
def test_another_word_in_the_place_of_an_outcome_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/TEST.json").write_bytes(golden(name))
    with pytest.raises(ValueError):
        places.read_outcome(str(tmp_path), "TEST")


@given(some.text(some.characters(), max_size=50))
def test_any_text_becomes_a_sentence_that_a_word_may_have(said: str) -> None:
    """The monitor and the daemon can say why a run ends, whatever is in the reason."""
    for text in (said, said * 50):
        stop = orders.Stop(orders.sentence(text))
        assert orders.FROM_DAEMON.read(orders.FROM_DAEMON.write(stop)) == stop


@pytest.mark.parametrize("order", [orders.Birth(JOB.run, "/run", "/var"), Prove("ann"), MayUse("ann", "login")])
def test_an_order_without_its_descriptors_begins_nothing_and_is_told(order: Any, capfd: pytest.CaptureFixture[str]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    nursery = launcher.Nursery()
    with ours, theirs, open(os.devnull, "rb") as one:
        socket.send_fds(ours, [orders.TO_LAUNCHER.write(order)], [one.fileno()] * 3)
        n_before = len(os.listdir("/proc/self/fd"))
        assert launcher._hear(theirs, nursery) and not nursery.is_ready
        assert len(os.listdir("/proc/self/fd")) == n_before
    assert capfd.readouterr().err == "jitd-launcher: a job that cannot be read: it came with 3 descriptors\n"
