# SPDX-License-Identifier: Apache-2.0
"""Finds the PAM stacks that name what 0.1 asked by and this version does not have: pam_jit.py, and its guard, pam_guard.py.

contrib/install imports it. contrib/deb/divide puts its text into the script that dpkg runs before it unpacks anything, so it
takes the standard library alone.
Law: a stack that cannot be read counts, too, and so does one that no program asks now, because somebody may put it back.
"""

from __future__ import annotations

import glob
import os
import re
import sys

STACKS = ("/etc/pam.conf", "/etc/pam.d/*", "/usr/lib/pam.d/*")
GONE = re.compile(rb"pam_(?:jit|guard)\.py\b")
INCLUDED = re.compile(rb"(?m)(?:^[ \t]*@include|[ \t](?:include|substack))[ \t]+(/\S+)")
MEND = """\
Nobody but root would come through such a stack, so nothing was changed. For each service that has one (sudo, su, doas, login,
sshd or cron), let root type: jitd pam-install --exchange SERVICE
A jitd before 0.2 has no --exchange: install 0.2 first. What it does not exchange is for an editor: write pam_jit.so in place of
"pam_python.so /usr/lib/jitd/pam_jit.py"; take out a line with pam_guard.py and the pam_deny.so after it, and let a line that
jumps over both jump over two lines less; and move a file that nothing uses out of the directory."""


def reasons(dest: str) -> list[str]:
    """What speaks against an installation below ``dest``, and what to type; empty if nothing does."""
    above = dest.rstrip("/")
    files = [file for pattern in STACKS for file in sorted(glob.glob(glob.escape(above) + pattern))]
    found, seen = [], set()
    for file in files:  # grows by what these include from other places
        real = os.path.realpath(file)
        if real in seen or not os.path.isfile(real):
            continue
        seen.add(real)
        try:
            with open(real, "rb") as stream:
                text = re.sub(rb"#.*", b"", stream.read())
        except OSError as fault:
            found.append(f"{file} cannot be read ({fault.strerror}), so it may name pam_jit.py or pam_guard.py")
            continue
        named = [(number, name) for number, line in enumerate(text.split(b"\n"), 1) for name in GONE.findall(line)]
        found += [f"{file}:{number} names {name.decode()}, which this version does not have" for number, name in named]
        files += [above + os.fsdecode(name) for name in INCLUDED.findall(text.replace(b"\\\n", b" "))]
    return [*found, *MEND.split("\n")] if found else []


if __name__ == "__main__":
    told = reasons("/")
    for reason in told:
        print(f"jitsudo: {reason}", file=sys.stderr)
    sys.exit(1 if told else 0)
