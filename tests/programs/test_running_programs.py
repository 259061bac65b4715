# SPDX-License-Identifier: Apache-2.0
"""jitd-programs as a child of the daemon: what a program gets, what counts as its output, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from jitd.beside import connecting, starting
from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import PROGRAMS, PROGRAMS_NET, Helper
from jitd_outsiders.programs import process, questions
from jitd_outsiders.programs.client import Programs
from jitd_outsiders.programs.messages import MOST_BYTES, Answer, Failed, Printed, Run
from tests.beside.children import of_account
from tests.descriptors import with_free_descriptors
from tests.waiting import PATIENCE, is_living, status_of, wait_for

T = TypeVar("T")
ACCOUNT = "nobody"
PATIENCE_MS = 30_000


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of root's that everybody may enter."""
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def script(place: Path, text: str, name: str = "script") -> str:
    file = place / name
    file.write_text(f"#!/usr/bin/python3 -IS\nimport os, sys, time\n{text}\n")
    file.chmod(0o755)
    return str(file)


def connector(helper: Helper = PROGRAMS) -> ChildConnector:
    return of_account(ACCOUNT, ChildConnector(helper))


def with_programs(deed: Callable[[Programs], Awaitable[T]], through: ChildConnector | None = None) -> T:
    async def whole() -> T:
        programs = Programs(through or connector())
        try:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(questions, "GRACE", PATIENCE)  # on a busy host the process may be late
                return await deed(programs)
        finally:
            programs.close()

    return asyncio.run(whole())


def run(*program: str, given: bytes = b"", deadline_ms: int = PATIENCE_MS, helper: Helper = PROGRAMS) -> Answer:
    return with_programs(lambda programs: programs.run(Run("risk", program, given, deadline_ms)), connector(helper))


def output(answer: Answer) -> bytes:
    assert isinstance(answer, Printed), answer
    return answer.output


def why(answer: Answer) -> str:
    assert isinstance(answer, Failed), answer
    return answer.why


def test_a_program_gives_way_to_the_rest_of_the_host(place: Path) -> None:
    """Those who ask for a command do not wait for the programs that are asked about another's."""
    assert output(run(script(place, "print(os.nice(0))"))) == f"{min(19, os.nice(0) + 10)}\n".encode()


def file_of(place: Path, name: str) -> Path:
    """A file that the account may write."""
    file = place / name
    file.touch()
    os.chown(file, pwd.getpwnam(ACCOUNT).pw_uid, -1)
    return file


def pids_in(file: Path) -> list[int]:
    return [int(word) for word in file.read_text().split()]


@pytest.mark.parametrize("n_free", range(9))
def test_a_program_for_which_too_few_descriptors_are_left_keeps_none_of_them(n_free: int) -> None:
    """It needs nine before it is started."""

    async def whole() -> None:
        before = set(os.listdir("/proc/self/fd"))
        with with_free_descriptors(n_free):
            said = await process.Programs("jitd-programs").run(Run("risk", ("/bin/cat",), b"", PATIENCE_MS))
        assert said == Failed("/bin/cat could not be started: Too many open files")
        assert set(os.listdir("/proc/self/fd")) <= before

    asyncio.run(whole())


# --- what a program gets


def test_a_program_reads_its_input_and_its_output_is_the_answer() -> None:
    assert output(run("/bin/cat", given=b"\0\xff\n")) == b"\0\xff\n"


def test_input_and_output_may_have_64_kib() -> None:
    longest = bytes(range(256)) * (MOST_BYTES // 256)
    assert output(run("/bin/cat", given=longest)) == longest


def test_arguments_are_passed_as_they_are_and_no_shell_sees_them(place: Path) -> None:
    words = ["$(id)", "; id", "", "\u00fc\u20ac", "a b", "'"]
    program = script(place, "print(repr([os.fsencode(word) for word in sys.argv[1:]]))")
    assert output(run(program, *words)).decode() == repr([word.encode() for word in words]) + "\n"


def test_a_program_has_no_environment_no_right_and_no_descriptor_but_three(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS U-02."""
    monkeypatch.setenv("KRB5_CONFIG", "/nonexistent")
    program = script(
        place,
        "import json\n"
        "print(json.dumps({'environment': open('/proc/self/environ').read(), 'cwd': os.getcwd(),"
        " 'fds': sorted(map(int, os.listdir('/proc/self/fd'))), 'status': open('/proc/self/status').read(),"
        " 'session': os.getsid(0) == os.getpid()}))",
    )
    found = json.loads(output(run(program)))
    assert found["environment"] == "" and found["cwd"] == "/" and found["session"]
    assert found["fds"] == [0, 1, 2, 3], "and the one that listdir has open"
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in found["status"].splitlines())}
    account = pwd.getpwnam(ACCOUNT)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["Groups"] == "" and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "a filter of system calls"
    assert int(status["SigBlk"], 16) == 0, "no signal is blocked"
    others = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 | 0b11 << 31  # Python's own, and the C library's (32, 33)
    assert int(status["SigIgn"], 16) & ~others == 0


def test_a_program_gains_no_right_on_a_host_without_libseccomp_either(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS U-02: libseccomp renounces new privileges by itself when it loads a filter."""
    without = "from jitd.beside import filtering; filtering.LIBRARY = 'libno-such-thing.so.2'; from jitd.beside_process"
    monkeypatch.setattr(connecting, "PROGRAM", connecting.PROGRAM.replace("from jitd.beside_process", without))
    status = output(run(script(place, "print(open('/proc/self/status').read())"))).decode()
    assert "NoNewPrivs:\t1\n" in status and "Seccomp:\t0\n" in status


def test_without_a_network_a_program_has_none(place: Path) -> None:
    """THREATS U-02."""
    program = script(place, "sys.stdout.write(open('/proc/self/net/route').read())")
    assert len(output(run(program)).splitlines()) <= 1, "a head at most, and no route"
    assert output(run(program, helper=PROGRAMS_NET)).decode().split() == Path("/proc/net/route").read_text().split()
    program = script(
        place,
        "import socket\n"
        "for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET, '192.0.2.1'), (socket.AF_INET6, '::1')):\n"
        "    with socket.socket(family, socket.SOCK_DGRAM) as probe:\n"
        "        print(probe.connect_ex((address, 53)))",
    )
    assert output(run(program)).split() == [str(errno.ENETUNREACH).encode()] * 2 + [str(errno.EADDRNOTAVAIL).encode()]


HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
LOCAL_6 = "00000000000000000000000000000001 80 00000000000000000000000000000000 00 {} 00000000 00000002 00000000 80200001 lo\n"


@pytest.mark.parametrize(
    ("old", "new", "is_refused"),
    [
        (HEAD, "", False),
        (HEAD, LOCAL_6, False),
        (HEAD + "eth0 00000000 0102000A 0003 0 0 0 00000000 0 0 0\n", LOCAL_6, True),
        (HEAD, LOCAL_6 + LOCAL_6.replace(" lo", " eth0"), True),
    ],
    ids=["nothing", "the loopback", "a way by IPv4", "a way by IPv6"],
)
def test_with_a_network_jitd_programs_itself_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, is_refused: bool
) -> None:
    """What shuts off the network must not be forgotten: a unit without PrivateNetwork=yes. (tests/booted has such a unit.)"""
    for name, text in (("ROUTES", old), ("ROUTES_6", new)):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(starting, name, tmp_path / name)
    if is_refused:
        with pytest.raises(starting.CannotStart, match="PrivateNetwork=yes"):
            starting.check_network()
    else:
        starting.check_network()


# --- what counts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("print('x'); sys.exit(3)", "ended with status 3"),
        ("os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("os.kill(os.getppid(), 9); time.sleep(60)", "was lost: the process that watched it was killed"),
        (f"sys.stdout.write('x' * {MOST_BYTES + 1})", "has printed more than 65536 bytes, and was killed"),
        ("while True: print('x' * 1000)", "has printed more than 65536 bytes, and was killed"),
    ],
)
def test_a_program_that_fails_has_no_output(place: Path, text: str, reason: str) -> None:
    assert reason in why(run(script(place, text)))


def test_a_program_that_takes_too_much_memory_or_too_many_processes_fails_and_the_next_one_runs(place: Path) -> None:
    """THREATS U-02."""
    hungry = script(place, "taken = [bytearray(b'x' * 2**20) for _ in range(500)]", "hungry")
    rabbits = script(place, "for _ in range(1000):\n    if os.fork() == 0:\n        time.sleep(600)", "rabbits")

    async def deed(programs: Programs) -> None:
        for program in (hungry, rabbits):
            answer = await programs.run(Run("risk", (program,), b"", PATIENCE_MS))
            assert why(answer).endswith("ended with status 1")
            assert output(await programs.run(Run("risk", ("/bin/echo", "x"), b"", PATIENCE_MS))) == b"x\n"

    with_programs(deed)


@pytest.mark.parametrize("text", ["time.sleep(600)", "os.close(1); os.close(2); time.sleep(600)", "while True: pass"])
def test_a_program_that_takes_too_long_is_killed(place: Path, text: str) -> None:
    """THREATS U-01."""
    pids = file_of(place, "pids")
    program = script(place, f"open('{pids}', 'w').write(str(os.getpid()))\n{text}")

    async def deed(programs: Programs) -> None:
        for deadline_ms in (500, 5000, PATIENCE_MS):  # on a host that is too busy for the first, it has not begun by then
            pids.write_text("")
            said = why(await programs.run(Run("risk", (program,), b"", deadline_ms)))
            assert f"has not ended within {deadline_ms / 1000:g} s, and was killed" in said
            if pids_in(pids):
                break
        (pid,) = pids_in(pids)
        await asyncio.to_thread(wait_for, lambda: not is_living(pid), what="its end")  # jitd-programs itself goes on

    with_programs(deed)


def test_what_a_program_complains_of_is_logged_and_an_endless_complaint_is_no_output(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert output(run(script(place, "print('a\\nb', file=sys.stderr); print('x')"))) == b"x\n"
    assert "jitd-programs: risk: " in (said := capfd.readouterr().err) and "says: a?b" in said
    assert "has not ended" in why(run(script(place, "while True: print('x' * 1000, file=sys.stderr)"), deadline_ms=500))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/nonexistent", "No such file"),
        ("/", "could not be executed"),
        ("/etc/passwd", "could not be executed: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_executed_is_told(program: str, reason: str) -> None:
    assert reason in why(run(program))


def test_a_program_that_others_could_have_changed_is_not_executed(place: Path) -> None:
    """THREATS U-03."""
    program = script(place, "print('x')")
    assert output(run(program)) == b"x\n"
    uid = pwd.getpwnam(ACCOUNT).pw_uid
    os.chown(program, uid, -1)
    assert f"is not executed: {program} belongs to uid {uid}" in why(run(program))
    os.chown(program, 0, -1)
    os.chmod(program, 0o757)
    assert "may be written by everybody" in why(run(program))
    os.chmod(program, 0o755)
    os.chmod(place, 0o757)
    assert f"is not executed: {place} may be written by everybody" in why(run(program))
    link = place / "link"
    link.symlink_to("/bin/cat")
    assert f"is not executed: {place} may be written by everybody" in why(run(str(link)))


# --- what is left


LEAVER = """
def leave(again):
    if os.fork() == 0:
        os.setsid()
        with open('{pids}', 'a') as file:
            file.write(f'{{os.getpid()}} ')
        if again:
            leave(again - 1)
        time.sleep(600)
leave(3)
while len(open('{pids}').read().split()) < 4:
    time.sleep(0.01)
{then}
"""


@pytest.mark.parametrize(
    ("then", "answer"),
    [("print('x'); sys.exit()", "x"), ("time.sleep(600)", "killed"), ("os.kill(os.getppid(), 9); time.sleep(600)", "lost")],
)
def test_nothing_is_left_of_a_program_though_it_left_its_session(place: Path, then: str, answer: str) -> None:
    """THREATS U-01."""
    pids = file_of(place, "pids")
    program = script(place, LEAVER.format(pids=pids, then=then))
    for deadline_ms in (3000, 12_000, PATIENCE_MS):  # on a host that is too busy for the first, it has not left by then
        pids.write_text("")
        said = run(program, deadline_ms=deadline_ms)
        ended = said.why if isinstance(said, Failed) else said.output.decode()
        if len(pids_in(pids)) == 4 and answer in ended:
            break
    assert len(pids_in(pids)) == 4
    wait_for(lambda: not any(map(is_living, pids_in(pids))), what="their end")
    assert answer in ended


@pytest.mark.parametrize("end", ["killed", "closed", "dropped"])
def test_nothing_is_left_of_a_program_when_jitd_programs_ends_or_nobody_waits_any_more(place: Path, end: str) -> None:
    """THREATS U-01."""
    pids = file_of(place, "pids")
    program = script(place, LEAVER.format(pids=pids, then="time.sleep(600)"))
    through = connector()

    async def deed(programs: Programs) -> None:
        asked = asyncio.create_task(programs.run(Run("risk", (program,), b"", PATIENCE_MS)))
        while len(pids.read_text().split()) < 4:
            await asyncio.sleep(0.01)
        before = pids_in(pids)
        assert len(before) == 4 and all(map(is_living, before)) and through.pid
        match end:
            case "killed":
                os.kill(through.pid, signal.SIGKILL)
            case "closed":
                programs.close()
        asked.cancel()
        await asyncio.wait([asked])
        while any(map(is_living, before)):
            await asyncio.sleep(0.01)
        if end == "dropped":
            assert output(await programs.run(Run("risk", ("/bin/echo", "x"), b"", PATIENCE_MS))) == b"x\n"

    with_programs(deed, through)


def test_of_a_hundred_programs_neither_a_process_nor_a_descriptor_is_left(place: Path) -> None:
    """THREATS U-01."""
    through = connector()
    leaver = script(place, "if os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\nprint('x')")

    async def deed(programs: Programs) -> None:
        await programs.run(Run("risk", ("/bin/true",), b"", PATIENCE_MS))
        before = descriptors(through.pid)
        for _ in range(5):
            said = await asyncio.gather(*(programs.run(Run("risk", (leaver,), b"", PATIENCE_MS)) for _ in range(20)))
            assert [output(each) for each in said] == [b"x\n"] * 20
        assert descriptors(through.pid) == before
        assert Path(f"/proc/{through.pid}/task/{through.pid}/children").read_text() == ""

    with_programs(deed, through)


def descriptors(pid: int | None) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_eight_programs_run_at_once_and_no_more(place: Path) -> None:
    pids = file_of(place, "pids")
    program = script(place, f"os.write(os.open('{pids}', os.O_WRONLY | os.O_APPEND), b'%d ' % os.getpid())\ntime.sleep(600)")

    async def deed(programs: Programs) -> None:
        asked = [asyncio.create_task(programs.run(Run("risk", (program,), b"", PATIENCE_MS))) for _ in range(20)]
        while len(pids.read_text().split()) < 8:
            await asyncio.sleep(0.01)
        running = pids_in(pids)
        os.kill(running[0], signal.SIGKILL)
        while len(pids.read_text().split()) < 9:
            await asyncio.sleep(0.01)
        assert sum(map(is_living, pids_in(pids))) == 8
        for each in asked:
            each.cancel()
        await asyncio.wait(asked)

    with_programs(deed)


def test_a_gatekeeper_that_is_slow_holds_up_nobody_else(place: Path) -> None:
    """THREATS E-05: whoever keeps one program busy does not keep others from an answer of another program."""
    pids = file_of(place, "pids")
    slow = script(place, f"os.write(os.open('{pids}', os.O_WRONLY | os.O_APPEND), b'%d ' % os.getpid())\ntime.sleep(600)")
    quick = script(place, "print('well')", name="quick")

    async def deed(programs: Programs) -> None:
        asked = [asyncio.create_task(programs.run(Run("calendar", (slow,), b"", PATIENCE_MS))) for _ in range(20)]
        while len(pids.read_text().split()) < 8:
            await asyncio.sleep(0.01)
        assert await programs.run(Run("risk", (quick,), b"", PATIENCE_MS)) == Printed(b"well\n")
        assert sum(map(is_living, pids_in(pids))) == 8
        for each in asked:
            each.cancel()
        await asyncio.wait(asked)

    with_programs(deed)


def test_a_question_that_cannot_be_written_is_not_asked() -> None:
    through = connector()
    assert "absolute path" in why(with_programs(lambda programs: programs.run(Run("risk", ("cat",), b"", 1000)), through))
    assert through.pid is None


def test_jitd_programs_cannot_be_traced_by_what_it_runs(place: Path) -> None:
    """THREATS U-02. A program must not read the pipes of another one in jitd-programs' memory, nor answer in its name."""
    program = script(
        place,
        "parent = os.getppid()\n"
        "main = open(f'/proc/{parent}/status').read().partition('PPid:\\t')[2].split()[0]\n"
        "for pid in (parent, main):\n"
        "    try:\n"
        "        open(f'/proc/{pid}/mem', 'rb')\n"
        "        print('open')\n"
        "    except PermissionError:\n"
        "        print('shut')",
    )
    assert output(run(program)) == b"shut\nshut\n"


def test_its_account_is_not_roots() -> None:
    through = connector()

    async def deed(programs: Programs) -> dict[str, str]:
        await programs.run(Run("risk", ("/bin/true",), b"", PATIENCE_MS))
        return status_of(through.pid or 0)

    assert set(with_programs(deed, through)["Uid"].split()) == {str(pwd.getpwnam(ACCOUNT).pw_uid)}
