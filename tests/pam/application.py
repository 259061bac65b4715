# SPDX-License-Identifier: Apache-2.0
"""A program that asks PAM, in a process of its own and in C, as those are that the module has to live in; and a jitd to talk to.

Law: it does what it is told over its standard input and says what came of it; that it says nothing more is a crash.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pwd
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

MODULE = "pam_jit.so"
SOURCES = Path(__file__).parents[2] / "contrib/gates"
SUCCESS, SERVICE_ERR, DENIED, IGNORE = 0, 3, 6, 25
ITEMS = {"service": 1, "user": 2, "tty": 3, "rhost": 4, "ruser": 8, "xdisplay": 11}
STAGES = {"authenticate": "auth", "acct_mgmt": "account", "open_session": "session"}

SOURCE = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
struct pam_message { int style; const char *text; };
struct pam_response { char *text; int code; };
struct pam_conv { int (*converse)(int, const struct pam_message **, struct pam_response **, void *); void *data; };
typedef struct pam_handle pam_handle_t;
int pam_start_confdir(const char *, const char *, const struct pam_conv *, const char *, pam_handle_t **);
int pam_end(pam_handle_t *, int);
int pam_set_item(pam_handle_t *, int, const void *);
int pam_putenv(pam_handle_t *, const char *);
int pam_authenticate(pam_handle_t *, int), pam_setcred(pam_handle_t *, int), pam_acct_mgmt(pam_handle_t *, int);
int pam_open_session(pam_handle_t *, int), pam_close_session(pam_handle_t *, int), pam_chauthtok(pam_handle_t *, int);

static pam_handle_t *handles[8];
static int slot, in, out, caught, most;
static char mode[64] = "ok", said[1 << 20];
static long number;

static void catch(int n) { caught |= 1 << n; }

static int converse(int count, const struct pam_message **messages, struct pam_response **answers, void *data) {
    if (count > most) most = count;
    for (int i = 0; i < count; i++) {
        size_t at = strlen(said);
        if (at > sizeof said - 4096) break;
        at += sprintf(said + at, " %d:", messages[i]->style);
        for (const char *c = messages[i]->text; *c && at < sizeof said - 4; c++)
            at += sprintf(said + at, "%02x", (unsigned char)*c);
    }
    if (!strcmp(mode, "error")) return number;
    if (!strcmp(mode, "null")) return 0;                                        /* success, and no answer at all */
    struct pam_response *made = calloc(count + 64, sizeof *made);
    if (!strcmp(mode, "error-answered")) { *answers = made; return number; }
    if (!strcmp(mode, "code")) made[0].code = number;
    if (!strcmp(mode, "text")) made[0].text = strdup("an answer that nobody asked for");
    if (!strcmp(mode, "bytes")) made[0].text = strdup("\xff\xfe\x80 \xed\xa0\x80");
    if (!strcmp(mode, "long")) { made[0].text = malloc(number + 1); memset(made[0].text, 'x', number); made[0].text[number] = 0; }
    if (!strcmp(mode, "few")) made = realloc(made, sizeof *made);               /* one, however many were sent */
    if (!strcmp(mode, "close")) for (int d = 0; d < 64; d++) if (d != in && d != out) close(d);
    if (!strcmp(mode, "slow")) usleep(number * 1000);
    if (!strcmp(mode, "signal")) kill(getpid(), number);
    if (!strcmp(mode, "user")) pam_set_item(handles[slot], 2, "root");
    if (!strcmp(mode, "nested") && handles[7]) {
        int kept = slot;
        slot = 7; strcpy(mode, "ok"); pam_acct_mgmt(handles[7], 0); slot = kept;
    }
    *answers = made;
    return 0;
}

static char *bytes(const char *hex) {
    if (!hex || !strcmp(hex, "-")) return NULL;
    size_t n = strlen(hex) / 2;
    char *made = calloc(n + 1, 1);
    for (size_t i = 0; i < n; i++) sscanf(hex + 2 * i, "%2hhx", (unsigned char *)made + i);
    return made;
}

static int entries(const char *path) {
    DIR *place = opendir(path);
    int n = 0;
    while (place && readdir(place)) n++;
    if (place) closedir(place);
    return n - 3;
}

int main(int argc, char **argv) {
    in = fcntl(0, F_DUPFD_CLOEXEC, 200); out = fcntl(1, F_DUPFD_CLOEXEC, 201);
    FILE *orders = fdopen(in, "r");
    static char line[1 << 20];
    struct pam_conv talk = { converse, NULL };
    while (fgets(line, sizeof line, orders)) {
        char *verb = strtok(line, " \n"), *a = strtok(NULL, " \n"), *b = strtok(NULL, " \n"), *c = strtok(NULL, " \n");
        int code = -1000;
        said[0] = 0;
        pam_handle_t *h = handles[slot];
        if (!strcmp(verb, "start")) {
            char *user = bytes(b), *service = bytes(a);
            code = pam_start_confdir(service, user, &talk, c, &handles[slot]);
            free(user); free(service);
        } else if (!strcmp(verb, "end")) { code = pam_end(h, atoi(a)); handles[slot] = NULL; }
        else if (!strcmp(verb, "slot")) { slot = atoi(a); code = 0; }
        else if (!strcmp(verb, "item")) { char *v = bytes(b); code = pam_set_item(h, atoi(a), v); free(v); }
        else if (!strcmp(verb, "env")) { char *v = bytes(a); code = pam_putenv(h, v); free(v); }
        else if (!strcmp(verb, "conv")) {
            snprintf(mode, sizeof mode, "%s", a); number = b ? atol(b) : 0; code = 0;
            struct pam_conv none = { NULL, NULL };
            if (h) pam_set_item(h, 5, !strcmp(a, "nothing") ? &none : &talk);
        } else if (!strcmp(verb, "authenticate")) code = pam_authenticate(h, atoi(a));
        else if (!strcmp(verb, "setcred")) code = pam_setcred(h, atoi(a));
        else if (!strcmp(verb, "acct_mgmt")) code = pam_acct_mgmt(h, atoi(a));
        else if (!strcmp(verb, "open_session")) code = pam_open_session(h, atoi(a));
        else if (!strcmp(verb, "close_session")) code = pam_close_session(h, atoi(a));
        else if (!strcmp(verb, "chauthtok")) code = pam_chauthtok(h, atoi(a));
        else if (!strcmp(verb, "uid")) code = setresuid(atoi(a), 0, 0);
        else if (!strcmp(verb, "close")) code = close(atoi(a));
        else if (!strcmp(verb, "limit")) { struct rlimit l = { atol(b), atol(b) }; code = setrlimit(atoi(a), &l); }
        else if (!strcmp(verb, "signal")) {
            int n = atoi(b);
            sigset_t set; sigemptyset(&set); sigaddset(&set, n);
            if (!strcmp(a, "ignore")) signal(n, SIG_IGN);
            if (!strcmp(a, "default")) signal(n, SIG_DFL);
            if (!strcmp(a, "catch")) signal(n, catch);
            if (!strcmp(a, "block")) sigprocmask(SIG_BLOCK, &set, NULL);
            if (!strcmp(a, "send")) kill(getpid(), n);
            code = 0;
        } else if (!strcmp(verb, "state")) {
            char status[8192] = "", names[600] = ""; unsigned long rss = 0;
            FILE *f = fopen("/proc/self/status", "r");
            while (fgets(status, sizeof status, f)) {
                sscanf(status, "RssAnon: %lu", &rss);
                char sort[5] = ""; strncat(sort, status, 4);
                if (strstr("SigB SigP SigI SigC ShdP", sort)) {
                    char *end = strchr(status, '\n'); if (end) *end = 0;
                    for (char *p = status; *p; p++) if (*p == '\t') *p = '=';
                    strcat(names, " "); strcat(names, status);
                }
            }
            fclose(f);
            char children[256] = ""; snprintf(line, 200, "/proc/self/task/%d/children", getpid());
            f = fopen(line, "r"); if (f) { if (!fgets(children, sizeof children, f)) children[0] = 0; fclose(f); }
            int n = 0; for (char *p = strtok(children, " \n"); p; p = strtok(NULL, " \n")) n++;
            sprintf(said, " rss=%lu heap=%zu descriptors=%d threads=%d children=%d caught=%d most=%d%s", rss,
                    mallinfo2().uordblks, entries("/proc/self/fd"), entries("/proc/self/task") + 1, n, caught, most, names);
            code = 0;
        }
        dprintf(out, "%d%s\n", code, said);
    }
    return 0;
}
"""


PEOPLE = ("alice", "bob", "carol", "dave", "eve")


class Crashed(Exception):
    """The program has ended in the midst of an order."""


@functools.cache
def program() -> Path:
    """The program, made once; its name is its source's, so that several runs share one."""
    made = Path(tempfile.gettempdir()) / f"pam-application-{hashlib.sha256(SOURCE.encode()).hexdigest()[:16]}"
    if not made.exists():
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "application.c").write_text(SOURCE)
            line = ["gcc", "-w", "-O1", "-o", "application", "application.c", "/lib/x86_64-linux-gnu/libpam.so.0"]
            subprocess.run(line, cwd=place, check=True)
            os.replace(shutil.copy(f"{place}/application", f"{made}.new"), made)
    return made


class Application:
    """One, on stacks of its own."""

    def __init__(
        self,
        stacks: Path,
        env: dict[str, str] | None = None,
        line: tuple[str, ...] = (),
        words: tuple[str, ...] = ("its", "words"),
    ) -> None:
        self.stacks = stacks
        self.process = subprocess.Popen(
            [*line, str(program()), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=env or {"PATH": "/usr/bin:/bin"}, cwd="/", text=True, start_new_session=True,
        )  # fmt: skip
        self.said: list[tuple[int, str]] = []
        """The messages of the last order: style and text."""

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def order(self, *words: object) -> list[str]:
        """Do it; the answer's words. Raises Crashed."""
        self.tell(*words)
        return self.answer()

    def tell(self, *words: object) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()

    def answer(self) -> list[str]:
        """What it says; as long as it says nothing, nothing of it lies read in between."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], f"no answer within {PATIENCE} s"
        line = self.process.stdout.readline()
        if not line.endswith("\n"):
            raise Crashed(f"status {self.process.wait(PATIENCE)}")
        return line.split()

    def start(self, user: str | bytes | None = "root", service: str | bytes = "su", slot: int = 0) -> None:
        self.order("slot", slot)
        assert self.order("start", _hex(service), _hex(user), self.stacks) == ["0"]
        if user in PEOPLE:  # as sshd, which was handed a ticket
            self.order("env", _hex(f"KRB5CCNAME=FILE:/tmp/krb5cc_{pwd.getpwnam(str(user)).pw_uid}"))

    def set(self, item: str, value: str | bytes | None) -> int:
        return int(self.order("item", ITEMS[item], _hex(value))[0])

    def call(self, name: str, flags: int = 0) -> int:
        """What PAM answers; ``said`` has the messages."""
        self.tell(name, flags)
        return self.result()

    def result(self) -> int:
        code, *said = self.answer()
        pairs = (word.split(":") for word in said)
        self.said = [(int(style), bytes.fromhex(text).decode("utf-8")) for style, text in pairs]
        return int(code)

    @property
    def text(self) -> str:
        return " | ".join(text for _, text in self.said)

    def state(self) -> dict[str, int]:
        """Memory of its own (rss, KiB) and what malloc has given of it (heap, bytes), descriptors, threads, children, caught
        signals, and the signals of /proc/self/status.
        """
        _, *words = self.order("state")
        found = (word.replace(":", "").split("=") for word in words)
        return {name: int(value, 16 if name.startswith(("Sig", "Shd")) else 10) for name, value in found}


def _hex(value: str | bytes | None) -> str:
    if value is None:
        return "-"
    return (value.encode() if isinstance(value, str) else value).hex() or "-"


class Bench:
    """A directory that only root may change, with a stack for the module, perhaps changed, and a place for a jitd's socket."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="pam-", dir="/srv"))
        self.root.chmod(0o755)
        self.stacks = self.root / "stacks"
        self.stacks.mkdir()
        self.socket = self.root / "jitd.sock"

    def close(self) -> None:
        shutil.rmtree(self.root)

    def module(
        self, change: str = "", initiator: str | Path | None = None, name: str = "", replaced: Mapping[str, str] | None = None
    ) -> Path:
        """A copy of the module with another initiator: a program, or the text of one in Python. ``change`` gives other values to
        its constants, and ``replaced`` is what is written in it otherwise. It has the patience of tests, unless ``change`` takes
        it away.
        """
        copy = self.root / (name or MODULE)
        patience = f"ANSWER_WITHIN = PROOF_WITHIN = FIRST_WORD_WITHIN = {PATIENCE / 2}\n"
        if isinstance(initiator, str):
            text_of, initiator = initiator, self.root / "initiator.py"
            initiator.write_text(f"#!/usr/bin/python3 -IS\n{text_of}")
            initiator.chmod(0o755)
        path = str(initiator or "")
        stand_in = "/".ljust(len(path), "x")  # written over afterwards: each bench has another path, and to compile takes 0.6 s
        other = {"GATE_INITIATOR": f'"{stand_in}"'} if initiator else {}
        made = compiled(_defines(patience + change) | other, replaced or {}).read_bytes()
        assert not initiator or made.count(stand_in.encode()) == 1
        half = self.root / "half.so"
        half.write_bytes(made.replace(stand_in.encode(), path.encode()) if initiator else made)
        os.replace(half, copy)  # a program may have the one before in its memory
        return copy

    def stack(self, module: Path, *words: str, service: str = "su", before: str = "", after: str = "") -> None:
        """``service``'s stack: the module in every stage."""
        line = f"required {module} socket={self.socket} {' '.join(words)}"
        stages = ("auth", "account", "session", "password")
        (self.stacks / service).write_text("".join(f"{before}{stage} {line}\n{after}" for stage in stages))


def _defines(changes: str) -> dict[str, str]:
    """``#define``s of the module, for lines that give them values, in seconds if with a point. Times are milliseconds there."""
    found = {}
    for line in changes.splitlines():
        *names, value = line.split(" = ")
        value = re.sub(r"\d+\.\d+", lambda number: str(round(float(number[0]) * 1000)), value)
        found |= dict.fromkeys(names, f"({value})")
    return found


def compiled(defines: Mapping[str, str], replaced: Mapping[str, str]) -> Path:
    """The module, with other values of its ``#define``s, and other texts. What was made once is made no more."""
    parts = {
        name: (SOURCES / name).read_text()
        for name in ("pam_jit.c", "host.c", "host.h", "gate.c", "gate.h", "narrow.c", "narrow.h")
    }
    for name, value in defines.items():
        changed = {
            part: re.sub(rf"^(#define {name}) .*$", rf"\1 {value}", text, flags=re.MULTILINE) for part, text in parts.items()
        }
        assert changed != parts, name
        parts = changed
    for old, new in replaced.items():
        assert sum(text.count(old) for text in parts.values()) == 1, old
        parts = {part: text.replace(old, new) for part, text in parts.items()}
    digest = hashlib.sha256("\0".join(parts.values()).encode()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"pam-jit-{digest}.so"
    if not made.exists():
        with tempfile.TemporaryDirectory() as place:
            for part, text in parts.items():
                (Path(place) / part).write_text(text)
            line = ["gcc", "-std=c11", "-D_DEFAULT_SOURCE", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-o", "made"]
            subprocess.run([*line, *(part for part in parts if part.endswith(".c")), "-lpam"], cwd=place, check=True)
            os.replace(shutil.copy(f"{place}/made", f"{made}.new"), made)
    return made


Script = Callable[["Voice"], None]


class Voice:
    """One connection of a jitd that does as a test wants."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []
        self.stream = connection.makefile("rb")
        self.began = 0
        """When its script began, as a script may note it, in milliseconds."""

    def hear(self, what: str) -> dict[str, Any]:
        """The next message, a ``what``."""
        length = int.from_bytes(self.stream.read(4), "big")
        message: dict[str, Any] = json.loads(self.stream.read(length) or "{}")
        self.heard.append(message)
        assert message.get("type") == what, message
        return message

    def say(self, what: str, **fields: Any) -> None:
        self.send(json.dumps({"type": what, **fields}, separators=(",", ":")).encode())  # narrow, as the daemon's own

    def send(self, body: bytes) -> None:
        self.connection.sendall(len(body).to_bytes(4, "big") + body)

    def greet(self) -> None:
        self.hear("hello")
        self.say("hello", version=1, nonce="AAAA")
        self.say("welcome", principal="root", user="root", host="lab.example.test", until=None, operator=True)

    def challenge(self) -> None:
        self.greet()
        self.hear("enforce")
        self.say("challenge", binding="AAAA")

    def proved(self) -> None:
        """Up to the proof, with or without an initiator's token."""
        self.challenge()
        with contextlib.suppress(AssertionError):
            self.hear("token")
            self.say("token", token="AAAA")
            self.hear("proof")
        assert self.heard[-1].get("type") == "proof"

    def news(self, *news: str, **more: Any) -> None:
        """The whole of ``progress``."""
        said = {"id": "x", "state": "pending", "owed": True, "news": list(news), "until": None, "answered": None, "asked": None}
        self.say("progress", **{**said, "owes": "", "left_ms": None, **more})

    def grant(self, boot_ms: Any = None, **more: Any) -> None:
        self.say(
            "granted", **{"id": "AAAA-AAAA", "boot_ms": now() if boot_ms is None else boot_ms, "text": "", "places": [], **more}
        )

    def refuse(self, text: str = "no") -> None:
        self.say("refused", code="denied", text=text)

    def gone(self, within: float = PATIENCE) -> bool:
        """Whether the other end has closed."""
        self.connection.settimeout(within)
        with contextlib.suppress(OSError):
            while data := self.connection.recv(65536):
                self.rest = data
            return True
        return False


def now() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)


def grants(voice: Voice) -> None:
    voice.proved()
    voice.grant()


@contextlib.contextmanager
def jitd(path: Path, script: Script) -> Iterator[list[Voice]]:
    """A jitd that says ``script`` to everybody, one after another; the connections that it had."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(50)
    had: list[Voice] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if not path.exists():
                return
            had.append(Voice(connection))
            with connection, had[-1].stream, contextlib.suppress(OSError, ValueError, AssertionError):
                script(had[-1])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield had
    finally:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            path.rename(f"{path}.gone")
            last.connect(f"{path}.gone")
        server.close()
        thread.join(15)
