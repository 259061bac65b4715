# SPDX-License-Identifier: Apache-2.0
"""contrib/on: a pristine Debian of either release, which a command runs in, and nothing of which is left.

These tests run on the host itself, in a lane of `contrib/lanes/run` that is no lab: they take a mirror of Debian.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.scripts import load
from tests.law.tree import TREE
from tests.marks import by_day, full
from tests.waiting import PATIENCE, wait_for

ON = TREE / "contrib/on"
CGROUPS = Path("/sys/fs/cgroup")
MARK = "77771.25"
"""A word that is in the command line of what a test leaves running."""


IN_USE = full("every day, hosts are made, booted and ended by the lanes that are played in them")

on = load("on")


def run(*words: str | Path, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    line = [ON, "--private-network", *words]
    return subprocess.run(line, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)


@pytest.fixture(scope="module", autouse=True)
def both_are_made() -> None:
    """So that no test waits for it, and all that a test sees on standard error is what it asks for."""
    for release in ("bookworm", "trixie"):
        done = subprocess.run([ON, release, "true"], capture_output=True, text=True, timeout=90 * PATIENCE, check=False)
        assert done.returncode == 0, done.stderr


def of_ours() -> set[str]:
    """The processes that have MARK in their command line."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if MARK.encode() in (place / "cmdline").read_bytes():
                found.add(place.name)
        except OSError:
            continue
    return found


def cgroups() -> set[str]:
    return {os.path.join(at, name) for at, names, _ in os.walk(CGROUPS) for name in names if name.startswith("jitd-lab-")}


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    mounts, before = Path("/proc/self/mountinfo").read_text(), cgroups()
    yield
    wait_for(lambda: not of_ours(), what="the end of what ran")
    ours = {name for name in cgroups() - before if not Path("/proc", name.rpartition("-")[2]).is_dir()}
    wait_for(lambda: not {name for name in ours if Path(name).is_dir()}, what="the end of its control group")
    assert Path("/proc/self/mountinfo").read_text() == mounts


# --- what it is ------------------------------------------------------------------------------------------------------------


NAMED = [("bookworm", "12"), ("12", "12"), ("trixie", "13"), ("13", "13")]


@pytest.mark.parametrize(("named", "version"), by_day(NAMED, [("12", "12"), ("trixie", "13")], IN_USE))
def test_it_is_a_pristine_debian_of_that_release_whatever_this_host_is(named: str, version: str) -> None:
    done = run(named, "sh", "-c", ". /etc/os-release; echo $ID $VERSION_ID; command -v python3 gcc sudo sssd; ls /home /tmp /srv")
    assert (done.stdout.split()[:2], done.stderr) == (["debian", version], "")
    assert done.stdout.splitlines()[1:] == ["/home:", "", "/srv:", "", "/tmp:"]


def test_the_streams_and_the_status_are_commands_own() -> None:
    done = run("trixie", "sh", "-c", "cat; echo err >&2; exit 7", stdin="one\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "one\n", "err\n")
    assert run("trixie", "sh", "-c", "kill -11 $$").returncode == 139
    done = run("trixie", "no-such-command")
    assert (done.returncode, done.stderr) == (127, "on: no-such-command: not found\n")
    assert run("trixie", "/etc/passwd").returncode == 126


def test_what_is_written_in_it_is_gone_and_the_next_one_is_pristine() -> None:
    script = "echo x >/etc/shadow; rm -rf /usr/lib/apt /var; mkdir /there; mount -t tmpfs x /opt; hostname other; echo wrecked"
    before = socket.gethostname()
    assert run("trixie", "sh", "-c", script).stdout == "wrecked\n"
    done = run(
        "trixie", "sh", "-c", "grep -c root: /etc/shadow; ls -d /there /var/lib/dpkg /usr/lib/apt; hostname; cat /proc/mounts"
    )
    assert done.stdout.splitlines()[:4] == ["1", "/usr/lib/apt", "/var/lib/dpkg", "trixie"]
    assert " /opt " not in done.stdout and socket.gethostname() == before


def test_a_tree_is_seen_at_its_path_and_written_in_memory_and_what_is_shared_is_written(tmp_path: Path) -> None:
    tree, shared = tmp_path / "a tree", tmp_path / "shared"
    for directory in (tree, shared):
        directory.mkdir()
        (directory / "file").write_text("seen\n")
    script = f'pwd; cat file; echo lost >file; echo kept >"{shared}/file"; ls "{tmp_path}"'
    done = run("--tree", tree, "--share", shared, "trixie", "sh", "-c", script, cwd=tree)
    assert (done.stdout.splitlines(), done.stderr) == ([str(tree), "seen", "a tree", "shared"], "")
    assert [(directory / "file").read_text() for directory in (tree, shared)] == ["seen\n", "kept\n"]


def test_without_a_tree_the_callers_files_are_not_there() -> None:
    assert run("trixie", "sh", "-c", f"pwd; ls -d {TREE}", cwd=TREE).stdout == "/root\n"


@IN_USE
def test_packages_are_installed_in_it_once_and_start_no_service() -> None:
    more = ["--packages", "hello", "--packages", "openssh-server,opendoas"]
    made = subprocess.run([ON, *more, "trixie", "true"], capture_output=True, text=True, timeout=90 * PATIENCE, check=False)
    assert made.returncode == 0, made.stderr
    done = run(*more, "trixie", "sh", "-c", "hello; ls /usr/sbin/sshd; ls /usr/sbin/policy-rc.d /etc/resolv.conf")
    assert (done.stdout, "making" in done.stderr) == ("Hello, world!\n/usr/sbin/sshd\n", False)
    assert run("trixie", "sh", "-c", "command -v hello").stdout == ""


@IN_USE
def test_booted_it_has_started_all_before_command_starts() -> None:
    script = (
        "cat /proc/1/comm; systemctl is-system-running; cat /proc/sys/kernel/hostname; echo x >/proc/sys/kernel/hostname; exit 7"
    )
    for release in ("bookworm", "trixie"):
        done = run("--boot", "--name", "hosts.example.org", release, "sh", "-c", script)
        assert (done.returncode, done.stdout.splitlines()) == (7, ["systemd", "running", "hosts.example.org"]), done.stderr
        assert "Read-only file system" in done.stderr, "what the kernel has once for all hosts stays as it is"


def test_a_private_network_has_a_loopback_alone_and_nothing_of_what_this_host_reaches_its_own_with() -> None:
    done = run("trixie", "sh", "-c", "ls /sys/class/net; cat /sys/class/net/lo/flags; ls /etc/resolv.conf /etc/pip.conf; env")
    assert done.stdout.splitlines()[:2] == ["lo", "0x9"], "it is up"
    assert "/etc/" not in done.stdout and "proxy" not in done.stdout.lower()


@IN_USE
def test_a_second_command_enters_the_one_of_that_name(leaves_nothing: None) -> None:
    line = [ON, "--boot", "--private-network", "--name", "hosts-a", "trixie", "sh", "-c", f"echo here; exec cat; : {MARK}"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None and first.stdout.readline() == "here\n"
        words = ["--enter", "hosts-a", "sh", "-c", "cat /proc/1/comm; pwd; hostname; exit 7"]
        done = subprocess.run([ON, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (7, "systemd\n/root\nhosts-a\n", "")
    done = subprocess.run([ON, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("on: no host hosts-a is running here")


# --- how it ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", by_day([signal.SIGTERM, signal.SIGKILL, signal.SIGHUP], [signal.SIGKILL], IN_USE))
@pytest.mark.parametrize("boot", [[], pytest.param(["--boot"], marks=IN_USE)])
def test_however_it_ends_nothing_is_left(number: int, boot: list[str], leaves_nothing: None) -> None:
    script = f"(trap '' TERM HUP; setsid sleep {MARK} &); echo here; exec sleep {MARK}"
    process = subprocess.Popen([ON, "--private-network", *boot, "trixie", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    assert of_ours()
    process.send_signal(number)
    assert process.wait(PATIENCE) == -number
    process.stdout.close()


@pytest.mark.parametrize("wrong", [[], ["sid", "true"], ["--nonsense", "12"], ["--tree", "/no/such", "12", "true"],
                                   ["--boot", "--share", "/tmp", "12", "true"]])  # fmt: skip
def test_a_wrong_call_is_a_sentence_and_status_2(wrong: list[str]) -> None:
    done = run(*wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"^contrib/on: error: .+\n\Z", done.stderr, re.MULTILINE)


@IN_USE
def test_no_mirror_is_one_clear_failure(tmp_path: Path, leaves_nothing: None) -> None:
    done = run("--cache", tmp_path / "kept", "--mirror", "http://127.0.0.1:9/debian", "trixie", "true")
    assert (done.returncode, done.stdout) == (1, "")
    making, said = done.stderr.splitlines()
    assert making == "on: making a Debian trixie (once; some minutes)"
    assert re.fullmatch(r"on: no Debian trixie can be made: debootstrap from http://127\.0\.0\.1:9/debian says: E: .+", said)
    assert [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and path.name != "lock"] == []


@IN_USE
def test_one_that_is_killed_while_it_is_made_leaves_no_process_and_is_made_anew(tmp_path: Path, leaves_nothing: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/{MARK}"
        process = subprocess.Popen([ON, "--cache", tmp_path, "--mirror", mirror, "trixie", "true"], stderr=subprocess.DEVNULL)
        silent.accept()[0].close()  # debootstrap asks
        silent.accept()
        process.kill()
        process.wait()
    done = run("--cache", tmp_path, "--mirror", "http://127.0.0.1:9/debian", "trixie", "true")
    assert done.returncode == 1 and "no Debian trixie can be made" in done.stderr


def test_of_the_roots_that_are_kept_those_that_nobody_uses_go(tmp_path: Path) -> None:
    def root(name: str, *, unused_for: int) -> Path:
        place = tmp_path / name
        (place / "root").mkdir(parents=True)
        (place / "lock").touch()
        os.utime(place / "lock", (time.time() - unused_for,) * 2)
        return place

    new, old, in_use = root("new", unused_for=60), root("old", unused_for=8 * 86400), root("in-use", unused_for=8 * 86400)
    with open(in_use / "lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        on.remove_unused(tmp_path)
    assert [place.exists() for place in (new, old, in_use)] == [True, False, True]


# --- what it takes of this host --------------------------------------------------------------------------------------------

OWN = "deb http://mirror.example.org/debian/ bookworm main\ndeb http://mirror.example.org/debian bookworm-updates main\n"
SAFE = "deb https://safe.example.org/debian-security bookworm-security main\n"


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (OWN + SAFE, ("http://mirror.example.org/debian", "https://safe.example.org/debian-security")),
        (OWN, ("http://mirror.example.org/debian", on.SECURITY)),
        (
            "deb http://archive.example.org/ubuntu noble main\ndeb http://x.example.org/y nodistro main\n",
            (on.MIRROR, on.SECURITY),
        ),
        ("", (on.MIRROR, on.SECURITY)),
    ],
)
def test_the_mirror_is_that_of_this_hosts_apt(
    sources: str, found: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.list").write_text(sources)
    (tmp_path / "conf").write_text(f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/none";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "conf"))
    assert on.mirrors(None) == found


def test_of_apts_settings_those_of_the_network_go_along() -> None:
    taken = (
        'Acquire::http::Proxy "http://proxy.example.org:3128";',
        'Acquire::https::Verify-Peer "true";',
        'Acquire::Retries "3";',
    )
    left = (
        'Acquire::http::Proxy-Auto-Detect "/usr/local/bin/x";',
        'Acquire::Languages "none";',
        'Acquire::AllowWeakRepositories "1";',
    )
    assert [line for line in taken + left if on.OF_APT.match(line)] == list(taken)


def test_of_pips_settings_the_indexes_go_along_and_no_directory_of_this_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://pypi.example.org/simple\nextra-index-url = file:///srv/more https://two.example.org/simple\n"
        "find-links = /opt/wheels\nconstraint = /etc/constraints.txt\ntimeout = 7\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    lines = on.settings_of_pip().splitlines()
    assert lines[0] == "[global]"
    assert {"index-url = https://pypi.example.org/simple", "extra-index-url = https://two.example.org/simple", "timeout = 7"} <= {
        *lines
    }
    assert not re.search(r"find-links|constraint|file:", "\n".join(lines))
