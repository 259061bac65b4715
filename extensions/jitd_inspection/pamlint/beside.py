# SPDX-License-Identifier: Apache-2.0
"""A stack with a gate contains other PAM modules too. This module finds the files that those PAM modules run as root, and the
files from which those PAM modules read variables. If a person can change a file that a PAM module runs as root, this person can
bypass the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.hosts.stack import Handler

INTERPRETER = re.compile(r"(?:python|perl|ruby|node|lua|php|tclsh)[0-9.]*|(?:ba|da|z|k|)sh|env")
"""Names of programs that run the first file in their arguments."""
VARIABLES = {"conffile": "/etc/security/pam_env.conf", "envfile": "/etc/environment"}
"""An option of pam_env.so that names a file → the file without this option."""
SCRIPTS = "/lib/security"  # the directory in which pam_python.so searches for a script that is named without a directory


def files_of(handler: Handler, *, is_setuid: bool) -> Iterator[tuple[str, str]]:
    """Yield each file that ``handler`` runs as root, and each file from which ``handler`` reads variables. With each file, yield
    words that describe how the file is used. ``is_setuid`` is true if the program runs with the caller's real uid.
    """
    words = handler.arguments
    if handler.name == "pam_exec.so":
        at = next((number for number, word in enumerate(words) if word.startswith("/")), len(words))
        if not is_setuid or "seteuid" in words[:at]:  # without seteuid, the module runs the program as the caller
            yield from ((path, f"{handler.name} runs it as root") for path in _programs(words[at:]))
    elif handler.name == "pam_python.so" and words:
        yield words[0] if words[0].startswith("/") else f"{SCRIPTS}/{words[0]}", f"{handler.name} runs it as root"
    elif handler.name == "pam_env.so":
        named = {name: value for name, _, value in (word.partition("=") for word in words)}
        for name, usual in VARIABLES.items():
            if name != "envfile" or named.get("readenv", "1") != "0":
                yield named.get(name) or usual, f"{handler.name} sets its variables for programs that run as root"


def _programs(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the program. If the program is an interpreter, return its script too."""
    if not words or not INTERPRETER.fullmatch(words[0].rpartition("/")[2]):
        return words[:1]
    return words[0], *[word for word in words[1:] if word.startswith("/")][:1]
