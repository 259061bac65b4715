# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by PAM: stacks that let people in although nobody has proved who they are.

Law: a module that asks for a proof counts as refused. A module that jitd does not know may let people in, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from jitd.audit.privileges import ROOT, Privilege
from jitd.hosts.control import AUTH_ERR, AUTHTOK_EXPIRED, IGNORED, MODULE_UNKNOWN, SUCCESS, USER_UNKNOWN
from jitd.hosts.stack import Handler
from jitd_inspection.pamlint.evaluation import TooInvolved, endings
from jitd_inspection.pamlint.linting import POLKIT
from jitd_inspection.pamlint.modules import World, answers
from jitd_inspection.standing.scene import EVERYBODY, Found, Scene, exists

DOORS = {
    "su": "/usr/bin/su",
    "su-l": "/usr/bin/su",
    "login": "/usr/bin/login",
    "sshd": "/usr/sbin/sshd",
    POLKIT: "/usr/share/polkit-1/actions",
}
"""Maps a service that makes people root, or lets them log in as root, to its program or directory."""
AT_CONSOLE = {"login": "everybody at the console"}
PROVING = frozenset(
    f"pam_{name}.so"
    for name in (
        "fprintd", "google_authenticator", "krb5", "ldap", "oath", "p11", "pkcs11", "radius", "sss", "systemd_home", "u2f",
        "unix", "winbind", "yubico",
    )
)  # fmt: skip
"""Modules that let nobody in without a proof."""
ASIDE = frozenset(
    f"pam_{name}.so"
    for name in (
        "cap", "echo", "env", "faildelay", "faillock", "gnome_keyring", "group", "keyinit", "lastlog", "limits", "loginuid",
        "mail", "mkhomedir", "motd", "nologin", "securetty", "selinux", "shells", "systemd", "tally2", "umask", "warn",
    )
)  # fmt: skip
"""Modules whose success says nothing about who somebody is, and that Debian's stacks have beside the proof."""
FREE = ("pam_permit.so", "pam_rootok.so", "pam_succeed_if.so", "pam_wheel.so", "pam_localuser.so")
"""Modules that let people in without a proof."""
NO_PROOF = frozenset({AUTH_ERR, USER_UNKNOWN, IGNORED, MODULE_UNKNOWN})


def look_at_stacks(scene: Scene) -> Iterator[Found]:
    """Yield the stacks that let people in without a proof, and the modules of which that is not known."""
    for service, program in DOORS.items():
        stacks = scene.gates.stacks.get(service)
        if not exists(program):
            continue
        if stacks is None:
            yield f"the PAM stack of {service} could not be read, and was not judged"
            continue
        watched = sorted({becomes for one in scene.targets if (becomes := scene.becomes(one.name)) not in (None, ROOT)})
        for becomes in (ROOT, *watched) if service != POLKIT else (ROOT,):
            if not scene.gates.holds(service, for_root=becomes == ROOT):
                world = World(service, service in ("login", "sshd"), becomes == ROOT)
                try:
                    yield from _told(service, stacks["auth"], world, scene, becomes)
                except TooInvolved:
                    yield f"the PAM stack of {service} has more ways through it than jitd follows, and was not judged"


def _told(service: str, stack: Sequence[Handler], world: World, scene: Scene, becomes: str) -> Iterator[Found]:
    free = [handler for handler in stack if handler.name in FREE]
    if _lets_in(stack, world, *free):
        by = [handler for handler in free if not _lets_in(stack, world, *(other for other in free if other is not handler))]
        for handler in by[:1] or stack[:1]:
            told = f"{handler.place}: {handler.name} lets people in by {service}, and nobody is asked for a proof"
            for who in _who(handler, service, scene):
                if who != becomes:
                    yield Privilege(becomes, "pam", who, told)
    for handler in stack:
        is_strange = handler.name not in PROVING | ASIDE and handler.name not in FREE and not handler.is_substack
        if is_strange and not handler.must_fail and handler.name != "pam_deny.so" and _lets_in(stack, world, handler):
            yield f"{handler.place}: whom {handler.name} lets in by {service} is not known"


def _lets_in(stack: Sequence[Handler], world: World, *willing: Handler) -> bool:
    """True if the stack can succeed, and no module but ``willing`` says that somebody is who they say."""
    return any(result == SUCCESS for result, _ in endings(stack, partial(_possible, world=world, willing=willing)))


def _possible(handler: Handler, *, world: World, willing: Sequence[Handler]) -> frozenset[int]:
    if handler.name in ASIDE:
        return frozenset({SUCCESS, IGNORED})
    if handler.name == "pam_deny.so":
        return frozenset({AUTH_ERR})
    if any(handler is one for one in willing):
        if handler.name == "pam_wheel.so":
            return frozenset({SUCCESS if "trust" in handler.arguments else IGNORED, AUTH_ERR})
        known = answers(handler, world) - {AUTHTOK_EXPIRED}
        return known if handler.name in FREE else frozenset({SUCCESS})
    return NO_PROOF


def _who(handler: Handler, service: str, scene: Scene) -> tuple[str, ...]:
    if handler.name == "pam_wheel.so":
        named = next((word.removeprefix("group=") for word in handler.arguments if word.startswith("group=")), "")
        gid = scene.gid(named or "wheel")
        return scene.members(0 if gid is None else gid)
    if handler.name in ("pam_succeed_if.so", "pam_localuser.so"):
        return (f"everybody for whom {handler.name} {' '.join(handler.arguments)} holds".replace("  ", " "),)
    return (AT_CONSOLE.get(service, EVERYBODY),)
