# SPDX-License-Identifier: Apache-2.0
"""Plays scenarios as whoever starts it: each through both tools, one after the other, and says what could be seen of each.

Reads one JSON document (bytes as Latin-1 text) and writes one. Law: standard library only, as it is copied into the lab and
started there as an ordinary user; it judges nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 60.0
"""Seconds that one run may take."""
SHOWN = 4096
"""Bytes of a stream that are reported as they are; more is reported as a length and a digest."""
WORKERS = 6
"""Scenarios at once: most of them wait most of the time."""
NEWS = re.compile(b"(?!)")
"""What is left out of all that is seen: whoever starts this says it (tests/news.py)."""


def told(data: bytes) -> str:
    data = NEWS.sub(b"", data)
    if len(data) <= SHOWN:
        return data.decode("latin-1")
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


class Stage:
    """One run of one scenario through one tool."""

    def __init__(self, scenario: dict, tool: dict) -> None:
        self.scenario, self.tool = scenario, tool
        self.around = scenario.get("around", {})
        self.child_ends: dict[int, int] = {}
        self.reads: dict[int, int] = {}
        self.said = {1: b"", 2: b"", "terminal": b""}
        self.input = scenario.get("input", "").encode("latin-1")
        self.feed = -1
        self.master = self.slave = -1
        self.files: dict[int, str] = {}
        self.to_close: list[int] = []
        self.entered_at = 0
        self.pid = 0
        self.status: int | str | None = None
        self.stops: list[int] = []
        self.slow = self.around.get("slow", 0.0)
        self.vanish = self.around.get("vanish")

    # --- the streams

    def open(self) -> None:
        kinds = self.scenario["streams"]
        if "terminal" in kinds or self.around.get("terminal"):
            self.master, self.slave = os.openpty()
            rows, columns = self.around.get("size", [24, 80])
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            for words in self.around.get("stty", []):
                subprocess.run(["stty", *words.split()], stdin=self.slave, check=True)
            self.modes_before = termios.tcgetattr(self.slave)
            os.set_blocking(self.master, False)
        for slot, kind in enumerate(kinds):
            self.child_ends[slot] = self._one(slot, kind)
        for descriptor in self.to_close:
            os.set_inheritable(descriptor, False)

    def _one(self, slot: int, kind: str) -> int:
        if kind == "closed":
            return -1
        if kind == "terminal":
            return self.slave
        if kind == "same":
            return self.child_ends[slot - 1]
        if kind in ("null", "full", "zero"):
            return self._theirs(os.open(f"/dev/{kind}", os.O_RDONLY if slot == 0 else os.O_WRONLY))
        if kind == "nullrw":
            return self._theirs(os.open("/dev/null", os.O_RDWR))
        if kind == "file":
            path = f".stream{slot}"
            with open(path, "wb") as file:
                file.write(self.input if slot == 0 else b"")
            self.files[slot] = path
            return self._theirs(os.open(path, os.O_RDONLY if slot == 0 else os.O_WRONLY | os.O_APPEND))
        if kind == "wrongway":
            with open(f".wrong{slot}", "wb"):
                pass
            return self._theirs(os.open(f".wrong{slot}", os.O_WRONLY if slot == 0 else os.O_RDONLY))
        if kind == "directory":
            return self._theirs(os.open(".", os.O_RDONLY))
        if kind in ("pipe", "gone"):
            reading, writing = os.pipe()
            theirs, ours = (reading, writing) if slot == 0 else (writing, reading)
        elif kind == "socket":
            one, other = socket.socketpair()
            theirs, ours = one.detach(), other.detach()
        else:
            raise ValueError(kind)
        if kind == "gone":
            os.close(ours)
        elif slot == 0:
            os.set_blocking(ours, False)
            self.feed = ours
            if not self.input and not self.around.get("open_input"):
                self._end_feed()
        else:
            os.set_blocking(ours, False)
            self.reads[ours] = slot
        return self._theirs(theirs)

    def _theirs(self, descriptor: int) -> int:
        while descriptor <= 2:
            descriptor = os.dup(descriptor)
        self.to_close.append(descriptor)
        return descriptor

    def _end_feed(self) -> None:
        if self.feed >= 0:
            kind = self.scenario["streams"][0]
            if kind == "socket":
                socket.socket(fileno=self.feed).shutdown(socket.SHUT_WR)
            else:
                os.close(self.feed)
            self.feed = -1

    # --- the child

    def start(self) -> None:
        self.go, go = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._become(go)
            except BaseException as fault:
                os.write(go, f"{type(fault).__name__}: {fault}".encode())
            finally:
                os._exit(199)
        os.close(go)
        for descriptor in self.to_close:
            os.close(descriptor)
        if fault := os.read(self.go, 4096):
            raise RuntimeError(fault.decode())
        os.close(self.go)

    def _become(self, go: int) -> None:
        os.setsid()
        if self.slave >= 0 and self.around.get("controls", True):
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        high = fcntl.fcntl(go, fcntl.F_DUPFD_CLOEXEC, 200)
        ends = {slot: end if end < 0 else fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for slot, end in self.child_ends.items()}
        for slot, end in ends.items():
            if end >= 0:
                os.dup2(end, slot, inheritable=True)
            else:
                with contextlib.suppress(OSError):
                    os.close(slot)
        os.closerange(3, 200)
        around = self.around
        for extra in around.get("descriptors", []):
            found = os.open("/etc/passwd", os.O_RDONLY)
            if found != extra:
                os.dup2(found, extra, inheritable=True)
                os.close(found)
            else:
                os.set_inheritable(found, True)
        if "umask" in around:
            os.umask(around["umask"])
        if "nice" in around:
            os.nice(around["nice"])
        if "cpus" in around:
            os.sched_setaffinity(0, around["cpus"])
        if "oom" in around:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(str(around["oom"]))
        if "idle" in around:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        for number in range(1, 65):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        for name in around.get("ignored", []):
            signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)
        blocked = {getattr(signal, f"SIG{name}") for name in around.get("blocked", [])}
        words = [word.encode("latin-1") for word in self.scenario["words"]]
        if "line" in self.scenario:
            words = [word.encode("latin-1") for word in self.scenario["shell"]]
            if not around.get("types"):
                words += [b"-c", self.scenario["line"].encode("latin-1")]
        else:
            words = [self.tool["path"].encode() if word == b"{tool}" else word for word in (b"{tool}", *words)]
        environment = {k.encode("latin-1"): v.encode("latin-1") for k, v in self.scenario["environment"].items()}
        environment.setdefault(b"PATH", self.tool["shim"].encode() + b":/usr/local/bin:/usr/bin:/bin")
        if "cwd" in around:
            os.chdir(around["cwd"])
        if around.get("removed"):
            os.mkdir("lost")
            os.chdir("lost")
            os.rmdir("../lost")
        for name, value in around.get("limits", {}).items():
            which = getattr(resource, f"RLIMIT_{name}")
            hard = resource.getrlimit(which)[1]
            resource.setrlimit(which, (value, value if around.get("hard") else hard))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if "double" in around:  # an environment with the same name twice can only be made past Python
            self._exec_raw(words, [*(k + b"=" + v for k, v in environment.items()), *(x.encode() for x in around["double"])])
        del high
        os.execve(words[0], words, environment)

    @staticmethod
    def _exec_raw(words: list[bytes], pairs: list[bytes]) -> None:
        import ctypes

        def vector(of: list[bytes]) -> object:
            return (ctypes.c_char_p * (len(of) + 1))(*of, None)

        ctypes.CDLL(None).execve(ctypes.c_char_p(words[0]), vector(words), vector(pairs))

    # --- the play

    def play(self) -> None:
        self.until = time.monotonic() + self.around.get("patience", PATIENCE)
        for step in self.scenario.get("steps", []):
            if not self._step(*step):
                self.status = f"stuck at {step}"
                break
        while self.status is None:
            if time.monotonic() > self.until:
                self.status = "did not end"
                break
            self._turn(0.01 if not self.reads and self.master < 0 else 0.05)
        with contextlib.suppress(ProcessLookupError):
            if isinstance(self.status, str):
                for stream in self._session():
                    os.kill(stream, signal.SIGKILL)
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        enough = time.monotonic() + self.around.get("drain", 2.0)
        while self.reads and time.monotonic() < enough:  # a silence is no end: what was put into the background has yet to begin
            self._turn(0.05, reap=False)
        while (self.reads or self.master >= 0) and self._turn(0, reap=False):  # what is there, however late it is
            pass

    def _session(self) -> list[int]:
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    with open(f"/proc/{name}/stat", "rb") as file:
                        fields = file.read().rpartition(b")")[2].split()
                    if int(fields[3]) == self.pid and os.stat(f"/proc/{name}").st_uid == os.getuid():
                        found.append(int(name))
        return found

    def _step(self, what: str, *values) -> bool:
        if what == "until":
            pattern = re.compile(values[0].encode("latin-1"), re.DOTALL)
            return self._wait(lambda: pattern.search(self.said["terminal"] + self.said[1] + self.said[2]))
        if what == "again":  # until it is seen that often
            pattern = re.compile(values[0].encode("latin-1"), re.DOTALL)
            return self._wait(lambda: len(pattern.findall(self.said["terminal"] + self.said[1])) >= values[1])
        if what == "enter":  # at a shell's prompt
            text, prompt = (*values, "$ ")[:2]
            end = prompt.encode("latin-1")

            def is_new() -> bool:  # until what was entered before is shown, its prompt is the last thing that was said
                return len(self.said["terminal"]) > self.entered_at and self.said["terminal"].endswith(end) and self._is_raw()

            if not self._wait(is_new):
                return False
            self.entered_at = len(self.said["terminal"])
            return self._step("type", text)
        if what == "type":
            data = values[0].encode("latin-1")
            while data:
                try:
                    data = data[os.write(self.master, data) :]
                except BlockingIOError:
                    self._turn(0.02)
            return True
        if what == "type until":  # it is seen: a prompt tells of jobs when something is typed
            text, pattern = values[0], re.compile(values[1].encode("latin-1"), re.DOTALL)
            while not pattern.search(self.said["terminal"]):
                if not self._step("type", text) or not self._step("pause", 0.3) or time.monotonic() > self.until:
                    return False
            return True
        if what == "feed":
            os.write(self.feed, values[0].encode("latin-1"))
            return True
        if what == "end input":
            self._end_feed()
            return True
        if what == "signal":
            os.kill(self.pid, getattr(signal, f"SIG{values[0]}"))
            return True
        if what == "signal group":
            os.killpg(self.pid, getattr(signal, f"SIG{values[0]}"))
            return True
        if what == "signal child":  # of the shell that we started
            for child in self._children(self.pid):
                os.kill(child, getattr(signal, f"SIG{values[0]}"))
            return True
        if what == "resize":
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", *values, 0, 0))
            return True
        if what == "stopped":
            return self._wait(lambda: self.stops)
        if what == "raw":  # the terminal is raw (or not), as its own side sees it
            return self._wait(lambda: self._is_raw() is values[0])
        if what == "raw or over":  # who cannot write may end before a look at the terminal
            return self._wait(lambda: self._is_raw() or self.status is not None)
        if what == "file":
            return self._wait(lambda: os.path.exists(values[0]))
        if what == "hang up":
            os.close(self.slave)
            os.close(self.master)
            self.master = self.slave = -1
            return True
        if what == "pause":
            end = time.monotonic() + values[0]
            while time.monotonic() < end:
                self._turn(0.01)
            return True
        raise ValueError(what)

    def _is_raw(self) -> bool:
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    @staticmethod
    def _children(of: int) -> list[int]:
        with open(f"/proc/{of}/task/{of}/children") as file:
            return [int(word) for word in file.read().split()]

    def _wait(self, true) -> bool:
        while not true():
            if time.monotonic() > self.until or (self.status is not None and not self._turn(0, reap=False)):
                return bool(true())
            self._turn(0.05)
        return True

    def _turn(self, within: float, *, reap: bool = True) -> bool:
        """Carry what there is to carry. True if something was."""
        poll = select.poll()
        for descriptor in self.reads:
            poll.register(descriptor, select.POLLIN)
        if self.feed >= 0:
            poll.register(self.feed, select.POLLOUT if self.input else select.POLLERR)
        if self.master >= 0:
            poll.register(self.master, select.POLLIN)
        moved = False
        for descriptor, event in poll.poll(within * 1000):
            if descriptor == self.feed:
                moved |= self._push(event)
                continue
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            except OSError as fault:
                if fault.errno not in (errno.EIO, errno.ECONNRESET):
                    raise
                data = b""
            if descriptor == self.master:
                self.said["terminal"] += data
                moved |= bool(data)
                continue
            slot = self.reads[descriptor]
            self.said[slot] += data
            if self.slow:
                time.sleep(self.slow)
            if not data or (self.vanish is not None and len(self.said[slot]) >= self.vanish):
                if self.vanish is not None:
                    self.said[slot] = self.said[slot][: self.vanish]
                os.close(descriptor)
                del self.reads[descriptor]
            moved = True
        if reap and self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                self.stops.append(os.WSTOPSIG(status))
            elif pid:
                self.status = os.waitstatus_to_exitcode(status)
        return moved

    def _push(self, event: int) -> bool:
        if event & (select.POLLERR | select.POLLHUP) and not event & select.POLLOUT:
            self._end_feed()
            return False
        try:
            n = os.write(self.feed, self.input[:65536])
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            self.input = b""
            self._end_feed()
            return False
        self.input = self.input[n:]
        if not self.input and not self.around.get("open_input"):
            self._end_feed()
        return True

    # --- what can be seen

    def result(self) -> dict:
        seen: dict[str, object] = {"status": self.status, "out": told(self.said[1]), "stops": self.stops}
        err = self.said[2]
        for slot, path in self.files.items():
            if slot:
                with open(path, "rb") as file:
                    content = file.read()
                if slot == 1:
                    seen["out"] = told(content)
                else:
                    err = content
            os.unlink(path)
        seen["err"] = NEWS.sub(b"", err)[:100_000].decode("latin-1")
        seen["terminal"] = told(self.said["terminal"])
        if self.slave >= 0:
            modes = termios.tcgetattr(self.slave)
            seen["modes"] = "as before" if modes == self.modes_before else repr((self.modes_before, modes))
        return seen

    def close(self) -> None:
        for descriptor in (*self.reads, self.feed, self.master, self.slave):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def left_behind() -> dict[str, list]:
    """Files below the working directory: mode, owner, group, content."""
    found = {}
    for directory, _, names in os.walk("."):
        for name in names:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = ""
            with contextlib.suppress(OSError), open(path, "rb") as file:
                content = told(file.read())
            found[os.path.normpath(path)] = [oct(status.st_mode), status.st_uid, status.st_gid, content]
    return found


def shell(line: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)  # fmt: skip
    return told(done.stdout)


def play(scenario: dict, tool: dict) -> dict:
    place = scenario["place"]
    try:
        os.makedirs(place, exist_ok=True)  # what could not be removed is seen as what is wrong with the next
        os.chdir(place)
        if scenario.get("before"):
            shell(scenario["before"])
        stage = Stage(scenario, tool)
        began = time.monotonic()
        try:
            stage.open()
            stage.start()
            stage.play()
            seen = stage.result()
        finally:
            stage.close()
        seen["after"] = shell(scenario["after"]) if scenario.get("after") else ""
        seen["files"] = left_behind()
        seen["seconds"] = round(time.monotonic() - began, 3)
        return seen
    except Exception as fault:
        return {"status": f"the stagehand failed: {type(fault).__name__}: {fault}"}
    finally:
        os.chdir("/")
        shutil.rmtree(place, ignore_errors=True)
        if os.path.exists(place):
            subprocess.run(["chmod", "-R", "u+rwX", place], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    global NEWS
    work = json.load(sys.stdin)
    NEWS = re.compile(work["news"].encode("latin-1"), re.MULTILINE)
    scenarios, tools = work["scenarios"], work["tools"]
    parts = []
    for worker in range(WORKERS):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            seen = {}
            for n in range(worker, len(scenarios), WORKERS):
                seen[n] = {name: play(scenarios[n], tool) for name, tool in tools.items()}
            with open(writing, "w") as file:
                json.dump(seen, file)
            os._exit(0)
        os.close(writing)
        parts.append(reading)
    merged = {}
    for reading in parts:
        with open(reading) as file:
            merged.update(json.load(file))
    json.dump(merged, sys.stdout)


if __name__ == "__main__":
    main()
