# SPDX-License-Identifier: Apache-2.0
"""Each kind of credential cache at each place that reads one: jitsudo, jitd approve, jitsudo --get, and the gate of sudo.

The kernel's keyrings are named by the uid alone, in every lab of this host. So the person of these tests has a uid that no other
run has, which is above 2^31 besides, as uids of a directory can be; and their keyrings are cleared at the end.
"""

from __future__ import annotations

import ctypes
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.marks import by_day, full
from tests.news import without_news
from tests.pam.programs import BY_NAME, OPS, Driven, Gated, default_cache, write
from tests.system.conftest import HOST, REALM
from tests.system.granting import gated, grants, kadmin
from tests.system.killing import descendants
from tests.tracing import traced
from tests.waiting import wait_for

SERVICE = f"postgres/{HOST}"
THING = f"service-ticket:{SERVICE}"
POLICY = f"""
[[permit]]
name = "kara"
who = ["user:kara"]
services = ["jitsudo", "sudo"]
run_as = ["*"]
commands = [["**"]]
run = {{ options = "allow", record = "none" }}

[[permit]]
name = "kara-gets"
who = ["user:kara"]
gives = ["{THING}"]
grant = {{ lasts = "10m" }}

[[permit]]
name = "dave-asks"
who = ["user:dave"]
commands = [["/usr/bin/id", "**"]]
{OPS}
"""
UID = random.randrange(2**31, 2**32 - 2)
LAST = 2**32 - 2
PASSWORD = "karakara"
UNPACKED = Path(__file__).resolve().parents[2] / ".venv/kcm"
KCM = Path("/") if Path("/usr/libexec/sssd/sssd_kcm").exists() else UNPACKED
KCM_SOCKET = Path("/run/.heim_org.h5l.kcm-socket")
KINDS = [
    "FILE:{home}/cache",
    "DIR:{home}/caches",
    "KCM:",
    "KEYRING:persistent:{uid}",
    "KEYRING:user:tickets",
    "KEYRING:session:tickets",
    "KEYRING:tickets",
    "",
]
"""Values of KRB5CCNAME. Without one, krb5.conf names a persistent keyring, as on Fedora."""
IN_THREE = by_day(
    KINDS,
    ["DIR:{home}/caches", "KCM:", "KEYRING:session:tickets"],
    full("every day, jitsudo takes a ticket of each kind, and this test uses a directory, the KCM and a keyring"),
)


def each_of(kinds: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.partition("{")[0].rstrip(":/") or "krb5.conf")


USE = 'echo "$KRB5CCNAME"; klist; kvno -q "$0" && echo let in'


class House(Gated):
    """The others have their tickets in files, which krb5.conf does not name here."""

    def line(self, who: str, *words: str | bytes, ticket: bool = True) -> list[str | bytes]:
        return super().line(
            who, *(["env", f"KRB5CCNAME=FILE:{default_cache(who)}"] if who != "root" else []), *words, ticket=ticket
        )


class Kara:
    """Somebody with a cache of the kind that a test is about."""

    def __init__(self, house: Gated, home: Path) -> None:
        self.house, self.home = house, home

    def cache(self, kind: str) -> str:
        return kind.format(home=self.home, uid=UID)

    def line(self, kind: str, *words: str) -> list[str]:
        """``words`` by kara, after a kinit into a cache of ``kind``."""
        name = [f"KRB5CCNAME={self.cache(kind)}"] if kind else []
        script = f'echo {PASSWORD} | kinit kara >/dev/null && exec "$@"'
        ids = [f"--reuid={UID}", f"--regid={UID}", "--init-groups"]
        env = ["env", "-i", f"HOME={self.home}", "TERM=dumb", "PATH=/usr/local/bin:/usr/bin:/bin", *name]
        return ["setpriv", *ids, *env, "sh", "-c", script, "sh", *words]

    def run(self, kind: str, *words: str) -> subprocess.CompletedProcess[str]:
        line = self.line(kind, *words)
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False)
        done.stderr = without_news(done.stderr)
        return done

    def sudo(self, kind: str) -> Driven:
        """``sudo touch MARK`` at a terminal."""
        mark = self.house.mark()
        return self.house.drive(self.line(kind, "sudo", "touch", str(mark)), BY_NAME["sudo"], mark)


def add_account(name: str, uid: int, home: str) -> None:
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group, open("/etc/shadow", "a") as shadow:
        shadow.write(f"{name}:*:20000::::::\n")
        passwd.write(f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n")
        group.write(f"{name}:x:{uid}:\n")


def clear_keyrings() -> None:
    """As kara: nothing is left of her in the kernel."""
    if pid := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return
    status = 1
    try:
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)
        keys = ctypes.CDLL("libkeyutils.so.1")
        cleared = [keys.keyctl_clear(ring) for ring in (-4, -5, keys.keyctl_get_persistent(-1, -2))]
        status = int(any(cleared))
    finally:
        os._exit(status)


@contextmanager
def keeper() -> Iterator[None]:
    """sssd-kcm, which is unpacked beside the tests: installed, it would bring modules of PAM and NSS to this host."""
    libraries = next((KCM / "usr/lib").glob("*-linux-gnu"))
    places = [libraries, KCM / "lib" / libraries.name, libraries / "sssd", libraries / "samba"]
    for place in ("/var/lib/sss/db", "/var/lib/sss/secrets", "/var/log/sssd"):
        os.makedirs(place, exist_ok=True)
    started = subprocess.Popen(
        [KCM / "usr/libexec/sssd/sssd_kcm", "--logger=stderr", "-d", "0"],
        env={"LD_LIBRARY_PATH": ":".join(map(str, places)), "LDB_MODULES_PATH": str(libraries / "samba/ldb")},
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for(KCM_SOCKET.exists, what="sssd-kcm")
        yield
    finally:
        started.terminate()
        started.wait()
        KCM_SOCKET.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def kara() -> Iterator[Kara]:
    """kara, who may ask and approve; a daemon, the gate in sudo, a KDC that gates a service; and krb5.conf as on Fedora."""
    kept = {path: Path(path).read_text() for path in ("/etc/group", "/etc/krb5.conf")}
    house = House(POLICY)
    home = house.root / "home"
    home.mkdir()
    os.chown(home, UID, UID)
    add_account("kara", UID, str(home))
    add_account("last", LAST, "/")
    groups = Path("/etc/group").read_text().replace("ops:x:4102:", "ops:x:4102:kara,")
    write("/etc/group", groups)
    conf = kept["/etc/krb5.conf"].replace("FILE:/tmp/krb5cc_%{uid}", "KEYRING:persistent:%{uid}")
    write("/etc/krb5.conf", conf)
    for name in ("kara", "kara/spare"):
        kadmin(f"addprinc -pw {PASSWORD} {name}")
    try:
        with keeper(), gated(house, SERVICE):
            try:
                house.start()
                yield Kara(house, home)
                house.verify()
            finally:
                house.close()
    finally:
        for name in ("kara", "kara/spare"):
            kadmin(f"delprinc -force {name}")
        for path, text in kept.items():
            write(path, text)
        clear_keyrings()


@pytest.fixture(autouse=True)
def nobody_has_a_ticket(kara: Kara) -> Iterator[None]:
    yield
    for kind in KINDS:
        kara.run(kind, "kdestroy", "-A")
    (kara.home / ".k5identity").unlink(missing_ok=True)


# --- each kind at each place


@each_of(KINDS)
def test_jitsudo_takes_the_ticket_of_each_kind_of_cache(kara: Kara, kind: str) -> None:
    done = kara.run(kind, "jitsudo", "sh", "-c", "id -u; echo $SUDO_UID $JITSUDO_PRINCIPAL")
    assert (done.returncode, done.stdout) == (0, f"0\n{UID} kara@{REALM}\n"), done.stderr


@each_of(IN_THREE)
def test_an_approver_may_have_each_kind_of_cache(kara: Kara, kind: str) -> None:
    asked = kara.house.ask("dave", "id", "-u")
    done = kara.run(kind, "jitd", "approve", asked.id, "--yes")
    assert done.returncode == 0, done.stderr
    assert (asked.end(), asked.out) == (0, "0\n"), asked.err


@each_of(IN_THREE)
def test_the_gate_takes_the_ticket_of_each_kind_of_cache(kara: Kara, kind: str) -> None:
    kara.sudo(kind).is_let_in()


@each_of(IN_THREE)
def test_a_given_ticket_is_in_a_cache_of_its_own_and_ends_with_the_command(kara: Kara, kind: str) -> None:
    """THREATS T-25: beside tickets in the kernel, no file is made; and of the ticket nothing is left."""
    before = set(os.listdir("/tmp"))
    get = f"jitsudo --get {THING} -- sh -c '{USE}; echo $KRB5CCNAME >~/own; exit 5' {SERVICE}; echo $?; klist -c $(cat ~/own)"
    done = kara.run(kind, "sh", "-c", get)
    used, _, left = done.stdout.partition("let in\n")
    assert left == "5\n", done.stderr
    assert used.startswith("KEYRING:session:jitsudo:" if kind.startswith("KEYRING") or not kind else "FILE:"), used
    assert f"{SERVICE}@{REALM}" in used
    assert "krbtgt" not in used, "it holds nothing else"
    assert done.returncode == 1, "klist finds no such cache"
    assert not {name for name in os.listdir("/tmp") if name.startswith("jitsudo-")} - before
    wait_for(lambda: not grants(SERVICE), what="the end of the grant")


# --- the rest of --get and keyrings


def test_a_ticket_that_is_kept_is_the_shells_and_goes_by_kdestroy(kara: Kara) -> None:
    script = f'eval "$(jitsudo --get {THING})" && {USE}; kdestroy; klist; unset KRB5CCNAME; klist'
    done = kara.run("", "sh", "-c", script, SERVICE)
    assert "let in" in done.stdout, done.stderr
    assert f"krbtgt/{REALM}" in done.stdout.split("let in")[1], "the person's own cache is another one, and still there"
    kara.house.ended("revoke", "--of", f"kara@{REALM}")
    wait_for(lambda: not grants(SERVICE), what="the end of the grant")


def test_the_ticket_ends_with_the_grant_though_nobody_destroys_it(kara: Kara) -> None:
    """THREATS T-25: jitsudo is killed before it can."""
    done = kara.run("", "sh", "-c", f'jitsudo --get {THING} -- sh -c "kill -9 \\$PPID; cat /proc/keys"')
    (own,) = [line for line in done.stdout.splitlines() if SERVICE in line]
    assert own.split()[3] in ("10m", "9m"), own
    wait_for(lambda: not grants(SERVICE), what="the end of the grant")


FILL = """
import ctypes, itertools, sys
while "_pid" in open("/proc/keys").read(): pass  # kinit's own keyring, which the kernel frees some time after kinit's end
keys = ctypes.CDLL("libkeyutils.so.1")
numbers = itertools.count()
def add(size):
    return keys.add_key(b"user", b"filler %d" % next(numbers), b"x" * size, size, -4)
big = list(itertools.takewhile(lambda key: key > 0, iter(lambda: add(300), None)))
while add(1) > 0: pass
for letter in b"abcdefgh": keys.add_key(b"user", bytes([letter]), b"x", 1, -4)
for key in big[:int(sys.argv[1])]: keys.keyctl_unlink(key, -4)
"""
"""Fills what the kernel has for an account (20,000 bytes) to the last link, but for so many times 300 bytes."""


def with_full_keyring(kara: Kara, room: int, script: str) -> subprocess.CompletedProcess[str]:
    try:
        return kara.run("", "sh", "-c", f'python3 -c "$1" {room}; {script}', "sh", FILL)
    finally:
        clear_keyrings()
        wait_for(lambda: n_bytes() < 2000, what="what is free in the kernel")


def n_bytes() -> int:
    """The bytes of kara's keys, as the kernel counts them: what was freed counts for a while."""
    lines = Path("/proc/key-users").read_text().splitlines()
    return next((int(line.split()[-1].split("/")[0]) for line in lines if line.split(":")[0].strip() == str(UID)), 0)


def test_a_full_keyring_is_one_sentence_that_helps(kara: Kara) -> None:
    """libkrb5 itself says that the uid is invalid. What the sentence says in brackets is typed."""
    typed = (
        "said=$(jitsudo -v 2>&1); echo $? $said; said=${said##*\\(}; eval ${said%)} <<END\n" + f"{PASSWORD}\nEND\njitsudo id -u"
    )
    done = with_full_keyring(kara, 0, typed)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("119 jitsudo: the kernel keeps no more keys for your account"), done.stderr
    assert lines[-1] == "0", done.stderr


def test_a_ticket_that_no_keyring_has_room_for_is_given_back(kara: Kara) -> None:
    done = with_full_keyring(kara, 2, f"jitsudo --get {THING} -- echo ran")
    assert (done.returncode, done.stdout) == (125, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "the kernel keeps no more keys for your account" in done.stderr
    assert done.stderr.endswith("what was given is given back\n")
    wait_for(lambda: not grants(SERVICE), what="the end of the grant")


# --- which of several


def several(*words: str) -> list[str]:
    """What kara runs to have kara/spare's ticket, too, in the primary cache of her collection. kara/spare is nobody here."""
    return ["sh", "-c", f'echo {PASSWORD} | kinit kara/spare >/dev/null && exec "$@"', "sh", *words]


COLLECTIONS = ["DIR:{home}/caches", "KCM:", "KEYRING:persistent:{uid}", ""]
of_collections = pytest.mark.parametrize(
    "kind",
    by_day(COLLECTIONS, ["KCM:"], full("every day, the test uses the KCM; libkrb5 chooses in the same way in each collection")),
)


@of_collections
def test_the_file_k5identity_chooses_whose_ticket_is_used(kara: Kara, kind: str) -> None:
    """The same choice that ssh and psql make (k5identity(5))."""
    refused = kara.run(kind, *several("jitsudo", "true"))
    assert refused.returncode == 119
    assert f"kara/spare@{REALM}" in refused.stderr, "the one whose ticket was used is named"
    (kara.home / ".k5identity").write_text(f"kara@{REALM} service=jitd\n")
    done = kara.run(kind, *several("jitsudo", "sh", "-c", "echo $JITSUDO_PRINCIPAL"))
    assert (done.returncode, done.stdout) == (0, f"kara@{REALM}\n"), done.stderr


@of_collections
def test_the_gate_lets_k5identity_choose_too(kara: Kara, kind: str) -> None:
    (kara.home / ".k5identity").write_text(f"kara@{REALM} service=jitd\n")
    mark = kara.house.mark()
    line = kara.line(kind, *several("sudo", "touch", str(mark)))
    kara.house.drive(line, BY_NAME["sudo"], mark).is_let_in()


@of_collections
def test_a_choice_without_a_ticket_says_what_to_do(kara: Kara, kind: str) -> None:
    (kara.home / ".k5identity").write_text(f"kara/third@{REALM} service=jitd\n")
    for words in (["jitsudo", "true"], ["jitd", "requests"]):
        done = kara.run(kind, *words)
        assert done.returncode == 119, done.stderr
        assert f"kara/third@{REALM}" in done.stderr and "kinit" in done.stderr
    kara.sudo(kind).is_kept_out(f"kara/third@{REALM}")


# --- the daemon, and ids


def test_the_daemon_reads_no_cache_that_is_a_file(kara: Kara, tmp_path: Path) -> None:
    """THREATS P-03: what reads the person's cache is the person's own process."""
    let_in_unread(kara, KINDS[:1], tmp_path)


def test_the_daemon_reads_no_cache_of_another_kind(kara: Kara, tmp_path: Path) -> None:
    """THREATS P-03."""
    let_in_unread(kara, KINDS[1:], tmp_path)


def let_in_unread(kara: Kara, kinds: list[str], tmp_path: Path) -> None:
    """She is let in with each of these caches, while it is seen what the daemon and its processes open."""
    house = kara.house
    assert house.process is not None
    seen = tmp_path / "seen"
    pids = [house.process.pid, *descendants(house.process.pid)]
    with traced(pids, "-o", seen, "-e", "trace=open,openat,openat2,keyctl,request_key,add_key,connect"):
        for kind in kinds:
            assert kara.run(kind, "jitsudo", "true").returncode == 0
            asked = kara.house.ask("dave", "id", "-u")
            assert kara.run(kind, "jitd", "approve", asked.id, "--yes").returncode == 0
            assert asked.end() == 0
            kara.sudo(kind).is_let_in()
    calls = seen.read_text()
    assert "openat(" in calls, "it was seen"
    assert "/home/cache" not in calls
    assert "krb5cc_" not in calls
    assert ".heim_org" not in calls
    for call in ("KEYCTL_READ", "KEYCTL_SEARCH", "KEYCTL_GET_PERSISTENT", "request_key("):
        assert call not in calls


@pytest.mark.parametrize("uid", [UID, LAST])
def test_ids_up_to_the_last_one_can_be_run_as(kara: Kara, uid: int) -> None:
    done = kara.run("", "jitsudo", "-u", f"#{uid}", "id", "-u")
    assert (done.returncode, done.stdout) == (0, f"{uid}\n"), done.stderr
    assert kara.house.kept("requests", ended=True)[-1].command.run_as.uid == uid, "it is stored"


@pytest.mark.parametrize("number", [2**32 - 1, 2**32, -1])
def test_what_is_no_id_is_nobody(kara: Kara, number: int) -> None:
    """THREATS R-10: for setresuid(2), 2^32 - 1 would mean to stay root."""
    n_runs = len(kara.house.kept("runs", ended=True))
    done = kara.run("", "jitsudo", "-u", f"#{number}", "id", "-u")
    assert (done.returncode, done.stdout) == (120, ""), done.stderr
    assert f"up to {LAST}" in done.stderr
    assert len(kara.house.kept("runs", ended=True)) == n_runs


def test_the_gate_knows_the_last_id_too(kara: Kara) -> None:
    mark = kara.house.mark()
    line = kara.line("", "sudo", "-u", f"#{LAST}", "touch", str(mark))
    typed = kara.house.drive(line, BY_NAME["sudo"], mark)
    typed.ends()
    assert mark.stat().st_uid == LAST, typed.text
    mark.unlink()


@pytest.mark.parametrize("number", [2**32 - 1, -1])
def test_the_gate_lets_nobody_be_no_id(kara: Kara, number: int) -> None:
    """THREATS R-10: sudo may take it for root."""
    mark = kara.house.mark()
    line = kara.line("", "sudo", "-u", f"#{number}", "touch", str(mark))
    kara.house.drive(line, BY_NAME["sudo"], mark).is_kept_out("")
