# SPDX-License-Identifier: Apache-2.0
"""Stands before the PAM module in sudo, su and doas: a Python inside them would take its library from where the caller says.

pam_python.so starts Python in the caller's environment. Whatever else it is told, Python looks for itself where PYTHONEXECUTABLE
or __PYVENV_LAUNCHER__ say, else along PATH, and for its library beside that; where it does not find itself, in the working
directory. So who has a directory of their own could bring a library of their own, and it would run as root (docs/pam.md, "Where
Python comes from"). pam_exec.so runs this, as root, in an environment of its own, and ends the stack unless the status is 0.

Law: what it is not certain of is a no. It looks at the environment that the program was started with, which nobody can change
any more, and at nothing that the caller could still exchange.
"""

from __future__ import annotations

import os
import sys

PYTHON = "/usr/bin/python3"
LEADING_AWAY = ("PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")
READ_BY_ALL = ("PATH", "SHELL")
"""What the program and jitd's module both read, to know what is run."""
ITS_PLACES = (b"/usr/bin", b"/bin")
PASSED_OVER = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/sbin")
"""Root's directories that may stand before Python's own, as long as there is no Python in them."""
SECURE_PATH = "secure_path"
"""The argument for sudo, whose PATH is that of sudoers and not the caller's. In another program it is worth nothing."""
SUDO = "sudo"


def fault_in(environment: bytes, *, is_path_theirs: bool = True) -> str:
    """A sentence if a program with this environment (/proc/PID/environ) would not take PYTHON for its Python; else empty."""
    variables = environment.split(b"\0")
    for name in LEADING_AWAY:
        if any(variable.startswith(name.encode() + b"=") for variable in variables):
            return f"{name} names another Python: unset {name}, and try again"
    for name in READ_BY_ALL:
        if sum(variable.startswith(name.encode() + b"=") for variable in variables) > 1:
            return f"{name} is set twice, and programs differ in which they take: unset {name}, and try again"
    if not is_path_theirs:
        return ""
    paths = [variable[5:] for variable in variables if variable.startswith(b"PATH=")]
    fault = next((fault for path in paths if (fault := _fault_in_path(path))), "") if paths else "there is no PATH"
    return f"{fault}: try again with PATH=/usr/bin:/bin before the command" if fault else ""


def _fault_in_path(path: bytes) -> str:
    for place in path.split(b":"):
        if place in ITS_PLACES and os.path.lexists(os.path.join(place, b"python3")):
            return ""
        if place not in PASSED_OVER:
            return "another directory stands before /usr/bin on your PATH"
        if os.path.lexists(os.path.join(place, b"python3")):
            return f"there is another python3 in {os.fsdecode(place)}"
    return "/usr/bin is not on your PATH"


def is_in_sudo() -> bool:
    """True if the program that asks is sudo: its file, whatever its caller named it. Raises OSError."""
    return os.path.basename(os.readlink(f"/proc/{os.getppid()}/exe")) == SUDO


def main() -> int:
    """The status for pam_exec.so; what is printed, the person reads."""
    try:
        if os.getuid() != 0 or not os.access(PYTHON, os.X_OK):
            fault = f"{PYTHON} cannot be run"
        else:
            with open(f"/proc/{os.getppid()}/environ", "rb") as file:
                fault = fault_in(file.read(), is_path_theirs=sys.argv[1:] != [SECURE_PATH] or not is_in_sudo())
    except OSError as error:
        fault = f"the environment cannot be looked at ({error.strerror})"
    if not fault:
        return 0
    print(f"jitd: {fault}", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
