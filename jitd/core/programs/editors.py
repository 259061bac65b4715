# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: editors, pagers, clients with a prompt, and debuggers, from which a person starts a shell."""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row, Verdict
from jitd.core.shell_text import Word


def _editor(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-h"):
        return
    for word in call.operands:
        path = call.absolute(word) if not word.text.startswith("+") else None
        if path is not None:
            call.judge.touch(call, path)
    call.gives("can start a shell")


def _pager(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "-V", "--help"):
        return
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


def _always(what: str) -> Verdict:
    def judge(call: Call) -> None:
        if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-h", "-V"):
            return
        call.gives(what)

    return judge


_META = re.compile(
    r"\\(?:!|copy\b.*\bprogram\b|[goew]\s*\||gset|gexec|watch|i\b|ir\b|include|o\s|out\b|w\s|g\s*[|/]|s\s|e\b|ef\b|ev\b|setenv|cd)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"\bprogram\b|\bcopy\b[^;]*\bto\s+'|lo_export|pg_read_file|pg_ls_dir|lo_import|\bcreate\s+(or\s+replace\s+)?(trusted\s+)?(function|language|extension|"
    r"procedure|event\s+trigger)|\bdo\s+(language|\$|')|\balter\s+system|\bload\s+'|into\s+(out|dump)file|load_file|load\s+data|sys_exec|sys_eval|\bsource\b"
    r"|\bsystem\b|\\!|load_extension|\.shell|\.system|\battach\b|writefile|readfile|install\s+(plugin|soname)|edit\s*\(|xp_cmdshell",
    re.IGNORECASE,
)
_SUPERUSER = re.compile(
    r"\bsuperuser\b|\bpg_(execute_server_program|write_server_files|read_server_files)\b|\ball privileges on \*\.\*"
    r"|\bgrant\s+(super|file)\b",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"\b(create|alter|drop)\s+(role|user|group)\b|\bgrant\b|\brevoke\b|\bset\s+password|\bidentified\s+by|pg_hba|pg_authid",
    re.IGNORECASE,
)
_DESTROYS = re.compile(
    r"\b(drop|delete|truncate|update|insert|alter|create|replace|merge|reindex|vacuum|cluster|copy|lock|pg_terminate_backend|pg_cancel_backend|kill"
    r"|set\s+global|flush|reset|purge|shutdown|optimize|repair|rename|call|refresh|import|comment|notify|nextval|setval|pg_promote|pg_switch_wal"
    r"|pg_reload_conf|checkpoint|pg_drop_\w+|pg_rotate_logfile|pragma\s+\w+\s*=|db\.\w+\.(drop|remove|delete|update|insert)\w*)\b",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"pg_authid|pg_shadow|rolpassword|passwd|mysql\.user|authentication_string|\bpassword|pg_user_mapping|secret|token",
    re.IGNORECASE,
)


def sql(call: Call, text: Word) -> None:
    """The program runs ``text``, which is SQL."""
    if text.is_free:
        return call.gives("runs any code that it is given")
    if _META.search(text.text) or _PROGRAM.search(text.text):
        call.gives("runs SQL that can start programs or reach files")
    elif _SUPERUSER.search(text.text):
        call.gives("makes somebody a superuser of a database")
    elif _ROLES.search(text.text):
        call.changes("changes who may do what in a database")
    elif re.fullmatch(r"\s*(vacuum|analy[sz]e|reindex|explain)\b[^;]*;?\s*", text.text, re.IGNORECASE) and not re.search(
        r"\bfull\b|\banaly[sz]e\s+(insert|update|delete|merge)", text.text, re.IGNORECASE
    ):
        pass
    elif _DESTROYS.search(text.text):
        call.changes("changes or destroys data in a database")
    if _SECRETS.search(text.text):
        call.discloses("reads passwords or other secrets of a database")


def _debugger(call: Call) -> None:
    if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-v"):
        return
    call.gives("can take over other processes")


def _multiplexer(call: Call) -> None:
    verb = call.verb.text if call.verb else ""
    if call.name == "tmux" and verb in (
        "ls",
        "list-sessions",
        "list-windows",
        "has-session",
        "kill-session",
        "kill-server",
        "-V",
    ):
        return call.changes("ends sessions of others") if verb.startswith("kill") else None
    if call.name == "screen" and call.words and call.words[0].text in ("-ls", "-list", "-v"):
        return None
    call.gives("gives a shell")


ROWS = (
    Row(
        "vi vim view ex rvim rview nvim vimdiff nano rnano pico emacs emacsclient ed red joe jed jmacs jstar jpico rjoe"
        " ne micro mcedit vimtutor kak helix hx sensible-editor editor gedit kate pluma mousepad geany code zile mg jove"
        " dte tilde amp select-editor nvi elvis vile levee",
        _editor,
    ),
    Row(
        "less more most pg pager sensible-pager lv bat batcat lnav multitail w3m links elinks lynx zless zmore bzless"
        " xzless zstdless lesspipe moar ov",
        _pager,
        "o: O: log-file: LOG-FILE: k: lesskey-file: lesskey-src: p: pattern: t: T: x: y: z: b: h: j: P: D: n N S R F X E"
        " version help",
    ),
    Row(
        "man info pinfo",
        _manual,
        "P: pager: H:: html:: C: config-file: M: L: l: local-file: S: s: k f w W apropos whatis where path help V version",
    ),
    Row(
        "mc ranger nnn vifm lf ncdu broot mutt neomutt mail mailx s-nail bsd-mailx alpine pine telnet rtelnet nethack"
        " gtop cfdisk aptitude byobu elm slrn tin trn minicom cu tip picocom kermit wvdial gtkterm tig lazygit lazydocker"
        " k9s fzf sqsh ncftp yafc",
        _always("can start a shell"),
    ),
    Row("ftp lftp tnftp", _always("can start a shell")),
    Row("tmux screen zellij dtach abduco dvtm", _multiplexer, "L: S: f: c:", is_first=True),
    Row("at batch", _always("runs any code that it is given, later too")),
    Row(
        "gdb lldb gdbserver rr cgdb ddd bpftrace dtrace stap criu reptyr pgdb jdb jattach jcmd radare2 r2 frida uprobe edb",
        _debugger,
    ),
)
