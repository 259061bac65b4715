# SPDX-License-Identifier: Apache-2.0
"""Checks of the host's clocks. Law: this module only reads the clocks, and never sets a clock. Times are in seconds."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jitd_inspection.doctor.finding import Result, bad, ok, unknown, weak

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMEX_BYTES = 512  # bytes for struct timex, which needs 208. Its `modes` is 0, so adjtimex(2) changes nothing
TIME_ERROR = 5  # adjtimex(2) returns this value if the clock is not synchronised


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of this host. ``boot`` and ``monotonic`` were read at the same time. Then this process slept. The sleep took
    ``passed`` seconds on the boot clock, and ``slept`` seconds on the clock of ``time.perf_counter``.

    ``boot_id`` is empty if the boot id is not known. ``is_synchronised`` is None if the kernel does not report the state.
    """

    boot: float
    monotonic: float
    passed: float
    slept: float
    boot_id: str
    is_synchronised: bool | None


def examine() -> Iterator[Result]:
    yield from clocks(read_clocks())


def read_clocks() -> Clocks:
    """Read the clocks twice, 20 ms apart."""
    boot, monotonic = time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
    before = time.perf_counter()
    time.sleep(0.02)
    passed, slept = time.clock_gettime(time.CLOCK_BOOTTIME) - boot, time.perf_counter() - before
    try:
        boot_id = BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot_id = ""
    state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)))
    return Clocks(boot, monotonic, passed, slept, boot_id, None if state < 0 else state != TIME_ERROR)


def clocks(found: Clocks) -> Iterator[Result]:
    """Check that the boot clock, by which leases and locks end, runs, and that the wall clock is synchronised."""
    reboot = "no lease, lock or time limit can be kept on such a kernel: boot another one"
    if not found.boot_id:
        yield bad("clock.boot", "the kernel does not say which boot this is (/proc/sys/kernel/random/boot_id)", reboot)
    elif found.boot + 1 < found.monotonic or not 0.5 * found.slept <= found.passed <= 60 * found.slept + 1:
        yield bad("clock.boot", f"the boot clock does not run: {found.passed:.3f} s went by in {found.slept:.3f} s", reboot)
    else:
        yield ok("clock.boot", "the boot clock runs")
    if found.is_synchronised is None:
        yield unknown("clock.synchronised", "the kernel does not say whether its clock is synchronised", "see timedatectl")
    elif found.is_synchronised:
        yield ok("clock.synchronised", "the clock is kept synchronised")
    else:
        said = "this host's clock is not kept synchronised: Kerberos, and hours in rules, need the right time"
        yield weak(
            "clock.synchronised",
            said,
            "it needs an NTP client, such as chrony or systemd-timesyncd; in a container, do it on the host",
            command="timedatectl set-ntp true",
        )
