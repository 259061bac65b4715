# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that start the command in their own words.

Law: a wrapper never lowers the grade of what it starts. A word that may be an option of the wrapper with a value, and that the
table does not know, makes the wrapped command begin too early or too late: so the options of each wrapper are all listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from jitd_commands.judging import ALL_HOSTS, THIS_HOST, Call, Input, Row
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.grammar import ANY, Deed, grammars
from jitd_commands.programs.shared import joined, joins
from jitd_commands.shell_text import Word

# --- words of a type ----------------------------------------------------------------------------------------------------


def _root(call: Call, word: Word) -> None:
    """The directory that is the root directory of what is started."""
    path = call.absolute(word)
    if path is None or call.judge.changed_by(path):
        call.gives("runs programs below a directory that others choose", path or "")
    elif word.is_free:
        call.gives(f"runs programs below {path}")


def _lock(call: Call, word: Word) -> None:
    if word.is_free:
        call.writes(word, how="locks", is_use=False)


def _envdir(call: Call, word: Word) -> None:
    """A directory whose files are variables."""
    path = call.absolute(word)
    if path is None or call.judge.changed_by(path):
        call.gives("sets variables that can make a program load or start other code", path or "")


def _variable(call: Call, word: Word) -> None:
    """NAME=VALUE."""
    name, _, value = word.text.partition("=")
    call.judge.set_variable(call, name or "*", Word(value, word.is_free))


def _setting(call: Call, word: Word) -> None:
    """A setting of a unit, of systemd-run(1)."""
    if word.is_free or re.match(r"(Exec|Environment|RootDirectory|RootImage|Bind|LoadCredential|.*Path)", word.text):
        call.gives("starts a unit with settings that start programs")


def _trace(call: Call, word: Word) -> None:
    """The file to which strace(1) writes, or a command that is fed."""
    if word.text.startswith(("|", "!")):
        call.runs_text(Word(word.text[1:], word.is_free))
    else:
        call.writes(word, is_use=False)


_SSH_STARTS = re.compile(
    r"(-o)?\s*(proxy|localcommand|permitlocal|knownhostscommand|match|include|pkcs11|securitykey|xauth)", re.IGNORECASE
)
"""Settings of ssh(1) that start programs."""


def _of_ssh(call: Call, word: Word) -> None:
    if word.is_free or _SSH_STARTS.match(word.text):
        call.gives("starts other programs")


_TYPES = {
    "ROOT": _root,
    "LOCK": _lock,
    "ENVDIR": _envdir,
    "VARIABLE": _variable,
    "SETTING": _setting,
    "TRACE": _trace,
    "SSH": _of_ssh,
    "CODE": lambda call, word: call.gives("loads code that it is given"),
    "LOCAL": lambda call, word: call.gives("can start programs on this host"),
}


# --- deeds: how a command is made of the words that are left ------------------------------------------------------------


def _assigned(call: Call, words: Sequence[Word]) -> Sequence[Word]:
    """Set the variables before the command in ``words``, and return the command."""
    for at, word in enumerate(words):
        if "=" not in word.text or word.text.startswith("="):
            return words[at:]
        _variable(call, replace(word, is_free=False))
        if word.roams:
            return [ANY]  # a shell may have split it
    return ()


def _with_variables(here: Call, call: Call, words: Sequence[Word]) -> None:
    call.start(_assigned(call, words))


def _split(here: Call, call: Call, words: Sequence[Word]) -> None:
    """``env -S`` finds its words in a text."""
    text = (call.values("S") or [ANY])[-1]
    if text.is_free or re.search(r"[\\$#'\"]", text.text):
        return call.gives("runs a text that jitd cannot read")
    call.start([Word("env"), *map(Word, text.text.split()), *words])


def _again(here: Call, call: Call, words: Sequence[Word]) -> None:
    """What follows is as if it stood directly behind the program's name."""
    call.start([Word(call.name), *words])


def _xargs(here: Call, call: Call, words: Sequence[Word]) -> None:
    command = list(words) or [Word("echo")]
    given = None if call.has("a") else call.input
    names: Sequence[Word] = given.names if given is not None and given.names else (ANY,)
    if given is not None and given.text is not None and not re.search(r"['\"\\]", given.text):
        names = _known([Word(word) for word in given.text.split()])
    call = call.fed(Input(told="nothing"))
    marks = call.values("I", "i")
    mark = marks[0].text if marks and marks[0].text else "{}" if call.has("I", "i") else ""
    if not mark:
        return call.start([*command, *names])
    for name in names:
        filled = [
            name if word.text == mark else Word(word.text.partition(mark)[0], is_free=True) if mark in word.text else word
            for word in command
        ]
        if mark in command[0].text:
            return call.gives("starts programs that its input names")
        if any(word.is_free for word in filled) and _is_shell_text(command):
            return call.gives("runs a text that jitd cannot read")
        call.start(filled)


def _is_shell_text(words: list[Word]) -> bool:
    return any(
        re.fullmatch("-[a-z]*c", word.text) and "{}" in following.text for word, following in zip(words, words[1:], strict=False)
    )


def _known(words: Sequence[Word]) -> Sequence[Word]:
    """Return ``words``, or any word if they are too many to be tried."""
    return words if len(words) <= 64 else [ANY]


def _each(call: Call, command: Sequence[Word], files: Sequence[Word]) -> None:
    """``command`` is started with each of ``files``, at the places of ``{}`` or behind it."""
    words = command if any("{}" in word.text for word in command) else [*command, Word("{}")]
    for file in files:
        call.start([_filled(word, file) for word in words])


def _filled(word: Word, file: Word) -> Word:
    """``{}`` in ``word`` stands for ``file``."""
    if "{}" not in word.text:
        return word
    if not file.is_free:
        return Word(word.text.replace("{}", file.text))
    before = word.text.partition("{}")[0]
    return Word(before, is_free=True) if before else file


def _parallel(here: Call, call: Call, words: Sequence[Word]) -> None:
    ends = next((at for at, word in enumerate(words) if re.fullmatch(":::[:+]?", word.text)), len(words))
    is_listed = [word.text for word in words[ends : ends + 1]] == [":::"]
    given = _known([word for word in words[ends + 1 :] if word.text != ":::"]) if is_listed else [ANY]
    text = words[0].text if ends else "{"
    if not re.search(r"[\s{]", text):
        return _each(call, words[:ends], given)
    for value in given:
        quoted = "'" + value.text.replace("'", r"'\''") + "'"
        filled = text if value.is_free else (text if "{}" in text else f"{text} {{}}").replace("{}", quoted)
        if "{" in filled:
            return call.gives("runs any command that its input names")
        call.runs_text(Word(filled))


def _by(call: Call, words: Sequence[Word]) -> Call:
    """Return ``call`` as root makes it, unless the options have named another account."""
    is_named = call.has("u") and not (words and words[-1] is ANY)
    return call if is_named else call.by(Word("root"))


def _sudo(here: Call, call: Call, words: Sequence[Word]) -> None:
    inner = _by(call, words)
    if call.has("R"):
        call.gives("runs programs below another root directory")
    inner.start(_assigned(here, words))


def _sudo_shell(here: Call, call: Call, words: Sequence[Word]) -> None:
    inner = _by(call, words)
    words = _assigned(here, words)
    if not words:
        return inner.shell()
    inner.runs_text(joined(words))
    if any(re.search(r"[\s'\"]", word.text) for word in words):  # sudo(8) keeps words apart by backslashes, but not everywhere
        inner.runs_text(joined([replace(word, text=re.sub(r"[^\w$-]", r"\\\g<0>", word.text)) for word in words]))


def _sudoedit(here: Call, call: Call, words: Sequence[Word]) -> None:
    for word in words:
        _by(call, words).writes(word)
    here.gives("starts an editor")


def _su(here: Call, call: Call, words: Sequence[Word]) -> None:
    words = [word for word in words if word.text != "-"]
    texts = call.values("c")
    if ANY in words[-1:]:
        here.gives("can start any command")
    inner = call.by(words[0] if words else Word("root"))
    for word in call.values("s"):
        if not re.fullmatch(r"/(usr/)?bin/(ba|da|z|k)?sh|/usr/sbin/nologin|/bin/false", word.text):
            inner.start([word])
    for text in texts:
        inner.runs_text(text, words[1:] or [Word("sh")])
    if texts:
        return None
    if len(words) > 1:
        return inner.start([Word("sh"), *words[1:]])
    if call.input is not None and call.input.text is not None:
        return inner.runs_text(Word(call.input.text))
    inner.shell()


def _setpriv(here: Call, call: Call, words: Sequence[Word]) -> None:
    """A process that keeps another account, or a right of the root account, can do as much as before."""
    is_kept = any(
        re.search(r"\+(all|setuid|sys_|dac_|chown|fowner|setfcap|setgid|mknod|bpf|cap_)", word.text) or word.is_free
        for word in call.values("ambient-caps")
    )
    (here if is_kept or call.has("euid", "ruid") else call).start(words)


def _systemd_run(here: Call, call: Call, words: Sequence[Word]) -> None:
    for host in call.values("H")[-1:]:
        account, _, name = host.text.rpartition("@")
        return here.on(name, account).start(words)
    call.start(words)


def _joins(call: Call, words: Sequence[Word]) -> None:
    """A shell runs the text that the program makes of ``words``. If one is not known, what the others do is told, too."""
    text = joined(words)
    call.runs_text(text)
    if text.is_free and words and not words[0].is_free and all(re.fullmatch(r"[\w./@:=,+%-]*", word.text) for word in words):
        call.start(words, is_text=True)


def _ssh(here: Call, call: Call, words: Sequence[Word]) -> None:
    if not words:
        return None
    first, *command = words
    if first.is_any:  # an option, or else the host: then what follows is what it runs there
        call.gives("can start any other command")
        if command := here.sorted_operands[1:]:
            _joins(call.on(""), command)
        return None
    account, _, host = first.text.removeprefix("ssh://").rpartition("@")
    account = account or next((word.text for word in call.values("l")), "")
    host += "*" if host and first.is_free else ""
    for word in call.values("L", "R", "D", "w"):
        call.changes(f"opens a way through the network, between this host and what {host or 'another'} reaches: {word.text[:60]}")
    if THIS_HOST.fullmatch(host):
        inner = call.by(Word(account or "root"))
        return _joins(inner, command) if command else inner.shell()
    there = call.on(host, account, variable=first.variable)
    if command:
        there = replace(there, is_shown=call.has("t") and call.is_shown)  # else, the command there has no terminal
        return _joins(there, command)
    if not call.has("N", "O", "Q", "G", "V"):
        call.leads(f"gives a shell on {host[:60] or 'another host'}, and has a prompt at ~C")


def _many_hosts(here: Call, call: Call, words: Sequence[Word]) -> None:
    """Programs that start a command on many hosts by ssh. Some can start it on this one instead."""
    if ANY in words:
        call.gives("can start programs on this host")
    hosts = told(call.values("w", "H", "g", "h")[:1]) or ALL_HOSTS
    if words:
        _joins(call.on(hosts, told(call.values("l")[:1])), words)
    else:
        call.leads(f"has a prompt for commands on {hosts}")


def _start_stop(here: Call, call: Call, words: Sequence[Word]) -> None:
    for word in call.values("p") if call.has("m") else ():
        here.writes(word, is_use=False)
    call.start([*call.values("x", "a")[-1:], *words])


def _below(starts: Sequence[Word]) -> list[Word]:
    """Return what is found below ``starts``."""
    return [Word(f"{word.text.rstrip('/')}/", is_free=True, is_bound=not word.roams) for word in starts or [Word(".")]]


def _fd(here: Call, call: Call, words: Sequence[Word]) -> None:
    for option in ("x", "X"):
        if command := call.values(option):
            _each(call, command, _below([*words[1:], *call.values("search-path")]))


_DEEDS: dict[str, Deed] = {
    "changes:joined": joins,
    "changes:with-variables": _with_variables,
    "changes:split": _split,
    "changes:again": _again,
    "changes:for-each": _xargs,
    "changes:in-parallel": _parallel,
    "changes:as-another": _sudo,
    "changes:shell-as-another": _sudo_shell,
    "gives:edits": _sudoedit,
    "gives:su": _su,
    "changes:setpriv": _setpriv,
    "changes:unit": _systemd_run,
    "leads:ssh": _ssh,
    "leads:many-hosts": _many_hosts,
    "changes:daemon": _start_stop,
    "changes:found": _fd,
}


# --- functions of raw words ---------------------------------------------------------------------------------------------

_FIND_CHOOSES = re.compile(r"-(i?(name|path|regex|wholename)|[amc](time|min)|newer..?|size)\Z")
"""Tests of find(1) that choose some files, so that those in a directory of logs are old ones."""


_FIND_SPENT = re.compile(r"\.(pyc|tmp|swp|pid|lock|log\.\S*|gz|cache)\Z|~\Z|\A(core(\.\S*)?|__pycache__|nohup\.out)\Z")
"""Names of files that are made to be deleted."""


def _find(call: Call) -> None:
    call.knows_all()  # each word is looked at below
    known = call.row.known if call.row is not None else {}
    words = list(call.words)
    at = 0
    starts: list[Word] = []
    while at < len(words) and re.match(r"-(H|L|P|D|O\d?)", words[at].text):
        at += 2 if words[at].text == "-D" else 1
    while at < len(words) and not (words[at].text.startswith("-") or words[at].text in ("(", "!", ",", ")")):
        if words[at].is_free and not words[at].is_bound and (words[at].text == "" or call.judge.is_pattern and words[at].roams):
            call.gives("can start any other command")
        starts.append(words[at])
        at += 1
    files = _below([ANY] if any(word.text == "-files0-from" for word in words) else starts)
    while at < len(words):
        word = words[at]
        at += 1
        if word.is_free and (word.text == "" or word.text.startswith("-")) and not word.is_bound:
            call.gives("can start any other command")
        elif word.text in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next(
                (
                    i
                    for i in range(at, len(words))
                    if words[i].text == ";" or (words[i].text == "+" and words[i - 1].text == "{}")
                ),
                len(words),
            )
            command = words[at:end]
            if word.text.endswith("dir"):
                call = call.within(Word("", is_free=True))
            if command and "{}" in command[0].text:
                call.gives("starts the programs that it finds")
            else:
                for file in files:
                    call.start([_filled(one, file) for one in command])
            at = end + 1
        elif word.text == "-delete":
            is_chosen = any(_FIND_CHOOSES.match(one.text) for one in words)
            names = [after.text for one, after in zip(words, words[1:], strict=False) if one.text in ("-name", "-iname")]
            is_spent = any(one.text == "-empty" for one in words) or (names and all(map(_FIND_SPENT.search, names)))
            for file in files:
                if is_spent:
                    call.changes(f"deletes {' '.join(names)[:60] or 'empty files'} below {call.absolute(file)}", is_whole=True)
                else:
                    call.removes(file, is_tree=not is_chosen)
        elif word.text in ("-fprintf", "-fprint", "-fprint0", "-fls"):
            if at < len(words):
                call.writes(words[at])
            at += 1
        elif word.text.startswith("-"):
            if (kind := known.get(word.text.lstrip("-"))) is None:
                call.not_known(f"jitd does not know the option {word.text[:40]} of find, so not what follows it")
            at += kind == ":"


def _tails(call: Call) -> None:
    """The program starts a command whose beginning depends on the options before it. Each program that is known may be it."""
    words = call.words
    tails = [words[at:] for at, word in enumerate(words) if word.text.rpartition("/")[2] in call.judge.table and word.text]
    for tail in tails[:16]:
        call.start(tail)
    if not tails:
        call.unknown()


ROWS = (
    *grammars(
        r"""
    = env: posix abbreviates without -  -i|--ignore-environment -0|--null -v|--debug --help --version --list-signal-handling
        -u|--unset=TEXT -C|--chdir=CWD -a|--argv0=TEXT -S|--split-string=SAID --block-signal[=TEXT] --default-signal[=TEXT]
        --ignore-signal[=TEXT]
        -S ...  changes:split
        ...     changes:with-variables
    = nice: posix abbreviates  -n|--adjustment=TEXT -0 -1 -2 -3 -4 -5 -6 -7 -8 -9 --help --version
    = nohup eatmydata catchsegv chronic dbus-launch tsocks torsocks torify run-one cronic catatonit run-this-one \
        with-lock: posix  --help --version -h -V
    = setsid: posix abbreviates  -h|--help -V|--version -c|--ctty -f|--fork -w|--wait
    = unbuffer: posix  -p
    = fakeroot: posix  -l|--lib=FILE:obeys -f|--faked=FILE:obeys -s=FILE:made -i=FILE:reads -b=TEXT -u|--unknown-is-real
        -h|--help -v|--version
    = proxychains proxychains4: posix  -f=FILE:trusts -q
    = tini: posix  -p=TEXT -e=TEXT -s -g -v -w -l -h --version
    = dumb-init: posix  -r|--rewrite=TEXT -c|--single-child -v|--verbose -h|--help -V|--version
    = dbus-run-session: posix  --config-file=FILE:trusts --dbus-daemon=FILE:runs --help --version
    = stdbuf: posix abbreviates  --help --version -i|--input=TEXT -o|--output=TEXT:plain -e|--error=TEXT
    = time: posix abbreviates  -p|--portability -v|--verbose -q|--quiet -a|--append -V|--version -h|--help -f|--format=TEXT
        -o|--output=FILE:made
    = cgexec: posix  -g=TEXT --sticky -h|--help
    = aa-exec: posix  -p|--profile=TEXT -n|--namespace=TEXT -d|--debug -i|--immediate -v|--verbose -h|--help
    = softlimit: posix  -m=N -d=N -s=N -l=N -a=N -o=N -p=N -f=N -c=N -r=N -t=N
    = ssh-agent: posix  -a=FILE:made -E=TEXT -O=TEXT -P=TEXT -t=TEXT -c -D -d -k -s
    = systemd-inhibit: posix abbreviates  -h|--help --version --no-legend --no-pager --no-ask-password --list --what=TEXT
        --who=TEXT --why=TEXT --mode=TEXT
    = numactl: posix abbreviates  -H|--hardware -s|--show -h|--help -a|--all -l|--localalloc -b|--balancing
        -N|--cpunodebind=TEXT -m|--membind=TEXT -i|--interleave=TEXT -C|--physcpubind=TEXT -p|--preferred=TEXT
        -P|--preferred-many=TEXT -w|--weighted-interleave=TEXT
    = valgrind: posix  --log-file|--xml-file[=FILE:made] --suppressions[=FILE:reads] --tool[=TEXT] --leak-*[=TEXT]
        --show-*[=TEXT] --track-*[=TEXT] --trace-*[=TEXT] --num-callers[=TEXT] --error-*[=TEXT] --gen-suppressions[=TEXT]
        --vgdb*[=TEXT] --xml[=TEXT] --log-fd[=TEXT] --time-stamp[=TEXT] --max-*[=TEXT] --keep-*[=TEXT] --callgrind-*[=TEXT]
        --massif-*[=TEXT] --undef-value-errors[=TEXT] --help --help-debug --version -h -q|--quiet -v|--verbose -d
    = sshpass: posix  -p=TEXT -f=FILE:reads -d=TEXT -P=TEXT -e[=TEXT] -v -h -V
    = rlwrap: posix  -a|--always-readline[=TEXT] -A|--ansi-colour-aware[=TEXT] -b|--break-chars=TEXT -c|--complete-filenames
        -C|--command-name=TEXT -D|--history-no-dupes=N -e|--extra-char-after-completion=TEXT -f|--file=FILE:reads
        -g|--forget-matching=TEXT -h|--help -H|--history-filename=FILE:writes -i|--case-insensitive -I|--pass-sigint-as-sigterm
        -l|--logfile=FILE:writes -m|--multi-line[=TEXT] -M|--multi-line-ext=TEXT -n|--no-warnings -N|--no-children
        -o|--one-shot -p|--prompt-colour[=TEXT] -P|--pre-given=TEXT -q|--quote-characters=TEXT -r|--remember -s|--histsize=N
        -S|--substitute-prompt=TEXT -t|--set-term-name=TEXT -U|--mirror-arguments -v|--version -w|--wait-before-prompt=N
        -z|--filter=SHELL
    = ld.so ld-linux-x86-64.so.2 ld-linux.so.2 ld-linux-aarch64.so.1 ld-linux-armhf.so.3 ld-musl-x86_64.so.1: posix
        --preload=CODE --library-path=CODE --audit=CODE --inhibit-rpath=TEXT --argv0=TEXT --glibc-hwcaps-prepend=TEXT
        --glibc-hwcaps-mask=TEXT --list --verify --inhibit-cache --list-tunables --list-diagnostics --help --version
    = sem: posix  -j|--jobs=TEXT --id=TEXT -H=TEXT -f=TEXT -l=TEXT -a=FILE:reads -b=TEXT -s=TEXT -t=TEXT -P=TEXT -C=TEXT -c -r
        -n -i --bg --fg --wait --st|--semaphore-timeout=TEXT -h|--help --version
    = chpst: posix  -u=USER -U=TEXT -b=TEXT -e=ENVDIR -/=ROOT -n=TEXT -l=FILE:made -L=FILE:made -m=N -d=N -o=N -p=N -f=N -c=N
        -t=N -C=CWD -r=N -P -v -V -0 -1 -2
    = daemonize: posix  -a -v -c=CWD -e=FILE:made -o=FILE:made -E=VARIABLE -l=FILE:made -p=FILE:made -u=USER
        [PROGRAM]  harmless
    = timeout: posix abbreviates  --preserve-status --foreground -p -f -v|--verbose --help --version -s|--signal=TEXT
        -k|--kill-after=TEXT
    = faketime: posix  -m -f -p --help --version --exclude-monotonic --date-prog=PROGRAM
    = envuidgid: posix
        [TEXT] [PROGRAM]  harmless
    = setlock lckdo: posix  -W=TEXT -n -N -x -X -e -E -q -s -w
    = flock: abbreviates  -n|--nb|--nonblock -s|--shared -x|-e|--exclusive -u|--unlock -o|--close -F|--no-fork --verbose
        -h|--help -V|--version --fcntl -w|--wait|--timeout=TEXT -E|--conflict-exit-code=TEXT -c|--command=SHELL --start=TEXT
        --length=TEXT
        * +:
        [LOCK] [PROGRAM]  harmless
    = envdir s6-envdir: posix
        [ENVDIR] [PROGRAM]  harmless
    = logsave: posix  -a -s -v
        [FILE:made] [PROGRAM]  harmless
    = setuidgid s6-setuidgid gosu su-exec: posix  --version --help
        [USER] [PROGRAM]  harmless
    = toybox busybox: posix  --help --list --list-full --long -s --install
        --install [TEXT]        changes  makes links to {program} in {1:the directories of programs}
        [PROGRAM]               harmless
    = script  -a|--append -e|--return -f|--flush --force -q|--quiet -h|--help -V|--version -c|--command=SHELL
        -I|--log-in=FILE:made -O|--log-out=FILE:made -B|--log-io=FILE:made -T|--log-timing=FILE:made -m|--logging-format=TEXT
        -E|--echo=TEXT -o|--output-limit=TEXT -t|--timing[=FILE:made]
        -h|-V           harmless
        -c [FILE:made]  harmless
        [FILE:made]     gives  {program} gives a shell
    = scriptreplay  -t|--timing|-T|--log-timing|-I|--log-in|-O|--log-out|-B|--log-io|-s|--typescript=FILE:reads --summary
        -d|--divisor=TEXT -m|--maxdelay=TEXT -x|--stream=TEXT -c=SHELL --cr-mode=TEXT -h|--help -V|--version
        [FILE:reads] [FILE:reads] [TEXT]  harmless
    = scriptlive  -t|--timing|-T|--log-timing|-I|--log-in|-B|--log-io=FILE:reads -c|--command=SHELL -d|--divisor=TEXT
        -m|--maxdelay=TEXT -h|--help -V|--version
        -h|-V  harmless
        ...    gives  {program} types the recorded input into a shell
    = ionice: posix abbreviates  -h|--help -V|--version -t|--ignore -c|--class=TEXT -n|--classdata=TEXT -p|--pid=TEXT
        -P|--pgid=TEXT -u|--uid=TEXT
    = choom: posix abbreviates  -h|--help -V|--version -n|--adjust=TEXT -p|--pid=TEXT
        -p|--pgid|--uid --class|--classdata|--adjust ...  changes  {program} changes how the process {-p|-P|-u} runs
        -p|--pgid|--uid ...  harmless
        [PROGRAM]            harmless
    = prlimit: posix abbreviates  --noheadings --raw --verbose -h|--help -V|--version -p|--pid=TEXT -o|--output=TEXT:plain
        -c|--core[=TEXT] -d|--data[=TEXT] -e|--nice[=TEXT] -f|--fsize[=TEXT] -i|--sigpending[=TEXT] -l|--memlock[=TEXT]
        -m|--rss[=TEXT] -n|--nofile[=TEXT] -q|--msgqueue[=TEXT] -r|--rtprio[=TEXT] -s|--stack[=TEXT] -t|--cpu[=TEXT]
        -u|--nproc[=TEXT] -v|--as[=TEXT] -x|--locks[=TEXT] -y|--rttime[=TEXT]
        -p -c|-d|-e|-f|-i|-l|-m|-n|-q|-r|-s|-t|-u|-v|-x|-y ...  changes  {program} changes how the process {-p} runs
        -p ...     harmless
        [PROGRAM]  harmless
    = chrt: posix abbreviates  -b|--batch -d|--deadline -f|--fifo -i|--idle -o|--other -r|--rr -a|--all-tasks
        -R|--reset-on-fork -v|--verbose -h|--help -V|--version -m|--max -p|--pid -T|--sched-runtime=TEXT -P|--sched-period=TEXT
        -D|--sched-deadline=TEXT
    = taskset: posix abbreviates  -a|--all-tasks -c|--cpu-list -h|--help -V|--version -p|--pid
        -p TEXT TEXT      changes   {program} changes how the process {-1} runs
        -p [TEXT]         harmless
        [TEXT] [PROGRAM]  harmless
    = nsenter: posix abbreviates  -h|--help -V|--version -t|--target=TEXT -S|--setuid=TEXT -G|--setgid=TEXT -m|--mount[=TEXT]
        -u|--uts[=TEXT] -i|--ipc[=TEXT] -n|--net[=TEXT] -p|--pid[=TEXT] -U|--user[=TEXT] -C|--cgroup[=TEXT] -T|--time[=TEXT]
        -r|--root[=ROOT] -w|--wd[=TEXT] -W|--wdns[=TEXT] -N|--net-socket=TEXT -a|--all -e|--env -F|--no-fork -c|--join-cgroup
        -Z|--follow-context --preserve-credentials --keep-caps --user-parent
    = unshare: posix abbreviates  -S|--setuid=TEXT -G|--setgid=TEXT -R|--root=ROOT -w|--wd=CWD --map-user=TEXT --map-group=TEXT
        --map-users=TEXT --map-groups=TEXT --propagation=TEXT --setgroups=TEXT --monotonic=TEXT --boottime=TEXT
        -l|--load-interp=FILE:obeys -i|--ipc[=TEXT] -m|--mount[=TEXT] -n|--net[=TEXT] -p|--pid[=TEXT] -u|--uts[=TEXT]
        -U|--user[=TEXT] -C|--cgroup[=TEXT] -T|--time[=TEXT] --kill-child[=TEXT] --mount-proc[=TEXT] --mount-binfmt[=TEXT]
        -f|--fork -r|--map-root-user -c|--map-current-user --map-auto --keep-caps --forward-signals -h|--help -V|--version
        -h|--help|-V|--version  harmless
        PROGRAM                 harmless
        ()                      gives  {program} gives a shell
    = firejail: posix  --list --tree --top --netstats --noprofile --noroot --nonewprivs --nogroups --nosound --nodvd --nodbus
        --no3d --novideo --quiet --profile[=FILE:trusts] --private*[=TEXT] --net*[=TEXT] --seccomp*[=TEXT] --caps*[=TEXT]
        --whitelist*[=TEXT] --blacklist*[=TEXT] --read-*[=TEXT] --bind[=TEXT] --env[=VARIABLE] --rlimit-*[=TEXT]
        --timeout[=TEXT] --name[=TEXT] --dbus-*[=TEXT] --apparmor[=TEXT] --chroot[=ROOT] --tmpfs[=TEXT] --x11*[=TEXT]
        --join*[=TEXT] --shell[=PROGRAM] --appimage -? -c -h|--help -V|--version
        --list|--tree|--top|--netstats  harmless
        -h|--help|-V|--version  harmless
        PROGRAM                 harmless
        ()                      gives  {program} gives a shell
    = setarch linux32 linux64 i386 uname26: posix abbreviates  -B|--32bit -F|--fdpic-funcptrs -I|--short-inode
        -L|--addr-compat-layout -R|--addr-no-randomize -S|--whole-seconds -T|--sticky-timeouts -X|--read-implies-exec
        -Z|--mmap-page-zero -3|--3gb --4gb --uname-2.6 -v|--verbose -h|--help -V|--version --list --show[=TEXT] -p|--pid=TEXT
        --list|--show  harmless
        x86*|i386|i486|i586|i686|linux*|aarch*|arm*|ppc*|s390*|mips*|sparc*|alpha*|parisc*|riscv*|ia64*|uname26 ...  changes:again
        -h|--help|-V|--version  harmless
        PROGRAM                 harmless
        ()                      gives  {program} gives a shell
    = chroot: posix abbreviates  --userspec=TEXT --groups=TEXT --skip-chdir --version --help -V
        --version|--help|-V  harmless
        ROOT PROGRAM         harmless
        [ROOT]               gives  {program} gives a shell
    = runcon: posix abbreviates  -c|--compute -t|--type=TEXT -u|--user=TEXT -r|--role=TEXT -l|--range=TEXT --help --version
        -c|-t|-u|-r|-l [PROGRAM]  harmless
        [TEXT] [PROGRAM]          harmless
    = setpriv: posix abbreviates  -d|--dump --clear-groups --init-groups --keep-groups --nnp|--no-new-privs --list-caps
        --reset-env -h|--help -V|--version --reuid=USER --ruid=SAID --euid=SAID --regid=TEXT --rgid=TEXT --egid=TEXT
        --groups=TEXT --inh-caps=TEXT --ambient-caps=SAID --bounding-set=TEXT --securebits=TEXT --pdeathsig=TEXT --ptracer=TEXT
        --selinux-label=TEXT --apparmor-profile=TEXT --landlock-access=TEXT --landlock-rule=TEXT --seccomp-filter=TEXT
        ...  changes:setpriv
    = capsh  --print --help|-h --license --modes --current --decode=TEXT --supports=TEXT --explain=TEXT --suggest=TEXT
        --caps=TEXT --drop=TEXT --inh=TEXT --iab=TEXT --addamb=TEXT --delamb=TEXT --noamb --mode[=TEXT] --strict --has-p=TEXT
        --has-a=TEXT --has-b=TEXT --has-i=TEXT --has-ambient --has-no-new-privs --no-new-privs --inmode=TEXT --user=TEXT
        --uid=TEXT --cap-uid=TEXT --gid=TEXT --groups=TEXT --is-uid=TEXT --is-gid=TEXT --keep=TEXT --secbits=TEXT --noenv
        --chroot=TEXT --shell=SAID --killit=TEXT --forkfor=TEXT --quiet
        -- ...                                                                         gives  {program} can start a shell
        --print|--help|--license|--modes|--current|--decode|--supports|--explain|--suggest  harmless
        ...                                                                            gives  {program} can start a shell
    = watch: posix abbreviates  -b|--beep -c|--color -C|--no-color -e|--errexit -f|--follow -g|--chgexit -p|--precise
        -t|--no-title -w|--no-wrap -r|--no-rerun -h|--help -v|--version -x|--exec -n|--interval=TEXT -q|--equexit=TEXT
        -s|--shotsdir=DIR:writes -d|--differences[=TEXT]
        -x [PROGRAM]  harmless
        ...           changes:joined
    = xargs: posix abbreviates  -0|--null -o|--open-tty -p|--interactive -r|--no-run-if-empty -t|--verbose -x|--exit
        --show-limits --help --version -a|--arg-file=FILE:reads -d|--delimiter=TEXT -E=TEXT -e|--eof[=TEXT] -I=SAID
        -i|--replace[=SAID] -L=TEXT -l|--max-lines[=TEXT] -n|--max-args=TEXT -P|--max-procs=TEXT -s|--max-chars=TEXT
        --process-slot-var=TEXT
        ...  changes:for-each
    = parallel: posix abbreviates  -k|--keep-order --dry-run --will-cite --citation --bar --eta --progress --line-buffer|--lb
        -u|--ungroup --group --tag -X -m -0|--null -v -t|--verbose -h|--help -V|--version -r|--no-run-if-empty --plus
        -q|--quote -x --pipe --xargs --shuf --resume --resume-failed -j|--jobs|-P|--max-procs=TEXT -a|--arg-file=FILE:reads
        -I=TEXT -i[=TEXT] -N|--max-replace-args=TEXT -n|--max-args=TEXT -L=TEXT -S|--sshlogin=SSH
        --sshloginfile|--slf=FILE:trusts -d|--delimiter=TEXT -C|--colsep=TEXT --joblog=FILE:writes --results=DIR:writes
        --tmpdir=TEXT --timeout=TEXT --delay=TEXT --retries=TEXT --halt=TEXT --load=TEXT:plain --memfree=TEXT --nice=TEXT
        --tagstring=TEXT --wd|--workdir=CWD --block=TEXT --recstart=TEXT --recend=TEXT
        --version|--help|--citation ()  harmless
        ...                             changes:in-parallel
    = fd fdfind  -H|--hidden -I|--no-ignore -u|--unrestricted -s|--case-sensitive -i|--ignore-case -F|--fixed-strings -g|--glob
        --regex -a|--absolute-path -L|--follow -p|--full-path -0|--print0 -l|--list-details -1 -q|--quiet -h|--help
        -V|--version --prune --no-ignore-vcs --one-file-system|--mount|--xdev -S|--size=TEXT --changed-within=TEXT
        --changed-before=TEXT -o|--owner=TEXT -c|--color=TEXT -e|--extension=TEXT -E|--exclude=TEXT -d|--max-depth=N
        --min-depth=N --exact-depth=N -t|--type=TEXT -j|--threads=N --max-results=N --search-path=TEXT --base-directory=CWD
        --batch-size=N --format=TEXT --and=TEXT -x|--exec=COMMAND -X|--exec-batch=COMMAND
        -x|-X ...  changes:found
        ...        harmless
    = sudo: posix abbreviates  -A|--askpass -b|--background -B|--bell -E -e|--edit -H|--set-home -i|--login
        -k|--reset-timestamp -K|--remove-timestamp -l|--list -n|--non-interactive -N|--no-update -P|--preserve-groups
        -S|--stdin -s|--shell -V|--version -v|--validate --help --preserve-env[=TEXT] -u|--user=USER -g|--group=TEXT
        -D|--chdir=CWD -R|--chroot=SAID -h|--host=TEXT -p|--prompt=TEXT -r|--role=TEXT -t|--type=TEXT -T|--command-timeout=TEXT
        -U|--other-user=TEXT -C|--close-from=TEXT -a|--auth-type=TEXT -c|--login-class=TEXT
    = jitsudo: posix abbreviates  -b|--background -e|--edit -i|--login -k|--reset-timestamp -K|--remove-timestamp -l|--list
        -n|--non-interactive -s|--shell -V|--version -v|--validate -h|--help --wait --no-wait --json -u|--user=USER
        -g|--group=TEXT -D|--chdir=CWD -T|--command-timeout=TEXT --for=TEXT --uses=TEXT --at=TEXT --reason=TEXT
        --help|-l|-v|-K|-V ...  harmless
        -e ...                  gives:edits
        -i|-s ...               changes:shell-as-another
        ...                     changes:as-another
    = doas: posix  -u=USER -C=TEXT -a=TEXT -s -n -L
        -s ...      changes:shell-as-another
        -L|-C       harmless
        ...         changes:as-another
    = pkexec: posix  -u|--user=USER --disable-internal-agent --keep-cwd --version --help
        ...  changes:as-another
    = run0: posix abbreviates  -h|--help -V|--version --no-ask-password --machine=TEXT --property=SETTING --description=TEXT
        --slice=TEXT --slice-inherit -u|--user=USER -g|--group=TEXT --nice=TEXT -D|--chdir=CWD --setenv=VARIABLE
        --background=TEXT --pty --pipe --unit=TEXT --shell-prompt-prefix=TEXT --via-shell -i --lightweight=TEXT
        --via-shell|-i ...  changes:shell-as-another
        ...                 changes:as-another
    = su  -c|--command|--session-command=SAID -s|--shell=SAID -g|--group=TEXT -G|--supp-group=TEXT -f|--fast -h|--help
        -V|--version -w|--whitelist-environment=TEXT -T|--no-pty -P|--pty -l|--login -m|-p|--preserve-environment
        -h|-V  harmless
        ...    gives:su
    = runuser  -c|--command|--session-command=SAID -s|--shell=SAID -g|--group=TEXT -G|--supp-group=TEXT -f|--fast -h|--help
        -V|--version -w|--whitelist-environment=TEXT -T|--no-pty -P|--pty -l|--login -m|-p|--preserve-environment
        -u|--user=USER
        -h|-V         harmless
        -c ...        gives:su
        -u [PROGRAM]  harmless
        ...           gives:su
    = sg newgrp  -c|--command=SHELL -l
        -c [TEXT]   harmless
        TEXT SHELL  harmless
        [TEXT]      gives     {program} gives a shell
    = systemd-run: posix abbreviates  -h|--help --version --user --system --scope -r|--remain-after-exit --send-sighup
        --no-block --wait -t|--pty -T|--pty-late -P|--pipe -q|--quiet -v|--verbose -G|--collect -S|--shell -d|--same-dir
        --no-ask-password --slice-inherit -H|--host=SAID -M|--machine=TEXT -u|--unit=TEXT -p|--property=SETTING
        --description=TEXT --slice=TEXT --expand-environment=TEXT --service-type=TEXT --uid=USER --gid=TEXT --nice=TEXT
        --working-directory=CWD --root-directory=ROOT -E|--setenv=VARIABLE --background=TEXT --json=TEXT --job-mode=TEXT
        --path-property|--socket-property=SETTING --on-active=TEXT --on-boot=TEXT --on-startup=TEXT --on-unit-active=TEXT
        --on-unit-inactive=TEXT --on-calendar=TEXT --on-clock-change --on-timezone-change --timer-property=SETTING
        -S ...  gives  {program} gives a shell
        ...     changes:unit
    = strace: posix abbreviates  -A|--output-append-mode -c|--summary-only -C|--summary -d|--debug -D -DD -DDD
        --daemonize[=TEXT] -f|--follow-forks -ff -F --output-separately -h|--help -i|--instruction-pointer -k|--stack-traces
        -n|--syscall-number -N -q -qq -qqq -r -t -tt -ttt -T -v|--no-abbrev -V|--version -w|--summary-wall-clock -x -xx -y -yy
        -Y -z|--successful-only -Z|--failed-only
        --relative-timestamps|--absolute-timestamps|--syscall-times|--strings-in-hex|--decode-fds|--tips[=TEXT] --seccomp-bpf
        --trace|--signal|--status|--abbrev|--verbose|--raw|--read|--write|--quiet|--kvm|--inject|--fault|--decode-pids=TEXT
        -e=TEXT -a|--columns=TEXT -b|--detach-on=TEXT -E|--env=VARIABLE -I|--interruptible=TEXT -o|--output=TRACE
        -p|--attach=TEXT -O|--summary-syscall-overhead=TEXT -P|--trace-path=TEXT -s|--string-limit=TEXT
        -S|--summary-sort-by=TEXT -u|--user=USER -U|--summary-columns=TEXT -X|--const-print-style=TEXT
    = ltrace: posix  -b|--no-signals -c -C|--demangle -f -h|--help -i -L -r -S -t -tt -ttt -T -V|--version -x=TEXT
        -a|--align=TEXT -A=TEXT -D|--debug=TEXT -e=TEXT -F|--config=FILE:trusts -l|--library=TEXT:plain -n|--indent=TEXT
        -o|--output=FILE:made -p=TEXT -s=TEXT -u=USER -w|--where=TEXT
        -p [PROGRAM]  reads     {program} reads what another process does
        [PROGRAM]     harmless
    = perf: verbs  --version --help -h -v|--verbose
        *: -a|--all-cpus -v|--verbose -r|--repeat=TEXT -d|--detailed -I|--interval-print=TEXT -C|--cpu=TEXT -p|--pid=TEXT -q \
            -t|--tid=TEXT -i|--input=FILE:reads --stdio --no-header -s|--sort=TEXT -h|--help -n -x=TEXT -e|--event=TEXT \
            --summary -F|--freq=TEXT -o|--output=FILE:made -g[=TEXT] --call-graph=TEXT -c|--count=TEXT --no-pager -D=TEXT \
            -m=TEXT -G=TEXT -T --filter=TEXT -M=TEXT -A --sort-key=TEXT --children --no-children -K -U -B -u=TEXT -f \
            --max-stack=TEXT
        script: -s|--script=FILE:runs
        record|stat|trace +:
        mem|lock|kvm|sched|c2c|bench * +:
        stat [PROGRAM]                                      harmless
        record -p|-a [PROGRAM]                              reads  {program} reads what other processes do
        mem|lock|kvm|sched|c2c|bench -p|-a TEXT [PROGRAM]   reads  {program} reads what other processes do
        trace [PROGRAM]                                     reads  {program} reads what other processes do
        script|report|annotate ...                          reads  {program} reads what other processes do
        record [PROGRAM]                                    harmless
        mem|lock|kvm|sched|c2c|bench TEXT [PROGRAM]         harmless
        list|top|diff|version|help ...                      harmless
    = ssh slogin  -4 -6 -A -a -C -f -G -g -K -k -N -n -q -s -T -t -V -v -X -x -Y -y -B=TEXT -b=TEXT -c=TEXT -D=SAID
        -E=FILE:made -e=TEXT -F=FILE:runs -I=CODE -i=FILE:reads -J=TEXT -L=SAID -l=SAID -m=TEXT -O=SAID -o=SSH -p=TEXT -Q=SAID
        -R=SAID -S=TEXT -W=TEXT -w=SAID -M
        * +:
    = autossh  -4 -6 -A -a -C -f -G -g -K -k -N -n -q -s -T -t -V -v -X -x -Y -y -B=TEXT -b=TEXT -c=TEXT -D=SAID -E=FILE:made
        -e=TEXT -F=FILE:runs -I=CODE -i=FILE:reads -J=TEXT -L=SAID -l=SAID -m=TEXT -O=SAID -o=SSH -p=TEXT -Q=SAID -R=SAID
        -S=TEXT -W=TEXT -w=SAID -M=TEXT
        * +:
        -N|-O|-Q|-G|-V ...  leads:ssh
        ...                 leads:ssh
    = mosh  --client=SHELL --server=SHELL --ssh=SHELL -p|--port=TEXT --predict=TEXT -4 -6 -a -n --family=TEXT
        --bind-server=TEXT --no-init --local --no-ssh-pty --help --version
        * +:
        --version|--help  harmless
        ...               leads:ssh
    = pdsh dsh: posix  -w=SAID -x=TEXT -a -A -g=SAID -X=SAID -i -r=SAID -l=SAID -u=TEXT -t=TEXT -f=TEXT -R=LOCAL -M=TEXT -S -k
        -q -b -d -N -V -L -T -h
        -q|-V|-L|-T|-h  harmless
        ...             leads:many-hosts
    = clush: posix  --version -h|--help -s|--groupsconf=FILE:trusts -n|--nostdin -a|--all -q|--quiet -v|--verbose -d|--debug
        -b|--dshbak -B -D|--diff -r|--regroup -S|--maxrc -G|--groupbase -N -L -P|--progress -p -w=SAID -x=TEXT -g|--group=SAID
        -X=SAID --hostfile|--machinefile=FILE:reads -f|--fanout=TEXT -u|--command_timeout=TEXT -t|--connect_timeout=TEXT
        -l|--user=SAID -o|--options=SSH -R|--worker=LOCAL -O|--option=LOCAL -m|--mode=SAID --topology=TEXT --pick=TEXT
        --axis=TEXT
    = pssh parallel-ssh: posix  --version --help -h|--hosts=SAID -H|--host=SAID -l|--user=SAID -p|--par=TEXT
        -o|--outdir=DIR:writes -e|--errdir=DIR:writes -t|--timeout=TEXT -O|--option=SSH -x|--extra-args=SSH -X|--extra-arg=SSH
        -v|--verbose -A|--askpass -i|--inline --inline-stdout -I|--send-input -P|--print -g|--host-glob=SAID
        --version|--help  harmless
        ...               leads:many-hosts
    = start-stop-daemon  -S|--start -K|--stop -T|--status -H|--help -V|--version -b|--background -m|--make-pidfile
        --remove-pidfile -o|--oknodo -q|--quiet -v|--verbose -t|--test -C|--no-close --notify-await -x|--exec=SAID
        -a|--startas=SAID -p|--pidfile=SAID -n|--name=SAID -u|--user=TEXT -c|--chuid=USER -g|--group=TEXT -r|--chroot=ROOT
        -d|--chdir=CWD -N|--nicelevel=TEXT -P|--procsched=TEXT -I|--iosched=TEXT -k|--umask=TEXT -s|--signal=TEXT
        -R|--retry=TEXT -O|--output=FILE:made --pid=TEXT --ppid=TEXT --notify-timeout=TEXT
        -T|-H|-V ...  harmless
        -S -m ...     changes:daemon
        -S ...        changes:daemon
        ...           changes         {program} stops {-n|-x|-p:a service}
    = daemon: posix  -n|--name=SAID -u|--user=USER -c|--chroot=ROOT -D|--chdir=CWD -e|--env=VARIABLE -F|--pidfile=FILE:made
        -o|--output=FILE:made -O|--stdout=FILE:made -E|--stderr=FILE:made -l|--errlog=FILE:made -r|--respawn -f|--foreground
        -U|--unsafe -S|--safe -h|--help -V|--version --running --list --stop -p=FILE:made -P=FILE:made
        --stop ...  changes  {program} stops {-n:a service}
        [PROGRAM]   harmless
    """,
        types=_TYPES,
        deeds=_DEEDS,
    ),
    Row("bwrap", _tails, chosen="can start any command"),
    Row(
        "find",
        _find,
        "P L H D: O: O0 O1 O2 O3 name: iname: path: ipath: wholename: iwholename: lname: ilname: regex: iregex: regextype:"
        " type: xtype: size: mtime: atime: ctime: mmin: amin: cmin: newer: newermt: newerct: newerat: newermm: newercm:"
        " anewer: cnewer: used: user: group: uid: gid: nouser nogroup perm: empty executable readable writable fstype: inum:"
        " links: samefile: true false maxdepth: mindepth: xdev mount depth d daystart follow noleaf warn nowarn"
        " ignore_readdir_race noignore_readdir_race prune print print0 printf: ls quit not o or a and help version context: 1"
        " 2 3 4 5 6 7 8 9",
    ),
)
