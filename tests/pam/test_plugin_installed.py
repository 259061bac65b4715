# SPDX-License-Identifier: Apache-2.0
"""``jitd pam-install sudo --plugin`` and its way back, with the real sudo and a real jitd; and what doctor says of a plugin that
is lost later.

Law: after each refusal, every file is what it was.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from jitd.cli.call import NotDone
from jitd.hosts.places import SUDO_PLUGIN_WANTED
from jitd.hosts.sudo_plugin import INSTALL, REMOVE, SHIPPED
from jitd.settings import config
from jitd_inspection.doctor import plugin
from jitd_inspection.doctor.finding import Result
from jitd_inspection.doctor.host import Host
from jitd_inspection.verbs import plugin as installing
from tests.law.tree import TREE
from tests.pam.other_sudo import made_other_sudo, no_sudo_rs
from tests.pam.programs import BY_NAME, POLICY, Gated, write
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and its sudo")
CONF, PLUGIN, WANTED, SUDO = Path("/etc/sudo.conf"), Path(SHIPPED), Path(SUDO_PLUGIN_WANTED), Path("/usr/bin/sudo")
LINE = b"Plugin jit_approval /usr/lib/jitd/jit_approval.so\n"
STACKS = [Path("/etc/pam.d/sudo"), Path("/etc/pam.d/sudo-i")]
KEPT = [file.with_name(f"{file.name}.before-jitd") for file in STACKS]
PLUGIN_IN, PLUGIN_OUT, GATE_IN = INSTALL.split()[2:], REMOVE.split()[2:], ["sudo"]
KILLED = """
import os, signal, sys
number, n = int(sys.argv[1]), 0
def killed_at(call):
    def called(*words, **more):
        global n
        n += 1
        if n == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*words, **more)
    return called
from jitd_inspection.verbs import stacks
os.rename, os.unlink = killed_at(os.rename), killed_at(os.unlink)
stacks.pam_install(sys.argv[2:], standalone_mode=False)
"""
"""Dies instead of the call with this number that gives a file its name, or takes it."""
DENIES_ALL = """
typedef int (*print_t)(int, const char *, ...);
static print_t told;
static int opened(unsigned v, void *c, print_t print, char *const s[], char *const u[], int n, char *const w[], char *const e[],
                  char *const o[], const char **why) { told = print; return 1; }
static int check(char *const i[], char *const w[], char *const e[], const char **why) { *why = "not even root"; return 0; }
static int version(int verbose) { told(4, "jit_approval: another one\\n"); return 1; }
struct { unsigned type, version; void *open, *close, *check, *show; } jit_approval = {
    4, 0x1000f, opened, 0, check, version };
"""


@pytest.fixture(scope="module")
def house() -> Iterator[Gated]:
    """A host whose stacks and whose sudo.conf are Debian's, and which has one sudo."""
    made = Gated(POLICY, stacks=())
    try:
        with no_sudo_rs():
            made.start()
            yield made
            made.verify()
    finally:
        made.close()


@pytest.fixture(autouse=True)
def as_before(house: Gated) -> Iterator[None]:
    """All is put back, and written anew before, too: on the lab's overlay, a file gets another inode with its first change."""
    before = {file: (file.read_bytes(), file.stat().st_mode & 0o7777) for file in (*STACKS, CONF, PLUGIN)}

    def put() -> None:
        for file, (content, mode) in before.items():
            file.unlink(missing_ok=True)
            file.write_bytes(content)
            file.chmod(mode)

    put()
    yield
    for file in (*KEPT, WANTED):
        file.unlink(missing_ok=True)
    put()


def typed(*words: str) -> tuple[int, str]:
    """The status of ``jitd pam-install``, and all that it said."""
    return ended(["/usr/sbin/jitd", "pam-install", *words])


def ended(line: list[str]) -> tuple[int, str]:
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, done.stdout


def there() -> dict[str, tuple[bytes | str, int, int, int]]:
    """All that may have changed: content or the place of a link, mode, inode and owner."""
    found: dict[str, tuple[bytes | str, int, int, int]] = {}
    for above in (Path("/etc"), Path("/etc/pam.d"), Path("/etc/jitd"), PLUGIN.parent):
        for file in above.iterdir():
            status = file.lstat()
            what = os.readlink(file) if file.is_symlink() else file.read_bytes() if file.is_file() else b""
            found[str(file)] = (what, status.st_mode, status.st_ino, status.st_uid)
    return found


def doctors() -> Result:
    (found,) = plugin.examine()
    return found


def asks(house: Gated) -> bool:
    """Whether sudo asks jitd about what eve types. Root's own works always."""
    done = house.drive([*house.become("eve"), "sudo", "true"], BY_NAME["sudo"], house.mark())
    done.ends()
    assert ended(["sudo", "-n", "true"])[0] == 0
    return "jitd: denied: no rule permits this" in done.text


def test_the_plugin_takes_the_place_of_the_gate_and_its_way_back_leaves_what_was_before(house: Gated) -> None:
    """THREATS P-17."""
    before = there()
    assert typed(*GATE_IN)[0] == 0
    CONF.chmod(0o640)
    os.chown(CONF, 0, 4)
    status, said = typed(*PLUGIN_IN)
    assert status == 0, said
    assert "/etc/sudo.conf: sudo has loaded /usr/lib/jitd/jit_approval.so, let root in" in said
    assert said.count(": the file of before is back") == 2 and "keep a root shell open until sudo was tried" in said
    assert said.endswith(f"the way back: {REMOVE}\n"), said
    assert CONF.read_bytes() == LINE + before[str(CONF)][0]  # type: ignore[operator]
    assert (CONF.stat().st_mode & 0o7777, CONF.stat().st_uid, CONF.stat().st_gid) == (0o640, 0, 4)
    assert {name: of for name, of in there().items() if "pam.d" in name} == {
        name: of for name, of in before.items() if "pam.d" in name
    }, "the very files"
    assert (WANTED.stat().st_uid, WANTED.stat().st_mode & 0o7777) == (0, 0o600) and REMOVE in WANTED.read_text()
    n_asked = len(house.rows("requests", "--all"))
    house.type("carol", BY_NAME["sudo"]).is_let_in()
    assert [row["point"]["stage"] for row in house.rows("requests", "--all")[n_asked:]] == ["command"], "it is asked once"
    assert asks(house) and doctors().level == "ok"

    during = there()
    status, said = typed(*PLUGIN_IN)
    assert status == 0 and "sudo asks jitd by its plugin already: nothing was changed" in said and there() == during

    status, said = typed(*PLUGIN_OUT)
    assert status == 0 and "/etc/sudo.conf: the line of jitd's plugin is out" in said, said
    assert said.endswith("to put the gate into its PAM stack: jitd pam-install sudo\n"), said
    CONF.chmod(0o644)
    os.chown(CONF, 0, 0)
    assert {name: of[:2] for name, of in there().items()} == {name: of[:2] for name, of in before.items()}
    assert not asks(house)
    after = there()
    status, said = typed(*PLUGIN_OUT)
    assert status == 0 and "does not name jitd's plugin: nothing was changed" in said and there() == after


def test_the_way_back_to_the_gate_leaves_no_moment_without_either(house: Gated) -> None:
    assert typed(*PLUGIN_IN)[0] == 0
    status, said = typed(*GATE_IN)
    assert status == 0 and said.endswith(f"which takes two uses of a grant; to take the plugin out: {REMOVE}\n"), said
    assert doctors().level == "weak"
    status, said = typed(*PLUGIN_OUT)
    assert status == 0 and "sudo does not ask" not in said, said
    assert asks(house) and not WANTED.exists()


def test_rules_that_0_3_does_not_obey_at_the_gate_are_named_until_the_command_is_typed(house: Gated) -> None:
    """ADR 0252. The rules of this host permit any command; one of these is by command."""

    def named() -> list[Result]:
        return list(plugin.examine_rules(Host(config.load(house.config_file), house.config_file)))

    rule = '[[permit]]\nname = "only-id"\nwho = ["user:carol"]\nservices = ["sudo"]\ncommands = [["/usr/bin/id", "**"]]\n'
    house.set_policy(rule, "60-only-id.toml")
    try:
        assert named() == [], "sudo does not ask jitd"
        assert typed(*GATE_IN)[0] == 0
        (found,) = named()
        assert found.level == "weak" and "by command, only-id will permit nothing there" in found.sentence
        assert typed(*found.command.split()[2:])[0] == 0 and named() == []
        assert typed(*PLUGIN_OUT)[0] == 0 and typed(*GATE_IN)[0] == 0 and len(named()) == 1
        kept = SUDO.rename(SUDO.with_name("kept"))
        try:
            write(str(SUDO), "a sudo that knows no plugins", 0o4755)
            assert named() == [], "0.3 reads sudo-rs as before"
        finally:
            kept.rename(SUDO)
    finally:
        (house.root / "policy.d/60-only-id.toml").unlink()


def test_a_sudo_conf_that_is_missing_is_made_and_one_that_was_written_by_hand_counts(house: Gated) -> None:
    CONF.unlink()
    assert typed(*PLUGIN_IN)[0] == 0
    assert (CONF.read_bytes(), CONF.stat().st_mode, CONF.stat().st_uid) == (LINE, 0o100644, 0) and asks(house)
    CONF.write_bytes(
        b"# mine\n\n  plugin \\\n jit_approval  \\\n /usr/lib/jitd/jit_approval.so wait=5\nSet probe_interfaces false\n"
    )
    WANTED.unlink()
    assert ended(["sudo", "-V"])[1].count("\njit_approval: ") == 1
    status, said = typed(*PLUGIN_IN)
    assert status == 0 and "already" in said and WANTED.exists(), "it is wanted, from now on"
    assert typed(*PLUGIN_OUT)[0] == 0
    assert CONF.read_bytes() == b"# mine\n\nSet probe_interfaces false\n" and not asks(house)


def test_a_trial_prints_the_line_and_changes_nothing(house: Gated) -> None:
    typed(*GATE_IN)
    before = there()
    for who in ([], house.become("alice")):
        status, said = ended([*who, "/usr/sbin/jitd", "pam-install", "--dry-run", *PLUGIN_IN])
        assert status == 0 and f"+{LINE.decode()}" in said and "-account requisite pam_deny.so" in said, said
        assert said.endswith("nothing was changed\n") and there() == before
    typed(*PLUGIN_IN)
    before = there()
    status, said = typed("--dry-run", *PLUGIN_OUT)
    assert status == 0 and f"-{LINE.decode()}" in said and said.endswith("nothing was changed\n") and there() == before


@contextlib.contextmanager
def sudoers_with(text: str) -> Iterator[None]:
    before = Path("/etc/sudoers").read_text()
    write("/etc/sudoers", before + text, 0o440)
    try:
        yield
    finally:
        write("/etc/sudoers", before, 0o440)


@pytest.mark.parametrize("words", [PLUGIN_IN, GATE_IN], ids=["plugin", "gate"])
def test_system_accounts_that_use_sudo_now_are_listed_with_what_lets_them_ask_and_somebody_has_to_want_it(
    house: Gated, words: list[str]
) -> None:
    robots = (
        "%games ALL = (root) /usr/bin/id\nbackup ALL = (root) NOPASSWD: /usr/bin/tar, /usr/bin/rsync\n#34 ALL = PASSWD: ALL\n"
    )
    with sudoers_with(robots):
        before = there()
        status, said = typed(*words)
        assert (status, there()) == (1, before), said
        assert "backup (uid 34) may run by sudo: /usr/bin/tar, /usr/bin/rsync without a password; any command\n" in said
        assert "games (uid 5) may run by sudo: /usr/bin/id (a member of %games)\n" in said
        assert "Lower min_uid in jitd.toml (min_uid = 5), or map their principals under [principals]" in said
        assert '"backup@EXAMPLE.TEST" = "backup"' in said and said.endswith("mend this first, or say --yes\n")
        status, said = typed("--dry-run", *words)
        assert (status, there()) == (0, before) and "backup (uid 34) may run by sudo" in said
        status, said = typed("--yes", *words)
        assert status == 0 and "backup (uid 34) may run by sudo" in said and there() != before, said
        (found,) = plugin.examine_robots(Host(config.load(), Path("/etc/jitd/jitd.toml")))
        assert found.level == "weak" and "refuses 2 system accounts of sudoers: backup (uid 34) may run by" in found.sentence
        assert "[principals]" in found.mend
    typed("--remove", *words)
    assert list(plugin.examine_robots(Host(config.load(), Path("/etc/jitd/jitd.toml")))) == [], "sudo does not ask jitd"


def test_who_puts_the_plugin_in_at_a_terminal_is_asked_about_its_robots(house: Gated) -> None:
    with sudoers_with("backup ALL = (root) NOPASSWD: /usr/bin/tar\n"):
        before = there()
        for answer, status in (("no", 1), ("yes", 0)):
            child = pexpect.spawn("/usr/sbin/jitd", ["pam-install", *PLUGIN_IN], encoding="utf-8", timeout=PATIENCE)
            child.expect("Let sudo ask jitd all the same\\? type yes: ")
            assert there() == before
            child.sendline(answer)
            child.expect(pexpect.EOF)
            child.close()
            assert (child.exitstatus, there() == before) == (status, status != 0)


@pytest.fixture
def own_settings() -> Iterator[Path]:
    file = Path("/etc/jitd/jitd.toml")
    before = file.read_text()
    yield file
    file.write_text(before)


def test_a_system_account_that_the_settings_let_ask_is_no_reason_to_ask_anybody(house: Gated, own_settings: Path) -> None:
    with sudoers_with("backup ALL = (root) NOPASSWD: /usr/bin/tar\n"):
        own_settings.write_text(own_settings.read_text() + '\n[principals]\n"backup@EXAMPLE.TEST" = "backup"\n')
        status, said = typed(*PLUGIN_IN)
        assert status == 0 and "backup" not in said, said


# --- what is refused -----------------------------------------------------------------------------------------------------


def _linked() -> None:
    CONF.rename("/etc/sudo.conf.elsewhere")
    CONF.symlink_to("/etc/sudo.conf.elsewhere")


def _truncated() -> None:
    PLUGIN.write_bytes(PLUGIN.read_bytes()[:20000])


def _spoilt() -> None:
    whole = PLUGIN.read_bytes()
    PLUGIN.write_bytes(whole[:64] + bytes(448) + whole[512:])  # what says which parts the loader takes


def _foreign(source: str = DENIES_ALL) -> None:
    PLUGIN.unlink()
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", PLUGIN], input=source, text=True, check=True)
    PLUGIN.chmod(0o755)


def _by_hand() -> None:
    for kept in KEPT:
        kept.unlink()
    write(str(STACKS[0]), Path("/usr/share/jitd/pam.d/sudo").read_text())


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "the plugin is missing": (PLUGIN.unlink, "/usr/lib/jitd/jit_approval.so is missing"),
    "others may write the plugin": (lambda: PLUGIN.chmod(0o666), "chmod go-w /usr/lib/jitd/jit_approval.so"),
    "the plugin is somebody else's": (lambda: os.chown(PLUGIN, 4001, 0), "chown root:root /usr/lib/jitd/jit_approval.so"),
    "others may write above the plugin": (lambda: PLUGIN.parent.chmod(0o777), "chmod go-w /usr/lib/jitd"),
    "the plugin is truncated": (_truncated, "so nothing was changed: it is ended by SIGBUS"),
    "the plugin is no library": (lambda: PLUGIN.write_text("#!/bin/sh\n"), "so nothing was changed: sudo: "),
    "the plugin refuses root": (_foreign, "sudo would not let root in, so nothing was changed: "),
    "others may write sudo.conf": (lambda: CONF.chmod(0o666), "chmod go-w /etc/sudo.conf"),
    "others may write above sudo.conf": (lambda: CONF.parent.chmod(0o777), "chmod go-w /etc"),
    "sudo.conf is somebody else's": (lambda: os.chown(CONF, 4001, 0), "chown root:root /etc/sudo.conf"),
    "sudo.conf is a link": (_linked, "/etc/sudo.conf is a symbolic link"),
    "another plugin has the name": (
        lambda: CONF.write_text("Plugin jit_approval /opt/other.so\n"),
        "names a plugin jit_approval of another file (/opt/other.so); nothing was changed",
    ),
    "sudo does not work": (
        lambda: CONF.write_text("Plugin sudoers_policy nothing.so\n"),
        "/usr/bin/sudo does not work: sudo: error in /etc/sudo.conf, line 1 ",
    ),
    "somebody has written the gate": (
        _by_hand,
        "sudo asks jitd by a gate that pam-install has not put in (/etc/pam.d/sudo:",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_where_it_cannot_work_it_is_refused_and_nothing_changes(house: Gated, case: str) -> None:
    """THREATS P-17."""
    make, sentence = REFUSED[case]
    modes = {place: place.stat().st_mode for place in (PLUGIN.parent, CONF.parent)}
    typed(*GATE_IN)
    make()
    before = there()
    try:
        status, said = typed(*PLUGIN_IN)
        assert status == 1 and sentence in said, said
        assert there() == before
    finally:
        for place, mode in modes.items():
            place.chmod(mode)
        Path("/etc/sudo.conf.elsewhere").unlink(missing_ok=True)


def test_beside_another_sudo_the_gate_stays_because_it_asks_for_both(house: Gated) -> None:
    """THREATS P-17: sudo-rs has sudo's PAM service, and loads no plugin."""
    assert typed(*GATE_IN)[0] == 0
    with made_other_sudo() as other:
        line = [str(other), "/usr/bin/id", "-u"]
        for conf in (CONF.read_bytes(), LINE + CONF.read_bytes()):
            CONF.write_bytes(conf)
            before = there()
            for words in (PLUGIN_IN, ["--dry-run", *PLUGIN_IN]):
                status, said = typed(*words)
                assert (status, there()) == (1, before), said
                assert f"{other} is set-user-ID root, beside /usr/bin/sudo, and would ask nobody without the gate" in said
                assert f"nothing was changed: chmod u-s {other}; or keep the gate, which asks for both" in said
            assert ended([*house.become("eve"), *line])[1] != "0\n" and asks(house)
        found = doctors()
        assert (found.level, found.command) == ("bad", f"chmod u-s {other}")
        assert found.sentence.endswith(", and sudo asks jitd twice: what has its PAM service asks by the gate"), found
        assert (
            f"to keep sudo-rs, have the gate in place of the plugin, which asks for both: jitd pam-install sudo, then {REMOVE}"
            in found.mend
        )
        subprocess.run(found.command.split(), check=True)
        assert typed(*PLUGIN_IN)[0] == 0 and asks(house) and doctors().level == "ok"


def test_a_stack_that_was_changed_since_keeps_its_gate_and_a_missing_sudo_conf_stays_so(house: Gated) -> None:
    """THREATS P-17."""
    typed(*GATE_IN)
    STACKS[1].write_bytes(STACKS[1].read_bytes() + b"session optional pam_umask.so\n")
    before = there()
    status, said = typed(*PLUGIN_IN)
    assert status == 1 and "/etc/pam.d/sudo-i has changed since the gate was put in" in said and there() == before
    STACKS[1].write_bytes(STACKS[1].read_bytes().removesuffix(b"session optional pam_umask.so\n"))
    CONF.unlink()
    _truncated()
    before = there()
    assert typed(*PLUGIN_IN)[0] == 1 and there() == before


def test_a_line_that_sudo_does_not_load_takes_no_gate_out(house: Gated) -> None:
    """THREATS P-17: somebody has written the line, and what lies there does not say in `sudo -V` that it asks."""
    typed(*GATE_IN)
    _foreign(DENIES_ALL.replace("check, version", "check, 0"))
    CONF.write_bytes(LINE)
    before = there()
    status, said = typed(*PLUGIN_IN)
    assert status == 1 and f"but sudo does not load it, so nothing was changed: {plugin.UNNAMED}" in said, said
    assert there() == before and doctors().level == "bad"


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("sudo-rs 0.2.5", "/usr/bin/sudo -V says 'sudo-rs 0.2.5', and only sudo itself has plugins"),
        ("Sudo version 1.9.2p2", "since version 1.9.3, and this one says: Sudo version 1.9.2"),
        ("", "/usr/bin/sudo -V says '', and only"),
    ],
)
def test_a_sudo_without_plugins_keeps_its_gate(house: Gated, says: str, sentence: str) -> None:
    """The program of that name says what it is: neither of them is on this host."""
    other = house.root / "other-sudo"
    write(str(other), f"#!/bin/sh\necho '{says}'\n", 0o755)
    before = there()
    line = ["unshare", "--mount", "sh", "-euc", 'mount --bind "$0" /usr/bin/sudo; exec "$@"', str(other)]
    status, said = ended([*line, "/usr/sbin/jitd", "pam-install", *PLUGIN_IN])
    assert status == 1 and sentence in said and "jitd pam-install sudo puts the gate" in said, said
    assert there() == before


def test_where_the_line_cannot_be_tried_it_is_not_put_in(house: Gated) -> None:
    """THREATS P-17."""
    before = there()
    line = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "/usr/sbin/jitd", "pam-install", *PLUGIN_IN]
    status, said = ended(line)
    assert status == 1 and "so nothing was changed: unshare: unshare failed" in said, said
    assert there() == before


@pytest.mark.parametrize(("setting", "is_tried"), [("!secure_path", True), ("requiretty", False)])
def test_where_sudoers_is_another_root_is_let_in_all_the_same_or_it_is_told_that_this_was_not_tried(
    house: Gated, setting: str, is_tried: bool
) -> None:
    """THREATS P-17."""
    kept = Path("/etc/sudoers").read_text()
    write("/etc/sudoers", f"{kept}\nDefaults {setting}\n", 0o440)
    try:
        status, said = typed(*PLUGIN_IN)
        assert status == 0 and (", let root in, and asks" in said, "so it was not tried" in said) == (is_tried, not is_tried), (
            said
        )
        assert typed(*PLUGIN_OUT)[0] == 0
        if is_tried:
            _foreign()
            before = there()
            status, said = typed(*PLUGIN_IN)
            assert status == 1 and "sudo would not let root in, so nothing was changed" in said and there() == before, said
    finally:
        write("/etc/sudoers", kept, 0o440)


def test_what_somebody_writes_into_the_sudo_conf_that_was_made_for_the_trial_is_kept(
    house: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's may be missing, and an editor that writes in place has the file that lies there during the trial."""
    CONF.unlink()
    monkeypatch.setattr(installing, "_try_out", lambda half, **more: CONF.write_bytes(b"# mine\n"))
    with pytest.raises(NotDone, match="was changed at this moment"):
        installing.put_in(is_trial=False)
    assert CONF.read_bytes() == b"# mine\n" and not WANTED.exists()
    CONF.unlink()
    monkeypatch.setattr(installing, "_try_out", lambda half, **more: CONF.unlink())
    with pytest.raises(NotDone, match="there is no such file"):
        installing.put_in(is_trial=False)
    assert not CONF.exists() and not WANTED.exists()


def test_who_is_not_root_and_what_is_not_sudo_are_refused(house: Gated) -> None:
    before = there()
    status, said = ended([*house.become("alice"), "/usr/sbin/jitd", "pam-install", *PLUGIN_IN])
    assert status != 0 and "only root can change /etc/sudo.conf" in said
    for service in ("su", "sshd", "doas"):
        status, said = typed(service, "--plugin")
        assert status == 2 and f"{service} has no plugin: --plugin is for sudo alone" in said
    assert there() == before
    assert typed("sudo-i", "--plugin")[0] == 0


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_kill_between_two_steps_leaves_what_asks_and_a_second_try_ends_it(house: Gated, way: str) -> None:
    """THREATS P-17."""
    states = set()
    words = PLUGIN_IN if way == "in" else PLUGIN_OUT
    for number in range(1, 50):
        if way == "in":
            assert typed(*GATE_IN)[0] == 0
        else:
            typed(*PLUGIN_IN)
            assert typed(*GATE_IN)[0] == 0
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(number), *words], cwd=TREE, capture_output=True, text=True, check=False
        )
        has_line, has_gate = LINE in CONF.read_bytes(), KEPT[0].exists()
        states.add((has_line, has_gate, KEPT[1].exists(), WANTED.exists()))
        assert asks(house), (number, done.stderr)
        assert not has_line or WANTED.exists(), "a line that is lost would be missed"
        assert typed(*words)[0] == 0
        assert (LINE in CONF.read_bytes(), KEPT[0].exists(), WANTED.exists()) == (
            (True, False, True) if way == "in" else (False, True, False)
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        typed(*PLUGIN_OUT)
        if any(file.exists() for file in KEPT):
            typed("--remove", "sudo")
    assert states >= (
        {
            (False, True, True, False),
            (False, True, True, True),
            (True, True, True, True),
            (True, False, True, True),
            (True, False, False, True),
        }
        if way == "in"
        else {(True, True, True, True), (False, True, True, True), (False, True, True, False)}
    ), states


# --- what is lost later --------------------------------------------------------------------------------------------------


def test_an_upgrade_of_sudo_that_takes_the_line_away_is_found_and_the_command_puts_it_back(house: Gated, tmp_path: Path) -> None:
    """THREATS P-20: dpkg itself does it, to this very file, of a package that has nothing else."""
    of_package = CONF.read_bytes()
    database = tmp_path / "dpkg"
    for name in ("info", "updates", "triggers"):
        (database / name).mkdir(parents=True)
    for name in ("status", "available", "arch"):
        (database / name).touch()

    def upgraded(version: str, content: bytes, *options: str) -> None:
        package = tmp_path / version
        (package / "DEBIAN").mkdir(parents=True)
        (package / "etc").mkdir()
        (package / "etc/sudo.conf").write_bytes(content)
        (package / "DEBIAN/conffiles").write_text("/etc/sudo.conf\n")
        (package / "DEBIAN/control").write_text(
            f"Package: sudo\nVersion: {version}\nArchitecture: all\nMaintainer: t <t@example.test>\nDescription: its conffile\n"
        )
        subprocess.run(["dpkg-deb", "--build", package, f"{package}.deb"], check=True, capture_output=True)
        line = ["dpkg", f"--admindir={database}", *options, "-i", f"{package}.deb"]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout

    upgraded("12", of_package)
    assert typed(*PLUGIN_IN)[0] == 0
    upgraded("12.1", of_package + b"# of 12.1\n", "--force-confold")
    assert CONF.read_bytes().startswith(LINE) and doctors().level == "ok"
    upgraded("13", of_package + b"# of 13\n", "--force-confnew")
    assert LINE not in CONF.read_bytes() and not asks(house)
    found = doctors()
    assert found.level == "bad" and "no line of its plugin, which this host wants" in found.sentence, found
    assert ended(["/usr/sbin/jitd", *found.command.split()[1:]])[0] == 0
    assert asks(house) and doctors().level == "ok" and CONF.read_bytes().endswith(b"# of 13\n")
    typed(*GATE_IN)
    CONF.write_bytes(of_package)
    assert REMOVE in doctors().mend


@pytest.mark.parametrize(
    ("damage", "says"),
    [(_truncated, "cut off"), (PLUGIN.unlink, "missing"), (lambda: PLUGIN.write_text("x"), "no"), (_spoilt, "unable to load")],
    ids=["truncated", "missing", "no library", "spoilt"],
)
def test_a_plugin_that_is_damaged_in_an_upgrade_is_named_with_the_way_back(
    house: Gated, damage: Callable[[], object], says: str
) -> None:
    """THREATS P-20: sudo refuses root, too, and the command of doctor needs no sudo, and nothing that may be lost with it."""
    assert typed(*PLUGIN_IN)[0] == 0
    damage()
    assert ended(["sudo", "-n", "true"])[0] != 0
    found = doctors()
    assert found.level == "bad" and says in found.sentence and "refuses everybody, and root, too" in found.sentence, found
    assert found.mend == f"by su or at the console: install jitd again, or {REMOVE}"
    shipped = Path("/usr/share/jitd/pam.d")
    shipped.rename("/usr/share/jitd/away")
    try:
        assert typed(*GATE_IN)[0] == 2
        status, said = typed(*PLUGIN_OUT)
        assert status == 0, said
    finally:
        Path("/usr/share/jitd/away").rename(shipped)
    assert ended(["sudo", "-n", "true"]) == (0, "")


@pytest.mark.parametrize(
    ("line", "says", "is_jitds"),
    [
        (LINE.replace(b"jit_approval ", b"jit_aproval "), "names jit_aproval, and jitd's plugin is jit_approval", True),
        (LINE.replace(b"approval.so", b"aproval.so"), "names /usr/lib/jitd/jit_aproval.so, and", True),
        (b"Plugin other_approval /usr/lib/other.so\n", "/usr/lib/other.so", False),
    ],
    ids=["symbol", "file", "of others"],
)
def test_a_sudo_that_a_line_of_sudo_conf_has_killed_is_found_by_asking_it_and_tried_after_the_way_back(
    house: Gated, line: bytes, says: str, is_jitds: bool
) -> None:
    CONF.write_bytes(line)
    assert ended(["sudo", "-n", "true"])[0] != 0
    found = doctors()
    assert (found.level, says in found.sentence) == ("bad", True), found
    assert found.sentence.startswith("sudo refuses everybody, and root, too: ") and "su or at the console" in found.mend, found
    status, said = typed(*PLUGIN_OUT)
    if is_jitds:
        assert status == 0, said
        assert ended(["sudo", "-n", "true"]) == (0, "") and CONF.read_bytes() == b""
    else:
        assert status == 1 and CONF.read_bytes() == line, said
        assert "does not name jitd's plugin, and sudo does not work all the same: " in said and says in said


@pytest.mark.parametrize("word", ["wait=60s", "wait=", "wait=1234567", "socket=run/x", "quiet"])
def test_a_word_after_the_path_that_the_plugin_does_not_know_is_found_before_somebody_is_refused(house: Gated, word: str) -> None:
    CONF.write_bytes(LINE.rstrip(b"\n") + f" {word}\r\n".encode())
    found = doctors()
    assert found.level == "bad" and f"gives the plugin the argument {word}, which it does not know" in found.sentence, found
    assert found.sentence.startswith("sudo refuses everybody but root: ")
    done = house.drive([*house.become("carol"), "sudo", "true"], BY_NAME["sudo"], house.mark())
    done.ends()
    assert f"jit_approval does not know the argument {word}: correct its line in sudo.conf" in done.text
    status, said = typed(*PLUGIN_IN)
    assert status == 1 and f"because /etc/sudo.conf gives the plugin the argument {word}, which it does not know; nothing" in said
    assert ended(["sudo", "-n", "true"])[0] == 0


def test_a_sudo_conf_that_sudo_ignores_is_named(house: Gated) -> None:
    """THREATS P-20."""
    assert typed(*PLUGIN_IN)[0] == 0
    CONF.chmod(0o666)
    assert not asks(house), "sudo says so, and goes on"
    found = doctors()
    assert found.level == "bad" and found.command == "chmod go-w /etc/sudo.conf", found
    subprocess.run(found.command.split(), check=True)
    assert asks(house) and doctors().level == "ok"
