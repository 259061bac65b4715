# SPDX-License-Identifier: Apache-2.0
"""What jitd does if an extension is missing: the kernel is imported, what does not need the extension goes on, and what needs it
is refused with its name.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jitd import extensions, packages
from jitd.core.holding import Account, Holding
from jitd.extensions import EXTENSIONS, VERBS
from jitd.lifecycle.givers import Givers
from jitd.settings import config
from jitpam import __version__
from tests.daemon.giving import ID, FakeGiver
from tests.law.tree import TREE
from tests.scene import START

REALM = 'realms = ["EXAMPLE.TEST"]\nhost = "db1.example.test"\n'
TABLES = {
    "sinks": '[sinks.central]\nkind = "file"\nfile = "record"\n',
    "outsiders": '[notify.chat]\nkind = "program"\nprogram = ["/bin/true"]\n',
    "things": '[givers.logs]\nkind = "sudoers"\nlines = ["ALL = /bin/true"]\n',
    "gates": 'kdc = "/run/own/kdc.sock"\n',
}
"""A table of each extension, without a fault."""
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(name == room or name.startswith(room + ".") for room in {rooms!r}):
            raise ModuleNotFoundError(f"no module named {{name}}", name=name)
        return None

sys.meta_path.insert(0, Without())
"""
KERNEL = ("core", "settings", "deciding", "expressions", "facts", "store")
"""The rooms of which every module can be imported, whatever is missing."""


def without(name: str, code: str, *args: str) -> str:
    """Run ``code`` in a Python in which no module of the extension ``name`` can be imported, and return what it prints."""
    hook = WITHOUT.format(rooms=(EXTENSIONS[name].package,))
    done = subprocess.run([sys.executable, "-c", hook + code, *args], cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


CHECK = """
from jitd.cli.call import NotDone
from jitd.cli.house import check
try:
    check.main(sys.argv[1:], "jitd check", standalone_mode=False)
except NotDone as told:
    print(told)
"""
"""The verb, with the files of the command line."""
RULE = '[[permit]]\nname = "r"\nwho = ["user:alice"]\nhosts = ["elsewhere"]\n'


def written(text: str, path: Path) -> str:
    file = path / "jitd.toml"
    file.write_text(REALM + text)
    return str(file)


def ruled(text: str, path: Path) -> str:
    file = path / "rules.toml"
    file.write_text(RULE + text)
    return str(file)


def test_every_extension_is_tried_here() -> None:
    assert list(TABLES) == [name for name, one in EXTENSIONS.items() if one.keys]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_an_extension_is_read_if_it_is_there(name: str, tmp_path: Path) -> None:
    assert config.check(Path(written(TABLES[name], tmp_path))) == []


@pytest.mark.parametrize("name", TABLES)
def test_without_an_extension_the_rest_is_checked_as_ever(name: str, tmp_path: Path) -> None:
    files = written("", tmp_path), ruled('commands = [["/usr/bin/true"]]\n', tmp_path)
    assert without(name, CHECK, *files) == "2 files: no fault\n"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_nobody_reads_names_the_extension(name: str, tmp_path: Path) -> None:
    (key, *_), does, file = EXTENSIONS[name].keys, EXTENSIONS[name].does, written(TABLES[name], tmp_path)
    assert without(name, CHECK, file) == (
        f'{file}:3: "{key}" is for the extension {name}, which {does}; it is not installed:'
        f' install it in /usr/lib/jitd, or delete "{key}" and what is below it\n1 fault\n'
    )


@pytest.mark.parametrize(
    ("name", "keys", "fault"),
    [
        ("outsiders", 'gatekeepers = ["change"]\n', 'sets up no gatekeeper "change"'),
        ("outsiders", 'notify = ["terminals"]\n', 'sets up no channel "terminals"'),
        ("outsiders", "when = 'fact.risk < 3'\n", "fact.risk"),
        ("things", 'gives = ["sudoers:logs"]\n', '"sudoers" is not a kind of thing that jitd gives; there are service-ticket'),
        ("gates", 'gives = ["service-ticket:http/db1"]\n', "service tickets need the extension gates, which is not used"),
    ],
)
def test_a_rule_that_needs_the_extension_is_a_fault(name: str, keys: str, fault: str, tmp_path: Path) -> None:
    commands = (
        "" if keys.startswith("gives") else 'commands = [["/usr/bin/true"]]\napprovals = [{ need = 1, from = ["user:bob"] }]\n'
    )
    told, *_, end = without(name, CHECK, written("", tmp_path), ruled(commands + keys, tmp_path)).splitlines()
    assert "rule r: " in told and fault in told and end == "1 fault"


@pytest.mark.parametrize("name", ["gives-root", "damage"])
def test_a_class_that_only_commands_can_tell_is_a_fault_without_them(name: str, tmp_path: Path) -> None:
    """Else the collector would get nothing, as if nothing had happened."""
    file = written(f'[sinks.soc]\nkind = "file"\nfile = "record"\nclasses = ["denied", "{name}"]\n', tmp_path)
    told, end = without("commands", CHECK, file).splitlines()
    assert (
        told.endswith(f'"classes" has "{name}", which needs the extension commands, which is not installed') and end == "1 fault"
    )


@pytest.mark.parametrize("name", TABLES)
def test_without_an_extension_the_kernel_can_be_imported(name: str) -> None:
    kernel = [
        ".".join(file.relative_to(TREE).with_suffix("").parts).removesuffix(".__init__")
        for room in KERNEL
        for file in sorted((TREE / "jitd" / room).rglob("*.py"))
    ]
    assert len(kernel) > 100
    assert without(name, "from importlib import import_module\nfor name in sys.argv[1:]: import_module(name)", *kernel) == ""


def test_what_is_held_and_can_be_taken_back_by_nobody_keeps_the_daemon_from_starting() -> None:
    """Nothing would end it, and nobody would be told."""
    held = [
        Holding(ID, ID, ID, thing, "alice@EXAMPLE.TEST", START, False, START, account=Account("alice", 1001))
        for thing in ("sudoers:logs", "vault:db")
    ]
    giver = FakeGiver(lambda id: None)
    assert Givers({"sudoers": giver, "vault": giver}).fault_in(held) == Givers({}).fault_in([]) == ""
    told = Givers({"sudoers": giver}).fault_in(held)
    assert told.startswith("vault:db (K7QM-2XVD, alice@EXAMPLE.TEST) must be taken back, but no part of jitd that is installed")


GATE = """
from pathlib import Path
import jitd_inspection.doctor.root
from jitd_inspection.doctor import gate
gate.KEYTAB = Path(sys.argv[1])
for each in gate.examine(None):
    print(each.level, each.check, each.sentence, each.mend, sep="; ")
"""


def test_the_doctor_says_that_a_host_with_a_key_of_jitd_kdc_cannot_grant_tickets_without_gates(tmp_path: Path) -> None:
    keytab = tmp_path / "keytab"
    assert without("gates", GATE, str(keytab)).startswith("ok; gate.writer; this host grants no tickets for services")
    keytab.touch(0o600)
    *_, told = without("gates", GATE, str(keytab)).splitlines()
    why = "no ticket for a service can be granted: the extension gates is not installed; install it in /usr/lib/jitd"
    assert told == f"bad; gate.writer; {why}"


@pytest.mark.parametrize("name", [name for name in EXTENSIONS if name != "inspection"])
def test_the_inspection_is_there_without_any_other_extension(name: str) -> None:
    """The doctor and the setup are what root calls when something is missing."""
    verbs = ", ".join(f"jitd_inspection.{verb}" for verb in ("doctor.root", "doctor.person", "verbs.steps", "verbs.linting"))
    assert without(name, f"import {verbs}") == ""


HIDDEN = """
import sys
from jitd import packages
packages.EXTENSIONS = packages.TOP / "nowhere"
"""
"""Hides the packages that are not the kernel's."""
BLIND = "no warning was looked for, because the extension inspection is not installed"


def jitd(code: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=TREE, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_check_says_that_it_looked_for_no_warning_and_then_strict_does_not_pass(tmp_path: Path) -> None:
    fine, wide = written("", tmp_path), ruled('commands = [["**"]]\nrun_as = ["root"]\n', tmp_path)
    assert jitd(f"import sys\n{CHECK}", fine, wide).endswith("2 files: no fault, 1 warning\n")
    assert jitd(HIDDEN + CHECK, fine, wide) == f"2 files: no fault; {BLIND}\n"
    assert jitd(HIDDEN + CHECK, "--strict", fine, wide) == f"{BLIND}\n"
    assert jitd(HIDDEN + CHECK, "--strict", fine, ruled("commands = 7\n", tmp_path)).endswith("\n1 fault\n")


MAIN = "from jitd import cli\nsys.argv = ['jitd', *sys.argv[1:]]\nraise SystemExit(cli.main())"
WITHOUT_ANY = f"{HIDDEN}{MAIN}"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "board" and " " not in verb])
def test_a_verb_of_an_extension_says_what_to_install(verb: str) -> None:
    told = f"jitd: jitd {verb} is not installed: install the extension {VERBS[verb].name} in /usr/lib/jitd\n"
    assert jitd(WITHOUT_ANY, verb) == told


TO_INSTALL = "install the extension evidence in /usr/lib/jitd"


@pytest.mark.parametrize("verb", ["pack K7QM", "pack --out x K7QM", "report", "witness /srv/w", "digests", "countersigned -"])
def test_a_verb_that_makes_evidence_says_what_to_install(verb: str) -> None:
    name = verb.partition(" ")[0]
    assert jitd(WITHOUT_ANY, "audit", *verb.split()) == f"jitd: jitd audit {name} is not installed: {TO_INSTALL}\n"


def verbs_in(told: str) -> set[str]:
    """The verbs that a page of help lists."""
    return {line.split()[0] for line in told.partition("Verbs:\n")[2].partition("\n\n")[0].splitlines()}


def test_the_verbs_about_the_record_are_those_that_are_installed() -> None:
    kernel = {"show", "export", "verify", "key"}
    assert verbs_in(jitd(WITHOUT_ANY, "audit", "-h")) == kernel
    evidence = {"pack", "report", "witness", "digests", "countersigned"}
    assert verbs_in(jitd(f"import sys\n{MAIN}", "audit", "-h")) == kernel | evidence


@pytest.mark.parametrize("code", [f"import sys\n{MAIN}", WITHOUT_ANY], ids=["installed", "absent"])
def test_a_verb_below_another_one_is_no_verb_of_jitd(code: str) -> None:
    for name in ("audit pack", "pack"):
        assert jitd(code, name).startswith(f"jitd: there is no verb {name}")


def test_without_a_verifier_of_packs_the_version_is_told_without_its_digest() -> None:
    assert jitd(WITHOUT_ANY, "--version", "-v") == f"jitd {__version__}\njitd: verify.py is not installed: {TO_INSTALL}\n"


def test_an_extension_that_another_account_could_change_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon is root, and would run what it imports; so would everybody who types jitd."""
    jitd, package = tmp_path / "jitd", tmp_path / "extensions" / "jitd_own"
    for each in (jitd, package):
        each.mkdir(parents=True)
        each.chmod(0o755)
        for file in (each / name for name in ("__init__.py", "packages.py", "settings.py")):
            file.write_text("raise AssertionError('it was imported')\n" if file.name == "__init__.py" else "")
            file.chmod(0o644)
    for name, value in (("TOP", tmp_path), ("EXTENSIONS", package.parent), ("__file__", str(jitd / "packages.py"))):
        monkeypatch.setattr(packages, name, value)
    own = extensions.Extension("own", "is tried here", keys=("own",))
    other, below = package / "other.py", package / "programs"
    below.mkdir(mode=0o755)
    (below / "cached.pyc").write_bytes(b"")
    other.write_text("")
    (package / ".#editing.py").symlink_to("nowhere")
    for file in (other, below / "cached.pyc"):
        file.chmod(0o644)
    for place in (package / "settings.py", other, below / "cached.pyc", below, package):
        mode = place.stat().st_mode
        for more, whom in ((0o020, "its group"), (0o002, "anyone")):
            place.chmod(mode | more)
            assert own.why_not() == f"is not used, because {place} may be written by {whom}"
        place.chmod(mode)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(package.parent))
    assert own.why_not() == ""
    package.chmod(0o777)
    jitd.chmod(0o777)
    assert own.why_not() == "", "a checkout, in which others may change jitd itself"
