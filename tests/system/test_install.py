# SPDX-License-Identifier: Apache-2.0
"""contrib/install and contrib/uninstall: what is put, what is left alone, and what speaks against taking it away.

Law: after every refusal a test shows that nothing has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jitd.settings import config, policyfile
from jitpam import __version__

TREE = Path(__file__).parents[2]
LAB = TREE / "contrib/lab/lab"
GATE = "account [success=1 default=ignore] pam_python.so /usr/lib/jitd/pam_jit.py\n"
LIST = "usr/share/jitd/installed"
MARK = "run/jitd/runs/K7QM-2XVD"
NEVER_IMPORTED = (
    "bazel-project/cel_expr_python/cel.so",
    "bin/pygmentize",
    "cel_expr_python/ext/ext_math.cpython-311-x86_64-linux-gnu.so",
    "cffi/parse_c_type.h",
    "pycparser/ply.py",
    "certifi/tests/test_certify.py",
    "dbus_fast/_private/address.pxd",
    "imported-1.0.dist-info/RECORD",
    "pygments/lexers/python.py",
    "pygments/lexers/__pycache__/python.cpython-311.pyc",
)


def call(script: str, *words: object) -> tuple[int, str]:
    """Its exit status, and what it said."""
    done = subprocess.run(
        [TREE / "contrib" / script, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def inventory(top: Path) -> dict[str, tuple[int, str]]:
    """Every file and link below ``top``, with its mode and what is in it."""
    found = {}
    for above, directories, files in os.walk(top):
        links = [name for name in directories if Path(above, name).is_symlink()]
        for file in (Path(above, name) for name in (*files, *links)):
            is_link = file.is_symlink()
            content = os.readlink(file).encode() if is_link else file.read_bytes()
            found[str(file.relative_to(top))] = file.lstat().st_mode, hashlib.sha256(content).hexdigest()
    return found


def untouched(top: Path) -> dict[str, tuple[int, int, int]]:
    """Every file, link and directory below ``top``, as it stands: its number, its mode, and when it was changed last, which the
    kernel notes by itself. While these are the same, nobody has written, replaced or renamed anything.
    """
    found = {}
    for above, directories, files in os.walk(top):
        for place in (above, *(f"{above}/{name}" for name in (*files, *directories))):
            status = os.lstat(place)
            found[place] = status.st_ino, status.st_mode, status.st_ctime_ns
    return found


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the place of what contrib/runtime makes, and smaller."""
    place = tmp_path_factory.mktemp("venv")
    (place / "runtime/imported").mkdir(parents=True)
    (place / "runtime/imported/__init__.py").write_text("answer = 42\n")
    (place / "runtime/pamela.py").write_text("")
    (place / "runtime/pam").mkdir()
    (place / "runtime/pam/__init__.py").write_text("")
    (place / "gates").mkdir()
    (place / "gates/prove").write_text("compiled")
    (place / "gates/prove").chmod(0o755)
    (place / "gates/pam_jit.so").write_text("compiled, too")
    (place / "gates/jit_approval.so").write_text("compiled, too")
    for name in NEVER_IMPORTED:
        (place / "runtime" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "runtime" / name).write_text("")
    return place


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Path:
    """A directory with the product in it, not to be changed."""
    dest = tmp_path_factory.mktemp("fresh") / "root"
    assert call("install", dest, venv) == (0, "")
    return dest


@pytest.fixture
def dest(fresh: Path, tmp_path: Path) -> Iterator[Path]:
    """One of one's own."""
    own = tmp_path / "root"
    subprocess.run(["cp", "-a", fresh, own], check=True)
    yield own
    shutil.rmtree(own, ignore_errors=True)


# --- what is put -----------------------------------------------------------------------------------------------------------


def test_the_list_has_every_file_outside_of_the_two_directories_that_are_ours(fresh: Path) -> None:
    listed = {line.split()[1].lstrip("/") for line in (fresh / LIST).read_text().splitlines() if not line.startswith("#")}
    put = {name for name in inventory(fresh) if not name.startswith(("usr/lib/jitd/", "usr/share/jitd/"))}
    assert listed == put
    assert {"usr/bin/jitd", "usr/bin/jitsudo", "usr/sbin/jitd", "etc/pam.d/jitd", "etc/jitd/jitd.toml"} <= put
    assert {"usr/lib/systemd/system/jitd.service", "usr/lib/tmpfiles.d/jitd.conf", "usr/share/man/man8/jitd-pam.8"} <= put


def test_what_is_compiled_of_the_product_itself_is_installed_and_can_be_run(fresh: Path) -> None:
    prover = fresh / "usr/lib/jitd/prove"
    assert prover.read_text() == "compiled"
    assert (prover.stat().st_uid, prover.stat().st_gid, prover.stat().st_mode & 0o7777) == (os.geteuid(), os.getegid(), 0o755)


def test_what_is_imported_is_installed_and_compiled(fresh: Path) -> None:
    assert (fresh / "usr/lib/jitd/site-packages/imported/__init__.py").read_text() == "answer = 42\n"
    assert list((fresh / "usr/lib/jitd/site-packages/imported/__pycache__").iterdir())
    compiled = {file.parent.parent for file in (fresh / "usr/lib/jitd").rglob("*.pyc")}
    assert {file.parent for file in (fresh / "usr/lib/jitd").rglob("*.py")} == compiled


def test_the_verifier_of_packs_is_one_file_and_the_one_that_the_product_uses(fresh: Path) -> None:
    """Its SHA-256 is what `jitd --version -v` prints, of the one that the product puts into packs."""
    shared = (fresh / "usr/share/jitd/verify.py").read_bytes()
    line = [sys.executable, "-c", "from jitd.cli import cli; cli(['--version', '-v'])"]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert told == f"jitd {__version__}\n{hashlib.sha256(shared).hexdigest()}  verify.py\n"


def test_what_is_never_imported_is_left_out(fresh: Path) -> None:
    """Programs with the paths of a venv in them, headers, tests, and 37 MB of CEL's extensions."""
    library = fresh / "usr/lib/jitd/site-packages"
    assert [name for name in NEVER_IMPORTED if (library / name).exists()] == []
    assert not (library / "cel_expr_python/ext").exists() and (library / "imported-1.0.dist-info").is_dir()


def test_an_expression_is_compiled_and_evaluated_without_the_extensions() -> None:
    """The tests of expressions run without them as all tests do (tests/conftest.py)."""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("cel_expr_python.ext.ext_math")
    cel = importlib.import_module("cel_expr_python.cel")
    expression = cel.NewEnv(variables={"x": cel.Type.STRING}).compile('x.matches("^a+$") && size(x) in [1, 3]')
    assert [expression.eval(data={"x": word}).value() for word in ("aaa", "aa", "abc")] == [True, False, False]
    assert not [name for name in sys.modules if name.startswith("cel_expr_python.ext")]


def test_the_same_tree_gives_the_same_bytes_at_any_time(venv: Path, tmp_path: Path) -> None:
    """With SOURCE_DATE_EPOCH: what is compiled notes the time of its source."""
    digests = []
    for name in ("one", "two"):
        subprocess.run(["cp", "-R", venv, tmp_path / f"venv-{name}"], check=True)
        for file in (tmp_path / f"venv-{name}/runtime").rglob("*.py"):
            os.utime(file, (len(digests), len(digests)))  # pip writes and compiles it now
        subprocess.run(["/usr/bin/python3", "-m", "compileall", "-q", tmp_path / f"venv-{name}/runtime"], check=True)
        line = [TREE / "contrib/install", tmp_path / name, tmp_path / f"venv-{name}"]
        subprocess.run(line, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, stdin=subprocess.DEVNULL, check=True)
        digests.append(inventory(tmp_path / name))
    assert digests[0] == digests[1]


def test_it_is_roots_and_nobody_else_may_write_it(fresh: Path) -> None:
    files = [fresh / name for name in inventory(fresh)]
    assert [file for file in files if file.lstat().st_uid != os.geteuid()] == []
    assert [file for file in files if not file.is_symlink() and file.stat().st_mode & 0o022] == []


def test_systemd_finds_no_fault_with_the_directories_that_it_is_told_of(fresh: Path) -> None:
    line = ["systemd-tmpfiles", "--create", f"--root={fresh.parent}/none", str(fresh / "usr/lib/tmpfiles.d/jitd.conf")]
    (fresh.parent / "none").mkdir(exist_ok=True)
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (fresh.parent / "none/var/lib/jitd").stat().st_mode & 0o777 == 0o711


def uncommented(file: Path, to: Path) -> Path:
    to.write_text(re.sub(r"(?m)^# (?=[\[\"]|[a-z_]+ *= )", "", file.read_text()))
    return to


def test_what_is_shipped_permits_nothing_and_sets_only_that_people_are_told_on_their_terminals(fresh: Path) -> None:
    for name, said in (("etc/jitd/jitd.toml", ['notify.default = ["terminals"]']), ("etc/jitd/policy.d/example.toml", [])):
        lines = (fresh / name).read_text().splitlines()
        assert [line for line in lines if line and not line.startswith("#")] == said, name


def test_the_examples_are_whole_once_they_are_uncommented(fresh: Path, tmp_path: Path) -> None:
    settings = uncommented(fresh / "etc/jitd/jitd.toml", tmp_path / "jitd.toml")
    assert config.check(settings) == []
    assert "\nrealms" in settings.read_text() and "\n[people]" in settings.read_text()
    rules, faults = policyfile.read([uncommented(fresh / "etc/jitd/policy.d/example.toml", tmp_path / "example.toml")])
    assert faults == []
    assert [rule.name for rule in rules] == ["restart-postgres", "look-at-postgres", "weekend"]


# --- once more -------------------------------------------------------------------------------------------------------------


def test_a_second_time_changes_nothing(dest: Path, venv: Path) -> None:
    before = inventory(dest)
    assert call("install", dest, venv) == (0, "")
    assert inventory(dest) == before


def test_what_an_administrator_has_changed_is_left_alone(dest: Path, venv: Path) -> None:
    changed = {"etc/jitd/jitd.toml": 'host = "db1"\n', "etc/jitd/policy.d/example.toml": "# mine\n", "etc/pam.d/jitd": "# mine\n"}
    for name, text in changed.items():
        (dest / name).write_text(text)
    assert call("install", dest, venv) == (0, "")
    assert {name: (dest / name).read_text() for name in changed} == changed
    assert not (dest / "etc/pam.d/jitd.new").exists(), "the shipped one is what it was"


def with_digests_of_an_older_version(dest: Path) -> None:
    text = (dest / LIST).read_text()
    (dest / LIST).write_text(re.sub(r"[0-9a-f]{64}$", hashlib.sha256(b"# old\n").hexdigest(), text, flags=re.MULTILINE))


def test_a_newer_one_takes_the_place_of_one_that_was_not_changed(dest: Path, fresh: Path, venv: Path) -> None:
    with_digests_of_an_older_version(dest)
    conf = ["etc/jitd/jitd.toml", "etc/jitd/policy.d/example.toml", "etc/pam.d/jitd"]
    for name in conf:
        (dest / name).write_text("# old\n")
    assert call("install", dest, venv) == (0, "")
    assert inventory(dest) == inventory(fresh)


def test_a_newer_stack_is_put_beside_one_that_was_changed_and_goes_with_the_rest(dest: Path, venv: Path) -> None:
    with_digests_of_an_older_version(dest)
    (dest / "etc/pam.d/jitd").write_text("# mine\n")
    status, said = call("install", dest, venv)
    assert status == 0 and "etc/pam.d/jitd was changed and is left alone; the new one is beside it, as jitd.new" in said
    assert (dest / "etc/pam.d/jitd.new").read_bytes() == (TREE / "contrib/pam.d/jitd").read_bytes()
    assert call("install", dest, venv) == (0, ""), "told once"
    assert call("uninstall", dest)[0] == 0
    assert [file.name for file in (dest / "etc/pam.d").iterdir()] == ["jitd"]


def test_no_example_is_put_beside_rules(tmp_path: Path, fresh: Path, venv: Path) -> None:
    dest = tmp_path / "root"
    subprocess.run(["cp", "-a", fresh, dest], check=True)
    (dest / "etc/jitd/policy.d/example.toml").rename(dest / "etc/jitd/policy.d/mine.toml")
    assert call("install", dest, venv) == (0, "")
    assert [file.name for file in (dest / "etc/jitd/policy.d").iterdir()] == ["mine.toml"]


def test_what_an_older_version_had_and_this_one_has_not_goes(dest: Path, fresh: Path, venv: Path) -> None:
    stale = dest / "usr/lib/systemd/system/jitd-older.service"
    stale.write_text("[Unit]\n")
    (dest / "usr/lib/jitd/jitd/older.py").write_text("")
    (dest / LIST).write_text(f"{(dest / LIST).read_text()}file /usr/lib/systemd/system/jitd-older.service\n")
    assert call("install", dest, venv) == (0, "")
    assert inventory(dest) == inventory(fresh)


@pytest.mark.parametrize("words", [[], ["--help"], ["a", "b", "c"], ["--deps", "/"], ["--", "/"]])
def test_install_says_how_it_is_called(words: list[str]) -> None:
    assert call("install", *words) == (2, "usage: contrib/install DESTDIR [VENV]\n       contrib/install --deps\n")


def test_install_refuses_what_it_cannot_do_and_changes_nothing(dest: Path, tmp_path: Path, venv: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "half/runtime").mkdir(parents=True)
    before = untouched(tmp_path)
    for words, because in (
        (("",), "DESTDIR is empty: / is this host"),
        ((tmp_path / "file", venv), f"{tmp_path}/file is not a directory"),
        ((dest, tmp_path / "empty"), f"{tmp_path}/empty holds no runtime: contrib/runtime {tmp_path}/empty makes it; "),
        ((dest, tmp_path / "half"), f"{tmp_path}/half holds no runtime: contrib/runtime {tmp_path}/half makes it; "),
    ):
        status, said = call("install", *words)
        assert status == 1 and because in said, said
    assert untouched(tmp_path) == before


@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_a_link_that_leads_out_of_destdir_is_not_followed(script: str, dest: Path, tmp_path: Path, venv: Path) -> None:
    (dest / "usr/share/man").rename(tmp_path / "man")
    (dest / "usr/share/man").symlink_to(tmp_path / "man")
    before = untouched(tmp_path)
    status, said = call(script, dest, *([venv] if script == "install" else []))
    assert status == 1 and f"leads out of {dest}" in said
    assert untouched(tmp_path) == before


def test_the_packages_that_it_takes_are_here_and_the_lab_installs_those_that_build() -> None:
    assert call("install", "--deps") == (0, "contrib/install: every package is installed\n")
    set_up = (TREE / "contrib/lab/setup").read_text().split()
    listed = re.search(r"TO_BUILD = \((.*)\)", (TREE / "contrib/install").read_text())
    assert listed is not None
    assert [name for name in re.findall(r'"([^"]+)"', listed[1]) if name not in set_up] == []


def test_what_is_imported_is_made_once_and_in_no_directory_of_somebody_elses(tmp_path: Path) -> None:
    assert call("runtime", TREE / ".venv") == (0, ""), "it is made, and nothing is done"
    (tmp_path / "theirs").touch()
    said = f"contrib/runtime: {tmp_path} is not empty, and was not made by this script\n"
    assert call("runtime", tmp_path) == (1, said)
    assert list(tmp_path.iterdir()) == [tmp_path / "theirs"]


# --- taken away ------------------------------------------------------------------------------------------------------------


def test_uninstall_takes_away_all_that_install_has_put(dest: Path) -> None:
    assert call("uninstall", dest) == (0, "")
    assert inventory(dest) == {}
    assert not (dest / "etc/jitd").exists() and not (dest / "usr/lib/jitd").exists()


def hold(dest: Path, *held: tuple[str, str, int], state: str = "var/lib/jitd") -> None:
    """The database has these holdings: id, thing, and whether it is open."""
    file = dest / state / "jitd.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE holdings (id TEXT, document TEXT, is_open INTEGER)")
        rows = [(id, json.dumps({"thing": thing, "to": "alice@R"}), is_open) for id, thing, is_open in held]
        database.executemany("INSERT INTO holdings VALUES (?, ?, ?)", rows)


def keep_house(dest: Path) -> dict[str, tuple[int, str]]:
    """What is there on a host that has been in use."""
    for name in (
        "var/lib/jitd/jitd.db",
        "etc/jitd/jitd.keytab",
        "etc/jitd/policy.d/mine.toml",
        "etc/pam.d/sudo",
        "run/jitd/head",
    ):
        (dest / name).parent.mkdir(parents=True, exist_ok=True)
        (dest / name).write_text(f"# {name}\n")
    hold(dest)
    (dest / "var/lib/jitd-givers/groups").mkdir(parents=True)
    (dest / "var/lib/jitd-givers/groups/WNC0-D702").write_text("a note\n")
    (dest / "etc/pam.d/jitd").write_text("# mine\n")
    wants = dest / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    for unit in ("jitd.service", "ssh.service"):
        (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")
    return inventory(dest)


def test_the_record_the_key_and_changed_files_stay(dest: Path) -> None:
    before = keep_house(dest)
    kept = {"var/lib/jitd/jitd.db", "etc/jitd/jitd.keytab", "etc/jitd/policy.d/mine.toml", "etc/pam.d/sudo", "run/jitd/head"}
    kept |= {"var/lib/jitd-givers/groups/WNC0-D702"}
    kept |= {"etc/pam.d/jitd", "etc/systemd/system/multi-user.target.wants/ssh.service"}
    said = f"contrib/uninstall: kept: {dest}/etc/jitd {dest}/var/lib/jitd {dest}/var/lib/jitd-givers {dest}/etc/pam.d/jitd\n"
    assert call("uninstall", dest) == (0, said)
    assert inventory(dest) == {name: before[name] for name in kept}


def test_with_purge_they_go_too_and_nothing_of_anybody_elses(dest: Path) -> None:
    before = keep_house(dest)
    (dest / "etc/jitd/jitd.toml").write_text('socket = "/srv/here/jitd.sock"\n')
    (dest / "srv/here").mkdir(parents=True)
    for name in ("head", "theirs"):
        (dest / "srv/here" / name).touch()
    assert call("uninstall", "--purge", dest) == (0, "")
    left = inventory(dest)
    assert left.keys() == {"etc/pam.d/sudo", "etc/systemd/system/multi-user.target.wants/ssh.service", "srv/here/theirs"}
    assert left["etc/pam.d/sudo"] == before["etc/pam.d/sudo"]


def test_what_was_kept_goes_when_it_is_purged_later(dest: Path) -> None:
    before = keep_house(dest)
    assert call("uninstall", dest)[0] == 0
    assert (dest / "var/lib/jitd/jitd.db").exists() and not (dest / "usr/share/jitd").exists()
    hold(dest, ("WNC0-D702.1", "group:docker", 1))
    status, said = call("uninstall", "--purge", dest)
    assert status == 1 and "alice@R still has group:docker" in said and (dest / "var/lib/jitd/jitd.db").exists()
    hold(dest)
    assert call("uninstall", "--purge", dest) == (0, "")
    left = inventory(dest)
    assert left.keys() == {"etc/pam.d/sudo", "etc/systemd/system/multi-user.target.wants/ssh.service"}
    assert left["etc/pam.d/sudo"] == before["etc/pam.d/sudo"]
    for words in (["--purge"], []):
        status, said = call("uninstall", *words, dest)
        assert status == 1 and "jitd is not installed here" in said


def test_installed_again_it_finds_what_was_kept(dest: Path, venv: Path) -> None:
    keep_house(dest)
    assert call("uninstall", dest)[0] == 0
    assert call("install", dest, venv)[0] == 0
    assert (dest / "etc/jitd/policy.d/mine.toml").read_text() == "# etc/jitd/policy.d/mine.toml\n"
    assert (dest / "etc/pam.d/jitd").read_text() == "# mine\n"
    assert (dest / "var/lib/jitd/jitd.db").exists()


# --- what speaks against it --------------------------------------------------------------------------------------------------


NAMING = [
    ("etc/pam.d/sudo", f"# a comment\n{GATE}", 2),
    ("etc/pam.d/common-account", f"{GATE}", 1),
    ("etc/pam.d/sudo", "account [success=1 default=ignore] \\\n  pam_python.so \\\n  /usr/lib/jitd/pam_jit.py\n", 1),
    ("etc/pam.d/su", "\n\naccount required pam_exec.so /usr/bin/python3 -IS /usr/lib/jitd/jitpam/pam_guard.py\n", 3),
    ("etc/pam.d/own", "auth required pam_python.so /opt/copy/pam_jit.py\n", 1),
    ("usr/lib/pam.d/doas", f"{GATE}", 1),
    ("etc/pam.conf", f"sshd {GATE}", 1),
    ("etc/pam.d/sshd", f"# {'x' * 1020}{GATE}", 1),  # libpam begins a new line after 1022 bytes, also in a comment
]


def test_it_stays_while_a_stack_names_the_gate(dest: Path) -> None:
    for file, text, line in NAMING:
        place = dest / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        before = untouched(dest)
        status, said = call("uninstall", "--purge", dest)
        assert status == 1 and f"{dest}/{file}:{line}: names jitd's gate" in said and said.endswith("nothing was removed\n"), said
        assert said.count("names jitd's gate") == 1, "this one alone is a reason"
        assert "pam-install" not in said, "pam-install put no gate there, and can take none out"
        assert untouched(dest) == before
        place.unlink()


def test_it_stays_while_sudo_conf_names_the_plugin(dest: Path) -> None:
    place = dest / "etc/sudo.conf"
    place.write_text("# Plugin jit_approval /usr/lib/jitd/jit_approval.so\n")
    kept = dest.with_name("kept")
    subprocess.run(["cp", "-a", dest, kept], check=True)
    assert call("uninstall", kept) == (0, "")
    place.write_text("#\nPlugin jit_approval /usr/lib/jitd/jit_approval.so\n")
    before = untouched(dest)
    status, said = call("uninstall", "--purge", dest)
    assert status == 1 and f"{place}:2: names jitd's plugin" in said and said.endswith("nothing was removed\n"), said
    assert "; type: jitd pam-install --remove sudo --plugin\n" in said
    assert untouched(dest) == before


def test_where_pam_install_has_put_the_gate_the_command_that_takes_it_out_is_said(dest: Path) -> None:
    for name in ("sudo", "sudo-i"):
        place = dest / "etc/pam.d" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{GATE}{GATE}")
        place.with_name(f"{name}.before-jitd").write_text("")
    status, said = call("uninstall", "--purge", dest)
    assert status == 1 and said.count("names jitd's gate") == 2, f"one sentence for a stack: {said}"
    assert said.count("type: jitd pam-install --remove sudo\n") == 2, "both stacks have the one command"
    for name in ("sudo", "sudo-i"):
        (dest / "etc/pam.d" / name).unlink()
        (dest / "etc/pam.d" / f"{name}.before-jitd").unlink()


def test_a_stack_that_names_the_gate_in_comments_alone_is_no_reason(dest: Path) -> None:
    (dest / "etc/pam.d/cron").write_text((TREE / "contrib/pam.d/cron").read_text())
    assert call("uninstall", dest) == (0, "")


def test_a_stack_that_cannot_be_read_may_name_the_gate(dest: Path) -> None:
    (dest / "etc/pam.d/sudo").symlink_to("sudo")
    status, said = call("uninstall", dest)
    assert status == 1 and f"{dest}/etc/pam.d/sudo cannot be read" in said
    assert (dest / "usr/bin/jitsudo").exists()


@pytest.mark.parametrize("socket", ["", 'socket = "/srv/here/jitd.sock"\n'])
def test_it_stays_while_a_run_lives(dest: Path, socket: str) -> None:
    (dest / "etc/jitd/jitd.toml").write_text(socket)
    mark = dest / (MARK.replace("run/jitd", "srv/here", 1) if socket else MARK)
    mark.parent.mkdir(parents=True)
    mark.touch()
    with mark.open("w") as monitor:
        fcntl.flock(monitor, fcntl.LOCK_EX)
        before = untouched(dest)
        status, said = call("uninstall", "--purge", dest)
        assert status == 1 and "run K7QM-2XVD lives: wait for its end, or jitd stop K7QM-2XVD\n" in said, said
        assert untouched(dest) == before
    assert call("uninstall", "--purge", dest) == (0, ""), "its monitor is gone, and only its mark is left"


@pytest.mark.parametrize("state", ["var/lib/jitd", "srv/state"])
def test_it_stays_while_somebody_holds_a_thing(dest: Path, state: str) -> None:
    """What is given would be there for ever. A ticket ends without jitd, and what has ended is nobody's."""
    (dest / "etc/jitd/jitd.toml").write_text("" if state == "var/lib/jitd" else f'state = "/{state}"\n')
    others = (("K7QM-2XVD", "sudoers:wheel", 0), ("TKET-TKET", "service-ticket:postgres/db1", 1))
    hold(dest, *others, ("WNC0-D702.2", "sudoers:logs", 1), state=state)
    before = untouched(dest)
    status, said = call("uninstall", "--purge", dest)
    assert (status, untouched(dest)) == (1, before)
    assert "alice@R still has sudoers:logs, and nobody could take it back any more: jitd revoke WNC0-D702\n" in said, said
    assert "wheel" not in said and "TKET" not in said
    hold(dest, *others, state=state)
    assert call("uninstall", "--purge", dest) == (0, "")


def test_a_record_that_cannot_be_read_is_a_refusal(dest: Path) -> None:
    (dest / "var/lib/jitd").mkdir(parents=True)
    (dest / "var/lib/jitd/jitd.db").write_text("this is text\n" * 100)
    before = untouched(dest)
    status, said = call("uninstall", dest)
    assert status == 1 and "so nobody knows what is given: mend it, or move it away; nothing was removed" in said, said
    assert untouched(dest) == before


def test_it_stays_while_a_daemon_runs(dest: Path) -> None:
    (dest / "run/jitd").mkdir(parents=True)
    with (dest / "run/jitd/lock").open("w") as daemon:
        fcntl.flock(daemon, fcntl.LOCK_EX)
        before = untouched(dest)
        status, said = call("uninstall", dest)
    assert status == 1 and f"a jitd that systemd has not started runs (it holds {dest}/run/jitd/lock): end it first" in said
    assert untouched(dest) == before


def test_settings_that_say_nothing_of_the_runs_are_a_refusal(dest: Path) -> None:
    for text in ("socket = \n", "socket = 7\n", 'socket = "jitd.sock"\n'):
        (dest / "etc/jitd/jitd.toml").write_text(text)
        before = untouched(dest)
        status, said = call("uninstall", dest)
        assert status == 1 and "nobody knows where runs are: mend it, or move it away; nothing was removed" in said, text
        assert untouched(dest) == before


NEVER_WRITTEN = [
    "file /etc/passwd",
    "file /usr/bin/../../etc/jitpasswd",
    "file /usr/bin/sudo",
    "conf /etc/jitd/jitd.keytab " + "0" * 64,
    "conf /etc/jitd/policy.d/../../jitpasswd.toml " + "0" * 64,
    "conf /etc/jitd/jitd.toml",
    "tree /usr",
    "",
]


@pytest.mark.parametrize("script", ["install", "uninstall"])
def test_a_list_with_a_line_that_install_does_not_write_is_refused_whole(script: str, dest: Path, venv: Path) -> None:
    whole = (dest / LIST).read_text()
    for line in NEVER_WRITTEN:
        (dest / LIST).write_text(f"{whole}{line}\n")
        before = untouched(dest)
        status, said = call(script, dest, *([venv] if script == "install" else []))
        assert status == 1, line
        assert f"{dest}/{LIST}:{len(whole.splitlines()) + 1}: not a line that contrib/install writes" in said, (line, said)
        assert untouched(dest) == before, line


def test_where_nothing_is_installed_that_is_said(tmp_path: Path) -> None:
    said = f"contrib/uninstall: jitd is not installed here: there is no {tmp_path}/{LIST}; nothing was removed\n"
    assert call("uninstall", tmp_path) == (1, said)


@pytest.mark.parametrize("words", [[], ["--purge"], ["--purge", "--stop", "/"], ["--force", "/"], ["/", "/tmp"], ["-p"]])
def test_uninstall_says_how_it_is_called(words: list[str]) -> None:
    assert call("uninstall", *words) == (2, "usage: contrib/uninstall [--purge | --stop] DESTDIR\n")


def test_uninstall_refuses_a_destdir_that_is_not_there(tmp_path: Path) -> None:
    assert call("uninstall", tmp_path / "none") == (
        1,
        f"contrib/uninstall: {tmp_path}/none is not a directory: / is this host; nothing was removed\n",
    )


# --- packages --------------------------------------------------------------------------------------------------------------


REMOVAL = "usr/lib/jitd/removal/uninstall"


def ask(dest: Path) -> tuple[int, str]:
    """What a package manager asks before it takes the files away: by what is installed, without the checkout."""
    line = [dest / REMOVAL, "--stop", dest]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_a_package_manager_asks_first_is_refused_for_the_same_reasons_and_nothing_changes(dest: Path) -> None:
    """THREATS O-16"""
    (dest / "etc/pam.d/sudo").write_text(GATE)
    before = untouched(dest)
    status, said = ask(dest)
    assert status == 1 and f"jitsudo: {dest}/etc/pam.d/sudo:1: names jitd's gate" in said, said
    assert said.endswith("jitsudo: nothing was removed\n") and untouched(dest) == before
    (dest / "etc/pam.d/sudo").unlink()

    hold(dest, ("WNC0-D702.1", "group:docker", 1))
    before = untouched(dest)
    status, said = ask(dest)
    assert status == 1 and "alice@R still has group:docker" in said and untouched(dest) == before
    hold(dest)

    (dest / MARK).parent.mkdir(parents=True)
    with (dest / MARK).open("w") as monitor:
        fcntl.flock(monitor, fcntl.LOCK_EX)
        before = untouched(dest)
        status, said = ask(dest)
        assert status == 1 and "run K7QM-2XVD lives" in said and untouched(dest) == before

    before = untouched(dest)
    assert ask(dest) == (0, "") and untouched(dest) == before, "it takes nothing away itself"


def test_what_is_installed_can_be_taken_away_without_the_checkout(dest: Path) -> None:
    subprocess.run([dest / REMOVAL, dest], stdin=subprocess.DEVNULL, cwd="/", check=True)
    assert inventory(dest) == {}


def test_a_package_is_purged_although_its_record_has_a_disk_of_its_own(tmp_path: Path) -> None:
    """What cannot be removed is told. Otherwise dpkg would keep a package that nobody can purge."""
    disk, other = tmp_path / "disk", tmp_path / "other"
    disk.mkdir()
    other.mkdir()
    script = (TREE / "contrib/deb/debian/jitsudo.postrm").read_text()
    assert "#INSTALLABLE#" in script and "#PURGED#" in script
    script = script.replace("#INSTALLABLE#", "").replace("#PURGED#", f"{disk} {other}").replace(LIST, "none")
    subprocess.run(["mount", "-t", "tmpfs", "none", disk], check=True)
    try:
        (disk / "jitd.db").touch()
        done = subprocess.run(["sh", "-s", "purge"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and str(disk) in done.stderr, done.stderr
        assert "what is left: the accounts jitd-*, the key of this host's jitd in the KDC" in done.stderr
        assert list(disk.iterdir()) == [] and not other.exists()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_make_install_leaves_a_host_with_the_package_alone(dest: Path, tmp_path: Path, venv: Path) -> None:
    """THREATS O-17"""
    (dest / LIST).unlink()
    (dest / "var/lib/dpkg/info").mkdir(parents=True)
    (dest / "var/lib/dpkg/info/jitsudo.prerm").touch()
    before = untouched(dest)
    status, said = call("install", dest, venv)
    assert status == 1 and "the package jitsudo is installed here: apt remove jitsudo first" in said, said
    for words in ([], ["--purge"]):
        status, said = call("uninstall", *words, dest)
        assert status == 1 and "it was installed as a package: apt remove jitsudo, or apt purge jitsudo; nothing" in said, said
    assert untouched(dest) == before
    (dest / "var/lib/dpkg/info/jitsudo.prerm").rename(dest / "var/lib/dpkg/info/jitsudo-client.preinst")
    before = untouched(dest)
    status, said = call("install", dest, venv)
    assert status == 1 and "the package jitsudo-client is installed here: apt remove jitsudo-client first" in said, said
    assert untouched(dest) == before
    (dest / "var/lib/dpkg/info/jitsudo-client.preinst").unlink()
    assert call("install", dest, venv) == (0, ""), "what dpkg keeps of a package that was removed is no reason"


def test_it_is_not_installed_while_a_stack_names_what_is_gone(dest: Path, venv: Path) -> None:
    """THREATS P-17"""
    place = dest / "etc/pam.d/sudo"
    place.write_text(GATE)
    before = untouched(dest)
    status, said = call("install", dest, venv)
    assert status == 1 and f"{place}:1 names pam_jit.py, which this version does not have" in said, said
    assert f"\n    chroot {dest} jitd pam-install --exchange sudo\n" in said and untouched(dest) == before
    place.write_text("account [success=1 default=ignore] pam_jit.so\n")
    assert call("install", dest, venv)[0] == 0


# --- a host ------------------------------------------------------------------------------------------------------------------


def lab(*options: str, script: str) -> subprocess.CompletedProcess[str]:
    line = [LAB, *options, "sh", "-c", script]
    return subprocess.run(line, cwd=TREE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)


def test_a_host_without_a_systemd_has_its_daemon_ended_first() -> None:
    done = lab(
        script="contrib/uninstall / && exit 9; as alice jitsudo -V && "
        "kill $(pidof -x jitd) && while ! flock -n /run/jitd/lock true; do sleep .05; done; "
        "contrib/uninstall / || exit 8; command -v jitsudo jitd; ls /usr/lib/jitd /usr/share/jitd; ls /var/lib/jitd/jitd.db"
    )
    assert "a jitd that systemd has not started runs (it holds /run/jitd/lock): end it first" in done.stderr
    assert done.stdout.splitlines()[1:] == ["/var/lib/jitd/jitd.db"], done.stdout + done.stderr
    assert done.returncode == 0


UNDER_SYSTEMD = """
set -u
jitsudo sleep 7777 &
until run=$(jitd runs --json | grep -o '"id": *"[^"]*"' | cut -d'"' -f4); [ -n "$run" ] && pgrep -f '^sleep 7777'; do
    sleep .05
done
contrib/uninstall /; echo "refused $?"
systemctl is-active jitd.service jitd.socket jitd-launcher.socket
jitd runs | grep -c sleep
jitd stop "$run"
wait
contrib/uninstall /; echo "gone $?"
systemctl list-unit-files 'jitd*' --no-legend; systemctl is-active jitd.service jitd.socket
ls /usr/bin/jit* /usr/sbin/jitd* /usr/lib/jitd
contrib/install / "$PWD/.venv"; echo "back $?"
systemctl enable --now jitd.service 2>/dev/null; systemctl is-active jitd.service
jitsudo echo it runs
jitd audit verify
"""


def test_a_host_with_a_systemd_has_its_units_stopped_once_no_run_lives() -> None:
    done = lab("--systemd", script=UNDER_SYSTEMD)
    said = done.stdout
    before, _, after = said.partition("gone 0\n")
    assert "refused 1\nactive\nactive\nactive\n1\n" in before, said + done.stderr
    assert after.startswith("inactive\ninactive\nback 0\nactive\nit runs\naudit: "), said + done.stderr
    assert " lives: wait for its end, or jitd stop " in done.stderr
