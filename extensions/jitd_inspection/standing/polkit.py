# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by polkit(8): actions that everybody may do, administrators, and authorities of older systems.

Law: a rule of polkit is a program, and is not run here. Each file of rules is named. Sources: polkit(8), pklocalauthority(8).
"""

from __future__ import annotations

import configparser
import fnmatch
import re
from collections.abc import Collection, Iterator
from xml.etree import ElementTree

from jitd.audit.privileges import ROOT, Privilege
from jitd_inspection.pamlint.linting import POLKIT
from jitd_inspection.standing.scene import EVERYBODY, Found, Scene, exists

DAEMONS = ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd", "/usr/libexec/polkit-1/polkitd")
ACTIONS = tuple(f"{above}/polkit-1/actions" for above in ("/etc", "/run", "/usr/local/share", "/usr/share"))
RULES = tuple(f"{above}/polkit-1/rules.d" for above in ("/etc", "/run", "/usr/local/share", "/usr/share"))
AUTHORITIES = ("/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority")
OF_ROOT = frozenset(
    f"org.{name}"
    for name in (
        "freedesktop.policykit.exec", "freedesktop.systemd1.manage-units", "freedesktop.systemd1.manage-unit-files",
        "freedesktop.systemd1.set-environment", "freedesktop.accounts.user-administration", "freedesktop.machine1.host-shell",
        "freedesktop.packagekit.package-install-untrusted", "freedesktop.packagekit.system-sources-configure",
        "freedesktop.packagekit.system-trust-signing-key", "freedesktop.udisks2.open-device-system",
        "freedesktop.udisks2.modify-device-system", "freedesktop.portable1.attach-images", "freedesktop.import1.import",
        "freedesktop.realmd.configure-realm", "libvirt.unix.manage",
    )
)  # fmt: skip
"""Actions by which one becomes root, as far as is known. An action that is not here is not therefore harmless."""
EXECUTES = "org.freedesktop.policykit.exec.path"  # an action with this annotation is a program that pkexec(1) runs as root
IMPLICIT = {
    "allow_any": EVERYBODY,
    "allow_inactive": "everybody with a local session",
    "allow_active": "everybody at the console",
}
RESULTS = {"ResultAny": "", "ResultInactive": " (with a local session)", "ResultActive": " (at the console)"}
ADMINISTRATOR = re.compile(r"unix-(user|group):([^\s\"',;\]]+)")
LOCAL = {"unix-user": "", "unix-group": "%", "unix-netgroup": "+"}


def look_at_polkit(scene: Scene) -> Iterator[Found]:
    """Yield what polkit permits without a proof, and its administrators, who become root by their own password."""
    if not exists(*DAEMONS):
        return
    executing: set[str] = set()
    for directory in ACTIONS:
        for path in _files(scene, directory, ".policy"):
            yield from _actions_in(path, scene, executing)
    for directory in RULES:
        for path in _files(scene, directory, ".rules"):
            yield from _rules_in(path, scene)
    for directory in AUTHORITIES:
        for path in scene.places.matching(f"{directory}/*/*.pkla"):
            yield from _authorities_in(path, scene, executing)
        for path in scene.places.matching(f"{directory}.conf.d/*.conf"):
            yield f"{path}: the administrators that this file names were not judged"


def _files(scene: Scene, directory: str, ending: str) -> list[str]:
    return [f"{directory}/{name}" for name in scene.names(directory) if name.endswith(ending)]


def _gives(said: str, scene: Scene) -> bool:
    """True if people need nobody else with the answer ``said``: yes, or their own password, if jitd is not asked with it."""
    return said == "yes" or (said.startswith("auth_self") and not scene.gates.holds(POLKIT, for_root=True))


def _actions_in(path: str, scene: Scene, executing: set[str]) -> Iterator[Found]:
    """Add the actions that are programs of root to ``executing``."""
    source = scene.read(path)
    if isinstance(source, str):
        yield source
    if not isinstance(source, bytes):
        return
    try:
        root = ElementTree.fromstring(source)
    except ElementTree.ParseError as fault:
        yield f"{path} was not judged: {fault}"
        return
    others: list[str] = []
    for action in root.iter("action"):
        name = action.get("id", "")
        is_program = any(one.get("key") == EXECUTES for one in action.iter("annotate"))
        if is_program:
            executing.add(name)
        for word, who in IMPLICIT.items():
            texts = [(one.text or "").strip() for one in action.iter(word)]
            said = next((text for text in texts if _gives(text, scene)), None)
            if said is None:
                continue
            if is_program or name in OF_ROOT:
                yield Privilege(ROOT, "polkit", who, f"{path}: {name} {word}={said}")
            elif word == "allow_any":
                others.append(name)
            break
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield f"{path}: everybody may do {', '.join(others[:3])}{more}, and what that gives was not judged"


def _rules_in(path: str, scene: Scene) -> Iterator[Found]:
    source = scene.read(path)
    if isinstance(source, str):
        yield source
    if not isinstance(source, bytes):
        return
    text = source.decode("utf-8", "replace")
    yield f"{path}: this file of rules is a program, and whom it lets do what was not judged"
    if "addAdminRule" in text:
        for kind, name in sorted(set(ADMINISTRATOR.findall(text))):
            gid = scene.gid(name) if kind == "group" else None
            people = scene.members(gid) if gid is not None else (name,) if kind == "user" else ()
            for who in people:
                if not scene.is_root(who):
                    yield Privilege(ROOT, "polkit", who, f"{path}: an administrator of polkit (unix-{kind}:{name})")


def _authorities_in(path: str, scene: Scene, executing: set[str]) -> Iterator[Found]:
    source = scene.read(path)
    if isinstance(source, str):
        yield source
    if not isinstance(source, bytes):
        return
    found = configparser.RawConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        found.read_string(source.decode("utf-8", "replace"))
    except configparser.Error:
        yield f"{path} cannot be read, and was not judged"
        return
    for section in found.sections():
        values = dict(found.items(section))
        said = [told for name, told in RESULTS.items() if _gives(values.get(name, "").strip(), scene)]
        actions = [word for word in values.get("Action", "").split(";") if word]
        patterns = [word for word in actions if _may_be_of(OF_ROOT | executing, word)]
        if said and actions and not patterns:
            yield f"{path}: {values.get('Identity', '')} may do {actions[0]}, and what that gives was not judged"
        if not said or not patterns:
            continue
        for word in filter(None, values.get("Identity", "").split(";")):
            kind, _, name = word.partition(":")
            gid = scene.gid(name) if kind == "unix-group" else None
            people = scene.members(gid) if gid is not None else (EVERYBODY if name == "*" else LOCAL.get(kind, "") + name,)
            for who in people:
                if not scene.is_root(who):
                    yield Privilege(ROOT, "polkit", who, f"{path}: {patterns[0]}{said[0]}")


def _may_be_of(actions: Collection[str], pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(known, pattern) for known in actions)
