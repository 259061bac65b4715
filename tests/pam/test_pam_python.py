# SPDX-License-Identifier: Apache-2.0
"""The real pam_python.so: what it takes for success, what it crashes of, where it has its library from; and our module in it.

Law: no value that our module can return is success but success, and it opens nothing of the person's with root's rights.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pam.application import DENIED, IGNORE, MODULE, SERVICE_ERR, SUCCESS, Application, Bench, Crashed, Voice, jitd
from tests.pam.programs import PYTHONS
from tests.pam.test_sabotage import PROVES
from tests.prover import HANGS_AS_THE_PERSON, PATIENT, built
from tests.waiting import wait_for

AUTH_ERR, SESSION_ERR = 7, 14
SHIPPED = "{0} [success=1 default=ignore] pam_python.so {1} socket={2}\n{0} requisite pam_deny.so\n{0} required pam_permit.so\n"


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def answers(bench: Bench, code: str) -> int:
    """What a stack answers whose one module has ``code`` as its account function."""
    bench.stack(bench.root / "m.py")
    (bench.root / "m.py").write_text(f"import sys\ndef pam_sm_acct_mgmt(pamh, flags, argv):\n    {code}\n")
    with Application(bench.stacks) as host:
        host.start("root")
        return host.call("acct_mgmt")


@pytest.mark.parametrize(
    "value", ["0", "False", "2**32", "-2**32", "type('I', (int,), {})(0)", "int.from_bytes(bytes(9), 'big')"]
)
def test_these_values_are_success_to_pam_python(value: str, bench: Bench) -> None:
    """THREATS P-01."""
    assert answers(bench, f"return {value}") == SUCCESS


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("return None", SERVICE_ERR), ("return True", 1), ("return -1", DENIED), ("return 256", DENIED), ("return 255", DENIED),
        ("return 99", DENIED), ("return 2**31", DENIED), ("return 2**63", DENIED), ("return 12", 12),
        ("return 0.0", SERVICE_ERR), ("return ''", SERVICE_ERR), ("return '0'", SERVICE_ERR), ("return object()", SERVICE_ERR),
        ("return (0,)", SERVICE_ERR), ("raise ValueError", SERVICE_ERR), ("sys.exit(0)", SERVICE_ERR), ("pass", SERVICE_ERR),
        ("raise KeyboardInterrupt", SERVICE_ERR), ("raise MemoryError", 5), (f"return {DENIED}", DENIED),
        (f"return {IGNORE}", DENIED),
    ],
)  # fmt: skip
def test_these_are_not(code: str, answer: int, bench: Bench) -> None:
    assert answers(bench, code) == answer


def test_the_module_returns_three_constants_and_success_in_one_place_alone() -> None:
    """THREATS P-01."""
    syntax = ast.parse(MODULE.read_text())
    named = {ast.unparse(node) for node in syntax.body if isinstance(node, ast.Assign) and "pam_sm_" in ast.unparse(node)}
    assert named == {
        "pam_sm_authenticate, pam_sm_acct_mgmt, pam_sm_open_session = map(_entry, STAGES)",
        "pam_sm_close_session = pam_sm_setcred",
    }
    returned = {
        function.name: [ast.unparse(node.value or function) for node in ast.walk(function) if isinstance(node, ast.Return)]
        for function in ast.walk(syntax)
        if isinstance(function, ast.FunctionDef) and (function.name.startswith("pam_sm_") or function.name == "entry")
    }
    assert returned == {
        "entry": ["SUCCESS if _decide(pamh, flags, argv, stage) is _GRANTED else DENIED", "DENIED"],
        "pam_sm_setcred": ["IGNORE"],
        "pam_sm_chauthtok": ["DENIED"],
    }
    text = ast.unparse(syntax)
    assert "SUCCESS, DENIED, IGNORE, SILENT = (0, 6, 25, 32768)" in text
    named = {node.lineno for node in ast.walk(syntax) if isinstance(node, ast.Name) and node.id == "SUCCESS"}
    assert len(named) == 2, "where it is given a value, and where it is returned"
    assert [line.strip() for line in text.splitlines() if "return _GRANTED" in line] == ["return _GRANTED"]


@pytest.mark.parametrize("stage", ["authenticate", "acct_mgmt", "open_session"])
def test_in_the_stack_that_is_shipped_only_a_grant_gets_through(stage: str, bench: Bench) -> None:
    kind = {"authenticate": "auth", "acct_mgmt": "account", "open_session": "session"}[stage]
    (bench.stacks / "su").write_text(SHIPPED.format(kind, MODULE, bench.socket))
    verdicts: list[bool] = []

    def script(voice: Voice) -> None:
        voice.proved()
        verdicts.append(not verdicts)
        voice.grant() if verdicts[-1] else voice.refuse()

    with Application(bench.stacks) as host:
        with jitd(bench.socket, script):
            host.start("root")
            assert [host.call(stage), host.call(stage)] == [SUCCESS, SESSION_ERR if stage == "open_session" else AUTH_ERR]
        assert host.call(stage) != SUCCESS, "jitd is away"


@pytest.mark.parametrize(
    "fault", ["is missing", "does not parse", "has no such function", "raises when it is loaded", "is a directory"]
)
def test_a_module_that_cannot_be_loaded_lets_nobody_in(fault: str, bench: Bench) -> None:
    module = bench.root / "m.py"
    if fault == "is a directory":
        module.mkdir()
    elif fault != "is missing":
        module.write_text({"does not parse": "}", "has no such function": "", "raises when it is loaded": "raise OSError"}[fault])
    (bench.stacks / "su").write_text(SHIPPED.format("account", module, bench.socket))
    with Application(bench.stacks) as host:
        host.start("root")
        assert host.call("acct_mgmt") == 7


@pytest.mark.parametrize("change", ["module", "module's directory", "initiator"])
def test_files_that_others_can_change_are_refused(change: str, bench: Bench) -> None:
    """THREATS P-11: pam_python itself does not look."""
    module = bench.module(initiator="")
    bench.stack(module)
    {"module": module, "module's directory": bench.root, "initiator": bench.root / "initiator.py"}[change].chmod(0o775)
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.grant())), Application(bench.stacks) as host:
        host.start("root")
        assert host.call("acct_mgmt") == DENIED
    assert "can be changed by others than root" in host.text


def _give_away(file: Path) -> None:
    os.chown(file, 4005, -1)


def _open_to_everybody(file: Path) -> None:
    """And to no group: 0646, or 0757 of a directory."""
    file.chmod(file.stat().st_mode | 0o002)


def _open_by_an_access_list(file: Path) -> None:
    """user::rw-, user:4005:rw-, group::r--, mask::rw-, other::r--; of a directory with x."""
    x = file.stat().st_mode & 0o001
    entries = ((1, 6, -1), (2, 6, 4005), (4, 4, -1), (16, 6, -1), (32, 4, -1))
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", tag, allowed | x, number) for tag, allowed, number in entries)
    os.setxattr(file, "system.posix_acl_access", raw)


@pytest.mark.parametrize("way", [_give_away, _open_to_everybody, _open_by_an_access_list], ids=lambda way: way.__name__[1:])
@pytest.mark.parametrize("change", ["module", "module's directory", "initiator"])
def test_files_that_are_somebody_elses_or_open_in_any_way_are_refused(
    change: str, way: Callable[[Path], None], bench: Bench
) -> None:
    """THREATS P-11: each way alone."""
    module = bench.module(initiator="")
    bench.stack(module)
    way({"module": module, "module's directory": bench.root, "initiator": bench.root / "initiator.py"}[change])
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.grant())), Application(bench.stacks) as host:
        host.start("root")
        assert host.call("acct_mgmt") == DENIED
    assert "can be changed by others than root" in host.text


@pytest.mark.parametrize("conversation", ["null", "nothing"])
def test_pam_python_crashes_of_a_conversation_without_answers_and_so_the_module_talks_only_where_that_was_measured(
    conversation: str, bench: Bench
) -> None:
    bench.stack(service="su")
    bench.stack(service="anything")
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse())):
        with Application(bench.stacks) as host, pytest.raises(Crashed):
            host.start("root", "su")
            host.order("conv", conversation)
            host.call("acct_mgmt")
        with Application(bench.stacks) as host:
            host.start("root", "anything")
            host.order("conv", conversation)
            assert host.call("acct_mgmt") == DENIED


# --- where its library comes from ----------------------------------------------------------------------------------------


def _library(place: Path) -> dict[str, str]:
    """The environment of somebody who has a Python of their own, which leaves a trace."""
    (place / "bin").mkdir(parents=True)
    (place / "bin/python3").write_text("#!/bin/sh\n")
    (place / "bin/python3").chmod(0o755)
    library = place / "lib" / PYTHONS.name
    (library / "encodings").mkdir(parents=True)
    (library / "lib-dynload").mkdir()
    (library / "os.py").touch()
    trace = f"import posix\nposix.close(posix.open('{place}/trace-%d' % posix.geteuid(), posix.O_CREAT))\n"
    (library / "encodings/__init__.py").write_text(trace + (PYTHONS / "encodings/__init__.py").read_text())
    for name in ("aliases", "utf_8"):
        (library / f"encodings/{name}.py").write_text((PYTHONS / f"encodings/{name}.py").read_text())
    return {"PATH": f"{place}/bin:/usr/bin:/bin"}


@pytest.mark.parametrize("way", ["PATH", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"])
def test_pam_python_runs_as_root_what_the_environment_of_a_caller_leads_to(way: str, bench: Bench) -> None:
    """It is decided before our module is read, so nothing in there can help: that is why the shipped stacks have pam_guard before
    pam_python. Without that they are root for everybody who knows one password: test_callers.py."""
    bench.stack()
    env = _library(bench.root / "eve")
    if way != "PATH":
        env = {"PATH": "/usr/bin:/bin", way: str(bench.root / "eve/bin/python3")}
    with Application(bench.stacks, env=env) as host:
        host.order("uid", 4005)
        host.start("eve")
        with contextlib.suppress(Crashed):  # a library with holes in it ends the program
            host.call("acct_mgmt")
    assert (bench.root / "eve/trace-0").exists()


@pytest.mark.parametrize(
    "variable",
    [
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "PYTHONPLATLIBDIR",
        "PYTHONINSPECT",
        "HOME",
    ],
)
def test_no_other_variable_of_pythons_leads_it_anywhere(variable: str, bench: Bench) -> None:
    """THREATS K-10."""
    place = bench.root / "eve"
    _library(place)
    value = {
        "PYTHONPATH": place / "lib" / PYTHONS.name,
        "PYTHONSTARTUP": place / "lib" / PYTHONS.name / "encodings/__init__.py",
    }.get(variable, place)
    bench.stack()
    env = {"PATH": "/usr/bin:/bin", variable: str(value)}
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse())), Application(bench.stacks, env=env) as host:
        host.order("uid", 4005)
        host.start("eve")
        assert host.call("acct_mgmt") == DENIED
    assert not (place / "trace-0").exists()


# --- what is opened, and as whom ---------------------------------------------------------------------------------------

SUDO = Path("/etc/pam.d/sudo")
SUDOERS = Path("/etc/sudoers.d/test-pam-python")


@pytest.fixture
def sudo(bench: Bench) -> Iterator[Bench]:
    """sudo with the gate, whose jitd is the test's. The module and its initiator have the patience of tests: they are traced."""
    kept = SUDO.read_bytes()
    permit = "".join(f"{stage} required pam_permit.so\n" for stage in ("auth", "session"))
    module = bench.module(initiator=built(bench.root / "prove", PATIENT))
    SUDO.write_text(SHIPPED.format("account", module, bench.socket) + permit)
    SUDOERS.write_text("Defaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin\nalice ALL=(ALL:ALL) NOPASSWD: ALL\n")
    SUDOERS.chmod(0o440)
    yield bench
    SUDO.write_bytes(kept)
    SUDOERS.unlink()


CACHES = ["FILE:/home/alice/cache", "DIR:/home/alice/caches", "/home/alice/link-to-shadow", "FILE:/etc/shadow", "DIR:/root"]


@pytest.mark.parametrize("cache", CACHES)
def test_a_credential_cache_is_opened_by_the_initiator_alone_once_it_has_no_rights_of_roots(cache: str, sudo: Bench) -> None:
    """THREATS P-03."""
    link = Path("/home/alice/link-to-shadow")
    link.unlink(missing_ok=True)
    link.symlink_to("/etc/shadow")
    trace = sudo.root / "trace"
    line = ["strace", "-f", "-u", "alice", "-o", str(trace), "-e", "trace=%file,setresuid,setuid,clone,clone3,vfork,fork"]
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())) as had:
        env = {"PATH": "/usr/bin:/bin", "KRB5CCNAME": cache, "HOME": "/home/alice"}
        done = subprocess.run([*line, "sudo", "-n", "true"], env=env, cwd="/", capture_output=True, text=True)
    assert done.returncode != 0
    (proof,) = [message for voice in had for message in voice.heard if message["type"] == "proof"]
    assert proof["proof"] is None
    assert proof["because"]
    path = cache.rpartition(":")[2]
    opened = list(_opened(trace.read_text(), path))
    assert opened, "the initiator looks at it"
    assert [call for is_alices, call in opened if not is_alices] == []
    link.unlink()


def _opened(trace: str, path: str) -> Iterator[tuple[bool, str]]:
    """Each call that names ``path``, and whether its thread had become alice before."""
    alices: set[str] = set()
    becoming: set[str] = set()  # whose call to become her was interrupted by what strace tells of another thread
    for line in trace.splitlines():
        thread, call = line.split(maxsplit=1)
        if call.startswith("setresuid(4001, 4001, 4001 <unfinished"):
            becoming.add(thread)
        becomes = "setresuid resumed>" if thread in becoming else r"setresuid\(4001, 4001, 4001"
        if re.search(rf"{becomes}\)\s*= 0", call):
            alices.add(thread)
        elif (made := re.search(r"(?:clone3?|v?fork)(?:\(| resumed).*= (\d+)$", call)) and thread in alices:
            alices.add(made[1])
        elif f'"{path}' in call and "/run/" not in call and not call.startswith("execve"):
            yield thread in alices, call


def test_nothing_in_the_persons_directory_is_opened_with_roots_rights(sudo: Bench) -> None:
    """Their home, which is where they are, and what a Python or a Kerberos library may look for there or in `.`."""
    home, trace = Path("/home/alice"), sudo.root / "trace"
    names = ("json.py", "_socket.py", "sitecustomize.py", "pyvenv.cfg", "krb5.conf", ".k5login", "pam_jit.py", "__init__.py")
    made = [home / name for name in names if not (home / name).exists()]
    for file in made:
        file.write_text("raise SystemExit(0)\n")
    line = ["strace", "-f", "-u", "alice", "-o", str(trace), "-e", "trace=%file,setresuid,clone,clone3,vfork,fork"]
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())) as had:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "KRB5_CONFIG": "krb5.conf", "PYTHONPATH": ".", "TMPDIR": str(home)}
        done = subprocess.run([*line, "sudo", "-n", "true"], env=env, cwd=home, capture_output=True, text=True)
    for file in made:
        file.unlink()
    assert done.returncode != 0
    assert len(had) == 1
    calls = trace.read_text()
    assert f"{sudo.root}/prove" in calls
    relative = re.findall(r'(?:openat|execve|stat\w*|readlink|access)\((?:AT_FDCWD, )?"([^/"][^"]*)"', calls)
    assert set(relative) <= {".", PYTHONS.name}, "what is looked at without the name of a directory is `.` itself"
    assert [call for is_alices, call in _opened(calls, str(home)) if not is_alices and "getcwd" not in call] == []


NOTES = """
import os
print("\\n".join(open("/proc/self/environ").read().split("\\0")), file=open("PLACE/environment", "w"))
open("PLACE/descriptors", "w").write(" ".join(f"{n}={os.readlink(f'/proc/self/fd/{n}').partition(':')[0]}" for n in range(3)))
open("PLACE/words", "w").write(open("/proc/self/cmdline").read())
"""


def test_the_initiator_is_started_with_nothing_but_one_socket(sudo: Bench) -> None:
    """THREATS K-10: and no word of the caller's."""
    SUDO.write_text(
        SUDO.read_text().replace(str(sudo.root / "pam_jit.py"), str(sudo.module("", NOTES.replace("PLACE", str(sudo.root)))))
    )
    with jitd(sudo.socket, lambda voice: (voice.proved(), voice.refuse())):
        env = {"PATH": "/usr/bin:/bin", "KRB5CCNAME": "FILE:/x", "HOME": "/home/alice", "LANG": "C.UTF-8"}
        line = ["setpriv", "--reuid=alice", "--regid=4001", "--init-groups", "sudo", "-n", "true"]
        assert subprocess.run(line, env=env, cwd="/", capture_output=True).returncode != 0
    assert (sudo.root / "environment").read_text().strip() == ""
    assert (sudo.root / "descriptors").read_text() == "0=socket 1=/dev/null 2=/dev/null"
    assert (sudo.root / "words").read_text() == f"/usr/bin/python3\0-IS\0{sudo.root}/initiator.py\0"


LATER = " <unfinished ...>\n8 exit_group(0) = ?\n7 <... setresuid resumed>"


@pytest.mark.parametrize("told", ["", LATER], ids=["at once", "later"])
def test_that_test_sees_what_root_opens(told: str) -> None:
    opens = '7 openat(AT_FDCWD, "/x", O_RDONLY) = 3\n'
    trace = f"{opens}7 setresuid(4001, 4001, 4001{told}) = 0\n{opens}"
    assert [is_alices for is_alices, _ in _opened(trace, "/x")] == [False, True]


def test_nobody_of_that_account_can_trace_the_initiator_or_read_its_memory(bench: Bench) -> None:
    """THREATS P-03."""
    bench.stack(bench.module("PROOF_WITHIN = 600.0", built(bench.root / "prove", {}, HANGS_AS_THE_PERSON)))
    code = (
        "import ctypes, os, sys\n"
        "os.setresgid(4001, 4001, 4001); os.setresuid(4001, 4001, 4001)\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "place = f'/proc/{sys.argv[1]}/'\n"
        "print(libc.ptrace(16, int(sys.argv[1]), 0, 0), os.access(place + 'mem', 4), os.access(place + 'environ', 4))\n"
    )
    with jitd(bench.socket, lambda voice: (voice.proved(), voice.refuse())), Application(bench.stacks) as host:
        host.start("alice")
        host.tell("acct_mgmt", 0)
        initiator = _initiator_of(host.process.pid)
        line = ["/usr/bin/python3", "-c", code]
        tried = subprocess.run([*line, str(initiator)], capture_output=True, text=True, check=True).stdout.split()
        assert tried == ["-1", "False", "False"]
        with subprocess.Popen(["setpriv", "--reuid=4001", "--regid=4001", "--clear-groups", "sleep", "600"]) as own:
            wait_for(lambda: Path(f"/proc/{own.pid}/comm").read_text() == "sleep\n")
            own_tried = subprocess.run([*line, str(own.pid)], capture_output=True, text=True, check=True).stdout.split()
            own.kill()
        assert own_tried != tried, "of a process of theirs they can"
        os.kill(initiator, signal.SIGKILL)
        assert host.result() == DENIED


def _initiator_of(pid: int) -> int:
    """The initiator of a host, once it has become alice."""

    def found() -> int:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children and _is_alices(children[0]) else 0

    return int(wait_for(found))


def _is_alices(pid: str) -> bool:
    return "Uid:\t4001\t4001\t4001\t4001" in Path(f"/proc/{pid}/status").read_text()


LATE = """if True:
    import os, signal, sys
    from contextlib import suppress
    from jitpam import pam_jit

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    really, others = os.pidfd_open, []

    def late(pid):
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        between, made = os.fork(), 0
        if between == 0:
            while made != pid:
                with open("/proc/sys/kernel/ns_last_pid", "w") as last:
                    last.write(str(pid - 1))
                made = os.fork()
                if made == 0:
                    signal.pause()
                if made != pid:
                    os.kill(made, signal.SIGKILL)
            os._exit(0)
        with suppress(ChildProcessError):
            os.waitpid(between, 0)
        others.append(really(pid))
        return really(pid)

    os.pidfd_open, pam_jit.INITIATOR = late, sys.argv[1]
    try:
        with pam_jit._Patience(set()) as patience, pam_jit._Initiator(patience):
            pass
    except pam_jit._No as no:
        print(no)
    (other,) = others
    poll = pam_jit.select.poll()
    poll.register(other, pam_jit.select.POLLIN)
    print("ended" if poll.poll(0) else "lives")
    signal.pidfd_send_signal(other, signal.SIGKILL)
"""


def test_a_process_that_got_the_id_of_the_ended_initiator_is_not_killed(bench: Bench) -> None:
    """THREATS P-19: as with the module in C (test_gate_library.py)."""
    bench.module("", PROVES)
    line = [sys.executable, "-c", LATE, bench.root / "initiator.py"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    because = "jitd's Kerberos initiator cannot be started ([Errno 10] No child processes)"
    assert done.stdout.splitlines() == [because, "lives"], done.stdout + done.stderr
