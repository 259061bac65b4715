# SPDX-License-Identifier: Apache-2.0
"""Is the gate on? Each KDC is asked for tickets that it must refuse; and the verbs of the KDC's administrator."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from jitd.kdc.keytab import principals
from jitd_gates import asking, gates
from jitd_gates.gates import gate_states
from jitd_gates.strings import OFF, ON, SILENT, Sighting, canary
from jitd_inspection.doctor import gate
from tests.gates.stage import ADDRESS, HOST, NAME, Stage, staged
from tests.on_terminal import OnTerminal
from tests.waiting import PATIENCE, is_living, wait_for

CANARY = canary(HOST, NAME)
CLIENT = f"jitd/{HOST}@{NAME}"
IN_TIME = 60.0
"""Seconds that a KDC may take for its answer where only the answer matters."""
OPEN = "127.0.77.3"
"""Where a KDC of the same database listens that has no plugin."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        found.realm.local(f"addprinc -randkey {CLIENT}", f"ktadd -k {found.keytab}.jitd {CLIENT}")
        assert found.jitd("kdc", "setup", "--yes")[0] == 0
        yield found


@pytest.fixture(autouse=True)
def here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", stage.realm.environment["KRB5_CONFIG"])


@pytest.fixture(autouse=True)
def nobody_is_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy host a KDC that answers is late, and that is not what is tested here: ``within`` says how long is too long."""
    monkeypatch.setattr(gates, "PATIENCE", IN_TIME)


def look(stage: Stage, *services: str, kdcs: tuple[str, ...] = (), within: float = 2 * IN_TIME) -> tuple[Sighting, ...]:
    return asyncio.run(gate_states(CLIENT, Path(f"{stage.keytab}.jitd"), services or (CANARY,), kdcs=kdcs, within=within))


def states(sightings: tuple[Sighting, ...]) -> list[tuple[str, str, str]]:
    return [(each.kdc, each.service, each.state) for each in sightings]


@pytest.fixture
def open_kdc(stage: Stage) -> Iterator[int]:
    """A second krb5kdc over the same database, without the plugin: as if the object were missing there."""
    conf = (stage.realm.where / "kdc.conf").read_text().partition("[plugins]")[0].replace(ADDRESS, OPEN)
    bare = stage.realm.where / "bare.conf"
    bare.write_text(conf)
    environment = stage.realm.environment | {"KRB5_KDC_PROFILE": str(bare)}
    begun = stage.realm.where / "bare.pid"
    begun.unlink(missing_ok=True)  # of the one before
    process = subprocess.Popen(["krb5kdc", "-n", "-r", NAME, "-P", str(begun)], env=environment, stderr=subprocess.DEVNULL)
    wait_for(begun.exists, what="a KDC")
    yield process.pid
    process.kill()
    process.wait()


def test_a_gate_is_on_where_the_kdc_refuses(stage: Stage) -> None:
    service = stage.gated()
    seen = look(stage, CANARY, service)
    assert states(seen) == [(ADDRESS, CANARY, ON), (ADDRESS, service, ON)]
    assert "with a TGT and without" in seen[0].why, "a canary is asked for both ways"


def test_a_gate_is_not_tried_by_an_extension_that_is_used_no_more(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that asks is begun anew each time, and imports it anew."""
    monkeypatch.setattr(gates, "why_not", lambda name: f"{name} is not used, because its files may be written by anyone")
    (seen,) = look(stage)
    assert seen.state == SILENT and "may be written by anyone" in seen.why


def test_a_service_that_is_not_gated_is_off(stage: Stage) -> None:
    plain = f"plain1/{HOST}@{NAME}"
    stage.realm.add_service(plain)
    seen = look(stage, CANARY, plain)
    assert states(seen) == [(ADDRESS, CANARY, ON), (ADDRESS, plain, OFF)]


def test_a_service_that_only_logs_is_off(stage: Stage) -> None:
    service = stage.gated()
    stage.realm.set_string(service, "jit_approval", "log")
    assert states(look(stage, service)) == [(ADDRESS, service, OFF)]


def test_a_service_that_is_not_there_proves_nothing(stage: Stage) -> None:
    nothing, foreign = f"nothing/{HOST}@{NAME}", f"postgres/{HOST}@ELSEWHERE.TEST"
    seen = look(stage, nothing, foreign)
    assert [each.state for each in seen] == [SILENT, SILENT]
    assert "not found" in seen[0].why and "requested no ticket" in seen[1].why


def test_a_kdc_without_the_plugin_is_seen_beside_one_that_has_it(stage: Stage, open_kdc: int) -> None:
    """THREATS T-11."""
    service = stage.gated()
    seen = look(stage, CANARY, service, kdcs=(ADDRESS, OPEN))
    assert states(seen) == [(ADDRESS, CANARY, ON), (ADDRESS, service, ON), (OPEN, CANARY, OFF), (OPEN, service, OFF)]


def test_each_kdc_of_krb5_conf_is_asked(stage: Stage, open_kdc: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = Path(stage.realm.environment["KRB5_CONFIG"]).read_text()
    (tmp_path / "krb5.conf").write_text(conf.replace(f"kdc = {ADDRESS}", f"kdc = {ADDRESS}\n kdc = {OPEN}\n kdc = 127.0.77.99"))
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    seen = [(ADDRESS, CANARY, ON), (OPEN, CANARY, OFF), ("127.0.77.99", CANARY, SILENT)]
    wait_for(lambda: states(look(stage)) == seen, what="an answer of each that runs, on a busy host too")


def test_a_kdc_that_hangs_is_silent_and_keeps_no_other_from_being_seen(
    stage: Stage, open_kdc: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = []

    def states_of_both() -> list[tuple[str, str, str]]:
        begun = time.monotonic()
        seen = look(stage, CANARY, kdcs=(ADDRESS, OPEN), within=20.0)
        took.append(time.monotonic() - begun)
        return states(seen)

    with stage.frozen("krb5kdc"):
        seen = [(ADDRESS, CANARY, SILENT), (OPEN, CANARY, OFF)]
        wait_for(lambda: states_of_both() == seen, what="an answer of the one that runs, on a busy host too")
    assert max(took) < IN_TIME
    assert states(look(stage)) == [(ADDRESS, CANARY, ON)]


def test_what_asks_is_killed_with_all_that_it_has_started(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "pids"
    program = f"import os, time; os.fork(); open({str(told)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(1000)"
    monkeypatch.setattr(gates, "PROGRAM", program)
    for within in (1.0, 5.0, 25.0):  # on a host that is too busy for one second, both have not begun before they are killed
        told.write_text("")
        (seen,) = look(stage, within=within)
        assert seen.state == SILENT and f"{within:g} s" in seen.why
        if len(pids := told.read_text().split()) == 2:
            break
    assert len(pids) == 2
    wait_for(lambda: not any(map(is_living, pids)), what="their end")


def test_without_a_key_nothing_is_known(stage: Stage, tmp_path: Path) -> None:
    (seen,) = asyncio.run(gate_states(CLIENT, tmp_path / "none", [CANARY]))
    assert seen.state == SILENT
    (seen,) = asyncio.run(gate_states(f"nobody/x.y@{NAME}", Path(f"{stage.keytab}.jitd"), [CANARY]))
    assert seen.state == SILENT


def line(kdc: str = "k", service: str = "s@R", state: str = ON, why: str = "w") -> bytes:
    return json.dumps({"said": "seen", "kdc": kdc, "service": service, "state": state, "why": why}).encode()


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"{}", line(state="ON"), line(service="other@R"), line() + b"\n" + line(), b"x", line() + b"\nx"],
    ids=lambda said: repr(said)[:60],
)
def test_what_the_process_says_is_believed_only_whole(said: bytes) -> None:
    whole = [Sighting("k", "s@R", ON, "w"), Sighting("KDC of R", "s@R", OFF, "w")]
    assert gates._read(line() + b"\n" + line("", state=OFF), "R", ["s@R"]) == whole
    with pytest.raises(ValueError):
        gates._read(said, "R", ["s@R"])


def test_a_pinned_realm_has_one_kdc_and_keeps_what_else_it_had() -> None:
    relations = {
        "kdc": ["a", "b"],
        "admin_server": ["a"],
        "primary_kdc": ["a"],
        "http_anchors": ['FILE:/a "b"\\c'],
        "kpasswd_server": ["a"],
    }
    text = asking.pinned("R", "tcp/[::1]:88", relations)
    assert (
        text.count("  kdc = ") == 1
        and '        kdc = "tcp/[::1]:88"\n        http_anchors = "FILE:/a \\"b\\"\\\\c"\n    }*' in text
    )


# --- the administrator's verbs ---------------------------------------------------------------------------------------------


def test_gate_sets_what_the_plugin_wants_and_a_second_time_nothing(stage: Stage) -> None:
    service = f"imap/{HOST}"
    stage.realm.add_service(service, "+allow_forwardable")
    status, said = stage.jitd("kdc", "gate", service, "--yes")
    assert status == 0 and "have the KDC refuse tickets that are not granted" in said
    assert "clockskew is 5 min" in said and "a grant of 10 min lets somebody in for up to 15 min" in said
    printed = stage.realm.local(f"getprinc {service}")
    for flag in ("DISALLOW_FORWARDABLE", "DISALLOW_PROXIABLE", "DISALLOW_POSTDATED", "DISALLOW_DUP_SKEY"):
        assert flag in printed
    assert "Maximum ticket life: 0 days 10:00:00" in printed and "Maximum renewable life: 0 days 00:00:00" in printed
    assert "DISALLOW_RENEWABLE" not in printed
    assert stage.strings(service) == {"jit_approval": "required"}
    modified = [line for line in printed.splitlines() if "Last modified" in line]
    status, said = stage.jitd("kdc", "gate", service, "--yes")
    assert status == 0 and f"{service}@{NAME} is gated already" in said
    assert [line for line in stage.realm.local(f"getprinc {service}").splitlines() if "Last modified" in line] == modified
    assert states(look(stage, f"{service}@{NAME}")) == [(ADDRESS, f"{service}@{NAME}", ON)]


def test_gate_says_who_may_grant_it_how_long_and_whether_it_only_logs(stage: Stage) -> None:
    service = f"ldap/{HOST}"
    stage.realm.add_service(service)
    hosts = ["--granted-by", "a.example.test", "--granted-by", "b.example.test"]
    assert stage.jitd("kdc", "gate", service, *hosts, "--maxlife", "30m", "--log", "--yes")[0] == 0
    assert stage.strings(service) == {"jit_approval": "log", "jit_granted_by": "a.example.test b.example.test"}
    assert "Maximum ticket life: 0 days 00:30:00" in stage.realm.local(f"getprinc {service}")
    assert stage.jitd("kdc", "gate", service, "--yes")[0] == 0
    assert stage.strings(service) == {"jit_approval": "required", "jit_granted_by": "a.example.test b.example.test"}
    assert "Maximum ticket life: 0 days 00:30:00" in stage.realm.local(f"getprinc {service}")


def test_the_service_that_is_missing_is_made_by_the_command_that_is_told(stage: Stage) -> None:
    service = f"smtp/{HOST}"
    _, said = stage.jitd("kdc", "gate", service, "--granted-by", HOST, "--yes")
    subprocess.run(["sh", "-c", said[said.index("kadmin.local ") :]], env=stage.admin, check=True, capture_output=True)
    status, said = stage.jitd("kdc", "gate", service, "--granted-by", HOST, "--yes")
    assert status == 0 and stage.strings(service) == {"jit_approval": "required", "jit_granted_by": HOST}, said
    (told,) = [finding.mend for finding in (gate.service(service, ""),)]
    assert stage.jitd(*told[told.index("kdc gate") :].split(), "--yes")[0] == 0


@pytest.mark.parametrize(
    ("service", "because"),
    [
        (f"krbtgt/{NAME}", "never gated"), ("kadmin/admin", "never gated"), (f"kadmin/{HOST}", "never gated"),
        (f"jitd/{HOST}", "never gated"), (f"jitd-kdc/{HOST}", "never gated"), (f"jitd-canary/{HOST}", "is a canary"),
        (f"nothing/{HOST}", "the KDC has no service"), ("alice", "may grant it: --granted-by HOST"), ("a b", "is not the name"),
        ("-allow_tix", "is not the name"), ("", "is not the name"), ("a@B@C", "is not the name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["gate", "ungate"])
def test_what_may_not_be_gated_is_refused_and_nothing_is_changed(stage: Stage, verb: str, service: str, because: str) -> None:
    if verb == "ungate" and service == "alice":
        because = "is not gated"
    before = dumped(stage)
    status, said = stage.jitd("kdc", verb, "--yes", "--", service)
    assert because in said and (status == 1 or because == "is not gated"), said
    assert dumped(stage) == before


def dumped(stage: Stage) -> str:
    """The whole database."""
    return stage.realm.run("kdb5_util", "-r", NAME, "dump")


@pytest.mark.parametrize("host", ["db1", "DB1.example.test", "a b", "-x.y", "a..b", ""])
def test_a_host_that_is_not_a_full_name_is_refused(stage: Stage, host: str) -> None:
    before = dumped(stage)
    for words in (("gate", f"imap/{HOST}", f"--granted-by={host}"), ("setup", "--", host)):
        status, said = stage.jitd("kdc", words[0], "--yes", *words[1:])
        assert status == 1 and "is not the full name of a host" in said
    assert dumped(stage) == before


def test_nothing_is_changed_without_a_yes(stage: Stage) -> None:
    service = f"ftp/{HOST}"
    stage.realm.add_service(service)
    before = dumped(stage)
    for words in (("gate", service), ("setup", "new.example.test")):
        status, said = stage.jitd("kdc", *words)
        assert status == 2 and "give --yes to answer yes in advance" in said and "this will:" in said
    for typed in ("no", "y", "YES", "yes please", ""):
        screen = OnTerminal("/usr/sbin/jitd", ["kdc", "gate", service], env=stage.admin, encoding="utf-8", timeout=PATIENCE)
        screen.expect_exact("type yes: ")
        screen.sendline(typed)
        screen.expect(pexpect.EOF)
        screen.close()
        assert screen.exitstatus == 1
    assert dumped(stage) == before
    screen = OnTerminal("/usr/sbin/jitd", ["kdc", "gate", service], env=stage.admin, encoding="utf-8", timeout=PATIENCE)
    screen.expect_exact("type yes: ")
    screen.sendline("yes")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0
    assert stage.strings(service) == {"jit_approval": "required"}


def test_other_keys_of_the_same_keytab_are_named(stage: Stage, tmp_path: Path) -> None:
    service, other, gone = f"http/{HOST}", f"host/{HOST}", f"gone/{HOST}"
    for name in (service, other, gone):
        stage.realm.add_service(name)
    stage.realm.local(f"ktadd -k {tmp_path}/k {service} {other} {gone}", f"delprinc -force {gone}")
    status, said = stage.jitd("kdc", "gate", service, "--keytab", f"{tmp_path}/k", "--yes")
    assert status == 1 and f"has keys of {other}@{NAME}, which is not gated" in said and gone not in said
    assert stage.strings(service) == {"jit_approval": "required"}
    assert stage.jitd("kdc", "gate", other, "--keytab", f"{tmp_path}/k", "--yes")[0] == 0
    assert stage.jitd("kdc", "gate", service, "--keytab", f"{tmp_path}/k", "--yes")[0] == 0


def test_ungate_deletes_the_grants_and_opens(stage: Stage) -> None:
    service = stage.gated()
    assert stage.do(stage.give(service)).__class__.__name__ == "Done"
    stage.realm.set_string(service, "jit_grant:odd", "odd")
    stage.realm.set_string(service, "theirs", "stays")
    status, said = stage.jitd("kdc", "ungate", service, "--yes")
    assert status == 0 and "issue tickets for it to anybody" in said
    assert stage.strings(service) == {"theirs": "stays"}
    assert states(look(stage, service)) == [(ADDRESS, service, OFF)]
    status, said = stage.jitd("kdc", "ungate", service, "--yes")
    assert status == 0 and "is not gated" in said


def test_setup_makes_canaries_and_writers_and_a_second_time_the_same_keys(stage: Stage, tmp_path: Path) -> None:
    words = ("kdc", "setup", "db1.example.test", "--kdc", "kdc2.example.test", "--to", str(tmp_path), "--yes")
    status, said = stage.jitd(*words)
    assert status == 0, said
    file = tmp_path / "jitd-kdc.db1.example.test.keytab"
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600
    assert principals(file.read_bytes()) == [f"jitd-kdc/db1.example.test@{NAME}"]
    for host in (HOST, "db1.example.test", "kdc2.example.test"):
        assert stage.strings(f"jitd-canary/{host}") == {"jit_approval": "required", "jit_granted_by": "none"}
    content = file.read_bytes()
    assert stage.jitd(*words)[0] == 0
    assert keys(file.read_bytes()) == keys(content), "a keytab that is in use goes on"
    assert "does not exist" in stage.realm.attempt("kadmin.local", "-r", NAME, "getprinc", "jitd-kdc/kdc2.example.test").stdout
    stage.realm.local("delstr jitd-canary/db1.example.test jit_approval")
    assert stage.jitd(*words)[0] == 0
    assert stage.strings("jitd-canary/db1.example.test")["jit_approval"] == "required"


def keys(content: bytes) -> list[bytes]:
    """The keys at the ends of the entries, without the time at which they were written."""
    found, at = [], 2
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        found.append(content[at + 4 : at + 4 + size][-36:])
        at += 4 + size
    return found


def test_check_says_what_each_kdc_did(stage: Stage, open_kdc: int) -> None:
    service, keytab = stage.gated(), ("--keytab", f"{stage.keytab}.jitd")
    status, said = stage.jitd("kdc", "check", *keytab, service)
    assert status == 0 and said.count("refused: the gate is on") == 2, said
    status, said = stage.jitd("kdc", "check", *keytab, "--at", ADDRESS, "--at", OPEN, service)
    assert status == 1 and said.count("refused: the gate is on") == 2 and said.count("ISSUED: the gate is OFF") == 2
    assert "2 of 4 tickets were issued without a grant" in said
    status, said = stage.jitd("kdc", "check", *keytab, f"nothing/{HOST}")
    assert status == 1 and "silent" in said and "not certain" in said
    status, said = stage.jitd("kdc", "check", "--keytab", "/nonexistent")
    assert status == 1 and "cannot be read" in said


def test_only_root_administers(stage: Stage) -> None:
    before = dumped(stage)
    for words in (("gate", f"imap/{HOST}"), ("ungate", f"imap/{HOST}"), ("setup",)):
        line = ["setpriv", "--reuid=4001", "--regid=4001", "--clear-groups", "/usr/sbin/jitd", "kdc", *words, "--yes"]
        done = subprocess.run(line, env=stage.admin, capture_output=True, text=True, check=False)
        assert done.returncode == 3 and "be root on the KDC" in done.stderr
    assert dumped(stage) == before
