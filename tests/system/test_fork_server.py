# SPDX-License-Identifier: Apache-2.0
"""What the fork server starts is what was asked for. Law: each row compares it with the same file, executed; neither is told
which it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.descriptors import links
from tests.system import fork_server as module
from tests.system.conftest import House, account_of
from tests.system.fork_server import Forked, fork_server
from tests.waiting import PATIENCE, status_of, wait_for

SEEN = """\
#!/usr/bin/python3 -IS
import ctypes, json, locale, os, resource, signal, sys, threading, time

def stream(one):
    return [one.encoding, one.errors, one.line_buffering, one.write_through, one.fileno(), one.mode]

print(json.dumps({
    "argv": sys.argv, "path": sys.path, "flags": repr(sys.flags), "executable": sys.executable, "prefix": sys.prefix,
    "name": __name__, "file": __file__, "main": sys.modules["__main__"].__name__,
    "environ": dict(os.environ), "zone": [time.tzname, time.timezone], "encoding": locale.getpreferredencoding(),
    "directory": os.getcwd(), "umask": os.umask(0o022), "ids": [os.getresuid(), os.getresgid(), sorted(os.getgroups())],
    "session": os.getsid(0), "group": os.getpgrp(), "priority": os.getpriority(os.PRIO_PROCESS, 0),
    "handled": {str(one): str(signal.getsignal(one)).split(" at ")[0] for one in signal.valid_signals()},
    "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    "limits": [resource.getrlimit(getattr(resource, one)) for one in sorted(dir(resource)) if one.startswith("RLIMIT_")],
    "threads": threading.active_count(), "recursion": sys.getrecursionlimit(), "switches": sys.getswitchinterval(),
    "dumpable": ctypes.CDLL(None).prctl(3), "proc": os.stat("/proc/self").st_uid,
    "cmdline": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"), "comm": open("/proc/self/comm").read(),
    "streams": [stream(sys.stdin), stream(sys.stdout), stream(sys.stderr)], "input": os.readlink("/proc/self/fd/0"),
    "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1],
    "status": [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew", "Seccomp:", "Groups"))],
    "signals": dict(
        line.split(":") for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn", "SigCgt"))
    ),
    "cgroup": open("/proc/self/cgroup").read(), "oom": open("/proc/self/oom_score_adj").read(),
    "namespaces": {one: os.readlink("/proc/self/ns/" + one) for one in os.listdir("/proc/self/ns")},
}))
"""
GLIBCS = 0b11 << 31
"""Of a mask of signals, 32 and 33: glibc's own, which no program can set (nptl(7)). A process that posix_spawn(3) started ignores
both until its first thread, and so does what it has started by then.
"""
STATUS = ("Name", "Umask", "Uid", "Gid", "Groups", "Threads", "CapEff", "NoNewPrivs", "Seccomp")
ENDINGS = {
    "it returns": ("pass", 0),
    "a status": ("sys.exit(7)", 7),
    "a sentence": ("sys.exit('it went wrong')", 1),
    "an exception": ("raise ValueError('unexpected')", 1),
    "a signal": ("os.kill(os.getpid(), 9)", -9),
    "Ctrl-C": ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", -2),
    "what it does at its end": ("atexit.register(print, 'at its end')", 0),
    "a thread that goes on": ("threading.Thread(target=lambda: (time.sleep(0.05), print('done'))).start()", 0),
    "without its last steps": ("sys.stdout.write('lost'); os._exit(5)", 5),
    "a status that it has at its end": ("atexit.register(lambda: os._exit(3))", 3),
    "a status that is too large": ("sys.exit(1027)", 3),
    "a negative status": ("sys.exit(-1)", 255),
    "a full disk": ("os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('lost')", 120),
    "no output": ("sys.stdout.close()", 0),
    "a status, and a thread that goes on": ("threading.Timer(0.05, print, ['done']).start(); sys.exit(9)", 9),
    "what was registered last comes first": ("for n in 1, 2: atexit.register(print, n)", 0),
    "nobody reads it": ("os.kill(os.getpid(), signal.SIGPIPE)", 0),
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that each person can read."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        os.chmod(made, 0o755)
        yield Path(made)


def forked(line: list[str], **more: Any) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = fork_server("verb").start(line, out, err, **more)
        status = process.wait(PATIENCE)
        assert process.poll() == process.wait() == status
        return status, os.pread(out.fileno(), 1 << 20, 0).decode(), os.pread(err.fileno(), 1 << 20, 0).decode()


def executed(line: list[str], **more: Any) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **more)
        status = process.wait(PATIENCE)
        return status, os.pread(out.fileno(), 1 << 20, 0).decode(), os.pread(err.fileno(), 1 << 20, 0).decode()


def without_glibcs(mask: str) -> int:
    """A mask of signals of proc_pid_status(5), without those that only glibc uses."""
    return int(mask, 16) & ~GLIBCS


def script(place: Path, text: str) -> str:
    file = place / "jitd"
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("who", ["root", "alice"])
def test_what_is_forked_sees_what_is_executed_sees(house: House, place: Path, who: str) -> None:
    line = [script(place, SEEN), "one", "two words", "", "grün"]
    became = house.run(who, "env", "-0")
    environ = dict(one.split("=", 1) for one in became.stdout.split("\0") if one)
    account = None if who == "root" else account_of(who)

    by_fork = forked(line, environ=environ, cwd="/", account=account)
    by_exec = executed(house.line(who, *line), cwd="/") if account else executed(line, env=environ, cwd="/")
    assert by_fork[0] == by_exec[0] == 0, by_fork[2] + by_exec[2]
    one, other = json.loads(by_fork[1]), json.loads(by_exec[1])
    for seen in (one, other):
        seen["signals"] = {name: without_glibcs(mask) for name, mask in seen["signals"].items()}
    assert one["ids"][0] == [account.uid if account else 0] * 3
    assert {key: value for key, value in one.items() if value != other[key]} == {}, other


@pytest.mark.parametrize("way", ENDINGS)
def test_what_is_forked_ends_as_what_is_executed_ends(place: Path, way: str) -> None:
    what, status = ENDINGS[way]
    head = "#!/usr/bin/python3 -IS\nimport atexit, os, signal, sys, threading, time\nprint('begun', flush=True)\n"
    line = [script(place, head + what + "\n")]
    by_fork, by_exec = forked(line), executed(line)
    assert by_fork[:2] == by_exec[:2] and by_fork[0] == status
    assert by_fork[2].splitlines()[-1:] == by_exec[2].splitlines()[-1:]


def test_several_are_forked_beside_each_other_and_each_is_told_of_its_own(place: Path) -> None:
    file = script(place, "#!/usr/bin/python3 -IS\nimport sys, time\ntime.sleep(float(sys.argv[1]))\nsys.exit(int(sys.argv[2]))\n")
    with tempfile.TemporaryFile() as out:
        started = [fork_server("verb").start([file, str(0.01 * n), str(n)], out, out) for n in (4, 0, 3, 1, 2)]
        assert [one.wait(PATIENCE) for one in started] == [4, 0, 3, 1, 2]


def test_who_waits_is_told_when_it_takes_too_long_and_may_end_it(place: Path) -> None:
    file = script(place, "#!/usr/bin/python3 -IS\nimport time\ntime.sleep(1000)\n")
    with tempfile.TemporaryFile() as out:
        one, other = (fork_server("verb").start([file], out, out) for _ in range(2))
        assert one.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            one.wait(0.01)
        one.terminate()
        assert one.wait(PATIENCE) == -15
        assert other.poll() is None, "it was not meant"
        other.kill()
        assert other.wait(PATIENCE) == -9
        one.kill()  # nobody's process by now


def test_threads_that_ask_at_once_get_the_same_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def made_slowly(loads: str) -> object:
        time.sleep(0.05)
        return object()

    monkeypatch.setattr(module, "ForkServer", made_slowly)
    monkeypatch.setattr(module, "_servers", {})
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(fork_server, ["daemon"] * 4))) == 1


def seen_from_outside(house: House) -> dict[str, Any]:
    """What /proc says of its daemon and of what the daemon has executed, without what differs between any two daemons. Raises
    LookupError while it begins, and OSError if a process of it ends meanwhile.
    """
    assert house.process is not None
    pid, launcher = house.process.pid, house.launcher
    if not launcher:
        raise LookupError("no launcher yet")
    proc = Path(f"/proc/{pid}")
    status = status_of(pid)
    return {
        "words": (proc / "cmdline").read_bytes().rstrip(b"\0").replace(bytes(house.root), b"").split(b"\0"),
        "open": sorted(re.sub(r"\[\d+\]", "", link).replace(str(house.root), "") for link in links(pid).values()),
        "links": {name: os.readlink(proc / name) for name in ("exe", "cwd", "root")},
        "status": {name: status[name] for name in STATUS},
        "signals": {name: without_glibcs(status[name]) for name in ("SigBlk", "SigIgn", "SigCgt")},
        "limits": (proc / "limits").read_text(),
        "group": [os.getsid(pid), os.getpgid(pid)],
        "priority": os.getpriority(os.PRIO_PROCESS, pid),
        "children": sorted(
            Path(f"/proc/{child}/cmdline").read_bytes().replace(bytes(house.root), b"")
            for child in (proc / f"task/{pid}/children").read_text().split()
        ),
        "environment of its launcher": Path(f"/proc/{launcher}/environ").read_bytes().replace(bytes(house.root), b""),
    }


def differences(one: House, other: House) -> dict[str, list[Any]]:
    looks = seen_from_outside(one), seen_from_outside(other)
    return {name: [look[name] for look in looks] for name in looks[0] if looks[0][name] != looks[1][name]}


@pytest.mark.parametrize("priority", [0, 5])
def test_a_daemon_that_is_forked_looks_like_one_that_is_executed(priority: int) -> None:
    path = shutil.which("jitd")
    assert path
    with contextlib.ExitStack() as stack:
        houses = [House(starts_by=by) for by in ("jitd", path)]
        for house in houses:
            stack.callback(house.close)
            house.start(priority)
        by_fork, by_exec = houses
        assert isinstance(by_fork.process, Forked) and isinstance(by_exec.process, subprocess.Popen)
        last: list[Any] = []

        def are_alike() -> bool:
            with contextlib.suppress(OSError):
                last[:] = [differences(by_fork, by_exec)]
            return last == [{}]

        with contextlib.suppress(AssertionError):  # what differs says more
            wait_for(are_alike)
        assert last == [{}]
        assert seen_from_outside(by_fork)["priority"] == priority


def test_in_another_environment_than_it_was_loaded_in_the_daemon_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading reads it: PYTHONPATH, OPENSSL_CONF."""
    house = House()
    try:
        assert isinstance(house.start().process, Forked)
        monkeypatch.setenv("OPENSSL_CONF", "/nonexistent")
        house.restart()
        assert isinstance(house.process, subprocess.Popen)
        assert b"OPENSSL_CONF=/nonexistent" in Path(f"/proc/{house.process.pid}/environ").read_bytes()
        monkeypatch.undo()
        house.restart()
        assert isinstance(house.process, Forked)
    finally:
        house.close()


AFTER_LOADING = """\
#!/usr/bin/python3 -IS
import runpy, sys

server = runpy.run_path({server!r})
sys.path += server["PLACES"]
server["load_daemon"]()


class Told:
    def find_spec(self, name, *_):
        print("asked for", name, file=sys.stderr)


sys.meta_path.insert(0, Told())
sys.argv[0] = {jitd!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_daemon_that_is_forked_has_all_modules_of_ours_that_it_starts_with(place: Path) -> None:
    """Each module that it loads itself, it loads once for each daemon of the tests."""
    house = House(starts_by=script(place, AFTER_LOADING.format(server=module.__file__, jitd=shutil.which("jitd"))))
    try:
        house.start()
        asked = re.findall(r"^asked for (\S+)$", house.log(), re.M)
        assert "pam" in asked, "one of others, which it looks for without loading it"
        assert [name for name in asked if name.startswith("jit")] == []
    finally:
        house.close()
