# SPDX-License-Identifier: Apache-2.0
"""Checks of jitd's approval plugin in sudo.conf. sudo looks at little itself: it loads a plugin that others can write, and
ignores a sudo.conf that others can write.

Law: the checks only read files. They cannot know that a line is missing which somebody wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from jitd.hosts.places import Places
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import Result, bad, ok, unknown, weak
from jitd_inspection.pamlint.linting import gates_of_host

CONF, SYMBOL, SHIPPED = "/etc/sudo.conf", "jit_approval", "/usr/lib/jitd/jit_approval.so"
WRITE = f"write into {CONF}: Plugin {SYMBOL} {SHIPPED}"
CHECK, SERVICE = "sudo.plugin", "sudo"


def examine() -> Iterator[Result]:
    """Yield the finding about the plugin."""
    conf, (text, fault) = files.see(CONF), files.read(Path(CONF))
    if text is None and not conf.is_missing:
        yield unknown(CHECK, f"{CONF} cannot be read ({fault}), so it is not known whether sudo asks jitd", "read it as root")
        return
    found = line_of((text or b"").decode("utf-8", "replace"))
    if not found:
        yield ok(CHECK, f"{CONF} names no plugin of jitd's: sudo asks jitd if its PAM stack has a gate")
        return
    judged = gates_of_host(Places()).judged.get("sudo")
    has_gate = judged is not None and bool(judged.gates)
    yield line(found, [conf, files.see(SHIPPED)], files.see_above(Path(SHIPPED)), has_gate=has_gate)


def line_of(text: str) -> list[str]:
    """Return the words of the line of sudo.conf that names the plugin, or none."""
    lines = (line.split("#")[0].split() for line in text.replace("\\\n", "").splitlines())
    return next((words for words in lines if words[:1] and words[0].lower() == "plugin" and words[1:2] == [SYMBOL]), [])


def line(words: Sequence[str], seen: Sequence[files.Seen], above: Sequence[files.Seen], *, has_gate: bool) -> Result:
    """Judge the line ``words``. ``seen`` are sudo.conf and the file of the plugin, ``above`` the directories above this file.
    ``has_gate`` is true if the PAM stack of sudo asks jitd, too.
    """
    conf, file = seen
    if len(words) < 3 or words[2] != SHIPPED:
        return bad(CHECK, f"{CONF} names another file than {SHIPPED}, and it is not known what that asks", WRITE)
    if file.is_missing:
        told = f"{SHIPPED} is missing, so sudo refuses everybody, and root, too"
        return bad(CHECK, told, f"by su or at the console: install jitd again, or delete the line in {CONF}")
    found = [files.closed(CHECK, conf, "sudo.conf"), files.closed(CHECK, file, "the plugin of sudo"), files.above(CHECK, above)]
    if has_gate:
        told = "sudo asks jitd twice, by its plugin and in its PAM stack"
        found.append(weak(CHECK, told, f"jitd pam-install --remove {SERVICE}"))
    sound = ok(CHECK, f"sudo asks jitd by {SHIPPED}, which root alone may write")
    return next((each for each in found if each.level != "ok"), sound)
