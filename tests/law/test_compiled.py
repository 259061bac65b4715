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
    compiled += [TREE / ".venv/gates/prove", TREE / ".venv/gates/pam_jit.so", TREE / ".venv/gates/jit_approval.so"]
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


OF_GATES = {
    "prove": ("DYN (Position-Independent Executable file)", ["libgssapi_krb5.so.2", "libkrb5.so.3", "libc.so.6"]),
    "pam_jit.so": ("DYN (Shared object file)", ["libpam.so.0", "libc.so.6"]),
    "jit_approval.so": ("DYN (Shared object file)", ["libc.so.6"]),
}


@pytest.mark.parametrize("name", OF_GATES)
def test_what_a_gate_is_made_of_is_hardened_as_a_distribution_would(name: str) -> None:
    """It is root's, or begins as root."""
    kind, libraries = OF_GATES[name]
    program = TREE / ".venv/gates" / name
    line = ["readelf", "--file-header", "--program-headers", "--dynamic", "--dyn-syms", "--wide", program]
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    for sign in (kind, "GNU_RELRO", "BIND_NOW", "__stack_chk_fail", "_chk@GLIBC"):
        assert sign in said, sign
    assert "GNU_STACK" in said and " RWE " not in said
    needed = [line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line]
    assert needed == libraries, "it loads no other library"
