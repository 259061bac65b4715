# SPDX-License-Identifier: Apache-2.0
"""The list beside the programs that decide: whom the real sudo lets run something as root, which keys the real ssh-keygen finds,
and what the real doas permits. The list may have more, and never less.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from jitd.core.policy import Policy
from jitd_inspection.standing.ssh import key_in
from tests.standing.host import planted, policy, seen
from tests.times import FACTOR
from tests.waiting import PATIENCE

PEOPLE = ("alice", "bob", "carol", "dave", "eve")
GROUPS = "movers:x:7200:carol,eve\n"
SUDO = "/etc/sudoers.d/planted"


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(autouse=True)
def bare() -> Iterator[None]:
    with planted({"/etc/doas.conf": "", "/etc/sudoers.d/lab": None, "/etc/group": "+\n" + GROUPS}):
        yield


def sudoers_of(random: Random) -> str:
    def users() -> str:
        words = ("alice", "bob", "%ops", "%#7200", "#4005", "ALL", "OPS", "%movers", "%MOVERS", "Dave", "dave")
        some = random.sample(words, random.randint(1, 3))
        return random.choice((", ", ",", " , \\\n  ")).join(random.choice(("", "", "", "!")) + word for word in some)

    def hosts() -> str:
        return random.choice(("ALL", "lab", "lab.example.test", "elsewhere", "l*", "!elsewhere, ALL", "ALL, !lab", "HERE"))

    def run_as() -> str:
        return random.choice(
            (
                "",
                "",
                "(ALL)",
                "(root)",
                "(#0)",
                "(ALL : ALL)",
                "(bob)",
                "(ALL, !root)",
                "(:disk)",
                "(ADMINS)",
                "(%root)",
                "(bob, #0)",
            )
        )

    def commands() -> str:
        words = ("ALL", "/bin/ls", "/bin/ls, !/bin/cat", "NOPASSWD: ALL", "CWD=/tmp /bin/ls", "ANY", "sudoedit /etc/x", "!ALL")
        return random.choice(words)

    def line() -> str:
        kind = random.randrange(8)
        if kind == 0:
            return random.choice(("# a \\", "#7 is a number", "Defaults !lecture", "", "Defaults:alice runas_default=bob"))
        rest = random.choice(("", " # x", " : lab = ALL"))
        return f"{users()} {hosts()}{random.choice((' = ', '='))}{run_as()} {commands()}{rest}"

    head = "User_Alias OPS = carol, !eve\nHost_Alias HERE = lab, 10.0.0.1\nRunas_Alias ADMINS = bob, root\nCmnd_Alias ANY = ALL\n"
    return head + "\n".join(line() for _ in range(random.randint(1, 5))) + "\n"


def may_become_root(who: str) -> bool:
    """True if sudo itself says that ``who`` may run something as root, or with a group that amounts to root."""
    said = subprocess.run(["sudo", "-ll", "-U", who], capture_output=True, text=True, check=False).stdout
    for entry in said.split("Sudoers entry:")[1:]:
        fields = dict(re.findall(r"^ +(RunAsUsers|RunAsGroups): (.*)$", entry, re.M))
        commands = [line.strip() for line in entry.partition("Commands:")[2].splitlines() if line.startswith("\t")]
        as_root = {"root", "ALL", "#0", "%root"} & set(fields.get("RunAsUsers", "").split(", "))
        as_disk = "disk" in fields.get("RunAsGroups", "")
        is_not = "!root" in fields.get("RunAsUsers", "")
        given = commands[-commands[::-1].index("!ALL") :] if commands[-1:] != ["!ALL"] and "!ALL" in commands else commands
        given = [] if commands[-1:] == ["!ALL"] else given
        if any(not word.startswith("!") for word in given) and ((as_root and not is_not) or as_disk):
            return True
    return False


@pytest.mark.parametrize("seed", range(24 * FACTOR))
def test_whom_sudo_lets_become_root_stands_in_the_list(seed: int, rules: Policy) -> None:
    """THREATS L-22."""
    text = sudoers_of(Random(seed))
    with planted({SUDO: text}):
        is_read = subprocess.run(["visudo", "-cf", SUDO], capture_output=True, check=False).returncode == 0
        become = {who for who in PEOPLE if may_become_root(who)}
        listed = {one.who for one in seen(rules).privileges if one.by == "sudo"}
    if "everybody" not in listed and is_read:
        assert become - listed == set(), text


def runs_as_root(who: str) -> bool:
    """True if sudo itself says that ``who`` may run this command as root."""
    return not subprocess.run(["sudo", "-l", "-U", who, "/usr/bin/id"], capture_output=True, check=False).returncode


def told(text: str, rules: Policy) -> dict[str, str]:
    """Maps each person who can become root by sudo to where that is from."""
    with planted({SUDO: text}):
        return {one.who: one.where for one in seen(rules).privileges if one.by == "sudo" and one.becomes == "root"}


@pytest.mark.parametrize(
    "hosts",
    ["db7", "THERE", "web1, db7", "db*", "!ALL", "cafe", "LAB"],
)
def test_a_rule_for_another_host_names_nobody_where_sudo_says_the_same(hosts: str, rules: Policy) -> None:
    """A name such as db7 has nothing but hexadecimal digits, and is no address for that."""
    text = f"Host_Alias THERE = db7\ncarol {hosts} = (ALL) ALL\ndave ALL = (ALL) ALL\n"
    with planted({SUDO: text}):
        is_here = runs_as_root("carol")
        assert runs_as_root("dave")
    assert set(told(text, rules)) == {"dave", *(["carol"] if is_here else [])}


@pytest.mark.parametrize(
    "hosts", ["10.99.0.1", "fe80::1", "10.99.0.0/16", "+servers", "ALL, !10.99.0.1", "ALL, !lab", "lab, !lab"]
)
def test_a_rule_of_which_nobody_knows_whether_it_is_for_this_host_is_told_as_a_doubt(hosts: str, rules: Policy) -> None:
    assert told(f"carol {hosts} = (ALL) ALL\n", rules)["carol"].endswith("any command (perhaps for another host)")


@pytest.mark.parametrize("hosts", ["lab", "l*", "ALL", "db7, lab", "10.99.0.1, lab", "lab, +servers"])
def test_a_rule_for_this_host_is_told_without_a_doubt(hosts: str, rules: Policy) -> None:
    assert told(f"carol {hosts} = (ALL) ALL\n", rules)["carol"].endswith("any command")


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ("carol ALL = (ALL) ALL", "carol ALL = (ALL) !ALL"),
        ("carol ALL = (ALL : ALL) NOPASSWD: ALL", "carol ALL = (ALL : ALL) !ALL"),
        ("carol ALL = (root) ALL", "ALL ALL = (ALL) !ALL"),
        ("carol ALL = ALL", "carol ALL = !ALL"),
        ("%movers ALL = (ALL) ALL", "%movers ALL = (ALL) !ALL"),
        ("%movers ALL = (ALL) ALL", "carol ALL = (ALL) !ALL"),
        ("carol ALL = (ALL) ALL, !ALL", ""),
    ],
)
def test_what_a_later_line_takes_away_is_not_told_as_given(given: str, later: str, rules: Policy) -> None:
    """sudo obeys the last line that matches."""
    text = f"{given}\n{later}\n"
    with planted({SUDO: text}):
        assert not runs_as_root("carol")
    assert "carol" not in told(text, rules)


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ("carol ALL = (ALL) ALL", "carol db7 = (ALL) !ALL"),
        ("carol ALL = (ALL) ALL", "carol ALL = (bob) !ALL"),
        ("carol ALL = (ALL) ALL", "ALL, !carol ALL = (ALL) !ALL"),
        ("carol ALL = (ALL) ALL", "carol ALL = (ALL) !/bin/ls"),
        ("carol ALL = (ALL) ALL", "carol ALL = (ALL) !ALL, /usr/bin/id"),
        ("carol ALL = (ALL) ALL", "carol ALL = NOTAFTER=20200101000000Z (ALL) !ALL"),
        ("carol ALL = (ALL) !ALL", "carol ALL = (ALL) ALL"),
        ("%movers ALL = (ALL) ALL", "eve ALL = (ALL) !ALL"),
    ],
)
def test_what_a_later_line_does_not_take_away_is_told(given: str, later: str, rules: Policy) -> None:
    text = f"{given}\n{later}\n"
    with planted({SUDO: text}):
        assert runs_as_root("carol")
    assert "carol" in told(text, rules)


def test_sudo_lets_people_become_root_in_these_rules() -> None:
    """So the comparison is about something: many people may, and many may not."""
    found = []
    for seed in range(12):
        with planted({SUDO: sudoers_of(Random(seed))}):
            found += [may_become_root(who) for who in PEOPLE]
    assert 10 < sum(found) < len(found) - 10


def keys_of(random: Random, keys: list[str]) -> bytes:
    spoilt = (
        lambda key: key[:-7],
        lambda key: key.replace(" ", "\t"),
        lambda key: key.replace(" ", "  "),
        lambda key: key + "=",
        lambda key: key.replace("ssh-", "SSH-"),
        lambda key: key.partition(" ")[2],
        lambda key: key.replace("A", "\u00c4", 1),
        lambda key: key + "\0",
        lambda key: key[:-20] + random.choice("\r\f\v") + key[-20:],
        lambda key: key[:-19] + random.choice("\r\f\v") + key[-19:],
        lambda key: key + "\r\0",
    )
    before = (
        "", "", " ", "\t ", "# ", "#", "restrict ", 'command="a \\" b" ', 'from="*", ', 'environment="A=b c",pty\t',
        "cert-authority ", 'command="unclosed ', "no-pty,,x ", "1024 35 ",
    )  # fmt: skip

    def line() -> str:
        key = random.choice(keys)
        if random.random() < 0.3:
            key = random.choice(spoilt)(key)
        return random.choice(before) + key + random.choice(("", " comment", " a b # c", "\r", " \t"))

    ending = random.choice(("\n", "", "\r\n"))
    return ("\n".join(line() for _ in range(random.randint(1, 6))) + ending).encode()


def test_each_key_that_ssh_keygen_finds_stands_in_the_list(tmp_path: Path) -> None:
    """THREATS L-22."""
    keys = []
    for number, kind in enumerate(("ed25519", "rsa", "ecdsa")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", tmp_path / f"key{number}"], check=True)
        keys.append((tmp_path / f"key{number}.pub").read_text().rpartition(" ")[0])
    n_found, file = 0, tmp_path / "authorized_keys"
    for seed in range(150 * FACTOR):
        text = keys_of(Random(seed), keys)
        file.write_bytes(text)
        said = subprocess.run(["ssh-keygen", "-lf", file], capture_output=True, text=True, errors="replace", check=False).stdout
        theirs = set(re.findall(r"^\d+ (SHA256:\S+)", said, re.M))
        lines = [line.strip() for line in text.decode("utf-8", "surrogateescape").split("\n")]
        ours = {key_in(line)[0] for line in lines if not line.startswith("#")}
        assert theirs - ours == set(), text
        n_found += len(theirs)
    assert n_found > 100


@pytest.mark.parametrize("part", ['\\"', '"', '" ', '\\" ', '"\\" "', "A", "a=b,", "\v"])
def test_no_line_of_keys_takes_long_whoever_has_written_it(part: str) -> None:
    """THREATS L-22: root's command would hang with it, and the timer too. It is another process, because nothing interrupts a
    regular expression.
    """
    lines = [f"{before}{part * 10_000}" for before in ('command="', "", "ssh-ed25519 ", 'x=" ssh-ed25519 ')]
    imports = "import sys; from jitd_inspection.standing.ssh import key_in"
    program = f"{imports}; assert all(key_in(line)[0] is None for line in sys.argv[1:])"
    subprocess.run([sys.executable, "-c", program, *lines], check=True, timeout=PATIENCE)


DOAS = (
    ("permit eve\n", True), ("permit nopass :movers as root cmd /bin/sh\n", True), ("permit 4005 as 0\n", True),
    ("permit setenv { A=b } \\\n \"eve\"\n", True), ("permit eve as bob\n", False), ("deny eve\n", False),
    ("# permit eve\npermit bob\n", False), ("permit nopass keepenv eve as root\n", True),
)  # fmt: skip


@pytest.mark.parametrize(("text", "may"), DOAS, ids=[text.strip() for text, _ in DOAS])
def test_whom_doas_lets_become_root_stands_in_the_list(text: str, may: bool, rules: Policy) -> None:
    with planted({"/etc/doas.conf": text}):
        os.chmod("/etc/doas.conf", 0o644)
        command = ["setpriv", "--reuid=4005", "--regid=4005", "--groups=4005,7200", "doas", "-C", "/etc/doas.conf", "/bin/sh"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        listed = {one.who for one in seen(rules).privileges if one.by == "doas"}
    assert said.stdout.startswith("permit") is may, said
    assert ("eve" in listed) is may
