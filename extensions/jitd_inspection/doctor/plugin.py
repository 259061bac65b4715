# SPDX-License-Identifier: Apache-2.0
"""Checks of jitd's approval plugin in sudo. What is wrong with it, ``jitd.hosts.sudo_plugin`` judges for the daemon, too.

Law: sudo itself is asked what it has loaded (``sudo -V``), which runs nothing and asks nobody.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence

from jitd.core.keys.hosts import HOSTS
from jitd.core.policy import Rule
from jitd.core.toml_document import ConfigError
from jitd.hosts.places import Places
from jitd.hosts.plugin_look import loads_plugins, look
from jitd.hosts.sudo_plugin import (
    ANOTHER,
    ASKS_NOBODY,
    BACK,
    CONF,
    INSTALL,
    OLDEST,
    REFUSES_ALL,
    SERVICE,
    SHIPPED,
    SUDO,
    SYMBOL,
    Seen,
    judge,
)
from jitd_inspection.doctor.finding import Result, bad, count, listed, ok, unknown, weak
from jitd_inspection.doctor.host import Host
from jitd_inspection.pamlint.linting import gates_of_host
from jitd_inspection.standing.robots import Robots, look_for_robots

CHECK, ROBOTS, RULES = "sudo.plugin", "sudo.accounts", "sudo.rules"
SERVICES = (SERVICE, "sudo-i")
WITHIN = 30.0  # seconds for one look: sudo may ask DNS for the name of the host
UNNAMED = "sudo -V does not name it"


def examine() -> Iterator[Result]:
    """Yield the findings about the plugin."""
    seen = look(Places())
    judged = gates_of_host(Places()).judged.get(SERVICE) if seen.words else None
    because = not_loaded() if seen.version and seen.version >= OLDEST and os.path.exists(SUDO) else ""
    yield from found(seen, has_gate=judged is not None and bool(judged.gates), because=because)


def examine_robots(host: Host) -> Iterator[Result]:
    """Yield the finding about system accounts that sudoers let run something, if sudo asks jitd."""
    judged = gates_of_host(Places()).judged.get(SERVICE)
    if look(Places()).words or (judged is not None and judged.gates):
        yield robots(look_for_robots(host.config))


def examine_rules(host: Host) -> Iterator[Result]:
    """Yield the finding about rules that need the gate of sudo to know what sudo will run. sudo-rs is read as before in 0.3."""
    judged = gates_of_host(Places()).judged
    has_gate = any(name in judged and judged[name].gates for name in SERVICES)
    if not has_gate or look(Places()).words or not loads_plugins(Places()):
        return
    try:
        rules = host.policy().rules
    except ConfigError:  # told by the check of the policy
        return
    yield from foretold(rule for rule in rules if HOSTS.is_here(rule, host.config.host))


def foretold(rules: Iterable[Rule]) -> Iterator[Result]:
    """Name those of ``rules`` that are by command, for sudo: at a gate in a PAM stack, 0.3 does not foretell its commands (ADR
    0252), so a permit by command never matches there, and a deny by command always does.
    """
    of_sudo = [rule for rule in rules if rule.commands and (rule.services is None or {*SERVICES} & {*rule.services})]
    denies = [rule.name for rule in of_sudo if rule.verdict == "deny"]
    permits = [rule.name for rule in of_sudo if rule.verdict == "permit" and _is_by_command(rule)]
    parts = [f"{listed(permits)} will permit nothing there"] * bool(permits)
    parts += [f"{listed(denies)} will deny everything there"] * bool(denies)
    if parts:
        told = "from jitd 0.3 on, the gate in sudo's PAM stack does not know what sudo will run: of the rules by command, "
        yield weak(RULES, told + ", and ".join(parts), "by sudo's plugin, they hold as they are", command=INSTALL)


def _is_by_command(rule: Rule) -> bool:
    patterns = [pattern for pattern in rule.commands or () if not pattern.is_edit]
    return bool(patterns) and all(pattern.path is not None for pattern in patterns)


def robots(seen: Robots) -> Result:
    """Judge the accounts that sudo would let run something, and jitd refuses."""
    if seen.lines:
        told = (
            f"sudo asks jitd, which refuses {count(len(seen.lines), 'system account')} of sudoers: {listed(list(seen.lines), 3)}"
        )
        return weak(ROBOTS, told, seen.mend)
    if seen.unseen:
        return unknown(ROBOTS, seen.unseen, "see whether jobs of system accounts use sudo")
    return ok(ROBOTS, "sudoers let no system account run anything that jitd would refuse")


def found(seen: Seen, *, has_gate: bool, because: str = "") -> Iterator[Result]:
    """Yield what is wrong, or that nothing is. ``has_gate`` is true if the PAM stack of sudo asks jitd, too. ``because`` is why
    sudo does not load the plugin.
    """
    faults = list(judge(seen))
    if because not in ("", UNNAMED) and not any(fault.what == REFUSES_ALL for fault in faults):
        mend = BACK if seen.words or seen.is_wanted else f"by su or at the console: correct what it says, see {CONF}"
        yield bad(CHECK, f"{REFUSES_ALL}: {because}", mend)
        faults = [fault for fault in faults if fault.what != ASKS_NOBODY]
    for fault in faults:
        asked = ", and sudo asks jitd twice: what has its PAM service asks by the gate" * (has_gate and fault.what == ANOTHER)
        yield bad(CHECK, f"{fault}{asked}", fault.mend, command=fault.command)
    if faults or because not in ("", UNNAMED):
        return
    if because and seen.words:
        yield bad(
            CHECK, f"{ASKS_NOBODY}: it does not load {SHIPPED}: {because}", f"read what sudo -V says of {CONF}, then {INSTALL}"
        )
    elif seen.version is None:
        yield ok(CHECK, f"{CONF} names jitd's plugin, and there is no {SUDO}")
    elif has_gate:
        yield weak(CHECK, "sudo asks jitd twice, by its plugin and in its PAM stack", f"jitd pam-install --remove {SERVICE}")
    elif seen.words:
        yield ok(CHECK, f"sudo asks jitd by {SHIPPED}, which root alone may write")
    else:
        yield ok(CHECK, f"{CONF} names no plugin of jitd's: sudo asks jitd if its PAM stack has a gate")


def said(words: Sequence[str], before: Sequence[str] = ()) -> tuple[int, str, str]:
    """Return the exit status of sudo with ``words``, its output, and what went wrong in one line. ``before`` starts it. A signal
    that has ended it makes the status negative, and so does a fault of its start.
    """
    line = [*before, SUDO, *words]
    environment = {"LC_ALL": "C", "PATH": os.defpath}  # without secure_path, sudo searches the caller's
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd="/", timeout=WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return -1, "", str(fault)
    wrong = done.stderr.decode("utf-8", "replace").strip().replace("\n", "; ")
    ended = (
        f"it is ended by {signal.Signals(-done.returncode).name}" if done.returncode < 0 else f"its status is {done.returncode}"
    )
    return done.returncode, done.stdout.decode("utf-8", "replace"), wrong or ended


def not_loaded(before: Sequence[str] = ()) -> str:
    """Return why sudo does not load the plugin, or an empty text: the plugin itself has then spoken."""
    status, out, wrong = said(("-V",), before)
    if status:
        return wrong
    return "" if any(line.startswith(f"{SYMBOL}: ") for line in out.split("\n")) else UNNAMED
