# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a host, one thing at a time: how it is broken, what the doctor has to say, and how all is as before.

Law: after each all is as it was, whether it was mended meanwhile or not.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import sqlite3
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from jitpam.client import RefusedByDaemon, Unreachable
from jitpam.wire.messages import Reload
from tests.system.conftest import HOST, REALM, House
from tests.waiting import wait_for

KEYTAB = Path("/etc/jitd/jitd.keytab")
SERVICE = f"jitd/{HOST}@{REALM}"
STACK = Path("/etc/pam.d/jitd")
KRB5, NSSWITCH = Path("/etc/krb5.conf"), Path("/etc/nsswitch.conf")
SIGNERS = Path("/etc/jitd/allowed_signers")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
ENDED = f'bob@{REALM} valid-before="20260102030405Z" {KEY}\n'
PID_OF_KDC = Path("/run/krb5kdc.pid")
ALICE = 4001
POLICY = "50-test.toml"

Broken = Callable[[House], AbstractContextManager[None]]


class Breakage(NamedTuple):
    """``check`` becomes ``level``, and says ``words``. ``by_command``: the command it names makes it ``ok`` again."""

    name: str
    check: str
    level: str
    words: str
    broken: Broken
    by_command: bool = False


def undone(steps: Callable[[House], Iterator[None]]) -> Broken:
    """``steps`` break something, yield, and put it right again: which they do, whatever happens in between."""

    @contextlib.contextmanager
    def broken(house: House) -> Iterator[None]:
        run = steps(house)
        next(run)
        try:
            yield
        finally:
            for _ in run:
                pass

    return broken


# --- how things are broken ---------------------------------------------------------------------------------------------


def kadmin(query: str) -> None:
    subprocess.run(["kadmin.local", "-r", REALM, "-q", query], capture_output=True, check=True)


def renew_key() -> None:
    """A key as it was in the beginning, whatever was done to it."""
    KEYTAB.unlink(missing_ok=True)
    Path(f"{KEYTAB}.old").unlink(missing_ok=True)
    with contextlib.suppress(subprocess.CalledProcessError):
        kadmin(f"addprinc -randkey {SERVICE}")
    kadmin(f"modprinc +allow_tix -expire never {SERVICE}")
    kadmin(f"ktadd -k {KEYTAB} {SERVICE}")


def moded(path: Callable[[House], Path], mode: int | None = None, uid: int = 0) -> Broken:
    """Another mode, or owner."""

    @undone
    def broken(house: House) -> Iterator[None]:
        file = path(house)
        before = file.stat()
        if mode is not None:
            file.chmod(mode)
        os.chown(file, uid, -1)
        yield
        os.chown(file, before.st_uid, before.st_gid)
        file.chmod(before.st_mode & 0o7777)

    return broken


def written(path: Callable[[House], Path], change: Callable[[str], str], *, restart: bool = False) -> Broken:
    """Another content; ``restart`` has a daemon serve with it."""

    @undone
    def broken(house: House) -> Iterator[None]:
        file = path(house)
        before, times = file.read_text(), file.stat()
        file.write_text(change(before))
        os.utime(file, (times.st_atime, times.st_mtime))  # that it is newer than the daemon is another breakage
        if restart:
            house.restart()
        yield
        file.write_text(before)
        os.utime(file, (times.st_atime, times.st_mtime))
        if restart:
            house.restart()

    return broken


def settings(line: str) -> Broken:
    return written(lambda house: house.config_file, lambda text: f"{line}\n{text}")


def replaced(old: str, new: str) -> Broken:
    return written(lambda house: house.config_file, lambda text: text.replace(old, new))


def reread(house: House) -> None:
    """The daemon reads the policy again; if it runs, and finds no fault."""
    with contextlib.suppress(RefusedByDaemon, Unreachable):
        house.asked(Reload())


def ruled(policy: str) -> Broken:
    """Another policy, which the daemon has read."""

    @undone
    def broken(house: House) -> Iterator[None]:
        file = house.root / "policy.d" / POLICY
        before = file.read_text()
        file.write_text(policy)
        reread(house)
        yield
        file.write_text(before)
        reread(house)

    return broken


def rule(more: str = "", who: str = "group:dba", kind: str = "permit") -> Broken:
    """Another rule of such a kind, which the daemon has read: in place of the others if it says for which hosts it is."""
    commands = 'commands = [["**"]]\n' if kind == "permit" else ""
    text = '[[{}]]\nname = "{}"\nwho = ["{}"]\n{}{}\n'
    if "hosts" in more:
        return ruled(text.format(kind, "broken", who, commands, more))

    @undone
    def broken(house: House) -> Iterator[None]:
        file = Path(tempfile.mkstemp(suffix=".toml", prefix="60-", dir=house.root / "policy.d")[1])
        file.write_text(text.format(kind, f"broken-{file.stem}", who, commands, more))
        file.chmod(0o644)
        reread(house)
        yield
        file.unlink()
        reread(house)

    return broken


def key(change: Callable[[], object]) -> Broken:
    """Something about the key, or what the KDC knows of it."""

    @undone
    def broken(house: House) -> Iterator[None]:
        change()
        yield
        renew_key()

    return broken


def foreign_key() -> None:
    KEYTAB.unlink()
    kadmin(f"ktadd -norandkey -k {KEYTAB} host/{HOST}@{REALM}")


def feeble_key() -> None:
    KEYTAB.unlink()
    kadmin(f"ktadd -k {KEYTAB} -e arcfour-hmac:normal {SERVICE}")


def kdc_pid() -> int:
    return int(PID_OF_KDC.read_text())


def start_kdc(**environment: str) -> None:
    subprocess.run(["krb5kdc", "-r", REALM, "-P", str(PID_OF_KDC)], env={**os.environ, **environment}, check=True)


def stop_kdc() -> None:
    pid = kdc_pid()
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="the KDC's end")  # it was reaped by process 1


@undone
def kdc_down(house: House) -> Iterator[None]:
    stop_kdc()
    yield
    start_kdc()


@undone
def kdc_silent(house: House) -> Iterator[None]:
    os.kill(kdc_pid(), signal.SIGSTOP)
    yield
    os.kill(kdc_pid(), signal.SIGCONT)


SKEWED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long by(void) { return atol(getenv("SKEWED_BY")); }
int clock_gettime(clockid_t id, struct timespec *t) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec += by();
    return result;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"""
SLEEPY = """
#include <unistd.h>
int _nss_sleepy_getpwnam_r(const char *n, void *p, char *b, unsigned long l, int *e) { sleep(60); return 0; }
"""


@functools.cache
def compiled(source: str) -> bytes:
    """A library, for whoever breaks something by it."""
    with tempfile.NamedTemporaryFile() as made:
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-o", made.name, "-", "-ldl"], input=source.encode(), check=True)
        return Path(made.name).read_bytes()


def kdc_skewed(seconds: int) -> Broken:
    """A KDC whose clock is before ours."""

    @undone
    def broken(house: House) -> Iterator[None]:
        library = house.root / "skewed.so"
        library.write_bytes(compiled(SKEWED))
        stop_kdc()
        start_kdc(LD_PRELOAD=str(library), SKEWED_BY=str(seconds))
        yield
        stop_kdc()
        start_kdc()
        library.unlink()

    return broken


@undone
def names_asleep(house: House) -> Iterator[None]:
    library = Path("/usr/lib", str(sysconfig.get_config_var("MULTIARCH")), "libnss_sleepy.so.2")
    library.write_bytes(compiled(SLEEPY))
    library.chmod(0o755)
    before = NSSWITCH.read_text()
    NSSWITCH.write_text(before.replace("passwd: files", "passwd: files sleepy"))
    yield
    NSSWITCH.write_text(before)
    library.unlink()


def fresh_daemon(house: House) -> None:
    """The house's own daemon again, after others may have come and gone."""
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].endswith(f":{(house.root / 'state/lock').stat().st_ino}"):
            pid = int(words[4])
            os.kill(pid, signal.SIGKILL)
            if house.process is None or pid != house.process.pid:
                wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="its end")  # noqa: B023
    if house.process is not None:
        house.process.kill()
        house.process.wait()
    house.start()


@undone
def daemon_gone(house: House) -> Iterator[None]:
    assert house.process is not None
    house.process.terminate()
    house.process.wait()
    yield
    fresh_daemon(house)


@undone
def daemon_silent(house: House) -> Iterator[None]:
    assert house.process is not None
    os.kill(house.process.pid, signal.SIGSTOP)
    yield
    os.kill(house.process.pid, signal.SIGCONT)


@undone
def another_daemon(house: House) -> Iterator[None]:
    other = House().start()
    yield
    other.close()


@undone
def socket_gone(house: House) -> Iterator[None]:
    house.socket.unlink()
    yield
    fresh_daemon(house)


@undone
def socket_faked(house: House) -> Iterator[None]:
    house.socket.unlink()
    house.socket.write_text("")
    yield
    fresh_daemon(house)


@undone
def program_newer(house: House) -> Iterator[None]:
    time.sleep(1.1)
    Path("/usr/lib/jitd/jitd/settings/config.py").touch()
    yield
    fresh_daemon(house)


@undone
def settings_newer(house: House) -> Iterator[None]:
    times = house.config_file.stat()
    os.utime(house.config_file, (time.time() + 2, time.time() + 2))
    yield
    os.utime(house.config_file, (times.st_atime, times.st_mtime))
    fresh_daemon(house)


@undone
def policy_not_read(house: House) -> Iterator[None]:
    file = house.root / "policy.d" / POLICY
    before = file.read_text()
    file.write_text(before + "# another one\n")
    yield
    file.write_text(before)
    reread(house)


@undone
def record_altered(house: House) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(house.database, timeout=10)) as database:
        (body,) = database.execute("SELECT body FROM chain WHERE number = 1").fetchone()
        guards = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE chain SET body = ? WHERE number = 1", (bytes(body).replace(b"root", b"boot"),))
        database.commit()
        yield
        database.execute("UPDATE chain SET body = ? WHERE number = 1", (body,))
        for _, guard in guards:
            database.execute(guard)
        database.commit()


@undone
def database_garbage(house: House) -> Iterator[None]:
    if (house.root / "state").is_mount():  # by another breakage, and no daemon runs
        house.database.write_bytes(b"no database" * 1000)
        house.database.chmod(0o600)
        yield
        return
    assert house.process is not None
    house.process.terminate()
    house.process.wait()
    kept = house.database.with_name("kept")
    house.database.rename(kept)
    house.database.write_bytes(b"no database" * 1000)
    house.database.chmod(0o600)
    yield
    for file in house.root.glob("state/jitd.db*"):
        file.unlink()
    kept.rename(house.database)
    fresh_daemon(house)


def mounted(options: str, *, also_readonly: bool = False) -> Broken:
    """The state directory on another file system, which may be there by another breakage; no daemon runs meanwhile."""

    @undone
    def broken(house: House) -> Iterator[None]:
        if (house.root / "state").is_mount():
            subprocess.run(["mount", "-o", f"remount,{options}", str(house.root / "state")], check=True)
            yield
            return
        assert house.process is not None
        house.process.terminate()
        house.process.wait()
        state = str(house.root / "state")
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "state", state], check=True)
        if also_readonly:
            subprocess.run(["mount", "-o", "remount,ro", state], check=True)
        yield
        subprocess.run(["umount", state], check=True)
        house.start()

    return broken


@undone
def disk_full(house: House) -> Iterator[None]:
    """The disk of the state has filled up, and the daemon has died: the database is whole."""
    state = house.root / "state"
    kept = house.root / "state-kept"
    os.kill(house.process.pid, signal.SIGKILL)  # a daemon that ends in order leaves no log beside the database
    house.process.wait()
    shutil.copytree(state, kept)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "state", str(state)], check=True)
    for file in kept.glob("jitd.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, state)
            (state / file.name).chmod(0o600)
    with contextlib.suppress(OSError), (state / "more").open("wb", buffering=0) as more:
        while True:
            more.write(bytes(4096))
    yield
    subprocess.run(["umount", str(state)], check=True)
    shutil.rmtree(kept)
    house.start()


def stack(change: Callable[[str], str]) -> Broken:
    return written(lambda house: STACK, change)


@undone
def stack_gone(house: House) -> Iterator[None]:
    kept = STACK.read_text()
    STACK.unlink()
    yield
    STACK.write_text(kept)


def plate(*, held: bool) -> Broken:
    """A plate of no run."""

    @undone
    def broken(house: House) -> Iterator[None]:
        file = house.root / "run/runs/ZZZZ-ZZZZ"
        file.touch()
        holder = subprocess.Popen(["flock", str(file), "sleep", "60"], start_new_session=True) if held else None
        if holder is not None:
            wait_for(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text, what="what sleeps under its lock")
        yield
        if holder is not None:
            os.killpg(holder.pid, signal.SIGKILL)
            holder.wait()
        file.unlink(missing_ok=True)

    return broken


@undone
def groups_readonly(house: House) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,bind,ro", "/sys/fs/cgroup"], check=True)
    yield
    subprocess.run(["mount", "-o", "remount,bind,rw", "/sys/fs/cgroup"], check=True)


@undone
def recording_old(house: House) -> Iterator[None]:
    directory = house.root / "state/recordings"
    was_there = directory.exists()
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / "ZZZZ-ZZZZ.recording"
    file.touch()
    os.utime(file, (0, time.time() - 200 * 86400))
    yield
    file.unlink()
    if not was_there:
        shutil.rmtree(directory)


# --- the table ---------------------------------------------------------------------------------------------------------


def signers(content: str, mode: int) -> Broken:
    """The file of approvers' keys, which is not there otherwise."""

    @undone
    def broken(house: House) -> Iterator[None]:
        SIGNERS.write_text(content)
        SIGNERS.chmod(mode)
        yield
        SIGNERS.unlink()

    return broken


def at(path: str) -> Callable[[House], Path]:
    """``path``, relative to the house."""
    return lambda house: house.root / path


NEEDS = 'approvals = [{{ need = {}, from = ["{}"] }}]'.format
LIBRARY = "/usr/lib/jitd/jitpam/client.py"
TABLE = [
    # the key and the KDC
    Breakage("the keytab can be read by others", "keytab.file", "bad", "chmod 600", moded(at(str(KEYTAB)), 0o644), True),
    Breakage("the keytab is somebody's", "keytab.file", "bad", "uid 4001", moded(at(str(KEYTAB)), uid=ALICE), True),
    Breakage("there is no keytab", "keytab.file", "bad", "ktadd", key(KEYTAB.unlink), True),
    Breakage("the keytab is of another service", "keytab.keys", "bad", f"it holds host/{HOST}", key(foreign_key), True),
    Breakage("the keytab is garbage", "keytab.keys", "bad", "does not begin", key(lambda: KEYTAB.write_bytes(b"x")), True),
    Breakage("the key is weak", "keytab.enctypes", "bad", "arcfour-hmac", key(feeble_key), True),
    Breakage("the KDC has a newer key", "keytab.version", "bad", "ktadd", key(lambda: kadmin(f"cpw -randkey {SERVICE}")), True),
    Breakage("the KDC knows no such service", "keytab.version", "bad", "does not know",
             key(lambda: kadmin(f"delprinc -force {SERVICE}")), True),
    Breakage("the KDC has locked it", "keytab.version", "bad", "locked",
             key(lambda: kadmin(f"modprinc -allow_tix {SERVICE}")), True),
    Breakage("the KDC has let it expire", "keytab.version", "bad", "has expired",
             key(lambda: kadmin(f"modprinc -expire 2020-01-01 {SERVICE}")), True),
    Breakage("the KDC is down", "kdc.reachable", "bad", "no KDC answers", kdc_down),
    Breakage("the KDC is silent", "kdc.reachable", "unknown", "is busy (gave up after 5 s)", kdc_silent),
    Breakage("the KDC is two minutes ahead", "clock.kdc", "weak", "behind", kdc_skewed(120)),
    Breakage("the KDC is an hour ahead", "clock.kdc", "bad", "more than five minutes", kdc_skewed(3600)),
    Breakage("no default realm", "realm.default", "weak", "default_realm = ",
             written(at(str(KRB5)), lambda text: text.replace("default_realm", "# "))),
    Breakage("a realm that nobody trusts", "realm.FAR.TEST", "weak", "krbtgt/FAR.TEST",
             written(at("jitd.toml"), lambda text: text.replace(f'["{REALM}"]', f'["{REALM}", "FAR.TEST"]')
                     + '\n[accounts."FAR.TEST"]\nname = "{name}@far.test"\n')),
    # names, accounts, rules
    Breakage("another host's name", "host.service", "bad", "host = ", replaced(HOST, "other.example.test")),
    Breakage("a short host name", "host.name", "bad", "not fully qualified", replaced(HOST, "lab")),
    Breakage("a name service that sleeps", "nss.speed", "unknown", "gave up after 5 s", names_asleep),
    Breakage("min_uid is low", "settings.min_uid", "weak", "min_uid = 1000", settings("min_uid = 100")),
    Breakage("root is denied", "settings.root", "weak", "in scripts that root runs", settings('root = "deny"')),
    Breakage("no operators", "operators", "weak", "operators =", replaced('operators = ["group:security"]', "")),
    Breakage("operators that are not there", "operators", "bad", "getent group secrity",
             replaced("group:security", "group:secrity")),
    Breakage("an account that is not there", "settings.accounts", "weak", "the account nobody-here",
             written(at("jitd.toml"), lambda text: f'{text}\n[principals]\n"x/y@{REALM}" = "nobody-here"\n')),
    Breakage("a rule for a group that is not there", "rules.who", "weak", "group:dbas", rule(who="group:dbas")),
    Breakage("a deny for a group that is not there", "rules.who", "bad", "denies nobody", rule(who="group:dbas", kind="deny")),
    Breakage("approvers that are not there", "rules.approvers", "bad", "group:opps", rule(NEEDS(1, "group:opps"))),
    Breakage("more approvals than people", "rules.approvals", "bad", "there are 3", rule(NEEDS(4, "group:ops"))),
    Breakage("nobody but the requester", "rules.approvals", "bad", "nobody else may ask", rule(NEEDS(1, "group:dba"))),
    Breakage("no rule for this host", "rules.people", "weak", "no rule is about", rule('hosts = ["other.*"]')),
    # files
    Breakage("settings that others may write", "settings.file", "bad", "chmod go-w", moded(at("jitd.toml"), 0o666), True),
    Breakage("settings below what others may write", "settings.directory", "bad", "chmod go-w", moded(at(""), 0o777), True),
    Breakage("a krb5.conf that others may write", "settings.kerberos", "bad", "plugins", moded(lambda house: KRB5, 0o666), True),
    Breakage("approvers' keys that others may write", "settings.signers", "bad", "chmod go-w", signers("", 0o666), True),
    Breakage("a fault in the approvers' keys", "settings.signers", "bad", f"{SIGNERS}: line 1: not of", signers("bob", 0o644)),
    Breakage("approvers' keys that have ended", "settings.signers", "bad", "ended at 2026-01-02 03:04:05", signers(ENDED, 0o644)),
    Breakage("a fault in the settings", "settings.whole", "bad", "jitd.toml:1", settings("colour = 1")),
    Breakage("a search path that others may write", "settings.search_path", "bad", "/usr/local/bin",
             moded(at("/usr/local/bin"), 0o777), True),
    Breakage("a rule that others may write", "policy.file", "bad", "chown root:root",
             moded(at(f"policy.d/{POLICY}"), uid=ALICE), True),
    Breakage("rules below what others may write", "policy.directory", "bad", "chmod go-w", moded(at("policy.d"), 0o775), True),
    Breakage("a fault in the policy", "policy.whole", "bad", f"{POLICY}:1", ruled("[[permit]]\ncolour = 1\n")),
    Breakage("no policy", "policy.whole", "bad", "no rule", ruled("")),
    Breakage("a program that others may write", "installed", "bad", LIBRARY, moded(at(LIBRARY), 0o666), True),
    # the daemon
    Breakage("a policy that was not read", "policy.in_force", "bad", "jitd reload", policy_not_read, True),
    Breakage("a fault in the policy since", "policy.in_force", "bad", "policy have faults", ruled("[[permit]]\ncolour = 1\n")),
    Breakage("the daemon is gone", "daemon.runs", "bad", "setsid -f jitd serve", daemon_gone, True),
    Breakage("the daemon is silent", "daemon.answers", "bad", "does not answer", daemon_silent),
    Breakage("another daemon", "daemon.alone", "weak", "kill", another_daemon),
    Breakage("a newer program", "daemon.version", "weak", "installed again", program_newer, True),
    Breakage("newer settings", "daemon.settings", "weak", "reads it only", settings_newer),
    Breakage("a socket that not all may use", "socket.mode", "bad", "chmod 666", moded(at("run/jitd.sock"), 0o600), True),
    Breakage("a socket that others could replace", "socket.directory", "bad", "chmod go-w", moded(at("run"), 0o777), True),
    Breakage("the socket is gone", "socket.mode", "bad", "there is no", socket_gone, True),
    Breakage("the socket is a file", "socket.mode", "bad", "not a socket", socket_faked, True),
    # the state
    Breakage("a record that others may read", "state.secret", "bad", "chmod 600", moded(at("state/jitd.db"), 0o644), True),
    Breakage("a state that others may write", "state.directory", "bad", "chmod go-w", moded(at("state"), 0o773), True),
    Breakage("a record that was altered", "record.whole", "bad", "record 1 is not", record_altered),
    Breakage("a database that is none", "state.database", "bad", "cannot be read", database_garbage),
    Breakage("a full disk", "state.database", "unknown", "leave the database as it is", disk_full),
    Breakage("a state in memory", "state.local", "bad", "next boot", mounted("size=2g")),
    Breakage("no room", "state.space", "bad", "MiB are free", mounted("size=8m")),
    Breakage("little room", "state.space", "weak", "MiB are free", mounted("size=500m")),
    Breakage("no inodes", "state.inodes", "bad", "more files", mounted("nr_inodes=500")),
    Breakage("a state that is read-only", "state.space", "bad", "remount,rw", mounted("size=2g", also_readonly=True), True),
    Breakage("recordings beyond the disk", "recordings.quota", "weak", "mib_in_all =",
             written(at("jitd.toml"), lambda text: f"{text}\n[recordings]\nmib_in_all = 100000000\n")),
    Breakage("recordings that should be gone", "recordings.retention", "weak", "200 days", recording_old),
    # what runs
    Breakage("systemd where there is none", "systemd.booted", "bad", 'executor = "auto"', settings('executor = "unit"')),
    Breakage("control groups that are read-only", "executor.groups", "weak", "can outlive the run", groups_readonly),
    Breakage("a plate of no run", "runs.plates", "weak", "rm ", plate(held=False), True),
    Breakage("a monitor of no run", "runs.unknown", "bad", "without a live run", plate(held=True)),
    Breakage("no PAM stack", "pam.file", "bad", "missing", stack_gone),
    Breakage("a PAM stack that others may write", "pam.file", "bad", "chmod go-w", moded(at(str(STACK)), 0o666), True),
    Breakage("a PAM stack that asks nothing", "pam.account", "bad", "pam_unix.so",
             stack(lambda text: text.replace("account  required  pam_unix.so", "account required pam_permit.so #"))),
    Breakage("a PAM stack of logins", "pam.session", "bad", "pam_systemd",
             stack(lambda text: f"{text}\nsession optional pam_systemd.so\n")),
    Breakage("a PAM stack that denies", "pam.opens", "bad", "denies",
             stack(lambda text: f"account requisite pam_deny.so\n{text}")),
    Breakage("a PAM stack that hangs", "pam.opens", "unknown", "gave up after 5 s",
             stack(lambda text: f"{text}\nsession optional pam_exec.so /bin/sleep 60\n")),
]  # fmt: skip
