# SPDX-License-Identifier: Apache-2.0
"""Other modules in the stack of a gate: which files they run as root, and from which files they take variables. Law: pure.

A gate cannot stop a person who may change a file that another module of the same stack runs as root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.pamlint.stack import Handler

INTERPRETER = re.compile(r"(?:python|perl|ruby|node|lua|php|tclsh)[0-9.]*|(?:ba|da|z|k|)sh|env")
"""Programs that run the first file in their arguments."""
VARIABLES = {"conffile": "/etc/security/pam_env.conf", "envfile": "/etc/environment"}
"""Options of pam_env.so that name a file, and the file that is read if the option is not given."""
SCRIPTS = "/lib/security"
"""The directory in which pam_python.so looks for a script that is named without a directory."""


def files_of(handler: Handler, *, is_setuid: bool) -> Iterator[tuple[str, str]]:
    """Yield each file that ``handler`` runs as root or takes variables from, and what is done with the file. ``is_setuid``: the
    program's real uid is the caller's.
    """
    words = handler.arguments
    if handler.name == "pam_exec.so":
        at = next((number for number, word in enumerate(words) if word.startswith("/")), len(words))
        if not is_setuid or "seteuid" in words[:at]:  # without seteuid it runs as the caller
            yield from ((path, f"{handler.name} runs it as root") for path in _programs(words[at:]))
    elif handler.name == "pam_python.so" and words:
        yield words[0] if words[0].startswith("/") else f"{SCRIPTS}/{words[0]}", f"{handler.name} runs it as root"
    elif handler.name == "pam_env.so":
        named = {name: value for name, _, value in (word.partition("=") for word in words)}
        for name, usual in VARIABLES.items():
            if name != "envfile" or named.get("readenv", "1") != "0":
                yield named.get(name) or usual, f"{handler.name} sets its variables for programs that run as root"


def _programs(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the program, and the script that it interprets."""
    if not words or not INTERPRETER.fullmatch(words[0].rpartition("/")[2]):
        return words[:1]
    return words[0], *[word for word in words[1:] if word.startswith("/")][:1]
