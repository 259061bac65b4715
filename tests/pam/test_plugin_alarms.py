# SPDX-License-Identifier: Apache-2.0
"""What keeps sudo from asking jitd by its plugin: what is made of what was seen, what is seen on a host, what the real sudo does
there, and what the daemon and the doctor tell of it.

Law: where nobody wants the plugin, nothing is told. What was broken is told until it is mended, and in the log once.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.files.silence import MOUNTS, Silent
from jitd.hosts import places
from jitd.hosts.places import MOST_NAMES, SUDO_PLUGIN_WANTED, Places
from jitd.hosts.plugin_look import SUDOS, look
from jitd.hosts.sudo_plugin import (
    ANOTHER,
    ASKS_NOBODY,
    CONF,
    NOT_KNOWN,
    OTHERS_DECIDE,
    REFUSES_ALL,
    REFUSES_OTHERS,
    SHIPPED,
    SUDO,
    Another,
    Changed,
    Seen,
    judge,
    line_of,
)
from tests.law.tree import TREE
from tests.pam.other_sudo import SUDO_RS, made_other_sudo, no_sudo_rs
from tests.pam.programs import GATED, POLICY, Gated
from tests.table import each_row
from tests.waiting import PATIENCE, examined, wait_for

in_lab = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and its sudo")
LINE = f"Plugin jit_approval {SHIPPED}"
BUILT = TREE / ".venv/gates/jit_approval.so"

# --- what is made of it --------------------------------------------------------------------------------------------------

ASKS = Seen(words=tuple(LINE.split()))
OPEN = Changed("/etc may be written by everybody", "chmod go-w /etc")
ROWS: list[tuple[str, Seen, list[tuple[str, str]]]] = [
    ("nothing is wanted", Seen(), []),
    ("nothing is wanted, and all else is wrong", Seen(unfit="is missing", version=(), others=(Another("/x"),), plugin=OPEN), []),
    ("the line", ASKS, []),
    ("the line, and it is wanted", replace(ASKS, is_wanted=True), []),
    ("no sudo", replace(ASKS, version=None), []),
    ("the oldest sudo", replace(ASKS, version=(1, 9, 3)), []),
    ("a much later sudo", replace(ASKS, version=(1, 10, 0)), []),
    ("it is wanted", Seen(is_wanted=True), [(ASKS_NOBODY, "has no line of its plugin")]),
    ("it cannot be read", Seen(unreadable="/etc/sudo.conf: x"), [(NOT_KNOWN, "/etc/sudo.conf: x")]),
    ("ignored", replace(ASKS, ignored=OPEN, conf=OPEN), [(ASKS_NOBODY, "it ignores /etc/sudo.conf")]),
    ("a file of another name", replace(ASKS, words=(*ASKS.words[:2], "/opt/x.so")), [(NOT_KNOWN, "names another file")]),
    ("no file", replace(ASKS, words=ASKS.words[:2]), [(NOT_KNOWN, "names another file")]),
    ("another name", replace(ASKS, words=("Plugin", "jit_aproval", SHIPPED)), [(REFUSES_ALL, "names jit_aproval, and jitd's")]),
    ("a misspelled file", replace(ASKS, words=(*ASKS.words[:2], f"{SHIPPED}x")), [(REFUSES_ALL, f"names {SHIPPED}x, and")]),
    ("a time that is none", replace(ASKS, words=(*ASKS.words, "wait=60s")), [(REFUSES_OTHERS, "the argument wait=60s")]),
    ("a word that it does not know", replace(ASKS, words=(*ASKS.words, "wait=6", "q")), [(REFUSES_OTHERS, "the argument q,")]),
    ("words that it knows", replace(ASKS, words=(*ASKS.words, "wait=0", "socket=/x")), []),
    ("unfit", replace(ASKS, unfit="is cut off"), [(REFUSES_ALL, f"{SHIPPED} is cut off")]),
    ("above sudo.conf", replace(ASKS, conf=OPEN), [(OTHERS_DECIDE, OPEN.by)]),
    ("above the plugin", replace(ASKS, plugin=OPEN), [(OTHERS_DECIDE, OPEN.by)]),
    ("sudo-rs", replace(ASKS, version=()), [(ASKS_NOBODY, "is not known to load plugins")]),
    ("an old sudo", replace(ASKS, version=(1, 9, 2)), [(ASKS_NOBODY, "/usr/bin/sudo is sudo 1.9.2")]),
    ("others", replace(ASKS, others=(Another("/a"), Another("/b"))), [(ANOTHER, "/a is set-user-ID root"), (ANOTHER, "/b is")]),
    (
        "another of a bad name",
        replace(ASKS, others=(Another("/opt/x/bin/sudo;\n\udcff"),)),
        [(ANOTHER, r"'/opt/x/bin/sudo;\n\udcff' is")],
    ),
    ("too many names", replace(ASKS, crowded=("/opt/x\n/bin",)), [(NOT_KNOWN, r"'/opt/x\n/bin' has more than ")]),
    ("sudo-rs, and it is wanted", Seen(is_wanted=True, version=()), [(ASKS_NOBODY, "no line"), (ASKS_NOBODY, "not known to")]),
    (
        "all at once",
        Seen(False, "", ASKS.words, OPEN, OPEN, "is missing", OPEN, (), (Another("/a"),)),
        [(ASKS_NOBODY, "ignores"), (REFUSES_ALL, "missing"), (ASKS_NOBODY, "plugins"), (ANOTHER, "/a"), (OTHERS_DECIDE, "/etc")],
    ),
]


@each_row("row", ROWS, ids=lambda row: row[0])
def test_what_was_seen_makes_these_faults_and_each_says_what_to_do(row: tuple[str, Seen, list[tuple[str, str]]]) -> None:
    _, seen, expected = row
    faults = list(judge(seen))
    assert [fault.what for fault in faults] == [what for what, _ in expected]
    assert all(why in fault.why for fault, (_, why) in zip(faults, expected, strict=True)), faults
    assert all(fault.mend or fault.command for fault in faults)
    assert not any(";" in fault.command for fault in faults)
    assert all(str(fault).partition(": ")[0] == fault.what for fault in faults), "jitd status takes it apart there"


# --- what is seen --------------------------------------------------------------------------------------------------------


class Host:
    """A host below a directory, with the line, the plugin and a sudo of this host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, content, mode in (
            (CONF, f"{LINE}\n".encode(), 0o644), (SHIPPED, BUILT.read_bytes(), 0o755), (SUDO, Path(SUDO).read_bytes(), 0o4755),
        ):  # fmt: skip
            self.write(path, content, mode)

    def at(self, path: str) -> Path:
        return Path(f"{self.root}{path}")

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_bytes(content)
        self.at(path).chmod(mode)

    def led(self, path: str, to: str) -> None:
        """``path`` becomes a link to ``to``, where the file is now."""
        self.at(to).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).rename(self.at(to))
        self.at(path).symlink_to(self.at(to))

    def told(self) -> list[str]:
        return [str(fault).replace(str(self.root), "") for fault in judge(look(Places(str(self.root))))]


def alternatives(host: Host) -> None:
    host.led(SUDO, "/etc/alternatives/sudo")


def rs(host: Host) -> None:
    """As in Ubuntu 25.10: sudo.ws is beside it."""
    host.led(SUDO, "/usr/bin/sudo.ws")
    host.at(SUDO).unlink()
    host.write("/usr/lib/cargo/bin/sudo", Path("/bin/true").read_bytes(), 0o4755)
    host.at(SUDO).symlink_to(host.at("/usr/lib/cargo/bin/sudo"))


def rs_of_debian(host: Host) -> None:
    host.write("/usr/lib/cargo/bin/sudo", Path("/bin/true").read_bytes(), 0o4755)
    host.at("/usr/bin/sudo-rs").symlink_to(host.at("/usr/lib/cargo/bin/sudo"))


def shared(host: Host, path: str) -> None:
    host.led(path, "/srv/shared/file")
    host.at("/srv/shared").chmod(0o777)


def changed(path: str, how: Callable[[bytes], bytes]) -> Callable[[Host], None]:
    return lambda host: host.write(path, how(host.at(path).read_bytes()), host.at(path).stat().st_mode & 0o7777)


def moded(path: str, mode: int) -> Callable[[Host], None]:
    return lambda host: host.at(path).chmod(mode)


def owned(path: str) -> Callable[[Host], None]:
    return lambda host: os.chown(host.at(path), 7, 7)


def added(path: str, mode: int, uid: int = 0) -> Callable[[Host], None]:
    def add(host: Host) -> None:
        host.write(path, b"#!", 0)
        os.chown(host.at(path), uid, 0)
        host.at(path).chmod(mode)

    return add


def another(place: str, to: str, make: Callable[[Path, Path], None], uid: int = 7) -> Callable[[Host], None]:
    """In a directory of the account, the set-user-ID program ``to`` is called sudo, too."""

    def add(host: Host) -> None:
        host.write(to, b"#!", 0o4755)
        host.at(place).mkdir(parents=True)
        make(host.at(to), host.at(f"{place}/sudo"))
        os.chown(host.at(place), uid, uid)

    return add


SEEN: list[tuple[str, Callable[[Host], object], list[str]]] = [
    ("as it should be", lambda host: None, []),
    ("by alternatives", alternatives, []),
    ("no line, and not wanted", changed(CONF, lambda _: b""), []),
    ("no sudo.conf, and not wanted", lambda host: host.at(CONF).unlink(), []),
    ("a directory in its place", lambda host: (host.at(CONF).unlink(), host.at(CONF).mkdir()), []),
    ("a link in a directory of root", lambda host: host.led(CONF, "/srv/own/file"), []),
    ("a second line of another file", changed(CONF, lambda line: line + b"Plugin jit_approval /opt/x.so\n"),
     [f"{NOT_KNOWN}: {CONF} names another file than {SHIPPED}"]),
    ("a second line of the same file", changed(CONF, lambda line: line + line), []),
    ("another line without a file", changed(CONF, lambda line: b"Plugin jit_approval\n" + line), []),
    ("sudo.conf of everybody", moded(CONF, 0o666), [f"{ASKS_NOBODY}: it ignores {CONF}, which may be written by anyone"]),
    ("sudo.conf of a group", moded(CONF, 0o664), [f"{ASKS_NOBODY}: it ignores {CONF}, which may be written by its group"]),
    ("sudo.conf of another", owned(CONF), [f"{ASKS_NOBODY}: it ignores {CONF}, which belongs to uid 7, not to root"]),
    ("above sudo.conf", moded("/etc", 0o777), [f"{OTHERS_DECIDE}: /etc may be written by "]),
    ("sudo.conf by a link", lambda host: shared(host, CONF), [f"{OTHERS_DECIDE}: /srv/shared may be written by "]),
    ("the plugin of everybody", moded(SHIPPED, 0o666), [f"{OTHERS_DECIDE}: {SHIPPED} may be written by "]),
    ("the plugin of another", owned(SHIPPED), [f"{OTHERS_DECIDE}: {SHIPPED} belongs to uid 7"]),
    ("above the plugin", owned("/usr/lib/jitd"), [f"{OTHERS_DECIDE}: /usr/lib/jitd belongs to uid 7"]),
    ("the plugin by a link", lambda host: shared(host, SHIPPED), [f"{OTHERS_DECIDE}: /srv/shared may be written by "]),
    ("no plugin", lambda host: host.at(SHIPPED).unlink(), [f"{REFUSES_ALL}: {SHIPPED} is missing"]),
    ("a script", changed(SHIPPED, lambda _: b"#!/bin/sh\n" * 99), [f"{REFUSES_ALL}: {SHIPPED} is not a library"]),
    ("an empty file", changed(SHIPPED, lambda _: b""), [f"{REFUSES_ALL}: {SHIPPED} is not a library"]),
    (
        "for another processor",
        changed(SHIPPED, lambda data: data[:18] + b"\xff" + data[19:]),
        [f"{REFUSES_ALL}: {SHIPPED} is not for the processor of {SUDO}"],
    ),
    ("another library", changed(SHIPPED, lambda data: data.replace(b"\0jit_app", b"\0jit_xpp")),
     [f"{REFUSES_ALL}: {SHIPPED} has no jit_approval"]),
    ("an old sudo", changed(SUDO, lambda data: data.replace(b"1.9.13p3\0", b"1.8.32p3\0").replace(b"1.9.16p2\0", b"1.8.32p2\0")),
     [f"{ASKS_NOBODY}: {SUDO} is sudo 1.8.32"]),
    ("a sudo without them", changed(SUDO, lambda data: data.replace(b"approval plugin", b"policy plugin  ")),
     [f"{ASKS_NOBODY}: {SUDO} is not known to load plugins"]),
    ("another program", changed(SUDO, lambda _: b"#!"), [f"{ASKS_NOBODY}: {SUDO} is not known"]),
    ("sudo-rs", rs, [f"{ASKS_NOBODY}: {SUDO} is not known", f"{ANOTHER}: /usr/bin/sudo.ws is set-user-ID root"]),
    ("a link to another one, as of Debian's sudo-rs", rs_of_debian,
     [f"{ANOTHER}: /usr/lib/cargo/bin/sudo is set-user-ID root, beside {SUDO}"]),
    ("a second name", lambda host: os.link(host.at(SUDO), host.at("/usr/bin/sudo2")), []),
    ("one that runs as its caller", added("/usr/local/bin/sudo", 0o755), []),
    ("one of another account", added("/usr/local/bin/sudo", 0o4755, 7), []),
    ("a link of another account", another("/opt/x/bin", "/usr/bin/su", os.symlink),
     [f"{ANOTHER}: /opt/x/bin/sudo leads to /usr/bin/su, which is set-user-ID root"]),
    *((f"another one in {one}", added(one, 0o4755), [f"{ANOTHER}: {one} is set-user-ID root, beside {SUDO}"])
      for one in (pattern.replace("*", "x").removesuffix("x") for pattern in SUDOS) if one != SUDO),
]  # fmt: skip


@each_row("row", SEEN, ids=lambda row: row[0])
def test_what_lies_on_a_host_is_told(row: tuple[str, Callable[[Host], object], list[str]], tmp_path: Path) -> None:
    """THREATS P-21."""
    host = Host(tmp_path / str(SEEN.index(row)))
    row[1](host)
    told = host.told()
    assert len(told) == len(row[2]) and all(one.startswith(word) for one, word in zip(told, row[2], strict=True)), told


def test_a_line_that_is_missing_is_told_only_where_it_is_wanted(tmp_path: Path) -> None:
    """THREATS P-21."""
    host = Host(tmp_path)
    for change in (
        lambda: host.write(CONF, b"# Plugin jit_approval\n"),
        lambda: host.at(CONF).unlink(),
        lambda: host.at(CONF).mkdir(),
    ):
        change()
        assert host.told() == []
        host.write(SUDO_PLUGIN_WANTED, b"")
        assert host.told() == [f"{ASKS_NOBODY}: {CONF} has no line of its plugin, which this host wants ({SUDO_PLUGIN_WANTED})"]
        host.at(SUDO_PLUGIN_WANTED).unlink()


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_the_command_that_is_told_changes_no_file_to_which_somebody_else_leads_root(
    make: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """THREATS P-21: su is the way back where sudo does not work. For what root alone can exchange, a command is told."""
    host = Host(tmp_path)
    another("/opt/x/bin", "/usr/bin/su", make)(host)
    (fault,) = judge(look(Places(str(host.root))))
    assert not fault.command and fault.mend.startswith("remove "), fault
    added("/opt/y/bin/sudo", 0o4755)(host)
    commands = [fault.command for fault in judge(look(Places(str(host.root))))]
    assert commands == ["", "chmod u-s /opt/y/bin/sudo"]


def test_no_command_is_told_about_a_sudo_conf_to_which_a_link_leads(tmp_path: Path) -> None:
    """THREATS P-21. Beside it, one is told about a file."""
    host = Host(tmp_path)
    moded(CONF, 0o666)(host)
    assert [fault.command for fault in judge(look(Places(str(host.root))))] == [f"chmod go-w {CONF}"]
    host.led(CONF, "/srv/of/a/person/file")
    owned("/srv/of/a/person")(host)
    (fault,) = judge(look(Places(str(host.root))))
    assert (fault.what, fault.command) == (ASKS_NOBODY, "") and fault.mend.startswith("put it where root alone owns")


def test_whoever_fills_a_directory_neither_holds_up_the_look_nor_hides_a_sudo_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS P-21. One that has just as many names as are read is no fault."""
    monkeypatch.setattr(places, "MOST_NAMES", 20)
    host = Host(tmp_path)
    for number in range(20):
        host.write(f"/opt/a/bin/sudo{number}", b"")
    assert host.told() == []
    host.write("/opt/a/bin/x", b"")
    added("/opt/b/bin/sudo", 0o4755)(host)
    assert host.told() == [
        f"{ANOTHER}: /opt/b/bin/sudo is set-user-ID root, beside {SUDO}",
        f"{NOT_KNOWN}: /opt/a/bin has more than {MOST_NAMES} names, so another sudo there is not seen",
    ]


def test_a_mount_that_does_not_answer_hides_no_sudo_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path)
    for path in ("/opt/dead/bin/sudo", "/opt/x/bin/sudo"):
        added(path, 0o4755)(host)
    assert len(host.told()) == 2

    def approach(paths: Iterable[bytes]) -> None:
        if any(b"/opt/dead/" in path for path in paths):
            raise Silent("/opt/dead does not answer")

    monkeypatch.setattr(MOUNTS, "approach", approach)
    assert host.told() == [f"{ANOTHER}: /opt/x/bin/sudo is set-user-ID root, beside {SUDO}"]


def test_a_plugin_that_is_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    """THREATS P-21."""
    host, whole = Host(tmp_path), BUILT.read_bytes()
    for size in (*range(0, len(whole), 1013), 63, 64, len(whole) - 1):
        host.write(SHIPPED, whole[:size], 0o755)
        assert [one.partition(":")[0] for one in host.told()] == [REFUSES_ALL], size
    host.write(SHIPPED, whole, 0o755)
    assert host.told() == []


# --- the real sudo -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host whose sudo has the plugin, and no gate in its PAM stack. It has no other sudo."""
    kept = Path(CONF).read_bytes()
    made = Gated(POLICY, stacks=tuple(name for name in GATED if not name.startswith("sudo")))
    try:
        Path(CONF).write_text(f"{LINE}\n")
        Path(SUDO_PLUGIN_WANTED).write_text("")
        with no_sudo_rs():
            made.start()
            yield made
            made.verify()
    finally:
        Path(SUDO_PLUGIN_WANTED).unlink(missing_ok=True)
        Path(CONF).write_bytes(kept)
        made.close()


@contextlib.contextmanager
def moved(path: str, to: str) -> Iterator[None]:
    """The file at ``path`` is at ``to`` while this lasts."""
    os.rename(path, to)
    try:
        yield
    finally:
        os.replace(to, path)


def ran(gated: Gated, who: str = "eve") -> bool:
    """True if sudo runs a command of ``who``; no rule of jitd's permits eve anything, and sudoers permits her everything."""
    line = ["sudo", "-n", "id", "-u"]
    line = line if who == "root" else [*gated.become(who), *line]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (0, "0\n") or (done.returncode != 0 and not done.stdout), done
    return done.returncode == 0


TEXTS = (
    LINE,
    f"  plugin\tjit_approval  {SHIPPED} wait=5 # ours",
    f"PLUGIN jit_approval {SHIPPED}",
    f"Plugin jit_approval {SHIPPED}#",
    f"Plugin jit_approval \\\n  {SHIPPED}",
    f"Plugin \\\n# comment\njit_approval {SHIPPED}",
    f"# comment \\\n{LINE}",
    f"{LINE}\n{LINE}",
    f"{LINE}\r",
    f"Set x y\nPath askpass /x\n{LINE}",
    f"#{LINE}",
    f"# \f{LINE}",
    f"# \u2028{LINE}",
    LINE.replace(" ", "\u00a0"),
    LINE.replace(" ", "\v"),
    LINE.replace("approval", "\\\napproval", 1),
    f"\\\n{LINE}",
    f"Plugins jit_approval {SHIPPED}",
    f"\r{LINE}",
    f"\\\n\r{LINE}",
    f"\\\r\n{LINE}\r\r",
    f"{LINE} \r",
    f"{LINE}\0\0",
    f"\0{LINE}",
    f"x\0#\\\n{LINE}",
    f"x # \\\n{LINE}",
    "",
)


@in_lab
def test_a_line_is_found_where_sudo_finds_it(gated: Gated) -> None:
    """THREATS P-21."""
    kept = Path(CONF).read_bytes()
    try:
        for text in TEXTS:
            Path(CONF).write_text(f"{text}\n")
            assert bool(line_of(text)) is not ran(gated), text
    finally:
        Path(CONF).write_bytes(kept)


# --- what is told of it --------------------------------------------------------------------------------------------------


def line_about_sudo(gated: Gated) -> str:
    """What ``jitd status`` says of sudo; nothing if there is no such line."""
    rows = map(json.loads, gated.jitd("status", "--json").stdout.splitlines())
    return next((str(row["says"]) for row in rows if row["about"] == "sudo"), "")


def is_counted(gated: Gated) -> bool:
    return 'jitd_missing{what="sudo"} 1' in gated.jitd("metrics").stdout.splitlines()


def logged(gated: Gated) -> tuple[int, int]:
    """How often the log says that it is not in order, and how often that it is again."""
    log = gated.log()
    return log.count("is not in order what=sudo "), log.count("what was not in order is in order again what=sudo")


def finding(gated: Gated) -> dict[str, str]:
    """What ``jitd doctor`` says first of the plugin."""
    line = ("jitd", "doctor", "--json", "--config", str(gated.config_file))
    rows = examined(lambda: gated.run("root", *line, timeout=2 * PATIENCE).stdout)
    return next(row for row in rows if row["check"] == "sudo.plugin")


def doctors(gated: Gated, fault: str) -> str:
    """The doctor tells ``fault``. Its command."""
    found = finding(gated)
    assert (found["level"], found["sentence"]) == ("bad", fault)
    return found["command"]


def typed(command: str) -> None:
    subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, timeout=PATIENCE, check=True)


@contextlib.contextmanager
def told(gated: Gated, fault: str) -> Iterator[str]:
    """The daemon tells ``fault`` while this lasts, and in the log once. Gives the doctor's command. At the end all is well."""
    before = logged(gated)
    what, _, why = fault.partition(": ")
    wait_for(lambda: line_about_sudo(gated).endswith(f": {why}; see also: jitd doctor"), what="a look at sudo")
    assert line_about_sudo(gated).startswith(f"{what}, for ")
    assert is_counted(gated) and gated.jitd("status").returncode == 1
    assert logged(gated) == (before[0] + 1, before[1]) and fault in gated.log(), gated.log()
    yield doctors(gated, fault)
    wait_for(lambda: not line_about_sudo(gated), what="another look at sudo")
    assert not is_counted(gated) and logged(gated) == (before[0] + 1, before[1] + 1)
    assert finding(gated)["level"] == "ok" and not ran(gated)


@in_lab
def test_a_sudo_conf_that_others_can_write_opens_sudo_and_is_told_until_the_command_is_typed(gated: Gated) -> None:
    """THREATS P-21. sudo ignores it, and then sudoers alone decides."""
    assert line_about_sudo(gated) == "" and logged(gated) == (0, 0) and not ran(gated)
    Path(CONF).chmod(0o666)
    with told(gated, f"{ASKS_NOBODY}: it ignores {CONF}, which may be written by anyone") as command:
        assert ran(gated)
        typed(command)
    os.chown(CONF, 7, 0)
    assert ran(gated)
    typed(doctors(gated, f"{ASKS_NOBODY}: it ignores {CONF}, which belongs to uid 7, not to root"))
    assert not ran(gated)


@in_lab
def test_a_line_that_is_wanted_and_missing_is_told(gated: Gated) -> None:
    """THREATS P-21. So it is after dpkg has put its own sudo.conf there (--force-confnew)."""
    before = Path(CONF).read_bytes()
    Path(CONF).write_text("# as it comes with sudo\n")
    line = f"{CONF} has no line of its plugin, which this host wants ({SUDO_PLUGIN_WANTED})"
    with told(gated, f"{ASKS_NOBODY}: {line}") as command:
        assert ran(gated) and command == "jitd pam-install sudo --plugin"
        Path(CONF).write_bytes(before)
    Path(CONF).write_text("")
    typed(finding(gated)["mend"].partition(": ")[2])
    assert finding(gated)["level"] == "ok"
    Path(SUDO_PLUGIN_WANTED).touch()
    assert finding(gated)["level"] == "bad"
    Path(CONF).write_bytes(before)


@in_lab
def test_another_sudo_is_told_beside_this_one_and_in_its_place(gated: Gated) -> None:
    """THREATS P-21. It stands for sudo-rs, which has sudo's PAM service and loads no plugin, too."""
    with made_other_sudo() as other:
        with moved(SUDO, "/usr/bin/own-sudo"):
            Path(SUDO).symlink_to(other)
            assert ran(gated)
            doctors(gated, f"{ASKS_NOBODY}: {SUDO} is not known to load plugins (sudo-rs loads none)")
        assert not ran(gated)
        command = doctors(gated, f"{ANOTHER}: {other} is set-user-ID root, beside {SUDO}")
        assert command == f"chmod u-s {other}"
        typed(command)
        assert finding(gated)["level"] == "ok"


@in_lab
@pytest.mark.skipif(not SUDO_RS.exists(), reason="Debian 12 has no package of sudo-rs")
def test_the_sudo_rs_of_debian_asks_nobody_and_is_told_until_the_command_is_typed(gated: Gated) -> None:
    """THREATS P-21."""
    SUDO_RS.chmod(0o4755)
    line = [*gated.become("eve"), str(SUDO_RS), "-n", "id", "-u"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert done.stdout == "0\n"
    command = doctors(gated, f"{ANOTHER}: {SUDO_RS.resolve()} is set-user-ID root, beside {SUDO}")
    assert command == f"chmod u-s {SUDO_RS.resolve()}"
    typed(command)
    assert finding(gated)["level"] == "ok"


@in_lab
def test_a_plugin_that_is_cut_off_keeps_root_out_too_and_is_told(gated: Gated) -> None:
    with moved(SUDO, "/usr/bin/own-sudo"):  # the package of sudo is removed, and its conffile is left
        assert (finding(gated)["level"], finding(gated)["sentence"]) == (
            "ok",
            f"{CONF} names jitd's plugin, and there is no {SUDO}",
        )
    with moved(SHIPPED, f"{SHIPPED}.whole"):
        Path(SHIPPED).write_bytes(Path(f"{SHIPPED}.whole").read_bytes()[:9000])
        Path(SHIPPED).chmod(0o755)
        doctors(gated, f"{REFUSES_ALL}: {SHIPPED} is cut off")
        assert not ran(gated) and not ran(gated, "root")
    assert ran(gated, "root") and finding(gated)["level"] == "ok"
