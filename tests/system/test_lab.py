"""The lab itself: what the contract says of it. These are labs within a lab; each adds a layer to the one around it.

Law: whatever COMMAND does and however it ends, its status comes through and nothing of its lab is left.
"""
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.marks import full
from tests.system.conftest import House
from tests.waiting import PATIENCE

pytestmark = full("every day, most lanes are played in labs, and tests/system/test_booted.py looks at one that is booted")
LAB = Path(__file__).parents[2] / "contrib/lab/lab"
CGROUPS = Path("/sys/fs/cgroup")


def lab(*arguments: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LAB, "--no-jitd", *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=10 * PATIENCE, check=False
    )


SHARED = f"""
import json, subprocess, sys
for line in sys.stdin:
    words = ["sh", *json.loads(line)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout={10 * PATIENCE})
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""


class SharedLab:
    """A lab for tests that only look, or that change what no other one looks at: it is started once."""

    def __init__(self) -> None:
        line = [LAB, "--no-jitd", "/usr/bin/python3", "-c", SHARED]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sh(self, *words: str) -> tuple[int, str, str]:
        """The status, the output and the errors of ``sh`` with ``words``."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(words), file=self._process.stdin, flush=True)
        status, out, err = json.loads(self._process.stdout.readline())
        return status, out, err

    def says(self, script: str) -> str:
        """What ``script`` prints. None of its commands fails."""
        status, out, err = self.sh("-euc", script)
        assert status == 0, err
        return out

    def end(self) -> int:
        self._process.communicate()
        return self._process.returncode


@pytest.fixture(scope="module")
def shared() -> Iterator[SharedLab]:
    made = SharedLab()
    made.says("true")  # all that is started with it is there before a test looks at what it leaves
    yield made
    assert made.end() == 0


def start(script: str, *options: str, **more: object) -> subprocess.Popen[str]:
    """A lab that says `here` when COMMAND runs, and then does what the script says."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        [LAB, "--no-jitd", *options, "sh", "-c", f"echo here; {script}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **more,
    )  # fmt: skip
    assert process.stdout.readline() == "here\n"
    return process  # type: ignore[no-any-return]


def read_until(terminal: int, word: bytes) -> None:
    """Raises OSError at the end of the terminal."""
    said = b""
    while word not in said:
        assert select.select([terminal], [], [], PATIENCE)[0], f"nothing comes after {said!r}"
        said += os.read(terminal, 1000)


def command_line(pid: str) -> bytes:
    """Empty if there is no such process any more."""
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""


def processes() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        words = command_line(process.name)
        if any(word in words for word in (b"\0--no-jitd\0", b"krb5kdc", b"/etc/lab/db1", b"postgres", b"/usr/sbin/sshd")):
            found.add(process.name)
        if b"sleep\x00 7777" in words or b"sleep\x007777" in words:
            found.add(process.name)
    return found


def cgroups() -> set[str]:
    return {os.path.join(at, name) for at, names, _ in os.walk(CGROUPS) for name in names if name.startswith("jitd-lab-")}


def eventually(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.02)
    return False


@contextmanager
def nothing_is_left_afterwards() -> Iterator[None]:
    before, before_cgroups = processes(), cgroups()
    yield
    assert eventually(lambda: processes() <= before), processes() - before
    assert eventually(lambda: cgroups() <= before_cgroups), cgroups() - before_cgroups


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    with nothing_is_left_afterwards():
        yield


def is_end(status: int, ending: str) -> bool:
    """Whether ``status`` is that of a lab whose COMMAND ended by ``ending``: `exit N`, or a signal."""
    number = int(ending.split()[1].lstrip("-"))
    return status in ((number,) if ending.startswith("exit") else (128 + number, -number))


class Ended(NamedTuple):
    """What became of a lab."""

    ending: str
    done: subprocess.CompletedProcess[str]

    @property
    def is_told(self) -> bool:
        """Whether the status is COMMAND's own."""
        return is_end(self.done.returncode, self.ending)


def outside() -> tuple[str, list[str], list[str], str]:
    """What no lab may change."""
    digest = hashlib.sha256()
    for directory, directories, files in os.walk("/etc"):
        directories.sort()
        for name in sorted(files):
            file = Path(directory, name)
            is_now = file.lstat()
            digest.update(f"{file} {is_now.st_mode} {is_now.st_uid} {is_now.st_gid} {is_now.st_mtime_ns}".encode())
            if file.is_file():
                digest.update(file.read_bytes())
    homes = sorted(str(home) for home in Path("/home").iterdir())
    run = sorted(str(entry) for entry in Path("/run").iterdir())
    return digest.hexdigest(), homes, run, Path("/proc/self/mountinfo").read_text() + socket.gethostname()


WRECK = "echo x >/etc/passwd; rm -rf /home /var/log; mkdir /run/there /etc/there; mount -t tmpfs x /opt; hostname other"
POLICY = "cat /etc/jitd/policy.d/lab.toml /etc/jitd/jitd.toml; stat -c '%u %g %a' /etc/jitd/policy.d/lab.toml"
SCRIPTS = {
    "streams and directory": (
        "cat; echo err >&2; pwd -P; cat file; echo lost >file; echo lost >new;"
        "(trap '' TERM HUP; setsid sleep 7777 >/dev/null 2>&1 &)",
        "exit 255",
    ),
    "policy and wreck": (f"{POLICY}; {WRECK}; echo wrecked", "kill -11 $$"),
}
"""What labs do that are played side by side, and how each ends: each another way. (The shared lab ends by 0, others below
by 1, 3, 5 and 125, and by more signals.)"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("callers") / "a b\tü"
    made.mkdir()
    for name, text in (("file", "seen"), ("policy.toml", "# mine\n"), ("config.toml", "# too\n")):
        (made / name).write_text(text)
    os.chown(made / "policy.toml", 4001, 4001)
    return made


@pytest.fixture(scope="module")
def ended(odd: Path) -> dict[str, Ended]:
    """What became of the labs of ``SCRIPTS``. None of them leaves or changes anything."""
    options = {"policy and wreck": ["--policy", "policy.toml", "--config=config.toml"]}
    stdin = {"streams and directory": "one\ntwo\n"}

    def play(name: str) -> Ended:
        script, ending = SCRIPTS[name]
        line = [*options.get(name, []), "sh", "-c", f"{script}; {ending}"]
        return Ended(ending, lab(*line, cwd=odd, stdin=stdin.get(name, "")))

    before = outside()
    with nothing_is_left_afterwards(), ThreadPoolExecutor(len(SCRIPTS)) as lanes:
        all_of_them = dict(zip(SCRIPTS, lanes.map(play, SCRIPTS), strict=True))
    assert outside() == before
    return all_of_them


def test_the_status_of_command_comes_through_and_a_signal_as_128_and_its_number(ended: dict[str, Ended]) -> None:
    assert {name: one for name, one in ended.items() if not one.is_told} == {}


def test_a_command_that_does_not_exist_is_127_and_one_that_cannot_be_executed_126_and_two_dashes_end_the_options() -> None:
    done = lab("--", "--no-jitd")
    assert (done.returncode, done.stderr.startswith("lab: --no-jitd: not found")) == (127, True), done.stderr
    assert lab("/etc/passwd").returncode == 126


def test_the_streams_are_commands_own(ended: dict[str, Ended]) -> None:
    done = ended["streams and directory"].done
    assert (done.stdout[:8], done.stderr) == ("one\ntwo\n", "err\n")


def test_command_starts_in_the_callers_directory_which_is_visible_at_its_path(ended: dict[str, Ended], odd: Path) -> None:
    assert ended["streams and directory"].done.stdout[8:] == f"{odd}\nseen"
    assert sorted(entry.name for entry in odd.iterdir()) == ["config.toml", "file", "policy.toml"]
    assert (odd / "file").read_text() == "seen"


@pytest.mark.parametrize("wrong", [["--nonsense"], ["--policy"], ["--policy", "/no/such/file"]])
def test_a_wrong_option_is_one_sentence_and_status_2(wrong: list[str]) -> None:
    done = lab(*wrong)
    assert done.returncode == 2
    assert re.fullmatch(r"lab: .+\n", done.stderr)


def test_policy_and_configuration_can_be_replaced_and_belong_to_root(ended: dict[str, Ended]) -> None:
    assert ended["policy and wreck"].done.stdout.startswith("# mine\n# too\n0 0 644\n")


def test_it_is_a_host_of_its_own(shared: SharedLab) -> None:
    said = shared.says("hostname; hostname -f; id -u; echo $HOME; ip -br link; ls /run/jitd 2>&1 || true; cat /proc/1/comm")
    assert said.splitlines()[:4] == ["lab.example.test", "lab.example.test", "0", "/root"]
    assert re.search(r"^lo +UNKNOWN", said, re.M)
    assert len(re.findall(r"<.*>", said)) == 1, "there is a network device beside the loopback"


def test_accounts_and_groups_are_exactly_these(shared: SharedLab) -> None:
    said = shared.says(
        "for p in alice bob carol dave eve; do echo $p: $(id -Gn $p); getent passwd $p | cut -d: -f6,7; done;"
        "cd /home; stat -c '%U %G %a %n' alice bob carol dave eve; stat -c %a /tmp"
    )
    assert said == (
        "alice: alice dba\n/home/alice:/bin/bash\nbob: bob ops\n/home/bob:/bin/bash\n"
        "carol: carol ops\n/home/carol:/bin/bash\ndave: dave ops security\n/home/dave:/bin/bash\n"
        "eve: eve\n/home/eve:/bin/bash\n"
        + "".join(f"{name} {name} 700 {name}\n" for name in ("alice", "bob", "carol", "dave", "eve"))
        + "1777\n"
    )


@pytest.fixture(scope="module")
def layers(shared: SharedLab) -> str:
    """What a lab in a lab in a lab says."""
    innermost = "id eve; id -u alice; getent group 4101 thief; ls /home/eve; cat /root/layer-of-labs"
    middle = (
        "as alice klist -s; usermod -aG sudo eve; usermod -u 4999 alice; groupmod -n thief dba; echo stale >/home/eve/stale;"
        f'echo inner >>/root/layer-of-labs; {LAB} --no-jitd sh -c "{innermost}"; cat /root/layer-of-labs'
    )
    outer = f"echo outer >/root/layer-of-labs; said=$({LAB} --no-jitd sh -euc '{middle}')"
    return shared.says(f'{outer}; echo "$said"; cat /root/layer-of-labs')


def test_the_accounts_replace_those_of_the_host_of_the_same_name_or_number(layers: str) -> None:
    assert layers.startswith("uid=4005(eve) gid=4005(eve) groups=4005(eve)\n4001\ndba:x:4101:alice\nouter\n")


def test_a_lab_in_a_lab_in_a_lab_sees_what_is_around_it(layers: str) -> None:
    assert layers.split()[-5:] == ["outer", "inner", "outer", "inner", "outer"]


def test_the_realm_answers_and_kadmin_local_works(shared: SharedLab) -> None:
    said = shared.says(
        "kadmin.local -q 'addprinc -pw x mallory' >/dev/null 2>&1; kadmin.local -q listprincs;"
        "klist -k /etc/jitd/jitd.keytab;"
        "stat -c '%U %a' /etc/jitd/jitd.keytab; as alice kvno jitd/lab.example.test; echo alicealice | kinit alice"
    )
    for principal in ("alice", "bob", "carol", "dave", "eve", "mallory", "jitd/lab.example.test"):
        assert f"{principal}@EXAMPLE.TEST" in said
    assert "root 600" in said
    assert "kvno = " in said


def test_as_has_a_ticket_in_the_default_ccache_and_a_clean_login_environment(shared: SharedLab) -> None:
    said = shared.says("umask 077; cd /root; export SECRET=1 TERM=vt100; as alice sh -c 'id -un; klist | head -2; pwd; env'")
    lines = said.splitlines()
    assert lines[:4] == [
        "alice",
        "Ticket cache: FILE:/tmp/krb5cc_4001",
        "Default principal: alice@EXAMPLE.TEST",
        "/home/alice",
    ]
    names = {line.partition("=")[0] for line in lines[4:]}
    assert {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "MAIL", "TERM"} <= names
    assert names <= {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "MAIL", "TERM", "LANG", "PWD", "OLDPWD"}
    assert "TERM=vt100" in lines


def test_as_becomes_the_command_with_its_streams_status_and_signals(shared: SharedLab) -> None:
    said = shared.says(
        "sh -c 'echo $$; exec as alice sh -c \"echo \\$\\$; cat; echo err >&2; exit 9\"' <<X 2>&1 || echo status $?\n"
        "in\nX\n"
        "as alice sh -c 'trap \"echo got; exit 3\" USR1; echo up >/tmp/up; while :; do sleep 0.01; done' & "
        "until [ -f /tmp/up ]; do sleep 0.01; done; kill -USR1 $!; wait $! || echo status $?\n"
        "as alice sleep 100 & sleep 0.3; kill -TERM $!; wait $! || echo status $?"
    ).splitlines()
    assert said[0] == said[1], "another process"
    assert said[2:] == ["in", "err", "status 9", "got", "status 3", "status 143"]


def test_as_starts_with_default_signals_and_no_capability(shared: SharedLab) -> None:
    said = shared.says("trap '' INT PIPE; as bob cat /proc/self/status")
    ignored = re.search(r"^SigIgn:\s+(\w+)$", said, re.M)
    assert ignored is not None
    assert int(ignored[1], 16) & ~(0b11 << 31) == 0  # 32 and 33 are the C library's: nobody can reset them
    assert re.search(r"^SigBlk:\s+0+$", said, re.M)
    assert re.search(r"^CapEff:\s+0+$", said, re.M)


def test_as_without_a_ticket_has_an_empty_cache_and_leaves_the_persons_other_terminals_alone(shared: SharedLab) -> None:
    said = shared.says(
        "as alice true; as --no-ticket alice sh -c 'klist -s || echo none; env -u KRB5CCNAME klist -s && echo kept'"
    )
    assert said == "none\nkept\n"


def test_as_asks_the_kdc_once_until_something_changes_and_the_cache_is_as_new_each_time(shared: SharedLab) -> None:
    asked = "grep -c 'AS_REQ.*ISSUE.*alice@' /var/log/krb5kdc.log;"
    said = shared.says(
        f"as --fresh alice true; {asked} as alice kvno -q jitd/lab.example.test; as alice kdestroy; as alice klist; {asked}"
        f"as --fresh alice true; {asked} touch /etc/krb5.conf; as alice true; {asked}"
        f"kadmin.local -q 'modprinc +requires_preauth alice' >/dev/null; as alice true; {asked}"
        "kadmin.local -q 'modprinc -allow_tix alice' >/dev/null; as alice true 2>&1 || echo revoked;"
        "kadmin.local -q 'modprinc +allow_tix alice' >/dev/null; as alice klist -s && echo back"
    )
    first, *listed, kept, fresh, configured, changed, why, revoked, back = said.splitlines()
    assert [int(n) - int(first) for n in (kept, fresh, configured, changed)] == [0, 1, 2, 3], said
    assert sum("@EXAMPLE.TEST" in line for line in listed) == 2, "its own principal and the TGT, and no ticket of before"
    assert "revoked" in why and (revoked, back) == ("revoked", "back")


@pytest.mark.parametrize("wrong", ["as", "as alice", "as nobody true", "as root true", "as --frob alice true"])
def test_as_tells_its_usage_with_status_2(wrong: str, shared: SharedLab) -> None:
    status, _, err = shared.sh("-c", wrong)
    assert status == 2
    assert "usage: as " in err


def test_the_compiler_still_finds_its_assembler(shared: SharedLab) -> None:
    assert shared.says("cd /tmp; echo 'int main(void){return 0;}' >a.c; gcc -o a a.c; ./a; echo built") == "built\n"


def test_nothing_outside_is_touched(ended: dict[str, Ended]) -> None:
    assert ended["policy and wreck"].done.stdout.endswith("644\nwrecked\n"), "and nobody saw it outside, or there is no `ended`"


def test_two_labs_side_by_side_do_not_know_of_each_other(leaves_nothing: None) -> None:
    script = (
        "kadmin.local -q 'addprinc -randkey {0}' >/dev/null 2>&1; touch /tmp/{0} /etc/{0};"
        "as alice klist -s || exit 1; echo ready; read go; hostname;"
        "kadmin.local -q listprincs | grep -E '^(left|right)'; ls /tmp/left /tmp/right 2>/dev/null;"
        "ls /proc | grep -c '^[0-9]'; eval \"$go\""
    )
    both = {name: start(script.format(name)) for name in ("left", "right")}
    for process in both.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for (name, process), ending in zip(both.items(), ("kill -9 $$", "kill -13 $$"), strict=True):
        said, _ = process.communicate(f"{ending}\n", timeout=PATIENCE)
        assert said.splitlines()[:3] == ["lab.example.test", f"{name}@EXAMPLE.TEST", f"/tmp/{name}"]
        assert int(said.splitlines()[3]) < 10
        assert is_end(process.returncode, ending)


def test_ctrl_c_reaches_command_and_leaves_nothing_behind(leaves_nothing: None) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(LAB, [str(LAB), "--no-jitd", "sh", "-c", "(setsid sleep 7777 &) ; echo here; exec sleep 7777"])
    read_until(terminal, b"here")
    time.sleep(0.1)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (130, -signal.SIGINT)
    os.close(terminal)


def test_ctrl_c_is_commands_to_handle() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(LAB, [str(LAB), "--no-jitd", "sh", "-c", "trap 'echo caught; exit 5' INT; echo here; read x; exit 6"])
    read_until(terminal, b"here")
    os.write(terminal, b"\x03")
    read_until(terminal, b"caught")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])  # and SIGKILL with its second host, below
def test_a_lab_that_is_killed_leaves_no_process_and_no_cgroup(number: int, leaves_nothing: None) -> None:
    process = start("(trap '' TERM HUP INT; setsid sleep 7777 &) ; exec sleep 7777")
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == -number
    process.communicate()


def test_the_kdc_says_by_an_indicator_that_a_password_was_proved(own_house: Callable[..., House], leaves_nothing: None) -> None:
    """Only where the option is given: the lab of these tests has it not."""
    ask = "as alice sh -c 'cd ~; jitsudo --no-wait true' >/dev/null 2>&1; jitd requests --json"
    done = subprocess.run([LAB, "--spake", "sh", "-uc", ask], capture_output=True, text=True, timeout=10 * PATIENCE, check=False)
    assert json.loads(done.stdout)["authentication"]["indicators"] == ["spake"], done.stderr
    house = own_house().start()
    house.sudo("alice", "--no-wait", "true")
    asked = house.jitd("requests", "--json")
    assert json.loads(asked.stdout)["authentication"]["indicators"] == [], asked.stderr


def test_a_second_host_is_ready_when_command_starts_and_ends_with_it(leaves_nothing: None) -> None:
    ask = "on db1 hostname; on db1 sed -n '8s/ *$//p' /var/lib/postgresql/data/postmaster.pid; hostname"
    done = lab("--db1", "sh", "-euc", f"{ask}; exit 125")
    assert (done.returncode, done.stdout) == (125, "db1.example.test\nready\nlab.example.test\n"), done.stderr


def test_a_lab_that_is_killed_leaves_nothing_of_its_second_host(leaves_nothing: None) -> None:
    process = start("(trap '' TERM HUP INT; setsid sleep 7777 &) ; exec sleep 7777", "--db1")
    assert any(b"postgres" in command_line(pid) for pid in processes()), "it runs"
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=PATIENCE) == -signal.SIGKILL
    process.communicate()


def test_without_its_option_there_is_no_second_host(shared: SharedLab) -> None:
    assert shared.says("on db1 true || echo $?; getent hosts db1 || echo $?").split() == ["1", "2"]


def test_what_command_leaves_running_ends_with_it(ended: dict[str, Ended]) -> None:
    assert ended["streams and directory"].is_told, "and nothing of it is left, or there is no `ended`"


@pytest.mark.skipif(not (CGROUPS / "cgroup.procs").exists(), reason="this host gives no writable cgroup of version 2")
def test_its_cgroup_is_its_own_and_can_be_divided(shared: SharedLab) -> None:
    said = shared.says(
        "tail -n1 /proc/self/cgroup; mkdir /sys/fs/cgroup/part; sleep 100 & echo $! >/sys/fs/cgroup/part/cgroup.procs;"
        "echo 1 >/sys/fs/cgroup/part/cgroup.kill; wait $! || echo $?; rmdir /sys/fs/cgroup/part"
    )
    assert said == "0::/\n137\n"


def test_a_second_terminal_joins_the_lab(shared: SharedLab, leaves_nothing: None) -> None:
    shared.says("echo mark >/tmp/mark")
    done = lab("--join", "sh", "-c", "cat /tmp/mark; as bob id -un; hostname; exit 1")
    assert (done.returncode, done.stdout) == (1, "mark\nbob\nlab.example.test\n")


MOUNTED = """
mount -t tmpfs tmpfs /tmp
mkdir "/tmp/a b"
cd "/tmp/a b"
echo seen >file
echo hidden >/tmp/callers
exec "$0" "$@"
"""


@pytest.mark.parametrize("is_mounted", [False, True])
def test_it_has_a_tmp_of_its_own_on_the_root_file_system_whatever_the_callers_is(tmp_path: Path, *, is_mounted: bool) -> None:
    """Of the caller's, what is seen is the directory that COMMAND starts in. A ticket is moved from /tmp as on a host with one
    disk: across file systems it would become root's.
    """
    (tmp_path / "file").write_text("seen\n")
    script = "cat file; stat -c %d / /tmp | uniq | wc -l; as alice klist -s; ls /tmp"
    line = ["unshare", "--mount", "sh", "-euc", MOUNTED] if is_mounted else []
    done = subprocess.run(
        [*line, LAB, "--no-jitd", "sh", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    here = "a b" if is_mounted else tmp_path.relative_to("/tmp").parts[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["seen", "1", *sorted([here, "krb5cc_4001"])]


def test_an_interactive_shell_has_job_control_and_a_terminal() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(LAB, [str(LAB), "--no-jitd"])
    said = b""
    os.write(terminal, b"set -o | grep monitor; tty; as alice tty; exit 3\n")
    while True:
        try:
            said += os.read(terminal, 1000)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3, said
    assert b"as alice jitsudo id" in said
    assert re.search(rb"monitor\s+on", said)
    assert b"/dev/console" in said
    assert b"job control" not in said


def test_a_second_set_up_does_nothing() -> None:
    stamp = LAB.parents[2] / ".venv/stamp"
    before = stamp.stat()
    done = subprocess.run([LAB.parent / "setup"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "it would tell what it does"
    assert (stamp.stat().st_ino, stamp.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it would write it anew"


@pytest.mark.parametrize(
    ("release", "named"), [("ID=ubuntu\nVERSION_ID=12\nPRETTY_NAME='Ubuntu 12'\n", "Ubuntu 12"), ("", "another system")]
)
def test_on_another_system_the_set_up_says_what_it_takes_before_apt_is_called(tmp_path: Path, release: str, named: str) -> None:
    (tmp_path / "release").write_text(release)
    (tmp_path / "status").touch()
    bare = 'mount --bind release "$(realpath /etc/os-release)"; mount --bind status /var/lib/dpkg/status; exec "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", bare, LAB.parent / "setup"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = (
        f"setup: the lab takes Debian 12 or 13, and this host is {named}: use a container or a virtual machine of one of them\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_jitd_and_jitsudo_are_on_everybodys_path(shared: SharedLab) -> None:
    said = shared.says("which jitd jitsudo; as alice which jitd jitsudo")
    assert said.split() == ["/usr/sbin/jitd", "/usr/bin/jitsudo", "/usr/bin/jitd", "/usr/bin/jitsudo"]


def test_what_is_installed_needs_no_checkout_and_belongs_to_root(shared: SharedLab) -> None:
    said = shared.says(
        "find /usr/lib/jitd ! -user root -o -perm /022 ! -type l; head -qn1 /usr/bin/jitsudo /usr/sbin/jitd;"
        'cd /; as eve /usr/bin/python3 -ISc \'import sys; sys.path += ["/usr/lib/jitd/site-packages"];'
        "import click, dbus_fast, gssapi, msgspec, systemd'"
    )
    assert said == "#!/usr/bin/python3 -IS\n" * 2


def test_the_launcher_has_the_two_bindings_to_libpam_and_no_other_package(shared: SharedLab) -> None:
    program = 'import sys; sys.path += ["/usr/lib/jitd"]; import jitd.monitor.launcher, pamela, pam, msgspec'
    said = shared.says(f"grep '^sys.path' /usr/lib/jitd/jitd-launcher; cd /; /usr/bin/python3 -ISc '{program}' 2>&1 | tail -n1")
    assert said == "sys.path += ['/usr/lib/jitd']\n" + "ModuleNotFoundError: No module named 'msgspec'\n"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, *sys.argv[1:]]))
