# SPDX-License-Identifier: Apache-2.0
"""Runs before the PAM module in sudo, su and doas. This program refuses an environment in which Python would load a library that
the caller controls.

pam_python.so starts Python in the caller's environment. Python then looks for its own executable. PYTHONEXECUTABLE and
__PYVENV_LAUNCHER__ can name this executable; otherwise Python searches PATH. Python loads its library from the directory tree of
that executable. If Python finds no executable, it loads the library from the current directory. Therefore a caller could supply
a library that would run as root (docs/pam.md, "Where Python comes from"). To prevent this, pam_exec.so runs this program first,
as root and with an environment of its own. If the exit status is not 0, pam_exec.so ends the stack.

Law: if this program cannot decide, it refuses. The program checks the initial environment of the calling program, because nobody
can change that environment any more. The program reads no data that the caller could replace later.
"""

from __future__ import annotations

import os
import sys

PYTHON = "/usr/bin/python3"
LEADING_AWAY = ("PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")
READ_BY_ALL = ("PATH", "SHELL")  # read by the calling program and by jitd's module, to find the command
ITS_PLACES = (b"/usr/bin", b"/bin")
PASSED_OVER = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/sbin")
"""Directories that belong to root. They may come before ``/usr/bin`` and ``/bin`` on PATH if they do not contain python3."""
SECURE_PATH = "secure_path"
"""With this argument, this program does not check PATH in Todd Miller's sudo, because that sudo takes its PATH from sudoers and
not from the caller. In other programs this argument has no effect. sudo-rs is such a program: it keeps the caller's PATH.
"""
SUDO = "/usr/bin/sudo"
ITS_PLUGIN = (b"/usr/libexec/sudo/sudoers.so", b"/usr/lib/sudo/sudoers.so")  # sets PATH, in Todd Miller's sudo alone


def fault_in(environment: bytes, *, is_path_theirs: bool = True) -> str:
    """Return a sentence if Python in a program with this ``environment`` (/proc/PID/environ) could take another executable than
    PYTHON, or if a variable of READ_BY_ALL is there twice, or "". PATH counts if ``is_path_theirs``.
    """
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
    """True if the calling program is Todd Miller's sudo: the file SUDO, with ITS_PLUGIN loaded. A name proves nothing, because
    other programs are called sudo, too. Raises OSError.
    """
    try:
        sudo = os.stat(SUDO)
    except FileNotFoundError:
        return False
    if not os.path.samestat(os.stat(f"/proc/{os.getppid()}/exe"), sudo):
        return False
    with open(f"/proc/{os.getppid()}/maps", "rb") as file:
        return any(line.rstrip(b"\n").split(maxsplit=5)[5:] == [plugin] for line in file for plugin in ITS_PLUGIN)


def main() -> int:
    """Check the calling program, and return the exit status. pam_exec.so shows the printed sentence to the user."""
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
