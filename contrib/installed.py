# SPDX-License-Identifier: Apache-2.0
"""What is installed: the list that contrib/install leaves below DESTDIR, and contrib/uninstall goes by.

Law: a list with a line that install did not write is refused whole; each path of it is a file that install wrote, and is looked
up below DESTDIR alone, whatever links lie there.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

LIBRARY, SHARED = "/usr/lib/jitd", "/usr/share/jitd"
"""Directories that are ours as a whole."""
LIST = f"{SHARED}/installed"
PACKAGE = "/var/lib/dpkg/info/jitsudo.prerm"
"""Is there while the package jitsudo is installed."""
CLIENT = "/var/lib/dpkg/info/jitsudo-client.preinst"
"""Is there while the package jitsudo-client is installed."""
STATE, RUN = "/var/lib/jitd", "/run/jitd"
GIVERS_STATE = "/var/lib/jitd-givers"
"""What jitd-givers has noted of what it gave."""
LOGS = "/var/log/jitd-outside"
"""The files of sinks, which jitd-outside writes."""
SETTINGS = "/etc/jitd"
KEYS = f"{SETTINGS}/outside"
"""The directory with what jitd-outside is given: keys and client certificates."""
LEFT = (STATE, GIVERS_STATE, LOGS)
"""What stays when the rest is taken away, beside the settings."""
HELPERS = ("kdc", "programs", "programs-net", "outside", "terminals", "givers")
"""Each is an instance of the units jitd-helper@.service and jitd-helper@.socket."""
PROCESSES = ("jitd", "jitd-launcher", *(f"jitd-helper@{helper}" for helper in HELPERS))
"""Each has a service and a socket."""
ACCOUNTS = ("jitd-kdc", "jitd-programs", "jitd-programs-net", "jitd-outside", "jitd-terminals", "jitd-door")
"""The accounts of the processes that are not root."""
WITH_SHELL = "jitd-door"
"""That of them by whose shell sshd runs what carries bytes to the door."""
HEAD = "# What contrib/install has put here. `conf` is an administrator's, and has the digest that it came with.\n"
_COMPLETION = r"share/bash-completion/completions|share/zsh/vendor-completions|share/fish/vendor_completions\.d"
_FILE = re.compile(
    rf"/usr/(s?bin|lib/systemd/system|lib/(?:tmpfiles|sysusers)\.d|share/man/man[1-8]|{_COMPLETION})/_?jit[A-Za-z0-9._@-]*"
    r"|/usr/lib(?:/[a-z0-9_-]+)?/security/pam_jit\.so"
    r"|/usr/lib/systemd/system/jitd-helper@[a-z-]+\.service\.d/[0-9a-z-]+\.conf"
)
_CONF = re.compile(r"/etc/(pam\.d/jitd(-local|-account)?(\.new)?|jitd/jitd\.toml|jitd/policy\.d/[A-Za-z0-9_-]+\.toml)")


class Fault(Exception):
    """What is wrong, in a sentence, and what to do about it."""


@dataclass
class Installed:
    """The files by their paths on the host, and those of the administrator's with the digest that they came with."""

    files: list[str] = field(default_factory=list)
    conf: dict[str, str] = field(default_factory=dict)


def below(dest: Path, path: str) -> Path:
    """Where ``path`` of the host is below ``dest``. Raises Fault if a link on the way leads out of it."""
    place = Path(f"{str(dest).rstrip('/')}/{path.lstrip('/')}")
    above, top = os.path.realpath(place.parent), os.path.realpath(dest)
    if not f"{above}/".startswith(top.rstrip("/") + "/"):
        raise Fault(f"{place} leads out of {dest}, to {above}: a link on the way is absolute; make it relative")
    return place


def digest(file: Path) -> str:
    """SHA-256 of what is in a file; empty if there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def read_list(dest: Path) -> Installed | None:
    """What is installed below ``dest``; None if there is no list. Raises Fault."""
    place = below(dest, LIST)
    try:
        lines = place.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise Fault(f"{place} cannot be read: {fault}") from None
    found = Installed()
    for number, line in enumerate(lines, 1):
        kind, _, rest = line.partition(" ")
        path, _, sha256 = rest.partition(" ")
        if kind == "file" and _FILE.fullmatch(path) and not sha256:
            found.files.append(path)
        elif kind == "conf" and _CONF.fullmatch(path) and re.fullmatch("[0-9a-f]{64}", sha256):
            found.conf[path] = sha256
        elif not line.startswith("#"):
            raise Fault(f"{place}:{number}: not a line that contrib/install writes; `make install` writes the list anew")
    return found


def write_list(dest: Path, installed: Installed) -> None:
    """The list as it is from now on."""
    lines = [f"file {path}\n" for path in sorted(installed.files)]
    lines += [f"conf {path} {sha256}\n" for path, sha256 in sorted(installed.conf.items())]
    put(below(dest, LIST), (HEAD + "".join(lines)).encode())


def put(place: Path, content: bytes, mode: int = 0o644) -> None:
    """A whole file in one step: nobody ever sees half of it, and one that is executed goes on."""
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_name(f".{place.name}.installing")
    try:
        half.write_bytes(content)
        half.chmod(mode)
        os.replace(half, place)
    finally:
        half.unlink(missing_ok=True)
