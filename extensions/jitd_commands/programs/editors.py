# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: editors, pagers, clients with a prompt, and debuggers, from which a person starts a shell."""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.shared import gives, words
from jitd_commands.shell_text import Word


def _editor(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-h"):
        return call.knows_all()
    for word in call.operands:
        path = call.absolute(word) if not word.text.startswith("+") else None
        if path is not None:
            call.judge.touch(call, path)
    is_restricted = call.name == "rnano" or (call.name == "nano" and (call.has("R", "restricted")))
    if is_restricted and call.operands and not call.may_add_options and not call.has("f", "rcfile", "s", "speller"):
        for word in call.operands:  # it starts nothing, and opens no other file
            if not word.text.startswith("+"):
                call.writes(word, how="changes")
        return None
    call.gives("can start a shell")


def _mails(call: Call) -> None:
    gives("can start a shell")(call)
    files = [*call.values("a", "A", "attach"), *([call.input.path] if call.input and call.input.path else [])]
    for file in files if call.operands else ():
        call.reads(file, then=f"sends it to {told(call.operands)}")


def _pager(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "-V", "--help"):
        return call.knows_all()
    if call.is_shown:
        call.gives("can start a shell")
    for word in call.operands:
        call.reads(word)
    for word in call.values("o", "O", "log-file", "LOG-FILE"):
        call.writes(word)
    if call.has("k", "lesskey-file", "lesskey-src"):
        call.gives("starts programs that a file names")


def _manual(call: Call) -> None:
    if call.has("P", "pager", "H", "html", "C", "config-file"):
        return call.gives("starts another program as its pager")
    if call.is_shown and not call.has("k", "f", "w", "apropos", "whatis", "where", "path", "help", "V", "version", "W"):
        call.leads("shows its page in a pager, which can start a shell")
    for word in call.operands:
        if "/" in word.text:
            call.reads(word)


def _debugger(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-v"):
        return call.knows_all()
    call.gives("can take over other processes")


def _multiplexer(call: Call) -> None:
    verb = call.verb.text if call.verb else ""
    if call.name == "tmux" and verb in words("ls list-sessions list-windows has-session kill-session kill-server -V"):
        return call.changes("ends sessions of others") if verb.startswith("kill") else None
    if call.name == "screen" and call.words and call.words[0].text in ("-ls", "-list", "-v"):
        return None
    call.gives("gives a shell")


_EMPTIES = re.compile(r"\bmirror\b(?=[^;]*\s(-\w*R|--reverse))(?=[^;]*\s--(delete|Remove))|(^|[;\n])\s*(glob\s+)?(m?rm|rmdir)\s")
"""Words of lftp(1) that delete files on another host."""


def _transfers(call: Call) -> None:
    texts = [word.text for word in call.words]
    for text in texts:
        if found := _EMPTIES.search(text):
            call.destroys(f"deletes files of another host: {text[found.start() :].lstrip('; ')[:60]}", is_whole=True)
    gives("can start a shell")(call)


def _later(call: Call) -> None:
    gives("runs any code that it is given, later too")(call)
    if call.input is not None and call.input.text is not None and not any(word.text.startswith("-f") for word in call.words):
        call.runs_text(Word(call.input.text))


ROWS = (
    Row(
        "vi vim view ex rvim rview nvim vimdiff pico emacs emacsclient ed red joe jed jmacs jstar jpico rjoe"
        " ne micro mcedit vimtutor kak hx sensible-editor editor gedit kate pluma mousepad geany code zile mg jove"
        " dte tilde select-editor nvi vile levee",
        _editor,
    ),
    Row(
        "nano rnano",
        _editor,
        "R restricted f: rcfile: s: speller: B backup l linenumbers w nowrap m mouse i autoindent E tabstospaces T: tabsize: x"
        " nohelp c constantshow v view I ignorercfiles A smarthome S softwrap L nonewlines N noconvert t tempfile",
    ),
    Row("mail mailx s-nail bsd-mailx mutt neomutt", _mails, "a: A: attach: s: c: b: r:"),
    Row(
        "less more most pg pager sensible-pager lv bat batcat lnav multitail w3m links elinks lynx zless zmore bzless xzless"
        " zstdless lesspipe moar ov",
        _pager,
        "i I m M s S c e f g G r u V raw-control-chars chop-long-lines LINE-NUMBERS d dump source l p: plain paging: style:"
        " language: color: o: O: log-file: LOG-FILE: k: lesskey-file: lesskey-src: pattern: t: T: x: y: z: b: h: j: P: D: n N"
        " R F X E version help",
    ),
    Row(
        "man info",
        _manual,
        "a all d debug u usage i ignore-case I match-case regex wildcard names-only e: extension: systems: r: prompt: 7"
        " ascii E: encoding: no-hyphenation no-justification p: t troff T:: Z P: pager: H:: html:: C: config-file: M: L: l:"
        " local-file: S: s: k f w W apropos whatis where path help V version",
    ),
    Row(
        "ranger nnn vifm lf ncdu broot alpine pine telnet nethack pinfo"
        " cfdisk byobu elm slrn tin trn minicom cu tip picocom kermit wvdial gtkterm tig lazygit k9s fzf"
        " aptitude-curses ncftp yafc",
        gives("can start a shell"),
        telling="-V:ncdu",
    ),
    Row("ftp lftp tnftp", _transfers),
    Row(
        "tmux screen zellij dtach abduco dvtm",
        _multiplexer,
        "L: S: f: c:",
        is_first=True,
        telling="--version:screen,zellij --help:screen,zellij -V:tmux,zellij -v:screen",
    ),
    Row("at batch", _later),
    Row(
        "gdb lldb gdbserver rr cgdb ddd bpftrace dtrace stap criu reptyr jdb jattach jcmd radare2 r2 edb",
        _debugger,
        telling="-v:gdb",
    ),
)
