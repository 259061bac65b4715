# SPDX-License-Identifier: Apache-2.0
"""What a command amounts to: what somebody who may run it can do beyond what its words say. ``vim FILE`` can start a shell.

Law: pure. The list is of our own, by class, and is not complete: a program that is not in it may do as much. It warns people; it
never permits, and never denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jitd.core.command import Command
from jitd.core.conditions import PERILOUS, CommandPattern, Glob

MEANINGS: Mapping[str, str] = {
    "any-command": "any command may be run, a shell too",
    "prompt": "gives a shell, in which any command may be run",
    "code": "runs any code that it is given",
    "shell": "can start a shell from within, or from its editor or pager",
    "command": "can start any other command",
    "write": "can change any file",
    "delete": "can delete any file",
    "read": "can read any file, keys and password hashes too",
    "account": "can change accounts, passwords or rights",
    "package": "can install packages, whose scripts are run by the same account",
    "service": "can change or choose what the host starts as root",
    "kernel": "can change the kernel, mounts or devices",
    "container": "can start containers that have the whole host",
    "process": "can take over other processes",
    "end": "can end any process",
    "host": "can stop or restart the whole host",
    "network": "can change who reaches the host",
    "clock": "can change the host's clock",
}
"""The classes of consequences. The value is the rest of a sentence that begins with the program's name."""
SHELLS = frozenset({"any-command", "prompt", "code", "shell", "command", "container"})
"""The classes by which somebody gets a shell, and so everything that the account may do."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What ``program`` can do beyond the words of its command line. ``kind`` is one of MEANINGS. ``program`` is the name of a
    file, or empty if any command may be run.
    """

    kind: str
    program: str = ""

    def __str__(self) -> str:
        return f"{self.program} {MEANINGS[self.kind]}" if self.program else MEANINGS[self.kind]


@dataclass(frozen=True, slots=True)
class Word:
    """One argument. ``text`` is its fixed beginning. ``is_free`` is True if the requester chooses what follows."""

    text: str
    is_free: bool

    @property
    def is_any(self) -> bool:
        """True if the requester chooses all of this argument."""
        return self.is_free and self.text in ("", "-", "--")

    @property
    def roams(self) -> bool:
        """True if the requester chooses so much of this argument that it may be an option, or a file anywhere."""
        return self.is_free and not re.search(r"/[^/]+/", self.text)


@dataclass(frozen=True, slots=True)
class Line:
    """A command line: ``words`` after the program's name. ``is_open`` is True if any further arguments may follow."""

    words: tuple[Word, ...]
    is_open: bool

    @property
    def roams(self) -> bool:
        """True if the requester chooses an option, or a file anywhere."""
        return self.is_open or any(word.roams for word in self.words)

    @property
    def verb(self) -> str | None:
        """Return the first argument that is not an option; None if the requester chooses it, empty if there is none."""
        for word in self.words:
            if word.is_free:
                return None
            if not word.text.startswith("-"):
                return word.text
        return None if self.is_open else ""

    def has(self, *beginnings: str) -> bool:
        """True if a fixed argument begins with one of ``beginnings``."""
        return any(word.text.startswith(beginnings) for word in self.words if not word.is_free)


Test = Callable[[Line], bool]


# --- on which command lines a program has its consequence ---------------------------------------------------------------


def _always(line: Line) -> bool:
    return True


def _roams(line: Line) -> bool:
    return line.roams


def _roams_or_bare(line: Line) -> bool:
    return line.roams or not line.words


def _names_none(line: Line) -> bool:
    """True if the requester chooses the first argument: a name, which may be a path."""
    return line.verb is None


_GIVES_CODE = re.compile(r"-[A-Za-z]*[ceEr]|--eval|--execute")
_GOES_ON = frozenset({"-i", "-s", "-", "--interactive"})


def _interprets(line: Line) -> bool:
    """True unless the code is fixed: a script by its name, or a fixed text after ``-c``."""
    words = iter(line.words)
    for word in words:
        if word.roams or word.text in _GOES_ON:
            return True
        if _GIVES_CODE.fullmatch(word.text):
            code = next(words, None)
            return code is None or code.is_free
        if not word.text.startswith("-"):
            return False
    return True


def _prompts(line: Line) -> bool:
    """True if a shell reads what it is to do from a terminal: options alone are typed, and none of them has the code."""
    if line.is_open or any(word.is_free or not word.text.startswith("-") for word in line.words):
        return False
    return not any(_GIVES_CODE.fullmatch(word.text) for word in line.words)


def _becomes(line: Line) -> bool:
    """True if ``su`` or its like is asked for a shell: nothing is to be run, or what follows is chosen by the requester."""
    return line.is_open or not line.has("-c", "--command", "--session-command", "/")


def _talks(line: Line) -> bool:
    """True unless the line says all that the client is to do."""
    return line.roams or not line.has("-c", "-e", "-f", "--command", "--execute", "--file")


def _pages(line: Line) -> bool:
    """True if the output goes through a pager."""
    return not line.has("--no-pager", "-P")


def _verbs(told: str, *, roaming: str = "") -> Test:
    """Return the test for a program whose first argument is a verb. ``told`` are verbs that always have the consequence,
    ``roaming`` those that have it if the requester chooses the whole of an argument.
    """

    def has_it(line: Line) -> bool:
        if line.verb is None:
            return True
        is_chosen = line.is_open or any(word.is_any for word in line.words)
        return line.verb in told.split() or (line.verb in roaming.split() and is_chosen)

    return has_it


def _systemctl_pages(line: Line) -> bool:
    told = line.verb in ("status", "show", "cat", "help", "") or (line.verb or "").startswith("list-")
    return told and _pages(line)


_LIST: tuple[tuple[str, Test, str], ...] = (
    ("prompt", _prompts, "sh bash dash ash zsh ksh mksh fish csh tcsh rbash pwsh"),
    ("prompt", _becomes, "su runuser login sulogin newgrp sg"),
    ("prompt", lambda line: line.has("-i", "-s", "--login", "--shell"), "sudo doas"),
    (
        "code",
        _interprets,
        "sh bash dash ash zsh ksh mksh fish csh tcsh rbash python perl ruby irb lua luajit php node nodejs deno"
        " bun tclsh wish expect gawk mawk nawk awk sed guile racket julia R Rscript osascript pwsh jshell ipython scala"
        " groovy java ghci gjs",
    ),
    (
        "code",
        _always,
        "make gmake cmake ninja ant mvn gradle rake scons git hg svn tmux screen byobu script at batch",
    ),
    (
        "code",
        _roams,
        "ansible ansible-playbook ansible-pull puppet salt-call chef-client terraform logrotate run-parts gcc cc ld as"
        " tex pdftex latex pdflatex qemu-system-x86_64 gpg gpgsm openssl ffmpeg convert",
    ),
    ("code", _names_none, "service invoke-rc.d"),
    (
        "shell",
        _always,
        "vi vim view ex nvim nano pico emacs emacsclient ed joe jed ne micro mcedit vimdiff vimtutor sensible-editor"
        " editor less more most pg man info pager sensible-pager bat mc ranger ftp sftp telnet mail mailx mutt lynx links"
        " w3m elinks cfdisk aptitude",
    ),
    ("shell", _talks, "psql mysql mariadb sqlite3 mongo mongosh sqlplus isql cqlsh clickhouse-client"),
    ("shell", _pages, "journalctl coredumpctl"),
    ("shell", _systemctl_pages, "systemctl loginctl machinectl"),
    (
        "command",
        _roams,
        "find fd xargs parallel tar bsdtar zip rsync scp tcpdump nmap wget curl flock watch start-stop-daemon systemd-run"
        " busctl dbus-send gdbus iptables ip6tables split socat nc ncat netcat openvpn sshd rpm2cpio",
    ),
    (
        "command",
        _roams_or_bare,
        "busybox env nice ionice chrt taskset nohup setsid stdbuf time timeout chroot nsenter unshare setarch setpriv capsh"
        " runuser su sudo doas pkexec sg newgrp strace ltrace perf valgrind catchsegv rlwrap ssh mosh chpst softlimit"
        " setlock envdir choom cgexec aa-exec sem unbuffer faketime fakeroot eatmydata dbus-run-session dbus-launch",
    ),
    ("command", _verbs("", roaming="netns vrf"), "ip"),
    (
        "write",
        _roams,
        "cp mv ln install dd tee truncate chmod chown chgrp chattr chcon setfacl setcap patch unzip cpio 7z ar gzip"
        " gunzip bzip2 xz zstd shuf sort tic sponge mktemp rename csplit lz4 unsquashfs restic borg duplicity rdiff-backup",
    ),
    (
        "read",
        _roams,
        "cat tac head tail nl od xxd hexdump hd strings base32 base64 basenc grep egrep fgrep zgrep rg ag zcat bzcat"
        " xzcat zstdcat diff cmp comm paste cut uniq wc file jq yq column fold fmt rev iconv expand unexpand pr join look"
        " ul tr readelf objdump nm xmllint cksum getfacl multitail lnav genisoimage",
    ),
    ("account", _always, "visudo vipw vigr sudoedit chpasswd chgpasswd newusers pwck grpck kadmin.local saslpasswd2"),
    (
        "account",
        _roams_or_bare,
        "passwd useradd adduser usermod groupadd addgroup groupmod gpasswd chsh chfn smbpasswd htpasswd ldapmodify"
        " ldapadd kadmin ktutil pam-auth-update authselect update-alternatives realm adcli homectl userdbctl",
    ),
    (
        "package",
        _verbs(
            "", roaming="install reinstall build-dep source download upgrade dist-upgrade full-upgrade update remove localinstall"
        ),
        "apt apt-get dnf yum zypper pacman apk snap flatpak brew port",
    ),
    (
        "package",
        _roams,
        "dpkg rpm dpkg-reconfigure pip pip3 npm npx yarn gem cargo go composer cpan cpanm conda pipx uv easy_install",
    ),
    (
        "service",
        _verbs(
            "edit set-environment import-environment",
            roaming="link enable reenable start restart try-restart reload-or-restart isolate set-property",
        ),
        "systemctl",
    ),
    ("service", _roams_or_bare, "crontab"),
    ("service", lambda line: line.has("-e"), "crontab"),
    (
        "kernel",
        _roams,
        "mount insmod modprobe kexec sysctl losetup swapon mkfs dmsetup efibootmgr grub-install bpftool tc setpci",
    ),
    ("kernel", _roams_or_bare, "debugfs xfs_db fdisk gdisk sfdisk parted nbd-client"),
    (
        "container",
        _verbs(
            "", roaming="run exec create cp build compose stack service plugin container apply debug launch config shell start"
        ),
        "docker podman nerdctl ctr crictl lxc incus kubectl oc virsh machinectl buildah docker-compose systemd-nspawn",
    ),
    ("process", _always, "gdb lldb gdbserver bpftrace dtrace stap criu reptyr"),
    ("delete", _roams, "rm rmdir unlink shred srm find fd wipe tmpreaper tmpwatch"),
    ("end", _roams, "kill pkill killall killall5 skill xkill fuser"),
    ("host", _always, "shutdown reboot halt poweroff telinit init kexec"),
    (
        "host",
        _verbs("poweroff reboot halt kexec soft-reboot suspend hibernate isolate rescue emergency default exit"),
        "systemctl",
    ),
    ("network", _roams, "iptables ip6tables iptables-restore ip6tables-restore nft ufw firewall-cmd ifconfig route ipset"),
    ("network", _verbs("", roaming="address addr a link l route r rule netns"), "ip"),
    ("clock", _roams, "date hwclock ntpdate chronyc rdate"),
    ("clock", _verbs("set-time set-ntp", roaming="set-time"), "timedatectl"),
)
"""Class of consequence, on which command lines, and the names of the programs. A program may stand in several rows."""

_OF: Mapping[str, tuple[tuple[str, Test], ...]] = {
    name: tuple((kind, test) for kind, test, names in _LIST if name in names.split())
    for _, _, all_names in _LIST
    for name in all_names.split()
}
_WRAPPERS = frozenset(name for kind, _, names in _LIST if kind == "command" for name in names.split())
_VERSION = re.compile(r"(?<=[A-Za-z])-?[0-9]+(?:\.[0-9]+)*\Z|\.(?:basic|tiny|nox|gtk3|traditional)\Z")
SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/*", "/*")
"""Directories in which a wildcard for the name stands for programs of this list."""

_STARTING = (
    "EDITOR VISUAL SUDO_EDITOR SYSTEMD_EDITOR PAGER MANPAGER GIT_PAGER SYSTEMD_PAGER LESSOPEN LESSCLOSE BROWSER GIT_SSH",
    "GIT_EDITOR GIT_ASKPASS RSYNC_RSH TAR_OPTIONS PYTHONBREAKPOINT RUBYSHELL MAKEFLAGS",
)
_OF_ACCOUNTS = frozenset({"HOME", "USER", "LOGNAME", "SHELL", "MAIL", "SUDO_*", "JITSUDO_*"})
LOADING = (frozenset(PERILOUS) - _OF_ACCOUNTS).union(*(line.split() for line in _STARTING))
"""Variables that make programs load or start something."""


# --- what is asked ------------------------------------------------------------------------------------------------------


def of_command(command: Command) -> tuple[Consequence, ...]:
    """Return what ``command`` can do beyond its words; empty if nothing is known. A thing, a login and a command in doubt have no
    program, and so nothing is known of them.
    """
    name = command.path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    words = tuple(Word(argument.decode("utf-8", "surrogateescape"), is_free=False) for argument in command.argv[1:])
    return _of_program(name, Line(words, is_open=False)) if name else ()


def gives_root_shell(command: Command) -> bool:
    """True if ``command`` lets somebody do everything that root may do, as far as is known: it runs as root and can start a
    shell, or it is a login of root, or what would run is in doubt.
    """
    if command.gives:
        return False
    is_login = not command.path
    is_shell = is_login or any(one.kind in SHELLS for one in of_command(command))
    return bool(command.doubt) or (command.run_as.uid == 0 and is_shell)


def of_pattern(pattern: CommandPattern) -> tuple[Consequence, ...]:
    """Return what a command that ``pattern`` matches can do beyond the words of the pattern; empty if nothing is known."""
    if pattern.path is None:
        return (Consequence("any-command"),)
    line = Line(tuple(_word(glob) for glob in pattern.arguments), pattern.is_open)
    directory, _, name = pattern.text[0].rpartition("/")
    if not re.search(r"[*?]", name):
        return _of_program(name, line)
    if directory not in SYSTEM:
        return ()
    if name.strip("?") == "*":
        return (Consequence("any-command"),)
    found = (consequence for each in _matched(Glob(name)) for consequence in _of_program(each, line))
    return tuple(dict.fromkeys(found))


def _word(glob: Glob) -> Word:
    text = re.split(r"[*?]", glob.text, maxsplit=1)[0]
    return Word(text, is_free=text != glob.text)


def _matched(glob: Glob) -> list[str]:
    """Return the programs of the list whose names ``glob`` matches; ``python3*`` matches python."""
    return [name for name in _OF if glob.matches(name) or glob.matches(f"{name}3")]


def _of_program(name: str, line: Line) -> tuple[Consequence, ...]:
    known = name if name in _OF else _VERSION.sub("", name)
    kinds = [kind for kind, has_it in _OF.get(known, ()) if has_it(line)]
    if "prompt" in kinds:  # it has said all
        kinds = ["prompt"]
    found = [Consequence(kind, name) for kind in dict.fromkeys(kinds)]
    if not found and known in _WRAPPERS:
        for at, word in enumerate(line.words):
            inner = word.text.rpartition("/")[2]
            if not word.is_free and inner in _OF:
                return _of_program(inner, Line(line.words[at + 1 :], line.is_open))
    return tuple(found)
