# SPDX-License-Identifier: Apache-2.0
"""What contrib/runtime has compiled on this host is fit for a package that every host with this release gets."""

from __future__ import annotations

import subprocess

import pytest

from tests.law.tree import TREE


def test_what_is_compiled_here_does_not_say_where() -> None:
    """Debugging information names the directory of the compiler. It is stripped, but the linker's digest, which stays, is also of
    it. So the packages of two checkouts would differ in each of these shared objects.
    """
    runtime = TREE / ".venv/runtime"
    compiled = sorted(file for package in ("gssapi", "systemd") for file in (runtime / package).rglob("*.so"))
    assert len(compiled) >= 30
    line = ["readelf", "--section-headers", "--wide", *compiled]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.count(".note.gnu.build-id") == len(compiled) and ".debug_" not in said


@pytest.mark.parametrize("package", ["gssapi", "systemd"])
def test_what_is_compiled_here_is_hardened_as_the_distributions_own_modules_are(package: str) -> None:
    """The daemon is root. CFLAGS replaces the flags of the distribution's Python, and since Debian 13 those do not harden."""
    compiled = sorted((TREE / ".venv/runtime" / package).rglob("*.so"))
    line = ["readelf", "--dyn-syms", "--wide", *compiled]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "__stack_chk_fail" in said
