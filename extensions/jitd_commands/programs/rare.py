# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that are rarely asked for, and that start other programs or copy files at a word."""

from __future__ import annotations

import re
from collections.abc import Callable

from jitd_commands.judging import Call, Row
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import gives
from jitd_commands.shell_text import Word


def _starts_operands(call: Call) -> None:
    if call.operands:
        call.start(call.operands)


def _starts_after(*names: str) -> Callable[[Call], None]:
    """Return the function that judges a program that starts what its options ``names`` contain."""

    def judge(call: Call) -> None:
        for text in call.values(*names):
            call.runs_text(text)
        for word in call.operands:
            call.reads(word)

    return judge


def _reads_all(call: Call) -> None:
    """The program shows or sends the files that its words name."""
    for word in call.words:
        text = word.text
        if text.startswith("-"):
            text = text.partition("=")[2] if "=" in text else text[2:]
        text = text.removeprefix("@")
        if "/" in text or not word.text.startswith("-"):
            call.reads(Word(text, word.is_free, word.is_bound))


def _plugin(call: Call) -> None:
    """A plugin of a monitoring system."""
    if any(re.search(r"Proxy|Command|\bsh\b|exec", word.text) or word.is_any for word in call.words):
        return call.gives("starts other programs")
    _reads_all(call)


def _fetches(call: Call) -> None:
    """The program writes what it fetches or decodes."""
    for word in call.operands[:1]:
        call.reads(word)
    for word in call.operands[1:2]:
        call.writes(word)
    for word in call.values("o", "output-file"):
        call.writes(word)
    if not call.operands[1:] and not call.has("o", "output-file", "s"):
        call.writes(Word("./", is_free=True, is_bound=True), how="writes")


def _exiftool(call: Call) -> None:
    if (
        any(re.match("-(if|p|api|config|@|execute|ee_x)", word.text) or "<" in word.text for word in call.words)
        or call.may_add_options
    ):
        return call.gives("runs Perl code")
    for word in call.operands:
        call.reads(word)
    if any("=" in word.text or word.text.startswith(("-o", "-overwrite", "-tagsFrom")) for word in call.words):
        call.changes(f"changes {' '.join(word.text for word in call.operands)[:60] or 'files'}")


def _aria2(call: Call) -> None:
    if any(word.text.startswith(("--on-", "--conf-path", "--rpc")) for word in call.words) or call.may_add_options:
        call.gives("starts other programs")
    for word in call.values("i", "input-file", "load-cookies"):
        call.reads(word)
    directory = (call.values("d", "dir") or [Word(".")])[-1]
    for word in call.values("o", "out"):
        call.writes(Word(f"{directory.text.rstrip('/')}/{word.text}", word.is_free or directory.is_free))
    if not call.has("o", "out"):
        call.writes(Word(f"{directory.text.rstrip('/')}/", is_free=True, is_bound=not directory.is_free), how="writes")


def _etckeeper(call: Call) -> None:
    if call.verb is not None and (call.verb.is_free or call.verb.text == "vcs"):
        return call.start([Word("git"), *call.operands[1:]])
    call.changes("records what is in /etc")


def _cow(call: Call, word: Word) -> None:
    if "/" in word.text or word.is_free:
        call.gives("runs Perl code in a file")


ROWS = (
    *grammars(
        """
        = ul  -t|-T|--terminal=TEXT -i|--indicated -h|--help -V|--version
        [FILE:reads]...  harmless
        = look  -a|--alternative -d|--alphanum -f|--ignore-case -t|--terminate=TEXT -h|--help -V|--version
        [FILE:reads]...  harmless
        = clamscan  -r --recursive[=TEXT] -i --infected -o --suppress-ok-results -l=FILE:appends --log=FILE:appends
        --exclude=TEXT --exclude-dir=TEXT --include=TEXT:plain --include-dir=TEXT --max-filesize=TEXT --max-scansize=TEXT
        --max-recursion=TEXT --quiet --no-summary --stdout --bell -v --verbose -d=FILE:reads --database=FILE:reads
        --cross-fs[=TEXT] --allmatch[=TEXT] -z -h --help -V --version
        [FILE:reads]...  harmless
        = cowsay  -f=COW -b -d -g -p -s -t -w -y -e=TEXT -T=TEXT -W=N -n -l -h
        ...           harmless
        = varnishncsa  -w=FILE:writes -a=TEXT -q=TEXT -g=TEXT -F=TEXT -f=FILE:reads -n=TEXT -i=TEXT -x=TEXT -V -b -c -C -d -D -E
        -h -P=FILE:writes -t=N -k=N -R=TEXT
        -V|-h ()      harmless
        ...           reads     {program} shows what others ask of the server
        = msgfmt: abbreviates  -o|--output|--output-file=FILE:writes -D|--directory=TEXT -j|--java --java2 --csharp
        --csharp-resources --tcl --qt --desktop --xml --strict -r|--resource=TEXT -l|--locale=TEXT --source -d=DIR:writes
        -L|--language=TEXT --template=FILE:reads -k|--keyword[=TEXT] -P|--properties-input --stringtable-input -c|--check
        --check-format --check-header --check-domain -C|--check-compatibility --check-accelerators[=TEXT] -f|--use-fuzzy
        -a|--alignment=N --endianness=TEXT --no-hash -i=TEXT -t=TEXT -w=N -h|--help -V|--version --statistics -v|--verbose
        --no-redundancy
        [FILE:reads]...  harmless
        = rsyslogd  -D -d -f=FILE:runs -i=FILE:made -n -N=N -o=FILE:writes -C -v -M=TEXT -x -T=TEXT -S=TEXT
        -v ()         harmless
        -f ()         gives     {program} starts what its settings name
        -N ()         harmless
        ()            changes   {program} starts the service {program}
        = anacron  -s -f -n -d -q -t=FILE:runs -T -S=TEXT -u -V -h
        -T|-V|-h ...  harmless
        ...           changes   {program} starts the service {program}
        = cron crond  -f -l -L=N -n -x=TEXT -N -P -c=FILE:runs -i -m=SHELL -p -s -V -d=N -b -S
        -V ()         harmless
        ()            changes   {program} starts the service {program}
        = agetty: abbreviates  -8|--8bits -a|--autologin=TEXT -c|--noreset -E|--remote -f|--issue-file=FILE:reads --show-issue
        -h|--flow-control -H|--host=TEXT -i|--noissue -I|--init-string=TEXT -J|--noclear -l|--login-program=PROGRAM
        -L|--local-line[=TEXT] -m|--extract-baud -n|--skip-login -N|--nonewline -o|--login-options=TEXT -p|--login-pause
        -r|--chroot=TEXT -R|--hangup -s|--keep-baud -t|--timeout=N -U|--detect-case -w|--wait-cr --nohints --nohostname
        --long-hostname --erase-chars=TEXT --kill-chars=TEXT --chdir=TEXT --delay=N --nice=N --reload --list-speeds --help
        --version
        --help|--version|--list-speeds|--show-issue ...  harmless
        -n|-a|-o|-r ...  gives     {program} starts a session without a password
        ...           changes   {program} starts the service {program}
        """,
        types={"COW": _cow},
    ),
    Row(
        "cpulimit pexec distcc proot fakechroot systemd-cat systemd-socket-activate",
        _starts_operands,
        "l: p: e: n: r: o: t: i: q: b: 0: R: w: S: priority: level-prefix: D: E: setenv: listen: f b k z v",
        is_first=True,
        chosen="can start any command",
    ),
    Row("entr", _starts_operands, "a c d n p r s z", is_first=True, chosen="can start any command"),
    Row(
        "dockerd dc facter ginsh ispell msfconsole pdb psftp run-mailcap scanmem tasksh tdbtool tmate xdotool perlbug octave-cli"
        " gimp sqlmap sbt schroot pbuilder debootstrap telnetd in.telnetd incrontab groff ksu sash powershell dotnet mono ghc"
        " lein mix zig nim swift kotlin ctest rlogin cockpit-bridge dosbox",
        gives("can start other programs"),
    ),
    Row(
        "check_by_ssh check_load",
        _plugin,
        "w: c: H: p: t: u: S ssl warning: critical: hostname: port: timeout: path: x: K: W: L 4 6",
    ),
    Row("exiftool", _exiftool),
    Row("neofetch", _starts_after("config", "c", "load-config"), "off stdout v version help h logo: l: config: c: load-config:"),
    Row("csvtool enscript", gives("can start other programs")),
    Row("msgfilter", gives("starts a program on each text")),
    Row("pandoc", gives("runs the filters that its options name")),
    Row("aria2c", _aria2, "i: input-file: load-cookies: d: dir: o: out:", telling="--version --help"),
    Row("tdbdump dialog tftp uuencode", _reads_all),
    Row("ab", _reads_all, "n: c: t: k v: p: T: H: A: C: q l r i s: V h u: f: m: b: B: S d w"),
    Row("lwp-download", _fetches, "a s h v"),
    Row("uudecode", _fetches, "help version c o: output-file:"),
    Row("vipe vidir jupyter jupyter-notebook jupyter-lab", gives("starts an editor or a shell")),
    Row("augtool", gives("can change any file of settings")),
    Row("etckeeper", _etckeeper, "d:", is_first=True),
    Row("login", gives("starts a session without a password")),
    Row("xterm uxterm lxterm rxvt urxvt konsole gnome-terminal xfce4-terminal", gives("starts a shell in a window")),
    Row("Xorg X Xwayland xinit startx", gives("loads modules and starts programs that its options name")),
    Row("opkg", gives("installs packages, or runs what files say")),
)
