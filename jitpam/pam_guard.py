# SPDX-License-Identifier: Apache-2.0
"""Runs before the PAM module in sudo, su and doas, and refuses an environment in which Python would load the caller's own
library.

pam_python.so starts Python in the caller's environment. Python then looks for its own executable: where PYTHONEXECUTABLE or
__PYVENV_LAUNCHER__ says, else along PATH. It takes its library from beside that executable. If it finds no executable, it takes
the library from the current directory. So a caller could supply a library, and it would run as root (docs/pam.md, "Where Python
comes from"). pam_exec.so runs this program before, as root, with an environment of its own, and ends the stack unless the
status is 0.

Law: anything uncertain is refused. This program reads the environment with which the calling program was started. Nobody can
change that any more. It reads nothing that the caller could replace afterwards.
"""

from __future__ import annotations

import os
import sys

PYTHON = "/usr/bin/python3"
LEADING_AWAY = ("PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")
READ_BY_ALL = ("PATH", "SHELL")
"""The variables that both the program and jitd's module read to find out which command is run."""
ITS_PLACES = (b"/usr/bin", b"/bin")
PASSED_OVER = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/sbin")
"""Directories that belong to root and may stand before ITS_PLACES on PATH, provided that they have no python3."""
SECURE_PATH = "secure_path"
"""The argument for sudo, which has its PATH from sudoers and not from the caller. In any other program it has no effect."""
SUDO = "sudo"


def fault_in(environment: bytes, *, is_path_theirs: bool = True) -> str:
    """Return a sentence if Python would not find PYTHON in a program with this environment (/proc/PID/environ), else an empty
    string. With ``is_path_theirs`` False, PATH is not checked.
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
    """True if the calling program is sudo. Its executable file is compared, not the name it was given. Raises OSError."""
    return os.path.basename(os.readlink(f"/proc/{os.getppid()}/exe")) == SUDO


def main() -> int:
    """Check the calling program. Returns the exit status for pam_exec.so, which shows the printed sentence to the user."""
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
