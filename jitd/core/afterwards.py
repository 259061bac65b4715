# SPDX-License-Identifier: Apache-2.0
"""Finds out what somebody can do after a command has ended, because of this command: get a root shell, or act as another
account. For example, ``usermod -aG sudo bob`` starts no shell, but afterwards bob can start a shell as root.

Law: pure. This module reads only the fixed words of a command line. The module ``consequence`` considers the words that a
requester may choose. The lists of these two modules are not complete, and they have no influence on decisions. If a command
changes an account, this module reports that a root shell becomes possible only if the change itself makes it possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from jitd.core.command_line import Line

LATER, IDENTITY = "later", "identity"
"""The classes of the results. LATER means that a root shell becomes possible. IDENTITY means that somebody can act as another
account. The classes apply only to commands that run as root.
"""
SUDOERS = frozenset({"admin", "root", "sudo", "wheel"})
"""Groups whose members may usually run any command as root."""
POWERFUL = frozenset(
    {"disk", "docker", "incus", "incus-admin", "kmem", "libvirt", "lxd", "microk8s", "podman", "shadow", *SUDOERS}
)
"""Groups whose members can become root."""
_CAPABILITIES = re.compile(
    r"(?<![a-z_])(?:all|cap_(?:chown|dac_override|dac_read_search|fowner|setfcap|setgid|setuid|sys_admin|sys_module|sys_ptrace"
    r"|sys_rawio))(?![a-z_])|^=[eip]*[ei]",
    re.IGNORECASE,
)
"""Matches capabilities with which a program can become root. Also matches a text such as ``=ep``, which sets all capabilities.
"""
_SET_UID = re.compile(r"0*[4567][0-7]{3}|(?:.*,)?(?:[go]*[ua][ugoa]*)?[+=][rwxXt]*s[rwxXst]*(?:,.*)?")
_ROOT = re.compile(r"(?:root|\+?0+)(?:[:.].*)?")

Told = Iterator[tuple[str, str]]


def afterwards(name: str, line: Line) -> Told:
    """``line`` is a command line of the program ``name``. The command may make other actions possible later. For each of these
    actions, yield its class and the end of a sentence about it.
    """
    if name in _PROGRAMS:
        yield from _PROGRAMS[name](line)


def _values(line: Line, *options: str) -> Iterator[str]:
    """Yield the value of each option in ``line`` that is one of ``options``, as in ``-G sudo``, ``-aG sudo``, ``-Gsudo`` and
    ``--groups=sudo``.
    """
    letters = "".join(option[1] for option in options if len(option) == 2) or "-"
    for at, word in enumerate(line.words):
        follows = line.words[at + 1].text if at + 1 < len(line.words) and not line.words[at + 1].is_free else ""
        if word.text in options or re.fullmatch(rf"-[A-Za-z]*[{letters}]", word.text):
            yield follows
        elif (long := word.text.partition("="))[0] in options and long[1]:
            yield long[2]
        elif not word.is_free and re.match(rf"-[{letters}][^-]", word.text):
            yield word.text[2:]


def _groups(names: str) -> Told:
    for group in sorted(POWERFUL.intersection("root" if one == "0" else one for one in names.split(","))):
        yield LATER, f"puts an account into the group {group}, whose members can become root"


def _password(whom: str, does: str) -> tuple[str, str]:
    if whom == "root":
        return LATER, f"{does} root's password, which makes a root shell possible later"
    return IDENTITY, f"{does} {whom}'s password"


def _passwd(line: Line) -> Told:
    valued = "-n --mindays -x --maxdays -w --warndays -i --inactive -r --repository -R --root"
    whose = [word.text for word in line.operands(frozenset(valued.split())) if not word.is_free]
    options = [word.text for word in line.words if word.text.startswith("-")]
    letters = {letter for option in options if not option.startswith("--") for letter in option[1:2]}
    long = {option for option in options if option.startswith("--")}
    for whom in whose:
        if "d" in letters or "--delete" in long:
            kind, told = _password(whom, "can delete")
            yield kind, told if whom == "root" else f"{told}, after which anybody can become {whom}"
        elif "u" in letters or "--unlock" in long:
            yield _password(whom, "can unlock")
        elif not letters & set("Sleanxwi") and not long - {"--quiet", "--repository", "--root", "--stdin", "--keep-tokens"}:
            yield _password(whom, "can set")


def _usermod(line: Line) -> Told:
    for names in _values(line, "-G", "--groups", "-g", "--gid"):
        yield from _groups(names)
    if "0" in _values(line, "-u", "--uid"):
        yield LATER, "gives an account the uid 0, which is root's"
    valued = "-b -c -d -e -f -g -G -k -K -l -m -p -R -P -s -u -v -V -w -W -Z --groups --gid --uid --password --home --shell"
    whose = [word.text for word in line.operands(frozenset(valued.split())) if not word.is_free]
    if any(True for _ in _values(line, "-p", "--password")) and whose:
        yield _password(whose[-1], "can set")


def _gpasswd(line: Line) -> Told:
    whose = [word.text for word in line.operands(frozenset({"-a", "--add", "-M", "--members", "-d", "--delete", "-A"}))]
    if line.has("-a", "--add", "-M", "--members") and whose:
        yield from _groups(whose[-1])


def _adduser(line: Line) -> Told:
    """Yield what an ``adduser`` command makes possible. Most of its options are the same as those of ``usermod``. In
    addition, handle ``adduser ACCOUNT GROUP`` and the option ``--ingroup``, which exist on Debian.
    """
    yield from _usermod(line)
    words = [word.text for word in line.words if not word.text.startswith("-") and not word.is_free]
    if len(words) == 2:
        yield from _groups(words[1])
    for names in _values(line, "--ingroup"):
        yield from _groups(names)


def _chmod(line: Line) -> Told:
    words = (word.text for word in line.words if not word.is_free)
    mode = next((text for text in words if not text.startswith("-") or re.match("-[rwxXst]", text)), "")
    if _SET_UID.fullmatch(mode):
        yield LATER, "makes a file set-uid: who starts it acts as the owner of the file"


def _chown(line: Line) -> Told:
    owner = next((word.text for word in line.words if not word.text.startswith("-")), "")
    if _ROOT.fullmatch(owner) and not line.has("--reference"):
        yield LATER, "gives a file to root, and programs trust files that belong to root"


def _setcap(line: Line) -> Told:
    if any(_CAPABILITIES.search(word.text) for word in line.words if not word.is_free and "/" not in word.text):
        yield LATER, "gives a program capabilities with which it can become root"


def _edits_rights(line: Line) -> Told:
    if not line.has("-c", "--check", "-V", "--version", "-h", "--help"):
        yield LATER, "can change who may act as root"


_PROGRAMS: Mapping[str, Callable[[Line], Told]] = {
    "passwd": _passwd,
    "usermod": _usermod,
    "useradd": _usermod,
    "adduser": _adduser,
    "addgroup": _adduser,
    "gpasswd": _gpasswd,
    "chmod": _chmod,
    "chown": _chown,
    "setcap": _setcap,
    "visudo": _edits_rights,
    "vipw": _edits_rights,
    "vigr": _edits_rights,
    "chpasswd": lambda line: iter([(LATER, "can set any password, root's too")]),
    "newusers": lambda line: iter([(LATER, "can set any password, root's too")]),
}
