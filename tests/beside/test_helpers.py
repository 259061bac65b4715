# SPDX-License-Identifier: Apache-2.0
"""jitd-helper, the program of all helpers: what it loads, as whom it starts, and that its table is the only one."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from jitd import extensions
from jitd.beside.processes import HELPERS, Helper
from jitd.server.door import CARRIERS
from tests.law.tree import TREE
from tests.leftovers import is_in_lab
from tests.marks import by_day, full, once_each

EACH = pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)
ROOMS = {name: one.helpers[name] for name, one in extensions.HELPERS.items()}
PROGRAM = "import sys; sys.argv[0] = 'jitd-helper'; from jitd.beside_process import main; status = main(); "
ENDS = "raise SystemExit(status)"


def play(*words: str, then: str = ENDS, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the program from the tree."""
    line = [*before, sys.executable, "-c", PROGRAM + then, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=TREE, stdin=subprocess.DEVNULL)


@EACH
def test_a_helper_loads_its_own_work_and_the_packages_of_no_other(helper: Helper) -> None:
    """THREATS U-04: libpq is loaded by deeds alone, TLS and HTTP by jitd-outside alone."""
    seen = f"print(*[room for room in {sorted(set(ROOMS.values()))} if room + '.process' in sys.modules]); "
    seen += "print(*[name for name in ('click', 'httpcore', 'psycopg', 'psycopg_c', 'ssl', 'tomllib') if sys.modules.get(name)])"
    rooms, packages = play(helper.name, "--unknown=x", then=seen).stdout.splitlines()
    assert rooms == ROOMS[helper.name]
    assert packages == {"outside": "httpcore ssl", "givers": "ssl tomllib"}.get(helper.name, "")


@EACH
def test_a_helper_whose_extension_is_missing_says_so_and_ends(helper: Helper) -> None:
    extension = extensions.HELPERS[helper.name]
    gone = f"import sys; from jitd import extensions, packages; packages.places = lambda: []; {PROGRAM}"
    line = [sys.executable, "-c", gone + ENDS, helper.name]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=TREE, stdin=subprocess.DEVNULL)
    why = "needs the extension outsiders, which is not installed" if extension.needs else "is not installed"
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == (
        f"{helper.process}: its work is that of the extension {extension.name}, which {why}: install it in /usr/lib/jitd\n"
    )


def test_each_helper_has_its_work_in_one_extension() -> None:
    assert ROOMS.keys() == HELPERS.keys()
    assert sum(len(one.helpers) for one in extensions.EXTENSIONS.values()) == len(HELPERS)


@pytest.mark.parametrize("words", [(), ("kdc2",), ("",), ("--settings=x", "givers")], ids=str)
def test_the_program_says_which_helpers_there_are(words: tuple[str, ...]) -> None:
    done = play(*words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == f"usage: jitd-helper NAME [--OPTION=FILE ...]    (NAME: {', '.join(HELPERS)})\n"


WORDS = ["--unknown=x", "x", "--settings", "--socket", "--networked", "line=0"]
OTHER_WORDS = full("every day, each helper is given one of these words, and each word is given to a helper")


@pytest.mark.parametrize(("name", "word"), by_day(product(HELPERS, WORDS), once_each(HELPERS, WORDS), OTHER_WORDS))
def test_an_option_that_is_not_its_own_is_refused(name: str, word: str) -> None:
    helper = HELPERS[name]
    done = play(helper.name, word)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"{helper.process}: {word} is not known here; usage: jitd-helper {helper.name} "), done.stderr


@pytest.mark.parametrize("helper", [one for one in HELPERS.values() if "socket" not in one.options], ids=lambda one: one.name)
def test_a_helper_that_nobody_has_given_a_socket_does_not_start(helper: Helper) -> None:
    done = play(helper.name)
    assert done.returncode == 1 and f"systemctl start {helper.unit}.socket" in done.stderr, done.stderr


@pytest.mark.skipif(not is_in_lab(), reason="the accounts of helpers are in a lab")
@pytest.mark.parametrize("account", ["nobody", "root"])
def test_a_helper_that_is_started_under_another_account_does_not_start(account: str, tmp_path: Path) -> None:
    """THREATS U-04."""
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    there = tmp_path / "run/s"
    there.parent.mkdir()
    there.parent.chmod(0o777)  # whoever starts it could remove the file
    there.touch()
    become = ("setpriv", f"--reuid={account}", "--clear-groups")
    done = play("kdc", f"--socket={there}", before=become)
    assert done.returncode == 1
    why = "must not run as root" if account == "root" else "must run as jitd-kdc"
    assert done.stderr == f"jitd-kdc: it {why}: set User=jitd-kdc in its unit\n"
    assert there.is_file() and there.parent.stat().st_mode & 0o777 == 0o777


def test_a_row_that_says_nothing_gives_nothing() -> None:
    bare = Helper(name="x")
    assert not any((bare.is_root, bare.has_network, bare.has_tls, bare.groups, bare.keeps, bare.options, bare.package))
    assert (bare.process, bare.account, bare.socket) == ("jitd-x", "jitd-x", Path("/run/jitd-x/x.sock"))


def test_one_helper_is_root_and_it_has_no_network() -> None:
    """THREATS U-04."""
    assert [helper.name for helper in HELPERS.values() if helper.is_root] == ["givers"]
    assert [helper.name for helper in HELPERS.values() if helper.has_network] == ["kdc", "outside", "programs-net"]
    assert not any(helper.is_root and helper.has_network for helper in HELPERS.values())


def test_the_installer_makes_the_accounts_of_the_table_and_no_other() -> None:
    accounts = {helper.account for helper in HELPERS.values() if not helper.is_root}
    line = "import sys; sys.path.insert(0, 'contrib'); import installed; print(*installed.ACCOUNTS)"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, cwd=TREE).stdout.split()
    accounts |= {CARRIERS}
    assert set(said) == accounts and len(said) == len(accounts)
    assert set(re.findall(r"^u (\S+)", (TREE / "contrib/sysusers.d/jitd.conf").read_text(), re.M)) == accounts
