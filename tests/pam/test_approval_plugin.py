# SPDX-License-Identifier: Apache-2.0
"""jit_approval.so in the real sudo of this host, with a real jitd; and alone, where the parts fail that a real sudo does not let
fail.

Law: what was not granted has not run. What the plugin's own files or arguments lack denies everybody but root.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire.messages import Done, Lock, Refused, Revoke, Show, Unlock
from tests.attacks.raw import connected, review
from tests.krb5.driver import SANITIZED
from tests.pam.application import SOURCES
from tests.pam.programs import BY_NAME, GATED, OPS, POLICY, SUDOERS, Driven, Gated, Program, write
from tests.system.conftest import ID
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and its sudo")
CONF, PLUGIN = Path("/etc/sudo.conf"), Path("/usr/lib/jitd/jit_approval.so")
LINE = f"Plugin jit_approval {PLUGIN}"
DRIVE = Path(__file__).with_name("approval_drive.c")
OF_SUDO = [BY_NAME[name] for name in ("sudo", "sudo -i", "sudo -i CMD", "sudo -s")]
every_form = pytest.mark.parametrize("program", OF_SUDO, ids=lambda program: program.name)


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host whose sudo has the plugin, and no gate in its PAM stack."""
    kept = CONF.read_bytes()
    made = Gated(POLICY, stacks=tuple(name for name in GATED if not name.startswith("sudo")))
    try:
        CONF.write_text(f"{LINE}\n")
        made.start()
        yield made
        made.verify()
    finally:
        CONF.write_bytes(kept)
        made.close()


@contextlib.contextmanager
def sudo_conf(text: str) -> Iterator[None]:
    CONF.write_text(f"{text}\n")
    try:
        yield
    finally:
        CONF.write_text(f"{LINE}\n")


@contextlib.contextmanager
def sudoers(text: str) -> Iterator[None]:
    write("/etc/sudoers", SUDOERS + text, 0o440)
    try:
        yield
    finally:
        write("/etc/sudoers", SUDOERS, 0o440)


def typed(gated: Gated, who: str, *words: str, env: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """``words`` as ``who`` with a fresh ticket, without a terminal, to their end."""
    line = [*gated.become(who), *env, *words] if who != "root" else list(words)
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert (done.returncode, done.stdout) == (1, ""), done
    assert f"jitd: {sentence}" in done.stderr, done.stderr


def last(gated: Gated) -> dict[str, object]:
    return dict(gated.rows("requests", "--all")[-1])


# --- in sudo -------------------------------------------------------------------------------------------------------------


@every_form
def test_who_is_permitted_at_once_is_let_in_without_a_word(gated: Gated, program: Program) -> None:
    done = gated.type("carol", program)
    done.is_let_in()
    assert "jitd:" not in done.text
    row = last(gated)
    assert (row["service"], row["doubt"], row["variables"], row["point"]["stage"]) == (program.service, "", [], "command")


@every_form
def test_a_lease_that_was_asked_beforehand_is_for_exactly_this(gated: Gated, program: Program) -> None:
    mark = gated.mark()
    id = gated.ask_beforehand("alice", program, mark, "--for", "1h")
    gated.approved(id)
    done = gated.type("alice", program, mark=mark)
    done.is_let_in()
    assert "jitd:" not in done.text
    gated.asked(Revoke(id=id, of=None, reason="over"))
    gated.type("alice", program, mark=mark).id  # noqa: B018 - it waits again, since the lease is over


@every_form
def test_who_waits_is_let_in_by_an_approval(gated: Gated, program: Program) -> None:
    waits = gated.type("alice", program)
    row = gated.show(waits.id)
    assert (row["state"], row["requester"], row["run_as"]) == ("pending", "alice@EXAMPLE.TEST", "root"), row
    assert row["digest"] and not waits.has_run
    gated.approved(row["id"])
    waits.is_let_in()


def test_who_is_denied_has_run_nothing(gated: Gated) -> None:
    waits = gated.type("alice", BY_NAME["sudo"])
    with connected(gated, "bob") as raw:
        (row,) = raw.rows(Show(id=waits.id))
        assert isinstance(raw.ask(review(row, "deny", "not today"))[-1], Done)
    waits.is_kept_out('jitd: denied by bob@EXAMPLE.TEST: "not today"')
    refused(typed(gated, "eve", "sudo", "id"), "denied: no rule permits this")
    refused(typed(gated, "dave", "sudo", "id"), "request ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTSTP, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_while_it_waits_withdraws(gated: Gated, number: signal.Signals) -> None:
    waits = gated.type("alice", BY_NAME["sudo"])
    id = waits.id
    if number is signal.SIGTERM:
        os.kill(sudo_of(waits), number)
    else:
        waits.terminal.sendcontrol("c" if number is signal.SIGINT else "z")
    waits.is_kept_out("jitd: withdrawn")
    gated.until(id, "withdrawn")


def sudo_of(waits: Driven) -> int:
    """The process of the sudo that waits."""
    done = subprocess.run(["pgrep", "-f", f"^/?[a-z/]*sudo /usr/bin/touch {waits.mark}$"], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("how", ["killed", "terminal"])
def test_a_sudo_that_is_gone_withdraws_what_it_waited_for(gated: Gated, how: str) -> None:
    """THREATS P-22."""
    waits = gated.type("alice", BY_NAME["sudo"])
    id = waits.id
    if how == "killed":
        os.kill(sudo_of(waits), signal.SIGKILL)
    else:
        waits.terminal.close(force=False)
    assert "withdrawn" in gated.until(id, "withdrawn")["state"]
    with connected(gated, "bob") as raw:
        (row,) = raw.rows(Show(id=id))
        assert isinstance(raw.ask(review(row))[-1], Refused)
    assert not waits.has_run


def test_who_is_locked_while_sudo_waits_runs_nothing(gated: Gated) -> None:
    """THREATS P-22."""
    waits = gated.type("alice", BY_NAME["sudo"])
    id = waits.id
    gated.asked(Lock(whom="user", name="alice", lasts_for=None, reason="laptop stolen"))
    try:
        waits.is_kept_out('jitd: denied: locked: "laptop stolen"')
        assert gated.state_of(id) == "denied"
    finally:
        gated.asked(Unlock(id=None, whom="user", name="alice", reason="found"))


def test_a_lease_that_is_revoked_while_sudo_waits_lets_nobody_in(gated: Gated) -> None:
    """THREATS P-22. An approval of the lease alone is none of what waits, and its end takes nothing away from it."""
    waits = gated.type("alice", BY_NAME["sudo"])
    waiting = waits.id
    lease = gated.ask_beforehand("alice", BY_NAME["sudo"], waits.mark, "--for", "1h")
    gated.approved(lease)
    gated.asked(Revoke(id=lease, of=None, reason="over"))
    assert gated.state_of(waiting) == "pending" and not waits.has_run
    waits.terminal.sendintr()
    waits.is_kept_out("jitd: withdrawn")


def test_what_no_rule_permits_any_more_does_not_run_after_an_approval(gated: Gated) -> None:
    """THREATS P-22."""
    waits = gated.type("alice", BY_NAME["sudo"])
    id = waits.id
    gated.set_policy(POLICY.replace("user:alice", "user:nobody"))
    try:
        gated.reload()
        with connected(gated, "bob") as raw:
            (row,) = raw.rows(Show(id=id))
            raw.ask(review(row))
        waits.is_kept_out("no rule permits this")
        assert gated.state_of(id) == "denied"
    finally:
        gated.set_policy(POLICY)
        gated.reload()


def test_the_approval_of_somebody_who_is_disabled_while_sudo_waits_does_not_count(gated: Gated) -> None:
    """THREATS P-22. jitd remembers for seconds what a KDC says."""
    gated.set_policy(POLICY.replace(OPS, 'approvals = [{ need = 2, from = ["group:ops"] }]\n'))
    try:
        gated.reload()
        waits = gated.type("alice", BY_NAME["sudo"])
        id = waits.id
        gated.approved(id, "dave")
        kadmin("modprinc -allow_tix dave")
        try:
            wait_for(lambda: not gated.show(id)["reviews"][0]["counts"], what="an approval that does not count")
            gated.approved(id)
            assert gated.state_of(id) == "pending" and not waits.has_run
            waits.terminal.sendintr()
            waits.is_kept_out("jitd: withdrawn")
        finally:
            kadmin("modprinc +allow_tix dave")
    finally:
        gated.set_policy(POLICY)
        gated.reload()


def kadmin(query: str) -> None:
    subprocess.run(["kadmin.local", "-r", "EXAMPLE.TEST", "-q", query], check=True, capture_output=True)


def test_what_sudo_sets_is_left_out_and_what_differs_is_shown_and_bound(gated: Gated) -> None:
    """THREATS P-20."""
    assert typed(gated, "carol", "sudo", "FOO=bar", "TZ=UTC", "env").returncode == 0
    row = last(gated)
    assert row["variables"] == [["FOO", "bar"]] and ["TZ", "UTC"] in row["locale"]
    mark = gated.mark()
    line = ("sudo", "FOO=bar", "/usr/bin/touch", str(mark))
    waits = gated.drive([*gated.become("alice"), *line], BY_NAME["sudo"], mark)
    gated.approved(waits.id)
    waits.is_let_in()
    id = gated.ask_beforehand("alice", BY_NAME["sudo"], mark, "--for", "1h")
    gated.approved(id)
    other = gated.drive([*gated.become("alice"), *line], BY_NAME["sudo"], mark)
    assert other.id != id  # it waits: the lease is for the command without FOO
    other.terminal.sendintr()
    other.is_kept_out("jitd: withdrawn")
    gated.asked(Revoke(id=id, of=None, reason="over"))


def test_a_lease_covers_what_only_looks_otherwise_and_the_page_has_it_all_the_same(gated: Gated) -> None:
    """THREATS P-20. What jitsudo takes without a rule, a lease ignores at sudo, too."""
    colours = subprocess.run(["dircolors", "-b"], capture_output=True, text=True, check=True).stdout.split("'")[1]
    mark = gated.mark()
    id = gated.ask_beforehand("alice", BY_NAME["sudo"], mark, "--for", "1h")
    gated.approved(id)
    for variables in (["TERM=xterm", "LANG=C.UTF-8"], [f"LS_COLORS={colours}"]):
        gated.type("alice", BY_NAME["sudo"], mark=mark, env=tuple(variables)).is_let_in()
        assert {f"{name}={value}" for name, value in last(gated)["locale"]} >= set(variables)
    assert "locale" in gated.jitd("show", str(last(gated)["id"])).stdout
    for variable in ("DISPLAY=:0", f"LS_COLORS={colours}lc=echo:"):
        waits = gated.type("alice", BY_NAME["sudo"], mark=mark, env=(variable,))
        assert variable.split("=", 1) in gated.show(waits.id)["variables"]
        waits.terminal.sendintr()
        waits.is_kept_out("jitd: withdrawn")
    gated.asked(Revoke(id=id, of=None, reason="over"))


def test_what_changes_rights_or_the_root_is_an_option_or_a_doubt(gated: Gated) -> None:
    assert typed(gated, "carol", "sudo", "-P", "id").returncode == 0
    assert last(gated)["options"] == ["--preserve-groups"]
    with sudoers("Defaults:carol runcwd=*, runchroot=*\n"):
        assert typed(gated, "carol", "sudo", "-D", "/srv", "/bin/pwd").stdout == "/srv\n"
        assert (last(gated)["cwd"], last(gated)["chdir"]) == ("/srv", True)
        assert typed(gated, "carol", "sudo", "-R", "/", "/usr/bin/id", "-u").stdout == "0\n"
        assert "another root directory" in str(last(gated)["doubt"])


def test_other_ways_to_call_sudo(gated: Gated) -> None:
    n_asked = len(gated.rows("requests", "--all"))
    refused(typed(gated, "carol", "sudo", "-e", "/etc/motd"), "sudoedit writes the file later")
    refused(typed(gated, "carol", "sudoedit", "/etc/motd"), "sudoedit writes the file later")
    for words in (["-l"], ["-v"], ["-V"], ["-k"]):  # nothing runs, and nobody is asked
        done = typed(gated, "eve", "sudo", *words)
        assert done.returncode == 0 and "jitd" not in done.stderr, done
    assert "\njit_approval: jitd's plugin is loaded\n" in typed(gated, "eve", "sudo", "-V").stdout
    assert len(gated.rows("requests", "--all")) == n_asked
    mark = gated.mark()
    assert typed(gated, "carol", "sudo", "-b", "/usr/bin/touch", str(mark)).returncode == 0
    wait_for(mark.exists)
    done = typed(gated, "carol", "sudo", "-u", "bob", "id", "-un")
    assert (done.stdout, last(gated)["run_as"]) == ("bob\n", "bob")


def test_the_reason_comes_along_and_what_jitd_says_is_not_in_the_output(gated: Gated) -> None:
    said = gated.mark()
    with said.open("wb") as err:
        waits = subprocess.Popen(
            [*gated.become("alice"), "JITSUDO_REASON=disk full", "sudo", "id", "-u"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True,
        )  # fmt: skip
    id = wait_for(lambda: ID.search(said.read_text()))[1]
    assert gated.show(id)["reason"] == "disk full"
    gated.approved(id)
    assert (waits.communicate(timeout=PATIENCE)[0], waits.returncode) == ("0\n", 0)


def test_what_was_approved_does_not_run_once_its_file_is_another(gated: Gated) -> None:
    program = gated.root / "own"
    write(str(program), "#!/bin/sh\ntouch $1\n", 0o755)
    mark = gated.mark()
    waits = gated.drive([*gated.become("alice"), "sudo", str(program), str(mark)], BY_NAME["sudo"], mark)
    id = waits.id
    write(str(program), "#!/bin/sh\ntouch $1 # another\n", 0o755)
    with connected(gated, "bob") as raw:
        (row,) = raw.rows(Show(id=id))
        raw.ask(review(row))
    waits.is_kept_out("has changed since it was asked for")


def test_what_was_approved_does_not_run_once_its_directory_was_moved(gated: Gated) -> None:
    """THREATS P-20."""
    stands, mark = gated.root / "stands", gated.mark()
    stands.mkdir()
    line = ["sh", "-c", f"cd {stands} && exec sudo /usr/bin/touch {mark}"]
    waits = gated.drive([*gated.become("alice"), *line], BY_NAME["sudo"], mark)
    id = waits.id
    stands.rename(gated.root / "moved")
    gated.approved(id)
    waits.is_kept_out("the working directory was moved since this was asked for: ask again")


def test_a_file_that_sudo_holds_open_is_executed_from_there(gated: Gated) -> None:
    digest = hashlib.sha256(Path("/usr/bin/id").read_bytes()).hexdigest()
    with sudoers(f"carol ALL = NOPASSWD: sha256:{digest} /usr/bin/id\n"):
        assert typed(gated, "carol", "sudo", "id", "-u").stdout == "0\n"


def test_what_a_command_starts_is_asked_about_if_sudoers_says_so_and_never_waits(gated: Gated) -> None:
    """THREATS P-20."""
    mark, script = gated.mark(), gated.root / "starts"
    write(str(script), f"#!/bin/sh\n/usr/bin/touch {mark}\nexit 3\n", 0o755)
    with sudoers("Defaults:alice,carol intercept\n"):
        assert typed(gated, "carol", "sudo", str(script)).returncode == 3 and mark.exists()
        mark.unlink()
        waits = gated.drive([*gated.become("alice"), "sudo", str(script)], BY_NAME["sudo"], mark)
        gated.approved(waits.id)
        waits.is_kept_out(
            "jitd: an approval is required, and nobody is asked for it with -n, or for a command that another one starts"
        )


def test_a_sudo_that_may_ask_for_nothing_ends_at_once_and_asks_nobody_to_approve(gated: Gated) -> None:
    before = gated.records()
    for words in (("-n", "id"), ("--non-interactive", "-u", "bob", "id"), ("-in", "id")):
        refused(typed(gated, "alice", "sudo", *words), "an approval is required, and nobody is asked for it with -n")
    assert gated.records() == before
    assert typed(gated, "carol", "sudo", "-n", "id", "-u").stdout == "0\n", "no approval is owed"


def test_where_sudo_conf_says_that_it_cannot_wait_n_asks_for_the_next_time(gated: Gated) -> None:
    with sudo_conf(f"{LINE} wait=0"):
        refused(typed(gated, "alice", "sudo", "-n", "/usr/bin/id", "-ru"), "request ")
        gated.approved(str(last(gated)["id"]))
        assert typed(gated, "alice", "sudo", "-n", "/usr/bin/id", "-ru").stdout == "0\n"


def test_what_the_person_has_typed_with_C_and_T_is_an_option_of_the_request_as_at_the_gate(gated: Gated) -> None:
    """THREATS P-20."""
    with sudoers("Defaults closefrom_override, user_command_timeouts, closefrom=5\n"):
        for words, options in (
            (("-C", "7"), ["--close-from=7"]),
            (("-T", "10m"), ["--command-timeout=600"]),
            (("-T", "1h", "-C", "9"), ["--close-from=9", "--command-timeout=3600"]),
            ((), []),
        ):
            assert typed(gated, "carol", "sudo", *words, "id", "-u").stdout == "0\n", words
            assert last(gated)["options"] == options


def test_where_a_command_that_another_one_starts_will_run_is_not_told_by_where_sudo_stands(gated: Gated) -> None:
    """THREATS P-20."""
    with sudoers("Defaults:carol intercept\n"):
        done = typed(gated, "carol", "sudo", "--", "/bin/sh", "-c", "cd /usr/bin && /bin/pwd; ./id -u")
        assert done.stdout == "/usr/bin\n0\n", done
        started = {row["argv"][0]: row for row in gated.rows("requests", "--all")[-2:]}
        assert "the working directory is not known" in started["/bin/pwd"]["doubt"]
        assert (started["./id"]["cwd"], started["./id"]["doubt"]) == ("/usr/bin", "")


def test_who_calls_sudo_cannot_be_another_one_for_the_command(gated: Gated) -> None:
    """THREATS P-20."""
    for forged in ("SUDO_USER=bob", "SUDO_UID=4002", "SUDO_GID=42"):
        refused(typed(gated, "carol", "sudo", forged, "env"), f"{forged.partition('=')[0]} is set by jitd itself")


def test_a_search_path_that_sudoers_sets_for_another_one_is_shown(gated: Gated) -> None:
    """THREATS P-20."""
    path = "/home/dave/bin:/usr/bin"
    with sudoers(f"Defaults:dave secure_path={path}\n"):
        assert typed(gated, "carol", "sudo", f"PATH={path}", "id").returncode == 0
        assert last(gated)["variables"] == [["PATH", path]]


# --- what is broken ------------------------------------------------------------------------------------------------------


def test_without_jitd_root_alone_is_let_in(gated: Gated) -> None:
    gated.stop()
    try:
        refused(typed(gated, "carol", "sudo", "id"), "jitd cannot be reached")
        assert typed(gated, "carol", "sudo", "-V").returncode == 0
        assert typed(gated, "root", "sudo", "id", "-u").stdout == "0\n"
    finally:
        gated.start()
    assert typed(gated, "carol", "sudo", "id", "-u").stdout == "0\n"


def test_arguments_and_files_that_are_not_right_deny_everybody_but_root(gated: Gated) -> None:
    """THREATS P-20."""
    for argument in ("wat", "wait=", "wait=1x", "wait=9999999", "socket=x"):
        with sudo_conf(f"{LINE} {argument}"):
            refused(typed(gated, "carol", "sudo", "id"), f"jit_approval does not know the argument {argument}")
            assert typed(gated, "root", "sudo", "id", "-u").stdout == "0\n"
    with sudo_conf(f"{LINE} socket=/nowhere"):
        refused(typed(gated, "carol", "sudo", "id"), "jitd cannot be reached")
    with sudo_conf(f"{LINE} wait=0"):
        refused(typed(gated, "alice", "sudo", "id", "-G"), "request ")
        assert last(gated)["state"] == "pending"
    PLUGIN.chmod(0o664)
    try:
        refused(typed(gated, "carol", "sudo", "id"), f"{PLUGIN} can be changed by others than root")
    finally:
        PLUGIN.chmod(0o755)


def test_a_plugin_that_cannot_be_loaded_denies_root_too(gated: Gated) -> None:
    """It is sudo that refuses: su and the console are the ways back."""
    with sudo_conf("Plugin jit_approval /usr/lib/jitd/nothing.so"):
        for who in ("carol", "root"):
            done = typed(gated, who, "sudo", "id", "-u")
            assert done.returncode == 1 and done.stdout == "" and "nothing.so" in done.stderr, done


# --- alone ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin under sanitizers, in a program that calls it, with a jitd that grants everything."""
    to = tmp_path_factory.mktemp("drive") / "drive"
    wrapped = ",".join(
        f"--wrap={name}" for name in ("calloc", "strndup", "getcwd", "getuid", "dladdr", "gate_is_roots", "gate_ask")
    )
    sources = [DRIVE, *(SOURCES / name for name in ("host.c", "gate.c", "narrow.c"))]
    words = ["cc", *SANITIZED, f"-Wl,{wrapped}", f"-I{SOURCES}", *sources, "-o", to]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return to


def driven(drive: Path, *words: str, uid: int = 4001) -> tuple[int | None, int | None, str]:
    """What ``open`` and ``check`` return, and all that is said."""
    done = subprocess.run([drive, str(uid), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and done.stdout.endswith("left 0\n"), done.stdout
    found = {name: int(value) for name, value in re.findall(r"^(open|check|again) (-?\d+)$", done.stdout, re.MULTILINE)}
    assert found.get("again") in (None, int(uid == 0)), done.stdout
    return found["open"], found.get("check"), done.stdout


def test_what_jitd_grants_is_permitted_and_nothing_else(drive: Path) -> None:
    opened, checked, said = driven(drive, "plain")
    assert (
        (opened, checked) == (1, 1)
        and "asked sudo root\n" in said
        and "told" not in said.partition("again")[0].partition("asked")[0]
    )
    assert "asked sudo root at once\n" in said, "what comes after the first is what the command starts"
    for other in ("denied", "odd"):
        opened, checked, said = driven(drive, other)
        assert (opened, checked) == (1, 0) and "told 3 jitd: no\n" in said


@pytest.mark.parametrize("version", [0, 0x1000E, 0x20000, 0x20015, 0xFFFFFFFF])
def test_open_never_asks_to_be_removed_whatever_the_version_is(drive: Path, version: int) -> None:
    """THREATS P-20."""
    opened, checked, _ = driven(drive, str(version))
    assert (opened, checked) == (-1, None)


def test_without_memory_nobody_is_let_in(drive: Path) -> None:
    """THREATS P-20."""
    for n in range(5):
        opened, checked, said = driven(drive, "memory", str(n))
        assert (opened, checked) == (1, 0) and "told 3 jitd: there is no memory" in said, n
    assert driven(drive, "memory", "5")[:2] == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        "=uid", "uid=4002", "uid=", "uid=-1", "uid=4001x", "uid=4294967295", "uid=0", "=command", "command=true", "twice",
        "=runas_user", "=runas_uid", "=runas_gid", "runas_uid=x", "runas_gid=99999999999", "runas_euid=4001", "sudoedit=true",
        "+wait=x", "+other",
    ],
)  # fmt: skip
def test_what_sudo_says_oddly_is_refused_without_a_question(drive: Path, change: str) -> None:
    """THREATS P-20."""
    opened, checked, said = driven(drive, change)
    assert (opened, checked) == (1, 0) and "asked" not in said.partition("check")[0], said
    assert "told 3 jitd: " in said


@pytest.mark.parametrize("said", ["teleport=true", "iolog=", "umask2=0", "", "=", "timeouts=1", "runas_group2=x"])
def test_what_a_later_sudo_says_of_a_command_and_the_plugin_does_not_know_is_refused(drive: Path, said: str) -> None:
    """THREATS P-20."""
    opened, checked, told = driven(drive, "info", said)
    assert (opened, checked) == (1, 0) and "asked" not in told.partition("check")[0], told
    assert "which jit_approval does not know: install a jitd for this sudo" in told


@pytest.mark.parametrize(
    "said", ["umask=022", "iolog_path=/x", "rlimit_core=0,0", "log_server_timeout=5", "source=/etc/sudoers:1"]
)
def test_what_sudo_says_of_many_commands_is_known(drive: Path, said: str) -> None:
    assert driven(drive, "info", said)[:2] == (1, 1)


def test_only_who_is_root_for_the_kernel_and_for_sudo_is_let_in_unasked(drive: Path) -> None:
    """THREATS P-20."""
    opened, checked, said = driven(drive, "plain", uid=0)
    assert (opened, checked) == (1, 1) and "asked" not in said
    said = driven(drive, "plain")[2]
    assert "asked" in said


def test_a_file_that_is_held_open_has_to_be_the_one_that_was_judged(drive: Path) -> None:
    """THREATS P-20."""
    assert driven(drive, "held", "/bin/true")[:2] == (1, 1)
    opened, checked, said = driven(drive, "held", "/bin/false")
    assert (opened, checked) == (1, 0) and "is not the one that jitd has checked" in said


def test_odd_lists_break_no_promise(tmp_path: Path) -> None:
    """Many more with make -C contrib/gates fuzz (make torture)."""
    line = ["make", "-s", "-C", SOURCES, f"{tmp_path}/fuzz-plugin", f"FUZZ={tmp_path}/fuzz"]
    subprocess.run(line, check=True)
    done = subprocess.run([tmp_path / "fuzz-plugin", "100000", "1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "all promises kept\n"), done.stderr
