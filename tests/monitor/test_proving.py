# SPDX-License-Identifier: Apache-2.0
"""The process that checks one local password: a real launcher, real accounts, and stacks of the test's own in the real place.

Law: the stack and the accounts are as before when a test has ended.
"""

from __future__ import annotations

import asyncio
import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.executor.direct import LAUNCHER, places
from jitd.executor.passwords import have_checked
from jitd.monitor.proof_orders import STACK as PLACE
from tests.monitor.test_libpam import launched
from tests.waiting import PATIENCE

STACK = Path(PLACE)
SHIPPED = Path(__file__).parents[2] / "contrib/pam.d/jitd-local"
PASSWORD = "planted-Zm9v-of-alice"
PERMIT = "account required pam_permit.so\n"
ASKS = r"""
#include <stdio.h>
#include <string.h>

enum { PAM_SUCCESS = 0, PAM_AUTH_ERR = 7, PAM_CONV_ERR = 19, PAM_USER = 2, PAM_CONV = 5 };
enum { HIDDEN = 1, SHOWN, ERROR, INFORMATION };
struct pam_message { int msg_style; const char *msg; };
struct pam_response { char *resp; int resp_retcode; };
struct pam_conv { int (*conv)(int, const struct pam_message **, struct pam_response **, void *); void *appdata_ptr; };
int pam_get_item(const void *handle, int item, const void **value);
int pam_set_item(void *handle, int item, const void *value);

/* Each word is one call of the conversation, each letter a message of it: h hidden, s shown, i information, e an error. It writes
 * the answers into the file of the first word, and succeeds if the first hidden question was answered by the password (the second
 * word). With "user=NAME" it changes PAM_USER. */
int pam_sm_authenticate(void *handle, int flags, int n, const char **words)
{
    const struct pam_conv *conv;
    int is_right = 0, n_hidden = 0;
    FILE *told = fopen(words[0], "w");
    pam_get_item(handle, PAM_CONV, (const void **)&conv);
    for (int at = 2; at < n; at++) {
        struct pam_message all[8];
        const struct pam_message *asked[8];
        struct pam_response *answers = NULL;
        int count = (int)strlen(words[at]);
        if (strncmp(words[at], "user=", 5) == 0) {
            pam_set_item(handle, PAM_USER, words[at] + 5);
            continue;
        }
        for (int i = 0; i < count; i++) {
            char kind = words[at][i];
            all[i].msg = "P\xe4ssword: ";
            all[i].msg_style = kind == 'h' ? HIDDEN : kind == 's' ? SHOWN : kind == 'e' ? ERROR : INFORMATION;
            asked[i] = &all[i];
        }
        if (conv->conv(count, asked, &answers, conv->appdata_ptr) != PAM_SUCCESS) {
            fputs("refused\n", told);
            fclose(told);
            return PAM_CONV_ERR;
        }
        for (int i = 0; i < count; i++) {
            const char *said = answers && answers[i].resp ? answers[i].resp : "-";
            fprintf(told, "%c %s\n", words[at][i], strcmp(said, words[1]) == 0 ? "PASSWORD" : said);
            if (words[at][i] == 'h' && n_hidden++ == 0)
                is_right = strcmp(said, words[1]) == 0;
        }
    }
    fclose(told);
    return is_right ? PAM_SUCCESS : PAM_AUTH_ERR;
}
int pam_sm_setcred(void *handle, int flags, int n, const char **words)
{
    FILE *told = fopen(words[0], "a");
    fputs("setcred\n", told);
    fclose(told);
    return PAM_SUCCESS;
}
"""


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = STACK.read_bytes()
    subprocess.run(["chpasswd"], input=f"alice:{PASSWORD}\n", text=True, check=True)
    yield
    STACK.write_bytes(before)
    subprocess.run(["usermod", "-p", "*", "alice"], check=True)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[socket.socket]:
    """A launcher as careless as one may be started: DISPLAY is set, and its standard input is a terminal."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    leader, terminal = pty.openpty()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-IS", "-c", LAUNCHER, *places(), str(theirs.fileno()), str(tmp_path)],
            stdin=terminal,
            pass_fds=(theirs.fileno(),),
            env={"DISPLAY": "evil.example.test:0"},
            cwd="/",
            start_new_session=True,
        )
    os.close(terminal)
    ours.setblocking(False)
    with ours:
        yield ours
    assert process.wait(PATIENCE) == 0
    os.close(leader)


def proved(launcher: socket.socket, password: str | bytes, user: str = "alice") -> bool | None:
    """What the daemon gets to know after the person has typed ``password``."""
    client, theirs = socket.socketpair()
    with client:
        client.sendall(password.encode() if isinstance(password, str) else password)
        client.shutdown(socket.SHUT_WR)
        return asyncio.run(have_checked(lambda: launcher, user, theirs))


def test_the_shipped_stack_takes_the_right_password_and_no_other(launcher: socket.socket) -> None:
    STACK.write_bytes(SHIPPED.read_bytes())
    assert proved(launcher, PASSWORD) is True
    for wrong in (PASSWORD[:-1], PASSWORD + "x", "x", b"\xff\xfe", PASSWORD.encode() + b"\n"):
        assert proved(launcher, wrong) is False
    assert proved(launcher, PASSWORD, "no-such-account") is False
    assert proved(launcher, PASSWORD, "root") is False
    assert proved(launcher, PASSWORD) is True, "the launcher is as before"


@pytest.mark.parametrize("nothing", ["", "\0", f"{PASSWORD}\0", "x" * 513])
def test_what_cannot_be_a_password_is_none(launcher: socket.socket, nothing: str) -> None:
    assert proved(launcher, nothing) is None


def test_an_account_without_a_password_is_proved_by_none_whatever_the_stack_says(launcher: socket.socket) -> None:
    """THREATS K-21: pam_unix asks nothing at all about such an account, where it has ``nullok``."""
    subprocess.run(["passwd", "-d", "alice"], check=True, stdout=subprocess.DEVNULL)
    STACK.write_text(f"auth required pam_unix.so nullok\n{PERMIT}")
    assert proved(launcher, "anything") is False


@pytest.mark.parametrize("module", ["pam_permit.so", "pam_succeed_if.so user = alice"])
def test_a_stack_that_asks_for_nothing_has_proved_nobody(launcher: socket.socket, module: str) -> None:
    """THREATS K-21"""
    STACK.write_text(f"auth required {module}\n{PERMIT}")
    assert proved(launcher, PASSWORD) is False
    assert proved(launcher, "anything") is False


@pytest.mark.parametrize("says", ["i", "e", "s", "ii", "ih"])
def test_a_stack_that_only_says_something_has_proved_nobody(
    launcher: socket.socket, asks: Path, tmp_path: Path, says: str
) -> None:
    """THREATS K-21: python-pam keeps what a module says, and what it asks, in one list."""
    STACK.write_text(f"auth optional {asks} {tmp_path}/told {PASSWORD} {says}\nauth sufficient pam_rootok.so\n{PERMIT}")
    for password in ("anything", PASSWORD):
        assert proved(launcher, password) is False


def test_a_password_is_checked_after_an_information(launcher: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a text for people\n")
    STACK.write_text(f"auth optional pam_echo.so file={tmp_path}/text\nauth required pam_unix.so\n{PERMIT}")
    assert proved(launcher, PASSWORD) is True
    assert proved(launcher, "anything") is False
    STACK.write_text(f"auth optional pam_echo.so file={tmp_path}/text\nauth sufficient pam_rootok.so\n{PERMIT}")
    assert proved(launcher, "anything") is False


def test_an_account_that_may_not_be_used_is_not_proved(launcher: socket.socket) -> None:
    STACK.write_text("auth required pam_unix.so\naccount required pam_deny.so\n")
    assert proved(launcher, PASSWORD) is False


def test_the_modules_are_told_the_account_and_no_terminal(launcher: socket.socket, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text(
        f'#!/bin/sh\necho "$PAM_TYPE $PAM_SERVICE $PAM_USER $PAM_RUSER ${{PAM_TTY:-none}} $(id -u)" >>{tmp_path}/diary\n'
    )
    note.chmod(0o755)
    STACK.write_text(f"auth required pam_exec.so {note}\nauth required pam_unix.so\naccount required pam_exec.so {note}\n")
    assert proved(launcher, PASSWORD) is True
    assert (tmp_path / "diary").read_text() == "auth jitd-local alice alice none 0\naccount jitd-local alice alice none 0\n"


@pytest.fixture(scope="module")
def asks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module of PAM that asks what its line says."""
    module = tmp_path_factory.mktemp("module") / "asks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-l:libpam.so.0", "-o", module], input=ASKS, text=True, check=True)
    return module


# what the module asks, what it gets, and whether that proves somebody
ASKED = {
    "the password": ("h", "h PASSWORD", True),
    "the password after an information": ("i h", "i - h PASSWORD", True),
    "the password, and tells an error": ("h e", "h PASSWORD e -", True),
    "the password twice": ("h h", "h PASSWORD h PASSWORD", True),
    "the password, and something that is shown": ("h s", "h PASSWORD refused", False),
    "something that is shown": ("s", "refused", False),
    "the password, and at once something that is shown": ("hs", "refused", False),
    "an information alone": ("i", "i -", False),
    "two secrets at once": ("hh", "h PASSWORD h -", True),
    "an information and the password at once": ("ih", "i - h -", False),
    "nothing": ("", "", False),
}


@pytest.mark.parametrize(("asked", "got", "is_proved"), ASKED.values(), ids=list(ASKED))
def test_hidden_questions_get_the_password_and_shown_ones_are_refused(
    launcher: socket.socket, asks: Path, tmp_path: Path, asked: str, got: str, is_proved: bool
) -> None:
    """THREATS K-21. Credentials are never set (pam_setcred(3)): nobody's session begins."""
    told = tmp_path / "told"
    STACK.write_text(f"auth required {asks} {told} {PASSWORD} {asked}\n{PERMIT}")
    assert proved(launcher, PASSWORD) is is_proved
    assert told.read_text().split() == got.split()


def test_the_account_that_a_module_puts_in_its_place_is_not_proved(launcher: socket.socket, asks: Path, tmp_path: Path) -> None:
    """THREATS K-21"""
    for other, is_proved in (("bob", False), ("alice", True)):
        STACK.write_text(f"auth required {asks} {tmp_path}/told {PASSWORD} h user={other}\n{PERMIT}")
        assert proved(launcher, PASSWORD) is is_proved


def test_a_wrong_password_waits_as_long_as_the_stack_wants(launcher: socket.socket) -> None:
    """pam_fail_delay(3): libpam waits, whichever package calls it."""
    STACK.write_text(f"auth optional pam_faildelay.so delay=400000\nauth required pam_unix.so nodelay\n{PERMIT}")
    begun = time.monotonic()
    assert proved(launcher, "x") is False
    assert time.monotonic() - begun > 0.15, "the delay is between a half and one and a half of what is set"


def test_a_module_that_crashes_has_proved_nobody(launcher: socket.socket, tmp_path: Path) -> None:
    module = tmp_path / "crashes.so"
    code = "int pam_sm_authenticate(void *h, int f, int c, char **v) { *(volatile int *)0 = 1; return 0; }\n"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", module], input=code, text=True, check=True)
    STACK.write_text(f"auth required {module}\n{PERMIT}")
    assert proved(launcher, PASSWORD) is False


def test_without_its_stack_nobody_is_asked_and_nobody_has_guessed(launcher: socket.socket) -> None:
    """THREATS K-21: else libpam would use the stack ``other``, for each type of which there is no line."""
    STACK.unlink()
    with pytest.raises(OSError, match="PAM is not set up for local passwords"):
        proved(launcher, PASSWORD)
    for text in ("", "auth required pam_unix.so\n", PERMIT, "auth required pam_unix.so\nacount required pam_deny.so\n"):
        STACK.write_text(text)
        with pytest.raises(OSError, match="PAM is not set up for local passwords"):
            proved(launcher, PASSWORD)


def test_the_package_is_loaded_by_the_process_that_ends_and_no_program_is_run() -> None:
    program = """
import sys
sys.path += sys.argv[1:]
import jitd.monitor.launcher
print(*sorted({"pam", "threading"} & sys.modules.keys()))
sys.addaudithook(lambda event, _: event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec") and print(event))
from jitd.monitor.proving import Checking
Checking()
print(*sorted({"pam", "subprocess"} & sys.modules.keys()))
"""
    assert launched(program) == ["", "pam"]
