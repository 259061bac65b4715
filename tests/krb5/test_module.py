# SPDX-License-Identifier: Apache-2.0
"""The module as it is built and installed: what it exports, how it is hardened, and that installing it changes nothing else."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.krb5.driver import SOURCES, TREE

INSTALL = SOURCES / "install"
PLACE = "usr/lib/jitd-krb5/jitd_kdc.so"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make kdc-plugin` does, which stops at every warning."""
    to = tmp_path_factory.mktemp("built") / "jitd_kdc.so"
    subprocess.run(["make", "-s", "-C", SOURCES, f"OUT={to}"], check=True)
    return to


def said(*words: str | Path) -> str:
    return subprocess.run(
        words, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}
    ).stdout


def installed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INSTALL, *words], check=False, capture_output=True, text=True)


def test_it_exports_what_the_two_servers_look_for_and_nothing_else(module: Path) -> None:
    names = {line.split()[-1] for line in said("nm", "-D", "--defined-only", module).splitlines()}
    assert names == {"kdcpolicy_jitd_initvt", "kadm5_auth_jitd_initvt"}


def test_it_is_hardened(module: Path) -> None:
    headers, dynamic, symbols = said("readelf", "-lW", module), said("readelf", "-dW", module), said("nm", "-D", module)
    assert "GNU_RELRO" in headers and re.search(r"BIND_NOW|\bNOW\b", dynamic)
    assert re.search(r"GNU_STACK.* RW +0x", headers) and not re.search(r"LOAD.* RWE", headers)
    assert "__stack_chk_fail" in symbols and "_chk@" in symbols.replace("__stack_chk", "")
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic and "TEXTREL" not in dynamic


def test_it_needs_no_more_than_kerberos_has(module: Path) -> None:
    needed = set(re.findall(r"Shared library: \[(lib\w+)\.so", said("readelf", "-dW", module)))
    assert needed <= {"libkdb5", "libkrb5", "libcom_err", "libc"}


def test_it_is_put_below_destdir_and_nothing_else_is(module: Path, tmp_path: Path) -> None:
    done = installed(tmp_path, module)
    assert done.returncode == 0, done.stderr
    files = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert files == [tmp_path / PLACE]
    assert files[0].read_bytes() == module.read_bytes() and files[0].stat().st_mode & 0o7777 == 0o644
    before = files[0].stat().st_ino
    assert installed(f"{tmp_path}/", module).returncode == 0
    assert (tmp_path / PLACE).stat().st_ino != before, "a KDC that has the old one mapped keeps it whole"


def test_the_lines_that_it_prints_are_those_of_the_document_and_of_the_lab(module: Path, tmp_path: Path) -> None:
    lines = [line.strip() for line in installed(tmp_path, module).stdout.splitlines() if line.startswith("    ")]
    assert lines[0] == "[plugins]" and len(lines) == 7
    page = [line.strip() for line in (TREE / "docs/kdc.md").read_text("utf-8").splitlines()]
    lab = (TREE / "contrib/lab/inside").read_text("utf-8").replace("{MODULE}", f"/{PLACE}").replace("{{", "{").replace("}}", "}")
    for text in (page, [line.strip() for line in lab.splitlines()]):
        at = text.index("[plugins]")
        assert text[at : at + 7] == lines


@pytest.mark.parametrize("words", [[], [""], ["-x"], ["a", "b", "c"]])
def test_an_install_that_is_asked_wrongly_says_how_and_does_nothing(words: list[str]) -> None:
    done = installed(*words)
    assert done.returncode == 2 and "usage:" in done.stderr


def test_an_install_without_a_module_changes_nothing(tmp_path: Path) -> None:
    done = installed(tmp_path, tmp_path / "none.so")
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_installing_and_uninstalling_jitd_leaves_the_module_alone(module: Path, tmp_path: Path) -> None:
    """A KDC that does not find it would issue every ticket."""
    assert installed(tmp_path, module).returncode == 0
    before = (tmp_path / PLACE).stat().st_ino
    for words in (["install", tmp_path, TREE / ".venv"], ["uninstall", tmp_path]):
        subprocess.run([TREE / "contrib" / words[0], *words[1:]], check=True, capture_output=True)
        assert (tmp_path / PLACE).stat().st_ino == before
