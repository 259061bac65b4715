# SPDX-License-Identifier: Apache-2.0
"""Another program that is called sudo and has sudo's PAM services, like sudo-rs. It keeps the caller's PATH, and searches this
PATH for the command. And the sudo-rs of the host, if it has one (Debian 13).
"""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUDO_RS = Path("/usr/bin/sudo-rs")
OTHER_SUDO = Path("/usr/local/lib/other/sudo")
SOURCE = r"""
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct message { int style; const char *text; };
struct response { char *text; int code; };
struct conversation { int (*talk)(int, const struct message **, struct response **, void *); void *data; };
int pam_start(const char *, const char *, const struct conversation *, void **);
int pam_acct_mgmt(void *, int);

static int talk(int n, const struct message **messages, struct response **responses, void *data) {
    for (int i = 0; i < n; i++) fprintf(stderr, "%s\n", messages[i]->text);
    *responses = calloc(n, sizeof **responses);
    return 0;
}

int main(int argc, char **argv) {
    struct conversation conversation = { talk, NULL };
    void *handle;
    if (pam_start("sudo", getpwuid(getuid())->pw_name, &conversation, &handle)) return 1;
    if (pam_acct_mgmt(handle, 0)) return 1;
    while (*++argv && **argv == '-') ;
    if (setgid(0) || setuid(0)) return 1;
    execvp(*argv, argv);
    return 1;
}
"""


@contextmanager
def made_other_sudo() -> Iterator[Path]:
    """The program, with set-user-id root."""
    OTHER_SUDO.parent.mkdir()
    try:
        subprocess.run(["cc", "-x", "c", "-o", str(OTHER_SUDO), "-", "-l:libpam.so.0"], input=SOURCE, text=True, check=True)
        OTHER_SUDO.chmod(0o4755)
        yield OTHER_SUDO
    finally:
        shutil.rmtree(OTHER_SUDO.parent)


@contextmanager
def no_sudo_rs() -> Iterator[None]:
    """sudo-rs is not set-user-ID while this lasts, so the host has one sudo, and its plugin has no fault."""
    mode = SUDO_RS.stat().st_mode if SUDO_RS.exists() else None
    if mode is not None:
        SUDO_RS.chmod(mode & ~stat.S_ISUID & 0o7777)
    try:
        yield
    finally:
        if mode is not None:
            SUDO_RS.chmod(mode & 0o7777)
