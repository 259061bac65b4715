# SPDX-License-Identifier: Apache-2.0
"""The units: what systemd makes of them, the sandbox, readiness, the watchdog, the socket that waits for a daemon."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.installed import HELPERS
from jitpam.wire.messages import List
from tests.attacks.raw import shown_to
from tests.booted.conftest import Service, journal, show, systemctl
from tests.waiting import PATIENCE, wait_for

UNITS = (
    "jitd.service", "jitd.socket", "jitd-launcher.service", "jitd-launcher.socket", "jitd.slice",
    *(f"jitd-helper@{helper}.{kind}" for helper in HELPERS for kind in ("service", "socket")),
    "jitd-metrics.service", "jitd-metrics.timer", "jitd-report.service", "jitd-report.timer",
    "jitd-door.socket", "jitd-door-tcp.socket", "jitd-door-tcp.service", "jitd-door-nats.service",
)  # fmt: skip


def test_systemd_finds_no_fault_with_the_units() -> None:
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *UNITS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_ready_when_it_says_so(service: Service) -> None:
    systemctl("stop", "jitd.service")
    systemctl("start", "jitd.service")
    assert service.jitd("requests").returncode == 0
    assert show("jitd.service", "StatusText")["StatusText"] == "1 rule in force"


def test_the_sockets_are_made_with_their_modes(service: Service) -> None:
    """THREATS S-09."""
    for path, mode in (("/run/jitd/jitd.sock", 0o666), ("/run/jitd/launcher.sock", 0o600), ("/run/jitd/monitors.sock", 0o600)):
        status = os.stat(path)
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (mode, 0), path
    assert stat.S_IMODE(os.stat("/run/jitd").st_mode) == 0o755
    done = service.run("alice", "python3", "-c", "import socket; s = socket.socket(1, 5); s.connect('/run/jitd/launcher.sock')")
    assert done.returncode == 1 and "PermissionError" in done.stderr


def test_who_calls_while_no_daemon_is_there_waits_for_one(service: Service) -> None:
    """Socket activation: nobody is refused while the daemon restarts, and the first caller starts it. How long one waits for an
    answer is the client's: on a busy host a daemon may take longer to start.
    """
    systemctl("stop", "jitd.service")
    assert show("jitd.service", "ActiveState")["ActiveState"] == "inactive"
    assert service.asked(List(what="locks", ended=False)) == []
    assert show("jitd.service", "ActiveState")["ActiveState"] == "active"


def test_a_daemon_that_cannot_start_is_started_again_until_it_can(service: Service) -> None:
    """As where a disk is full for a while. By itself, systemd gives up a service after five starts in ten seconds, and its socket
    with it.
    """
    systemctl("stop", "jitd.service")
    kept = service.database.rename(service.database.with_suffix(".kept"))
    service.database.mkdir()
    try:
        subprocess.run(["systemctl", "restart", "jitd.service"], capture_output=True, check=False)
        wait_for(lambda: int(show("jitd.service", "NRestarts")["NRestarts"]) > 5, what="six more starts")
    finally:
        service.database.rmdir()
        kept.rename(service.database)
    wait_for(lambda: show("jitd.service", "ActiveState")["ActiveState"] == "active", what="a daemon that started by itself")
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0, asking.err


CONFIG = Path("/etc/jitd/jitd.toml")
SILENT = "jitsudo: jitd does not answer\n"
CANNOT = f"jitsudo: jitd cannot start: its settings are broken at {CONFIG}:1; root mends them, then: systemctl restart jitd\n"


def n_starts() -> int:
    return len(journal("--boot", "--unit=jitd.service", "--grep=^Starting ").splitlines())


def test_broken_settings_stop_the_start_once_and_each_caller_is_told(service: Service) -> None:
    """THREATS O-21: neither the service manager nor the clients that wait at the socket start it again and again."""
    right, before = CONFIG.read_text(), n_starts()
    CONFIG.write_text(f"nonsense = 1\n{right}")
    try:
        assert subprocess.run(["systemctl", "restart", "jitd.service"], capture_output=True, check=False).returncode != 0
        found = show("jitd.service", "ActiveState", "ExecMainStatus", "NRestarts")
        assert found == {"ActiveState": "failed", "ExecMainStatus": str(os.EX_CONFIG), "NRestarts": "0"}
        assert n_starts() == before + 1
        n_told, n = 0, 1
        while n_told < 2:
            done, n = service.sudo("alice", "true"), n + 1
            wait_for(lambda: show("jitd.service", "ActiveState")["ActiveState"] == "failed", what="the end of this start")
            assert n_starts() == before + n, "one start for one caller"
            if done.stderr == SILENT and n < 10:  # a busy host, where the interpreter's start took longer than the client waits
                continue
            assert (done.returncode, done.stderr) == (125, CANNOT)
            n_told += 1
        assert 'unknown key "nonsense"' in service.log()
    finally:
        CONFIG.write_text(right)
    systemctl("restart", "jitd")  # as the sentence says
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0, asking.err


def test_a_host_boots_with_a_broken_policy_and_says_so(service: Service) -> None:
    """THREATS O-20: the service runs, and its state, the journal and each caller have the reason; no start is repeated."""
    file = Path("/etc/jitd/policy.d/99-broken.toml")
    file.write_text("[[permit]]\nname = 3\n")
    try:
        systemctl("restart", "jitd.service")
        found = show("jitd.service", "ActiveState", "StatusText", "NRestarts")
        assert (found["ActiveState"], found["NRestarts"]) == ("active", "0")
        assert found["StatusText"].startswith(f"no policy is in force: {file}:")
        assert found["StatusText"].endswith("; root mends it, then: jitd reload")
        done = service.sudo("alice", "true")
        assert done.returncode == 121 and f"the policy is broken at {file}:" in done.stderr
    finally:
        file.unlink()
    assert service.jitd("reload").returncode == 0
    assert show("jitd.service", "StatusText")["StatusText"] == "1 rule in force"
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0, asking.err


def test_a_socket_that_is_not_the_one_configured_is_refused(service: Service, tmp_path: Path) -> None:
    """THREATS S-09."""
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(tmp_path / "other"))
    other.listen()
    script = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        "os.execv('/usr/sbin/jitd', ['jitd', 'serve', '--config', sys.argv[2]])"
    )
    config = tmp_path / "jitd.toml"
    config.write_text(
        f'realms = ["EXAMPLE.TEST"]\nhost = "lab.example.test"\nstate = "{tmp_path}/s"\nsocket = "{tmp_path}/r/s"\n'
    )
    done = subprocess.run(["python3", "-c", script, str(other.fileno()), config], pass_fds=[other.fileno()], capture_output=True,
                          text=True, timeout=PATIENCE, check=False)  # fmt: skip
    assert done.returncode == 1 and "jitd.socket must pass one listening socket" in done.stderr


def test_reload_says_what_is_wrong_and_keeps_the_old_policy(service: Service) -> None:
    file = Path("/etc/jitd/policy.d/99-broken.toml")
    file.write_text("[[permit]]\nname = 3\n")
    done = subprocess.run(["systemctl", "reload", "jitd.service"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert show("jitd.service", "ActiveState")["ActiveState"] == "active"
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0
    file.unlink()
    systemctl("reload", "jitd.service")


def test_a_daemon_that_stands_still_is_replaced(service: Service) -> None:
    drop = Path("/run/systemd/system/jitd.service.d/watchdog.conf")
    drop.parent.mkdir(parents=True, exist_ok=True)
    drop.write_text("[Service]\nWatchdogSec=10s\nTimeoutAbortSec=10s\n")
    systemctl("daemon-reload")
    try:
        service.restart()
        before = service.pid
        first = show("jitd.service", "WatchdogTimestampMonotonic")
        wait_for(lambda: show("jitd.service", "WatchdogTimestampMonotonic") != first, what="a sign of life")
        assert service.pid == before, "one that turns is left alone"
        os.kill(before, signal.SIGSTOP)
        service.until_another_serves(before)
    finally:
        drop.unlink()
        systemctl("daemon-reload")
        service.restart()
    assert service.jitd("requests").returncode == 0


# --- the sandbox ------------------------------------------------------------------------------------------------------


def inside(service: Service, code: str) -> str:
    """What Python says from within the daemon's mount namespace, with its capabilities."""
    caps = next(
        line.split()[1] for line in Path(f"/proc/{service.pid}/status").read_text().splitlines() if line.startswith("CapEff")
    )
    bounds = f"--bounding-set=-all,{_names(int(caps, 16))}"
    line = ["nsenter", f"--target={service.pid}", "--mount", "setpriv", bounds, "--no-new-privs"]
    done = subprocess.run([*line, "python3", "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _names(caps: int) -> str:
    return ",".join(f"+cap_{number}" for number in range(41) if caps >> number & 1)


@pytest.mark.parametrize("path", ["/etc/jitd/x", "/usr/bin/x", "/home/alice/x", "/tmp/x", "/root/x", "/boot/x", "/var/log/x"])
def test_the_daemon_writes_nowhere_but_where_it_keeps_its_state(service: Service, path: str) -> None:
    Path(path).unlink(missing_ok=True)
    said = inside(service, f"open({path!r}, 'x')")
    assert "Read-only file system" in said or "Permission denied" in said, said
    assert not Path(path).exists()


@pytest.mark.parametrize("path", ["/var/lib/jitd/x", "/run/jitd/x"])
def test_and_there_it_does(service: Service, path: str) -> None:
    assert inside(service, f"open({path!r}, 'w')") == ""
    Path(path).unlink()


def test_it_has_the_capabilities_that_its_unit_names_and_no_other(service: Service) -> None:
    status = Path(f"/proc/{service.pid}/status").read_text()
    lines = dict(line.split(":\t") for line in status.splitlines() if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")))
    wanted = 1 << 2 | 1 << 6 | 1 << 7  # CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID
    assert int(lines["CapEff"], 16) == int(lines["CapBnd"], 16) == wanted
    assert lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2"


def test_what_runs_is_in_no_sandbox(service: Service) -> None:
    script = (
        "grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; readlink /proc/self/ns/mnt;"
        "touch /usr/bin/x && rm /usr/bin/x && touch /home/alice/x && rm /home/alice/x"
    )
    asking = service.ask("alice", "sh", "-c", script)
    service.approved(asking.id)
    assert asking.end() == 0, asking.err
    mine = Path("/proc/self/status").read_text()
    caps = next(line for line in mine.splitlines() if line.startswith("CapEff"))
    assert caps in asking.out and "NoNewPrivs:\t0" in asking.out and "Seccomp:\t0" in asking.out
    assert os.readlink("/proc/1/ns/mnt") in asking.out


def test_files_of_others_are_found_and_digested_in_the_sandbox(service: Service) -> None:
    """The daemon looks at commands in homes and in /tmp, and at who may change them."""
    home = Path("/home/alice/tool")
    home.write_text("#!/bin/sh\necho hello\n")
    home.chmod(0o755)
    done = service.sudo("alice", "-n", str(home))
    assert done.returncode == 121 and "others can change the file" in done.stderr, done.stderr
    secret = Path("/root/tool")
    secret.write_text("#!/bin/sh\necho hello\n")
    secret.chmod(0o700)
    asking = service.ask("alice", str(secret))
    service.approve(asking.id)
    assert (asking.end(), asking.out) == (0, "hello\n"), asking.err
    home.unlink()
    secret.unlink()


def test_scripts_are_read_with_the_rights_of_the_requester_in_the_sandbox(service: Service) -> None:
    """THREATS S-19: the unit lets the daemon have the rights of alice, and only those."""
    hers, roots = Path("/home/alice/hers.sh"), Path("/usr/local/sbin/roots.sh")
    for file, uid, mode in ((hers, 4001, 0o600), (roots, 0, 0o700)):
        file.write_text("echo hello\n")
        os.chown(file, uid, uid)
        file.chmod(mode)
    found = {}
    for file in (hers, roots):
        asking = service.ask("alice", "sh", str(file))
        (row,) = shown_to(service, "bob", asking.id)["scripts"]
        found[file] = (row["text"] is not None, row["told"])
        file.unlink()
        asking.process.kill()
    assert found == {hers: (True, ""), roots: (False, "alice cannot read it")}


@pytest.fixture
def edits(service: Service) -> Iterator[Path]:
    """A directory in which rules permit all edits, and new files."""
    place, policy = Path("/etc/edits-booted"), Path("/etc/jitd/policy.d/edits.toml")
    place.mkdir()
    policy.write_text(
        '[[permit]]\nname = "edits"\nwho = ["group:dba"]\nrun_as = ["*"]\ncommands = [["sudoedit", "/etc/edits-booted/*"]]\n'
        'run = { new = "0640", check = ["/bin/grep", "-q", "8080"] }\n'
    )
    service.reload()
    yield place
    policy.unlink()
    service.reload()
    shutil.rmtree(place)


@pytest.mark.parametrize("account", ["root", "bob"])
@pytest.mark.parametrize("name", ["there", "new"])
def test_files_are_written_by_accounts_that_may_write_where_the_sandbox_may_not(
    service: Service, edits: Path, account: str, name: str
) -> None:
    """All mounts of the daemon are read-only, and a look with the rights of bob must not take this for his rights."""
    uid = 4002 if account == "bob" else 0
    (edits / "there").write_text("listen 80;\n")
    for one in (edits, edits / "there"):
        os.chown(one, uid, uid)
    copy = Path("/home/alice/copy")
    copy.write_text("listen 8080;\n")
    copy.chmod(0o644)
    done = service.sudo("alice", "-u", account, "-e", str(edits / name), "--from", str(copy))
    assert done.returncode == 0 and (edits / name).read_text() == "listen 8080;\n", done
    assert os.lstat(edits / name).st_uid == uid
    done = service.sudo("alice", "-u", "carol", "-e", str(edits / "other"), "--from", str(copy))
    assert done.returncode == 126 and sorted(os.listdir(edits)) == sorted({"there", name}), done
    copy.unlink()


def test_where_systemd_is_process_1_the_daemon_starts_nothing_itself(service: Service) -> None:
    assert Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text() == "", "it starts nothing itself"


def test_the_service_that_stops_leaves_no_process_and_the_next_one_starts(service: Service) -> None:
    systemctl("stop", "jitd.service")
    assert int(show("jitd.service", "MainPID")["MainPID"]) == 0
    systemctl("start", "jitd.service")
    assert service.jitd("audit", "verify").returncode == 0
