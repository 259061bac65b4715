# SPDX-License-Identifier: Apache-2.0
"""``jitd doctor`` on a real host: one that is well, and one with one thing broken at a time."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.marks import by_day, full
from tests.system.breakages import (
    KRB5,
    SERVICE,
    TABLE,
    Breakage,
    daemon_gone,
    daemon_silent,
    kadmin,
    kdc_silent,
    names_asleep,
    renew_key,
    settings,
    written,
)
from tests.system.conftest import HOST, REALM, House
from tests.waiting import PATIENCE, wait_for

ALLOWED = {"clock.synchronised", "runs.directory"}
"""What a lab is weak in: nobody keeps its clock, and a house of the tests has its sockets on a disk."""
KADMIN = Path("/usr/local/sbin/kadmin")
PROMPT = 55.0
"""Seconds in which an answer is there, whatever hangs: it gives up after five, and what hangs does so for a minute."""
PATIENT = Path("/srv/patient/jitd")
"""``jitd`` whose doctor waits for PATIENT_FOR seconds, and calls nothing slow: what a busy host takes is no fault of a host."""
PROGRAM = f"""#!/usr/bin/python3 -IS
import os, sys
from dataclasses import replace
sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]  # as the installed command has it
patience = float(os.environ.get("PATIENT_FOR", {PATIENCE}))
from jitpam import client, initiator
initiator.TICKET_WITHIN = client.HANDSHAKE_WITHIN = patience
from jitd.cli import main
from jitd_inspection.verbs import doctoring
doctoring.SETTINGS_WITHIN = patience
from jitd_inspection.doctor import daemon, pam, people, round, state
round.examine.__defaults__ = (patience,)
people.SLOW = state.SLOW_SYNC = patience
def at_once(path, *, asked=daemon.ask, **more):
    answered, principal = asked(path, **more)
    return replace(answered, took=0.0), principal
daemon.ask = at_once
pam.rehearsal = lambda because, took, judged=pam.rehearsal: judged(because, 0.0)
sys.exit(main())
"""
TOGETHER: tuple[tuple[str, ...], ...] = (
    (
        "the keytab can be read by others",
        "a search path that others may write",
        "a krb5.conf that others may write",
        "a rule that others may write",
        "approvers' keys that others may write",
        "rules below what others may write",
        "a program that others may write",
        "a socket that not all may use",
        "a socket that others could replace",
        "a record that others may read",
        "a state that others may write",
        "a PAM stack that others may write",
        "a plate of no run",
        "the KDC has locked it",
    ),
    (
        "the KDC has a newer key",
        "the keytab is somebody's",
        "min_uid is low",
        "root is denied",
        "a fault in the approvers' keys",
        "no operators",
        "an account that is not there",
        "a rule for a group that is not there",
        "approvers that are not there",
        "more approvals than people",
        "recordings beyond the disk",
        "recordings that should be gone",
        "no default realm",
        "control groups that are read-only",
        "a monitor of no run",
        "a PAM stack that asks nothing",
        "a PAM stack of logins",
    ),
    (
        "another daemon",
        "newer settings",
        "there is no keytab",
        "operators that are not there",
        "a deny for a group that is not there",
        "nobody but the requester",
        "approvers' keys that have ended",
        "systemd where there is none",
        "a PAM stack that denies",
    ),
    (
        "the keytab is of another service",
        "no PAM stack",
        "settings that others may write",
        "settings below what others may write",
    ),
    ("the socket is gone", "the keytab is garbage"),
    ("the KDC is silent", "the daemon is silent", "a name service that sleeps", "a PAM stack that hangs"),
    ("a state in memory", "little room", "no inodes", "a database that is none", "the KDC knows no such service"),
    ("no room", "no rule for this host", "the KDC has let it expire"),
    ("the daemon is gone", "no policy", "the KDC is down"),
    ("the KDC is an hour ahead", "a fault in the policy", "a fault in the policy since", "a record that was altered"),
    ("a state that is read-only", "another host's name"),
    ("the socket is a file", "a short host name"),
    (
        "a newer program",
        "the KDC is two minutes ahead",
        "the key is weak",
        "a policy that was not read",
        "a realm that nobody trusts",
    ),
    ("a fault in the settings",),
    ("a full disk",),
)
"""Breakages of which none hides another: the doctor looks once at all of them. What has the daemon start again comes first, so
that it is put right last."""


@pytest.fixture(scope="module", autouse=True)
def a_kadmin() -> Iterator[None]:
    """What an administrator types speaks to the KDC's database itself: kadmind would ask for a password."""
    KADMIN.write_text('#!/bin/sh\nexec kadmin.local -r EXAMPLE.TEST "$@"\n')
    KADMIN.chmod(0o755)
    yield
    KADMIN.unlink()


@pytest.fixture(scope="module", autouse=True)
def a_patient_doctor() -> Iterator[None]:
    PATIENT.parent.mkdir(exist_ok=True)
    PATIENT.write_text(PROGRAM)
    PATIENT.chmod(0o755)
    yield
    shutil.rmtree(PATIENT.parent)


@pytest.fixture(scope="module")
def put_right(house: House) -> Iterator[None]:
    """After all that was broken, all is as before: one look at the end. Each breakage stands once in the table, and what was not
    put right again is told by its check.
    """
    yield
    assert unwell(doctor(house)[1]).keys() <= ALLOWED | {"daemon.version"}, "all is as before"


def doctor(house: House, *words: str, who: str = "root", within: float | None = PATIENCE) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status, and its findings. ``within`` is the patience of the doctor, in seconds; None: as it is installed."""
    more = ["--config", str(house.config_file)] if who == "root" else []
    program = ["jitd"] if within is None else ["env", f"PATIENT_FOR={within}", str(PATIENT)]
    done = house.run(who, *program, "doctor", "--json", *more, *words, timeout=2 * PATIENCE)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows, done.stderr
    assert done.returncode == int(any(row["level"] == "bad" or "gave up after" in row["sentence"] for row in rows)), done.stderr
    return done.returncode, rows


def unwell(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["check"]: f"{row['level']}: {row['sentence']}" for row in rows if row["level"] != "ok"}


def test_a_host_that_is_well_is_said_to_be(house: House) -> None:
    status, rows = doctor(house)
    assert (status, unwell(rows).keys() - ALLOWED) == (0, set()), unwell(rows)
    assert len(rows) > 40
    assert len({row["check"] for row in rows}) == len(rows)


@pytest.mark.usefixtures("put_right")
@pytest.mark.parametrize(
    "names",
    [
        *TOGETHER[:6],
        *(
            pytest.param(names, marks=full("every day, 47 of these are broken, in six looks; tests/doctor draws the conclusions"))
            for names in TOGETHER[6:]
        ),
    ],
    ids=lambda names: names[0],
)
def test_what_is_broken_is_found_with_its_mend(house: House, names: tuple[str, ...]) -> None:
    broken = [{breakage.name: breakage for breakage in TABLE}[name] for name in names]
    with contextlib.ExitStack() as stack:
        for breakage in broken:
            stack.enter_context(breakage.broken(house))
        is_waited_for = any("gave up after" in breakage.words for breakage in broken)
        _, rows = doctor(house, within=None if is_waited_for else PATIENCE)
        assert {breakage.name: "" for breakage in broken} == {breakage.name: missing(rows, breakage) for breakage in broken}
        by_command = [breakage for breakage in broken if breakage.by_command]
        typed = [mend(house, found(rows, breakage)["command"]) for breakage in by_command]
        if by_command:
            _, rows = doctor(house)
            still = {breakage.name for breakage in by_command if breakage.check in unwell(rows)}
            assert still == set(), (unwell(rows), typed)


def found(rows: list[dict[str, Any]], breakage: Breakage) -> dict[str, Any]:
    """What is said of it; nothing if nothing is."""
    return next((row for row in rows if (row["check"], row["level"]) == (breakage.check, breakage.level)), {})


def missing(rows: list[dict[str, Any]], breakage: Breakage) -> str:
    """What the doctor should have said of it, and did not."""
    row = found(rows, breakage)
    if not row:
        return f"{breakage.check} is not {breakage.level}: {unwell(rows)}"
    said = f"{row['sentence']} | {row['mend']} | {row['command']}"
    if breakage.words not in said:
        return f"{breakage.words} is not in {said}"
    return "" if row["mend"] or row["command"] else f"{said} has no mend"


def mend(house: House, command: str) -> tuple[str, str]:
    """Type it, as root would. Return it with what was said."""
    with (house.root / "mended").open("w+", encoding="utf-8") as said:  # a file: a daemon that it starts keeps it open
        subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=PATIENCE, check=False)
        if "serve" in command:
            wait_for(lambda: accepts(house.socket), what="the daemon's socket")  # for which a verb costs more than the daemon
            wait_for(lambda: house.jitd("requests").returncode == 0, what="the daemon")
        said.seek(0)
        return command, said.read()


def accepts(path: Path) -> bool:
    """True if somebody listens at the socket ``path``."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_the_table_is_long_enough_and_most_of_it_mends_itself() -> None:
    assert len(TABLE) >= 60
    assert sum(breakage.by_command for breakage in TABLE) >= 25
    assert sorted(name for names in TOGETHER for name in names) == sorted(breakage.name for breakage in TABLE), "each, and once"


HOSTS_KEYTAB = Path("/etc/krb5.keytab")
OTHERS = (f"host/{HOST}@{REALM}", f"nfs/{HOST}@{REALM}")
"""Services whose keys stand in the same keytab as jitd's."""


def keys_of_others(keytab: Path) -> list[str]:
    """Each key of another service than jitd: its principal, version, type and bytes."""
    done = subprocess.run(["klist", "-kKe", str(keytab)], capture_output=True, text=True, check=False)
    return sorted(line for line in done.stdout.splitlines() if any(name in line for name in OTHERS))


SHARED: dict[str, tuple[str, Callable[[], object]]] = {
    "no key of jitd": ("keytab.keys", lambda: kadmin(f"ktremove -k {HOSTS_KEYTAB} {SERVICE} all")),
    "a weak key": ("keytab.enctypes", lambda: kadmin(f"ktadd -k {HOSTS_KEYTAB} -e arcfour-hmac:normal {SERVICE}")),
    "an old key": ("keytab.version", lambda: kadmin(f"cpw -randkey {SERVICE}")),
    "a key that the KDC does not know": ("keytab.version", lambda: kadmin(f"delprinc -force {SERVICE}")),
}


OTHER_KEYS = full("every day, one of these commands is typed; all of them name jitd's key alone")


@pytest.mark.parametrize("how", by_day(SHARED, ["no key of jitd"], OTHER_KEYS))
def test_a_repair_leaves_the_keys_of_other_services_in_the_keytab(house: House, how: str) -> None:
    """A host whose own keytab is moved away leaves its domain."""
    check, change = SHARED[how]
    was_there = HOSTS_KEYTAB.exists()
    kept = HOSTS_KEYTAB.with_suffix(".kept")
    if was_there:
        HOSTS_KEYTAB.rename(kept)
    try:
        with settings(f'keytab = "{HOSTS_KEYTAB}"')(house):
            for name in (*OTHERS, SERVICE):
                with contextlib.suppress(subprocess.CalledProcessError):
                    kadmin(f"addprinc -randkey {name}")
                kadmin(f"ktadd -k {HOSTS_KEYTAB} {name}")
            before = keys_of_others(HOSTS_KEYTAB)
            change()
            row = next(row for row in doctor(house)[1] if row["check"] == check)
            assert row["level"] == "bad", row
            mend(house, row["command"])
            assert keys_of_others(HOSTS_KEYTAB) == before != []
            assert check not in unwell(doctor(house)[1])
            HOSTS_KEYTAB.write_bytes(b"\x05\x01 of another format")
            row = next(row for row in doctor(house)[1] if row["check"] == "keytab.keys")
            assert (row["level"], row["command"]) == ("bad", ""), "what others may understand is not touched"
    finally:
        HOSTS_KEYTAB.unlink(missing_ok=True)
        if was_there:
            kept.rename(HOSTS_KEYTAB)
        renew_key()
        kadmin(f"delprinc -force nfs/{HOST}@{REALM}")


def test_what_sssd_owns_is_no_fault_of_krb5_conf(house: House) -> None:
    """SSSD 2.10 runs as its own account, and so its files for krb5.conf are not root's."""
    place = Path("/var/lib/sss/pubconf/krb5.include.d")
    subprocess.run(["useradd", "--system", "--no-create-home", "sssd"], check=True)
    place.mkdir(parents=True)
    try:
        with written(lambda house: KRB5, lambda text: f"includedir {place}\n{text}")(house):
            for owner, level in (("sssd", "ok"), ("daemon", "bad")):
                for directory in (place, place.parent, place.parent.parent):
                    shutil.chown(directory, owner)
                assert [row["level"] for row in doctor(house)[1] if row["check"] == "settings.kerberos"] == [level]
    finally:
        shutil.rmtree(place.parent.parent)
        subprocess.run(["userdel", "sssd"], check=True)


def test_a_check_without_a_keytab_is_a_fault() -> None:
    keytab = Path("/etc/jitd/jitd.keytab")
    assert subprocess.run(["jitd", "check"], capture_output=True, check=False).returncode == 0
    keytab.rename("/etc/jitd/kept")
    done = subprocess.run(["jitd", "check"], capture_output=True, text=True, check=False)
    Path("/etc/jitd/kept").rename(keytab)
    assert done.returncode == 1
    assert done.stdout == f"{keytab}: there is no keytab, so nobody can authenticate; jitd doctor says how to make it\n"


def traces(house: House) -> dict[str, object]:
    """Everything that the doctor could have touched."""
    found: dict[str, object] = {"replay caches and the like": sorted(os.listdir("/var/tmp"))}
    for top in (house.root, Path("/etc"), Path("/run/jitd"), Path("/var/lib/jitd")):
        for directory, _, files in os.walk(top):
            status = os.lstat(directory)
            found[directory] = (status.st_mode, status.st_uid, status.st_mtime_ns)
            for name in files:
                path = os.path.join(directory, name)
                status = os.lstat(path)
                is_small = os.path.isfile(path) and not path.endswith("-shm") and status.st_size < 1 << 22
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest() if is_small else ""
                found[path] = (status.st_mode, status.st_uid, content)
    return found


def test_it_changes_nothing_while_a_daemon_runs(house: House) -> None:
    doctor(house)
    wait_for((house.root / "run/journal").exists, what="the daemon's first word on how far its journal is")
    wait_for(house.is_signed, what="a checkpoint of the head")
    before, records = traces(house), house.records()
    doctor(house)
    after = traces(house)
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == set(), house.log()
    assert house.records() == records


def test_it_changes_nothing_and_starts_nobody_while_none_runs(house: House) -> None:
    with daemon_gone(house):
        before = traces(house)
        status, rows = doctor(house)
        assert status == 1 and unwell(rows)["daemon.runs"].startswith("bad: no jitd runs")
        after = traces(house)
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert changed == set()


def looking() -> list[bytes]:
    """The command lines of every doctor that lives, and of its processes."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((process / "cmdline").read_bytes())
    return [line for line in found if b"jitd\0doctor\0" in line]


def test_whatever_hangs_the_answer_is_there_in_seconds_and_nobody_is_left_behind(house: House) -> None:
    with kdc_silent(house), daemon_silent(house), names_asleep(house):
        for within in (None, 20.0):  # a busy host may take longer than five seconds for what does not hang
            until = time.monotonic() + PROMPT
            status, rows = doctor(house, within=within)
            assert time.monotonic() < until
            wait_for(lambda: not looking(), until - time.monotonic(), what="the end of those who looked")
            assert status == 1
            assert unwell(rows).keys() >= {"kdc.reachable", "daemon.answers", "nss.speed"}
            n_well = sum(row["level"] == "ok" for row in rows)
            if n_well > 25:
                break
    assert n_well > 25, "what does not hang is looked at all the same"


def test_it_can_be_interrupted(house: House) -> None:
    with kdc_silent(house):
        line = house.line("root", "jitd", "doctor", "--config", str(house.config_file))
        process = subprocess.Popen(line, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text, what="those who look for it")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_people_read_one_line_a_check_with_the_mend_beneath(house: House) -> None:
    (house.root / "policy.d").chmod(0o775)
    done = house.run("root", str(PATIENT), "doctor", "-v", "--config", str(house.config_file))
    brief = house.run("root", str(PATIENT), "doctor", "--config", str(house.config_file))
    (house.root / "policy.d").chmod(0o755)
    lines = done.stdout.splitlines()
    where = next(number for number, line in enumerate(lines) if line.startswith("bad      policy.directory: "))
    assert lines[where + 1] == f"           run: chmod go-w {house.root}/policy.d"
    assert done.returncode == 1
    assert done.stderr.startswith("jitd: ") and " bad" in done.stderr
    levels = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert set(levels) <= {"ok", "weak", "bad", "unknown"}
    n_ok = levels.count("ok")
    assert n_ok > 25 and levels[-n_ok:] == ["ok"] * n_ok, "problems first"
    assert not any(line.startswith("ok ") for line in brief.stdout.splitlines()), "without -v, only the number of the others"
    assert brief.returncode == 1 and brief.stderr.startswith(f"jitd: {n_ok} ok, ")


# --- people who are not root -------------------------------------------------------------------------------------------


def test_a_person_is_told_what_they_need_and_what_only_root_can_look_at(house: House) -> None:
    status, rows = doctor(house, "--config", str(house.config_file), who="alice")
    levels = {row["check"]: row["level"] for row in rows}
    assert status == 0
    assert levels.pop("rest") == "unknown"
    assert levels.keys() >= {"host.service", "ticket", "principal", "socket.directory", "socket.mode", "authentication"}
    assert set(levels.values()) == {"ok"}


def test_a_person_without_a_ticket_is_told_to_get_one(house: House) -> None:
    done = house.run("alice", str(PATIENT), "doctor", "--config", str(house.config_file), ticket=False)
    assert done.returncode == 1
    assert "bad      ticket: " in done.stdout and "run: kinit" in done.stdout


def test_a_person_with_anothers_ticket_is_told_whose_it_is(house: House) -> None:
    script = f"echo bobbob | kinit bob@EXAMPLE.TEST >/dev/null && exec {PATIENT} doctor --config {house.config_file}"
    done = house.run("alice", "env", "KRB5CCNAME=FILE:/tmp/of-alice", "sh", "-c", script)
    assert done.returncode == 1
    assert "bad      principal: bob@EXAMPLE.TEST belongs to the account bob here, and you are alice" in done.stdout
    assert "bad      authentication: " in done.stdout


def test_a_person_is_told_that_the_daemon_is_gone(house: House) -> None:
    with daemon_gone(house):
        status, rows = doctor(house, "--config", str(house.config_file), who="alice")
    assert status == 1
    assert unwell(rows)["authentication"].startswith("bad: jitd and you could not prove yourselves")


def test_a_person_who_may_not_read_the_settings_is_told_the_rest(house: House) -> None:
    settings = Path("/etc/jitd/jitd.toml")
    settings.chmod(0o600)
    status, rows = doctor(house, who="alice")
    settings.chmod(0o644)
    levels = {row["check"]: row["level"] for row in rows}
    assert (status, levels["settings.whole"], levels["ticket"], levels["authentication"]) == (0, "unknown", "ok", "ok")


def test_settings_that_are_broken_hide_nothing_else() -> None:
    """Where the settings do not say where the rest is, the rest is looked at where it would be by default."""
    broken = Path("/srv/broken.toml")
    broken.write_text("colour = 1\n")
    done = subprocess.run([PATIENT, "doctor", "--json", "--config", str(broken)], capture_output=True, text=True, check=False)
    broken.unlink()
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    levels = {row["check"]: row["level"] for row in rows}
    assert (done.returncode, levels["settings.whole"], levels["keytab.version"], levels["pam.opens"]) == (1, "bad", "ok", "ok")
