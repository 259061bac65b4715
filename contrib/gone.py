# SPDX-License-Identifier: Apache-2.0
"""Finds the PAM stacks that name what 0.1 asked by and this version does not have: pam_jit.py, and its guard, pam_guard.py.

contrib/install imports it. contrib/deb/divide puts its text, and that of jitd/hosts/lines, into the script that dpkg runs before
it unpacks anything, so both take the standard library alone.
It goes with the first version that is not installed over 0.2 any more.
Law: what libpam could load by some name counts, also if no program asks it now, because somebody may put it back; and so does
what cannot be read.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys

from jitd.hosts.lines import LINES, words_of

ONE_FILE, PROFILES = "/etc/pam.conf", "/usr/share/pam-configs"  # of the profiles, pam-auth-update makes stacks
STACKS = ("/etc/pam.d", "/usr/lib/pam.d")
KINDS = ("auth", "account", "password", "session")
KEPT = re.compile(r"[.#].*|.*~|.*\.(?:dpkg|ucf|pam)-[a-z]+", re.DOTALL)
"""What editors, dpkg and pam-auth-update call files of before: no program has such a service."""
GONE = re.compile(r"\bpam_(?:jit|guard)\.py\b")
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
EXCHANGED = re.compile(
    rb"(?m)^[ \t]*-?(?:auth|account|session)[ \t]+(?:\[[^]\n]*\]|\w+)[ \t]+pam_python\.so[ \t]+/usr/lib/jitd/pam_jit\.py(?!\S)"
)
"""A line that --exchange of 0.2 takes. Of a stack without one, it would make the contrary: pam_jit.py of pam_jit.so."""
EXCHANGED_IN = ("sudo", "su", "doas", "login", "sshd", "cron")
LEFT = """\
What is left then is for an editor: write pam_jit.so in place of "pam_python.so /usr/lib/jitd/pam_jit.py"; take out a line with
pam_guard.py and the pam_deny.so after it, and let a line that jumps over both jump over two lines less; and move a file that
nothing uses out of the directory."""


def leads_to(above: str, file: str) -> str:
    """Where the links at ``file`` lead, as they do once ``above`` is the root."""
    for _ in range(40):
        if not os.path.islink(file):
            break
        link = os.readlink(file)
        file = above + link if link.startswith("/") else f"{os.path.dirname(file)}/{link}"
    return file


def named(above: str, words: list[str]) -> str:
    """What is gone and these words name, also by a link."""
    for word in words:
        link = leads_to(above, above + word) if word.startswith("/") else ""
        if found := GONE.search(word) or GONE.search(os.path.basename(link)):
            return found[0]
    return ""


def reasons(dest: str) -> list[str]:
    """What speaks against an installation below ``dest``, and what to type; empty if nothing does."""
    above = dest.rstrip("/")
    found, seen, exchanged = [], set(), set()
    files = [above + ONE_FILE]  # grows by what these include

    def tell(place: str, fault: OSError) -> None:
        if fault.errno not in ABSENT:
            found.append(f"{place} cannot be read ({fault.strerror}), so it may name pam_jit.py or pam_guard.py")

    for directory in (*STACKS, PROFILES):
        try:
            names = sorted(os.listdir(above + directory), key=os.fsencode)
        except OSError as fault:
            tell(above + directory, fault)
            continue
        if directory in STACKS:  # libpam asks for each service in lower case, so a README is none
            names = [name for name in names if not re.search("[A-Z]", name)]
        files += [f"{above}{directory}/{name}" for name in names if not KEPT.fullmatch(name)]
    for file in files:
        try:
            status = os.stat(leads_to(above, file))
            if (status.st_dev, status.st_ino) in seen or not stat.S_ISREG(status.st_mode):
                continue
            seen.add((status.st_dev, status.st_ino))
            with open(leads_to(above, file), "rb") as stream:
                data = stream.read()
        except OSError as fault:
            tell(file, fault)
            continue
        directory, _, service = file.removeprefix(above).rpartition("/")
        gone = {}
        for line in (line for read in LINES.values() for line in read(data).lines):  # whichever libpam the host has
            words = words_of(line.text)[f"{directory}/{service}" == ONE_FILE :]
            first, control = (word.lower() for word in (*words, "", "")[:2])
            first = first.removeprefix("-")
            if first == "@include" or control in ("include", "substack"):
                for name in words[1:2] if first == "@include" else words[2:3]:
                    files.append(above + os.path.join(STACKS[0], name))
            elif (first in KINDS or directory == PROFILES) and (name := named(above, words)):
                gone[line.number] = name
        found += [f"{file}:{number} names {name}, which this version does not have" for number, name in sorted(gone.items())]
        service = service.removesuffix("-i").removesuffix("-l")  # one command for both of a pair: a second one takes it back
        if gone and directory == STACKS[0] and service in EXCHANGED_IN and EXCHANGED.search(data) and not os.path.islink(file):
            exchanged.add(f"    {f'chroot {above} ' if above else ''}jitd pam-install --exchange {service}")
    if not found:
        return []
    found.append("Nobody but root would come through such a stack, so nothing was changed.")
    if exchanged:
        found += ["Let root type (a jitd before 0.2 has no --exchange: install 0.2 first):", *sorted(exchanged)]
    return [*found, *LEFT.split("\n")]


if __name__ == "__main__":
    told = reasons("/")
    for reason in told:
        print(f"jitsudo: {reason}", file=sys.stderr)
    sys.exit(1 if told else 0)
