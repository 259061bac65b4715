# SPDX-License-Identifier: Apache-2.0
"""Lists the consequences of commands. A consequence is an action that a command allows although its command line does not name
it. For example, ``vim FILE`` can start a shell.

Law: pure. The list is sorted by classes of consequences. The list is not complete, because other programs may have the same
power. It is used only for warnings to people, and never to permit or deny a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import islice

from jitd.core import code_variables
from jitd.core.afterwards import IDENTITY, LATER, afterwards
from jitd.core.command import Command
from jitd.core.command_line import Line, Word
from jitd.core.conditions import PERILOUS, CommandPattern, Glob
from jitd.core.frozen import dataclass

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
    "service": "can change or choose what the host starts by itself",
    "kernel": "can change the kernel, mounts or devices",
    "container": "can start containers that have the whole host",
    "process": "can take over other processes",
    "end": "can end any process",
    "host": "can stop or restart the whole host",
    "network": "can change who reaches the host",
    "clock": "can change the host's clock",
    LATER: "makes a root shell possible later",
    IDENTITY: "makes it possible to act as another account later",
}
"""Maps each class of consequences to the end of a sentence. The sentence begins with the name of the program."""
SHELLS = frozenset({"any-command", "prompt", "code", "shell", "command", "container"})
"""The classes that give a person a shell. With a shell, the person can do everything that the account may do."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """A consequence of the program ``program``. ``kind`` is its class, which is a key of MEANINGS. ``program`` is the name of
    the program's file. If any command may be run, ``program`` is empty. ``told`` is the end of a sentence about the consequence.
    If ``told`` is empty, the end of the sentence is in MEANINGS.
    """

    kind: str
    program: str = ""
    told: str = ""

    def __str__(self) -> str:
        told = self.told or MEANINGS[self.kind]
        return f"{self.program} {told}" if self.program else told


LETS_IN = "can make a program load or start other code"
Test = Callable[[Line], bool]


# --- the tests for command lines ---------------------------------------------------------------------------------------


def _always(line: Line) -> bool:
    return True


def _roams(line: Line) -> bool:
    return line.roams


def _roams_or_bare(line: Line) -> bool:
    return line.roams or not line.words


def _names_none(line: Line) -> bool:
    """True if the requester chooses the first argument that is not an option. The requester may choose a path, too."""
    return line.verb is None


_GIVES_CODE = re.compile(r"-[A-Za-z]*[ceEr]|--eval|--execute")
_GOES_ON = frozenset({"-i", "-s", "-", "--interactive"})
_OF_SHELLS = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
"""Options of shells whose value is the next argument."""


def _interprets(line: Line) -> bool:
    """True if the requester can choose the code that the interpreter runs. False if the command line names one fixed script, or
    has a fixed text after ``-c``.
    """
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
    """True if the shell would read its commands from a terminal. It does so if the command line contains only options, and no
    option with code after it, such as ``-c``.
    """
    if line.is_open or any(word.is_free or _GIVES_CODE.fullmatch(word.text) for word in line.words):
        return False
    return not line.operands(_OF_SHELLS, "-+")


def _alone(n_operands: int, valued: str = "") -> Test:
    """Some programs start a shell if ``n_operands`` operands, but no command after them, are on their command line. Return the
    test for such a program. ``valued`` contains the program's options whose value is the next argument.
    """
    return lambda line: not line.is_open and len(line.operands(frozenset(valued.split()))) == n_operands


def _becomes(line: Line) -> bool:
    """True if ``su`` or a similar program may start a shell. There are two cases: the command line contains no command, or the
    requester may add arguments.
    """
    return line.is_open or not line.has("-c", "--command", "--session-command", "/")


def _talks(line: Line) -> bool:
    """True if a person can type commands while the program runs, as in a database client. False if the command line contains the
    commands, or names the file that contains them.
    """
    return line.roams or not line.has("-c", "-e", "-f", "--command", "--execute", "--file")


def _edits(line: Line) -> bool:
    """True if the program opens an editor. False if it only checks files."""
    return not line.has("-c", "--check")


def _pages(line: Line) -> bool:
    """True if the program shows its output in a pager."""
    return not line.has("--no-pager", "-P")


def _verbs(told: str, *, roaming: str = "") -> Test:
    """Return the test for a program whose first argument is a verb, as in ``systemctl edit``. ``told`` contains the verbs that
    always have the consequence. For a verb in ``roaming``, there is a condition: the requester can choose a whole argument.
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
    ("prompt", _alone(1), "chroot setarch"),
    ("prompt", _alone(0, "-t --target -S --setuid -G --setgid"), "nsenter"),
    (
        "prompt",
        _alone(0, "-S --setuid -G --setgid -R --root -w --wd --map-user --map-group --map-users --map-groups --propagation"),
        "unshare",
    ),
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
    ("account", _edits, "visudo vipw vigr"),
    ("account", _always, "sudoedit chpasswd chgpasswd newusers pwck grpck kadmin.local saslpasswd2"),
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
"""Each row contains a class of consequence, a test for the command line, and names of programs. A program may be in
several rows.
"""

_OF: dict[str, list[tuple[str, Test]]] = {}
for _kind, _test, _names in _LIST:
    for _name in _names.split():
        _OF.setdefault(_name, []).append((_kind, _test))
_TEXTS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash"})
"""Shells. If the command line has a text after ``-c``, the commands in this text are looked up in the list."""
DEEPEST = 20
"""A program may start a second program, the second program may start a third program, and so on. DEEPEST is the maximum number
of such steps that jitd follows in a command line. If there are more steps, jitd assumes that any command can be run.
"""
_WRAPPERS = frozenset(name for kind, _, names in _LIST if kind == "command" for name in names.split())
_VERSION = re.compile(r"(?<=[A-Za-z])-?[0-9]+(?:\.[0-9]+)*\Z|\.(?:basic|tiny|nox|gtk3|traditional)\Z")
SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/*", "/*")
"""Directories of programs. A pattern may name one of these directories and a file name with a wildcard. In this case, the
programs in the list are compared with the file name.
"""

_OF_ACCOUNTS = frozenset({"HOME", "USER", "LOGNAME", "SHELL", "MAIL", "SUDO_*", "JITSUDO_*"})
_CODE = (frozenset(PERILOUS) - _OF_ACCOUNTS) | code_variables.LOADING | code_variables.STARTING


def code_let_in(pattern: str) -> tuple[str, ...]:
    """``pattern`` is the name of a variable, or the beginning of a name followed by ``*``. Return the names of the variables that
    it matches and that make programs load or start other code.
    """
    return code_variables.let_in(pattern, _CODE)


# --- what is asked ------------------------------------------------------------------------------------------------------


def of_command(command: Command) -> tuple[Consequence, ...]:
    """Return the known consequences of ``command``. For a thing, for a login, and for a command line that jitd cannot interpret
    with certainty, the result is empty.
    """
    name = command.path.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    words = tuple(Word(argument.decode("utf-8", "surrogateescape"), is_free=False) for argument in command.argv[1:])
    found = _of_program(name, Line(words, is_open=False)) if name else ()
    if name:
        names = (variable.decode("utf-8", "surrogateescape") for variable, _ in command.variables)
        found += tuple(Consequence("code", f"the variable {each}", LETS_IN) for each in names if code_let_in(each))
    return found if command.run_as.uid == 0 else tuple(one for one in found if one.kind not in (LATER, IDENTITY))


def makes_root_shell_possible(command: Command) -> bool:
    """True if a known consequence of ``command`` is that somebody can get a root shell after its end."""
    return any(one.kind == LATER for one in of_command(command))


def gives_root_shell(command: Command) -> bool:
    """True if ``command`` may let a person do everything that root may do. There are three cases. First, the command runs as
    root, and the list of this module says that it can start a shell. Second, it is a login of root. Third, jitd is not certain
    what would be run.
    """
    if command.gives:
        return False
    is_login = not command.path
    is_shell = is_login or any(one.kind in SHELLS for one in of_command(command))
    return bool(command.doubt) or (command.run_as.uid == 0 and is_shell)


def of_pattern(pattern: CommandPattern) -> tuple[Consequence, ...]:
    """Return the known consequences of the commands that ``pattern`` matches."""
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
    """Return the programs in the list whose names ``glob`` matches. Also return a program if ``glob`` matches its name with a 3
    at the end. For example, ``python3*`` finds the program python.
    """
    return [name for name in _OF if glob.matches(name) or glob.matches(f"{name}3")]


def _of_program(name: str, line: Line, depth: int = 0) -> tuple[Consequence, ...]:
    """Return the consequences of the program ``name`` with the arguments ``line``. If this program has no consequences of its
    own, but its arguments name another program that it starts, return the consequences of the other program. In a chain of
    programs that start each other, ``depth`` is the number of programs before this program.
    """
    if depth > DEEPEST:
        return (Consequence("any-command"),)
    known = name if name in _OF else _VERSION.sub("", name)
    kinds = [kind for kind, has_it in _OF.get(known, ()) if has_it(line)]
    if "prompt" in kinds:  # "prompt" includes all other classes
        kinds = ["prompt"]
    found = [Consequence(kind, name) for kind in dict.fromkeys(kinds)]
    found += [Consequence(kind, name, told) for kind, told in afterwards(known, line)]
    if not found and known in _TEXTS:
        found = [one for inner in line.code() for one in _of_program(inner.name, inner.line, depth + 1)]
    elif not found and known in _WRAPPERS:
        started = line.executed(_OF) if known == "find" else islice(line.started(_OF), 1)
        found = [one for inner in started for one in _of_program(inner.name, inner.line, depth + 1)]
    return tuple(dict.fromkeys(found))
