# SPDX-License-Identifier: Apache-2.0
"""``jitd setup`` on a booted host of a realm of MIT Kerberos, with its kadmind: at a person's terminal, and in a script."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pexpect
import pytest

from tests.booted.conftest import show, systemctl
from tests.marks import by_day, full, once_each
from tests.on_terminal import OnTerminal
from tests.waiting import GIVEN_UP, PATIENCE, wait_for

ETC, STATE = Path("/etc/jitd"), Path("/var/lib/jitd")
HEAD = Path("/run/jitd/head")
KEYTAB, RULE = ETC / "jitd.keytab", ETC / "policy.d/id-u.toml"
PRINCIPAL = "jitd/lab.example.test@EXAMPLE.TEST"
PRIVATE = Path("/run/jitd-setup")
ADMIN, PASSWORD = "root/admin", "Correct-Horse-1"
RULES = ["--requester", "dba", "--approver", "ops", "--tell", "nobody"]
UNITS = ("jitd.service", "jitd.socket", "jitd-launcher.socket", "jitd-launcher.service")

Done = subprocess.CompletedProcess[str]


def kadmin(line: str) -> str:
    return subprocess.run(["kadmin.local", "-q", line], capture_output=True, text=True, check=True).stdout


def setup(*words: str, stdin: str = "") -> Done:
    """Run the verb as a script does; again, as it says itself, if its doctor has given up a look, as it may on a busy host."""

    def done() -> Done | None:
        line = ["jitd", "setup", *words]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return None if "jitd doctor failed" in done.stderr and GIVEN_UP.search(done.stdout) else done

    return wait_for(done, what="a look that is not given up")


def terminal(*words: str) -> OnTerminal:
    return OnTerminal("jitd", ["setup", *words], encoding="utf-8", timeout=PATIENCE, dimensions=(50, 200))


def tree() -> dict[str, bytes]:
    """Every file of /etc/jitd, and what systemd starts."""
    wants = Path("/etc/systemd/system").rglob("jitd*")
    return {str(file): file.read_bytes() for file in [*ETC.rglob("*"), *wants] if file.is_file()}


def principals() -> str:
    return kadmin("listprincs")


once_more = full("every day, tests/setup plays this on a table of hosts, and other tests of the file set up a whole host")


@pytest.fixture(scope="module", autouse=True)
def the_labs_own() -> Iterator[None]:
    """What the lab has is there again afterwards, with a new key."""
    enabled = [unit for unit in UNITS if show(unit, "UnitFileState")["UnitFileState"] == "enabled"]
    listening = [unit for unit in UNITS if unit.endswith(".socket") and show(unit, "ActiveState")["ActiveState"] == "active"]
    systemctl("stop", *UNITS)
    kept = Path("/root/kept")
    shutil.copytree(ETC, kept / "etc", symlinks=True)
    kadmin(f"addprinc -pw {PASSWORD} {ADMIN}")
    yield
    systemctl("disable", "--quiet", "--now", *UNITS)
    if enabled:
        systemctl("enable", "--quiet", *enabled)
    HEAD.unlink(missing_ok=True)
    shutil.rmtree(STATE, ignore_errors=True)
    shutil.rmtree(ETC)
    shutil.move(kept / "etc", ETC)
    kadmin(f"delprinc -force {ADMIN}")
    KEYTAB.unlink(missing_ok=True)
    if PRINCIPAL not in principals():
        kadmin(f"addprinc -randkey {PRINCIPAL}")
    kadmin(f"ktadd -k {KEYTAB} {PRINCIPAL}")
    for unit in listening:
        systemctl("start", unit)


@pytest.fixture
def fresh() -> None:
    """A host on which jitd was installed a moment ago, and whose KDC does not know it."""
    systemctl("disable", "--quiet", "--now", *UNITS)
    shutil.rmtree(STATE, ignore_errors=True)
    HEAD.unlink(missing_ok=True)  # of the record that was there
    Path("/run/jitd/jitd.sock").unlink(missing_ok=True)  # systemd leaves it when it listens no more
    shutil.rmtree(ETC / "policy.d")
    (ETC / "policy.d").mkdir()
    shutil.copy("/usr/share/jitd/example.toml", ETC / "policy.d")
    shutil.copy("/usr/share/jitd/jitd.toml", ETC)
    KEYTAB.unlink(missing_ok=True)
    kadmin(f"delprinc -force {PRINCIPAL}")


def as_person(who: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["as", who, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_person_answers_five_questions_and_sees_the_first_command_run(fresh: None) -> None:
    person = terminal()
    for question, typed in (
        ("Principal that may make", ADMIN),
        ("Who asks", "dba"),
        ("Who approves", "group:ops"),
        ("Which command", "id -u"),
        ("Who is told", "nobody"),
        ("Do all this", "y"),
        (f"Password for {ADMIN}", PASSWORD),
    ):
        person.expect(question)
        person.expect(": ")
        person.sendline(typed)
    person.expect("jitd is set up")
    person.expect("rules can permit: jitd policy import --approvers group:ops")
    person.expect(r'jitsudo --reason "trying jitsudo" id -u')
    person.expect("waiting for the request")
    refused = as_person("eve", "jitsudo", "--reason", "trying jitsudo", "id", "-u")
    person.expect("eve@EXAMPLE.TEST.*still waiting")
    refused.communicate(timeout=PATIENCE)
    asking = as_person("alice", "jitsudo", "--reason", "trying jitsudo", "id", "-u")
    person.expect(r"  ([0-9A-Z]{4}-[0-9A-Z]{4})  ")
    request = person.match[1]
    approved = subprocess.run(["as", "bob", "jitd", "approve", request, "--yes", "--comment", "go"], check=False)
    assert approved.returncode == 0
    person.expect("it works")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0
    assert asking.communicate(timeout=PATIENCE)[0].endswith("\n0\n")
    assert show("jitd.service", "ActiveState", "UnitFileState") == {"ActiveState": "active", "UnitFileState": "enabled"}
    assert not PRIVATE.exists()


TYPED = ["jitd", "jitd doctor", "jitd requests", "jitsudo id", "jitsudo -l"]
BY_THE_OTHER = full("every day, each line is typed by root or by alice")


@pytest.mark.parametrize(
    ("line", "who"), by_day(product(TYPED, ["root", "alice"]), once_each(TYPED, ["root", "alice"]), BY_THE_OTHER)
)
def test_after_an_installation_whatever_one_types_names_setup(fresh: None, line: str, who: str) -> None:
    words = line.split() if who == "root" else ["as", who, *line.split()]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode != 0 and "jitd setup" in done.stdout + done.stderr, done


def test_a_script_does_the_same_and_a_second_run_changes_nothing(fresh: None) -> None:
    done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert PRINCIPAL in subprocess.run(["klist", "-k", KEYTAB], capture_output=True, text=True, check=True).stdout
    assert (KEYTAB.stat().st_mode & 0o777, KEYTAB.stat().st_uid) == (0o600, 0)
    assert 'commands  = [["/usr/bin/id", "-u"]]' in RULE.read_text()
    before, pid = tree(), show("jitd.service", "MainPID")
    for again in ([], ["--admin", ADMIN, *RULES, "--", "id", "-u"], ["--dry-run"]):
        done = setup(*again)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("(already right)") == 4
    assert (tree(), show("jitd.service", "MainPID")) == (before, pid)


def test_a_dry_run_changes_nothing(fresh: None) -> None:
    """THREATS O-18."""
    before, known = tree(), principals()
    done = setup("--dry-run", "--admin", ADMIN, *RULES, "--", "id", "-u")
    assert done.returncode == 0 and "nothing was changed" in done.stderr
    assert f"kadmin -c FILE:{PRIVATE}/ticket addprinc -randkey {PRINCIPAL}" in done.stdout
    assert (tree(), principals()) == (before, known) and not PRIVATE.exists()


@pytest.mark.parametrize("given", [[], ["--no-admin"], ["--no-admin", "--requester", "dba", "--", "id"]])
def test_a_script_is_told_the_options_that_are_missing(fresh: None, given: list[str]) -> None:
    before, known = tree(), principals()
    done = setup(*given)
    assert done.returncode == 2 and "there is no terminal to ask on" in done.stderr
    flags = ("--admin", "--requester", "--approver", "COMMAND", "--tell", "--yes")
    has = {"--admin": "--no-admin" in given, "--requester": "--requester" in given, "COMMAND": "id" in given}
    said = done.stderr.partition("to ask on")[2].splitlines()[0]
    assert [flag for flag in flags if (flag in said) == has.get(flag, False)] == []
    assert (tree(), principals()) == (before, known)


def test_whoever_does_not_say_yes_changes_nothing(fresh: None) -> None:
    before, known = tree(), principals()
    person = terminal("--admin", ADMIN, *RULES, "--", "id", "-u")
    person.expect("Do all this.*: ")
    person.sendline("no")
    person.expect("nothing was changed")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    assert (tree(), principals()) == (before, known)


def test_a_key_that_somebody_else_makes_is_waited_for(fresh: None) -> None:
    person = terminal("--no-admin", "--yes", *RULES, "--", "id", "-u")
    person.expect("waiting for the key")
    assert show("jitd.service", "ActiveState")["ActiveState"] == "inactive"
    kadmin(f"addprinc -randkey {PRINCIPAL}")
    kadmin(f"ktadd -k {KEYTAB} {PRINCIPAL}")
    person.expect("waiting for the request")
    person.sendintr()
    person.expect("jitd is set up and runs")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0
    assert show("jitd.service", "ActiveState")["ActiveState"] == "active"


def test_a_key_that_the_kdc_has_already_is_not_made_anew_without_a_yes(fresh: None) -> None:
    """THREATS O-18: another host may have that name, and use that key."""
    kadmin(f"addprinc -randkey {PRINCIPAL}")
    before = kadmin(f"getprinc {PRINCIPAL}")
    person = terminal("--admin", ADMIN, *RULES, "--", "id", "-u")
    person.expect("Do all this.*: ")
    person.sendline("yes")
    person.expect("Password.*: ")
    person.sendline(PASSWORD)
    person.expect("Make a new key.*: ")
    person.sendline("no")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 1
    assert kadmin(f"getprinc {PRINCIPAL}") == before and not KEYTAB.exists()
    assert show("jitd.service", "ActiveState")["ActiveState"] == "inactive"


ENDS = ["wrong password", "Ctrl-C", "SIGTERM", "no right"]
OTHER_ENDS = full("every day, it ends by a wrong password and by SIGTERM, and another test types Ctrl-C twice")


@pytest.mark.parametrize("ends", by_day(ENDS, ["wrong password", "SIGTERM"], OTHER_ENDS))
def test_the_ticket_of_the_administrator_never_stays(fresh: None, ends: str) -> None:
    """THREATS O-19."""
    known = principals()
    admin = "alice" if ends == "no right" else ADMIN
    person = terminal("--admin", admin, "--yes", *RULES, "--", "id", "-u")
    person.expect("Password.*: ")
    assert PRIVATE.stat().st_mode & 0o777 == 0o700
    if ends == "Ctrl-C":
        person.sendintr()
    elif ends == "SIGTERM":
        person.kill(signal.SIGTERM)
    else:
        person.sendline("alicealice" if ends == "no right" else "wrong")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus != 0
    wait_for(lambda: not PRIVATE.exists(), what="the end of the ticket")
    assert principals() == known and not KEYTAB.exists()
    assert show("jitd.service", "ActiveState")["ActiveState"] == "inactive"


def test_a_second_ctrl_c_does_not_save_the_ticket(fresh: None, tmp_path: Path) -> None:
    """THREATS O-19: it comes while the first one has the ticket destroyed, which overwrites it before the file goes."""
    kadmin_, kdestroy = Path("/usr/local/bin/kadmin"), Path("/usr/local/bin/kdestroy")
    asked, destroying, go_on, destroyed = (tmp_path / name for name in ("asked", "destroying", "go-on", "destroyed"))
    kadmin_.write_text(f"#!/bin/sh\n: >{asked}\nexec sleep 600\n")
    waits = f"until [ -e {go_on} ]; do sleep 0.1; done"
    kdestroy.write_text(f'#!/bin/sh\n: >{destroying}\n{waits}\n/usr/bin/kdestroy "$@" && : >{destroyed}\n')
    try:
        for wrapper in (kadmin_, kdestroy):
            wrapper.chmod(0o755)
        person = terminal("--admin", ADMIN, "--yes", *RULES, "--", "id", "-u")
        person.expect("Password.*: ")
        person.sendline(PASSWORD)
        wait_for(asked.exists, what="kadmin")
        assert (PRIVATE / "ticket").exists()
        person.sendintr()
        wait_for(destroying.exists, what="kdestroy")
        person.sendintr()
        go_on.touch()
        person.expect(pexpect.EOF)
        person.close()
    finally:
        kadmin_.unlink()
        kdestroy.unlink()
    assert person.exitstatus != 0 and destroyed.exists() and not PRIVATE.exists()


@once_more
def test_a_script_makes_a_key_anew_only_if_it_says_so(fresh: None) -> None:
    """THREATS O-18: nobody is there to answer, and --yes was said without knowing of the key."""
    kadmin(f"addprinc -randkey {PRINCIPAL}")
    before = kadmin(f"getprinc {PRINCIPAL}")
    line = ["--yes", "--admin", ADMIN, *RULES]
    done = setup(*line, "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 1 and "--new-key" in done.stderr, done.stdout + done.stderr
    assert kadmin(f"getprinc {PRINCIPAL}") == before and not KEYTAB.exists()
    done = setup(*line, "--new-key", "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kadmin(f"getprinc {PRINCIPAL}") != before and KEYTAB.exists()


def test_the_file_of_settings_keeps_its_mode_and_a_link_is_left_to_whoever_made_it(fresh: None, tmp_path: Path) -> None:
    """THREATS O-18."""
    file, line = ETC / "jitd.toml", ["--yes", "--no-admin", "--requester", "dba", "--approver", "ops"]
    mailed = [*line, "--tell", "ops@example.org", "id"]
    file.chmod(0o600)
    setup(*mailed)
    assert "ops@example.org" in file.read_text() and file.stat().st_mode & 0o777 == 0o600
    shutil.copy("/usr/share/jitd/jitd.toml", tmp_path)
    (ETC / "policy.d/id.toml").unlink()
    file.unlink()
    file.symlink_to(tmp_path / "jitd.toml")
    try:
        done = setup(*mailed)
        assert done.returncode == 1 and file.is_symlink(), done.stdout + done.stderr
        assert not (ETC / "policy.d/id.toml").exists()
    finally:
        file.unlink()


def test_the_password_is_in_no_command_line_and_the_ticket_is_for_kadmin_alone(fresh: None) -> None:
    """THREATS O-19."""
    wrapped = Path("/usr/local/bin/kadmin")
    wrapped.write_text('#!/bin/sh\n{ klist "$2"; echo core $(ulimit -c); } >>/root/tickets\nexec /usr/bin/kadmin "$@"\n')
    wrapped.chmod(0o755)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u", stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stdout + done.stderr
        tickets = Path("/root/tickets").read_text()
    finally:
        wrapped.unlink()
        Path("/root/tickets").unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert "kadmin/admin@EXAMPLE.TEST" in tickets and "krbtgt" not in tickets
    assert "core 0\n" in tickets, "no core has the ticket or the password"
    assert PASSWORD not in done.stdout + done.stderr
    assert not PRIVATE.exists() and os.environ.get("KRB5CCNAME") is None


def test_two_at_a_time_are_one_and_a_refusal(fresh: None) -> None:
    person = terminal("--admin", ADMIN, "--yes", *RULES, "--", "id", "-u")
    person.expect("Password.*: ")
    done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 1 and "another jitd setup runs" in done.stderr, done.stderr
    person.sendline(PASSWORD)
    person.expect("waiting for the request")
    person.sendintr()
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == 0 and not PRIVATE.exists()


@once_more
def test_a_further_rule_is_in_force_at_once(fresh: None) -> None:
    done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    pid = show("jitd.service", "MainPID")
    done = setup("--yes", *RULES, "--rule", "second", "--", "id", "-g")
    assert done.returncode == 0, done.stdout + done.stderr
    asking = as_person("alice", "jitsudo", "-n", "id", "-g")
    assert "requires 1 approval" in asking.communicate(timeout=PATIENCE)[0] or asking.returncode == 121
    assert "rule second" in setup("--dry-run", *RULES, "--rule", "second", "--", "id").stdout
    listed = subprocess.run(["as", "alice", "jitsudo", "-l", "id", "-g"], capture_output=True, text=True, check=False)
    assert "second" in listed.stdout + listed.stderr
    assert show("jitd.service", "MainPID") == pid


@once_more
def test_what_the_doctor_finds_bad_is_told_and_nobody_is_asked_to_try(fresh: None) -> None:
    person = terminal("--admin", ADMIN, "--yes", *RULES, "--", "id", "-u")
    person.expect("Password.*: ")
    os.chmod("/etc/pam.d/jitd", 0o666)
    try:
        person.sendline(PASSWORD)
        person.expect("jitd doctor failed")
        person.expect(pexpect.EOF)
    finally:
        os.chmod("/etc/pam.d/jitd", 0o644)
    person.close()
    assert person.exitstatus == 1


@once_more
def test_settings_that_were_changed_by_hand_stay_as_they_are(fresh: None) -> None:
    """THREATS O-18: the rest is done if they have what is needed, and a file that was changed meanwhile is left alone."""
    (ETC / "jitd.toml").write_text('realms = ["EXAMPLE.TEST"]\noperators = ["group:ops"]\n')
    before = (ETC / "jitd.toml").read_bytes()
    done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (ETC / "jitd.toml").read_bytes() == before
    RULE.write_text("# mine\n" + RULE.read_text())
    changed = RULE.read_bytes()
    done = setup("--yes", "--admin", ADMIN, *RULES, "--", "id", "-u")
    assert done.returncode == 1 and "there is a rule id-u already" in done.stdout
    assert RULE.read_bytes() == changed


@once_more
def test_a_rule_that_check_would_refuse_is_never_written(fresh: None) -> None:
    before, known = tree(), principals()
    rule = ["--yes", "--admin", ADMIN, "--requester", "dba", "--approver", "ops"]
    done = setup(*rule, "--tell", "ops@no such.org", "id")
    assert done.returncode == 1 and "/etc/jitd/jitd.toml:" in done.stderr and "mail address" in done.stderr, done.stderr
    for wrong, words in (
        (["--tell", "everybody", "id"], "say terminals, nobody, or a mail address"),
        (["--requester", "nobodies", "--tell", "nobody", "id"], "nobodies is neither a group nor an account"),
        (["--approver", "principal:bob", "--tell", "nobody", "id"], "must be a principal with its realm"),
        (["--approver", "bob", "--tell", "nobody", "id"], "bob is a group and an account: say group:bob or user:bob"),
        (["--tell", "nobody", "no-such-command"], "command not found"),
    ):
        done = setup(*rule, *wrong)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert (tree(), principals()) == (before, known)
