# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that start the command in their own words.

Law: a wrapper never lowers the grade of what it starts. A word that may be an option of the wrapper with a value, and that the
table does not know, makes the wrapped command begin too early or too late: so the options of each wrapper are all listed.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd_commands.judging import ALL_HOSTS, THIS_HOST, Call, Input, Row, Verdict
from jitd_commands.programs.decision_table import told
from jitd_commands.shell_text import Word


def _after(n_operands: int, *, is_shell: bool = False) -> Verdict:
    """Return the function that judges a wrapper whose command begins after ``n_operands`` operands. If there is no command, a
    wrapper with ``is_shell`` starts a shell.
    """

    def judge(call: Call) -> None:
        if len(call.operands) > n_operands:
            call.start(call.operands[n_operands:])
        elif is_shell and not call.has("help", "version", "h", "V"):
            call.shell()

    return judge


_SPLITS = re.compile(r"-[A-Za-z0]*S|--s(?:p|$|=)")


def _env(call: Call) -> None:
    words = list(call.operands)
    for text in call.values("S", "split-string"):
        if text.is_free or re.search(r"[\\$#'\"]", text.text):
            return call.gives("runs a text that jitd cannot read")
        before = [
            word
            for word in call.words[: max(0, len(call.words) - len(call.operands))]
            if not _SPLITS.match(word.text) and word != text
        ]
        return call.again([*before, *(Word(word) for word in text.text.split()), *call.operands])
    while words and "=" in words[0].text and not words[0].is_free:
        name, _, value = words.pop(0).text.partition("=")
        call.judge.set_variable(call, name, Word(value))
    if words and words[0].is_free and ("=" in words[0].text or words[0].text == ""):
        return call.gives("can start any command")
    if words and words[0].text == "-":
        words.pop(0)
    directory = call.values("C", "chdir")
    call.within(directory[-1] if directory else None).start(words)


def _chroot(call: Call) -> None:
    for word in call.operands[:1]:
        path = call.absolute(word)
        if path is None or call.judge.changed_by(path):
            call.gives("runs programs below a directory that others choose", path or "")
        elif word.is_free:
            call.gives(f"runs programs below {path}")
    if len(call.operands) > 1:
        call.start(call.operands[1:])
    else:
        call.shell()


def _flock(call: Call) -> None:
    texts = call.values("c", "command")
    operands = call.operands
    if operands and operands[0].is_free:
        call.writes(operands[0], how="locks", is_use=False)
    if texts:
        return call.runs_text(texts[0])
    rest = operands[1:]
    if rest and rest[0].text in ("-c", "--command"):
        for text in rest[1:2]:
            call.runs_text(text)
        return None
    call.start(rest)


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
    starts = starts or [Word(".")]
    if any(word.text == "-files0-from" for word in words):
        starts = [Word("", is_free=True)]
    files = [Word(f"{word.text.rstrip('/')}/", is_free=True, is_bound=not word.roams) for word in starts]
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


def _filled(word: Word, file: Word) -> Word:
    """``{}`` in ``word`` stands for a file that find(1) found."""
    before, mark, _ = word.text.partition("{}")
    if not mark:
        return word
    return file if not before else Word(before, is_free=True)


def _xargs(call: Call) -> None:
    for word in call.values("a", "arg-file"):
        call.reads(word)
    command = list(call.operands) or [Word("echo")]
    given = call.input
    names = given.names if given is not None and given.names and not call.values("a", "arg-file") else (Word("", is_free=True),)
    if (
        given is not None
        and given.text is not None
        and not call.values("a", "arg-file")
        and not re.search(r"['\"\\]", given.text)
    ):
        names = tuple(Word(word) for word in given.text.split())[:64]
    marks = call.values("I", "replace", "i")
    mark = marks[0].text if marks and marks[0].text else "{}" if call.has("I", "i", "replace") else ""
    if mark:
        for name in names:
            filled = [
                name if word.text == mark else Word(word.text.partition(mark)[0], is_free=True) if mark in word.text else word
                for word in command
            ]
            if any(mark in word.text for word in command[:1]):
                return call.gives("starts programs that its input names")
            if any(word.is_free for word in filled) and _is_shell_text(command):
                return call.gives("runs a text that jitd cannot read")
            call.fed(Input(told="nothing")).start(filled)
        return None
    call.fed(Input(told="nothing")).start([*command, *names])


def _is_shell_text(words: list[Word]) -> bool:
    return any(
        re.fullmatch("-[a-z]*c", word.text) and "{}" in following.text for word, following in zip(words, words[1:], strict=False)
    )


def _parallel(call: Call) -> None:
    if not call.operands or "{" in call.operands[0].text:
        call.gives("runs any command that its input names")
    words = []
    for word in call.operands:
        if word.text in (":::", "::::", ":::+"):
            break
        words.append(word)
    if len(words) == 1:
        return call.runs_text(words[0])
    call.start([*words, Word("", is_free=True)])


def _watch(call: Call) -> None:
    if call.has("x", "exec"):
        return call.start(call.operands)
    if call.operands:
        call.runs_text(_joined(call.operands))


def _joined(words: list[Word]) -> Word:
    """Return the text that a program makes of ``words``, which it joins with blanks."""
    made: list[str] = []
    for word in words:
        if word.is_free:
            return Word(" ".join([*made, word.text]), is_free=True)
        made.append(word.text)
    return Word(" ".join(made))


def _sudo(call: Call) -> None:
    account = (call.values("u", "user") or [Word("root")])[-1]
    if call.has("l", "list", "v", "validate", "K", "V", "version", "h", "help"):
        return None
    words = list(call.operands)
    if call.has("k") and not words and not call.has("i", "login", "s", "shell"):
        return None  # with a command, it is run
    inner = call.by(account)
    while words and re.match(r"[A-Za-z_]\w*=", words[0].text):
        name, _, value = words.pop(0).text.partition("=")
        call.judge.set_variable(call, name, Word(value))
    if call.has("e", "edit"):
        for word in words:
            call.writes(word)
        return call.gives("starts an editor")
    if call.has("i", "login", "s", "shell"):
        if not words:
            return inner.shell()
        inner.runs_text(_joined(words))
        if any(
            re.search(r"[\s'\"]", word.text) for word in words
        ):  # sudo(8) keeps words apart by backslashes, but not everywhere
            kept = [Word(re.sub(r"[^\w$-]", r"\\\g<0>", word.text), word.is_free, word.is_bound) for word in words]
            inner.runs_text(_joined(kept))
        return None
    directory = call.values("D", "chdir")
    if call.values("R", "chroot"):
        call.gives("runs programs below another root directory")
    inner.within(directory[-1] if directory else None).start(words)


def _su(call: Call) -> None:
    operands = [word for word in call.operands if word.text != "-" or word.is_free]
    texts = call.values("c", "command", "session-command")
    if call.may_add_options:
        call.gives("can start any command")
    account = operands[0] if operands else Word("root")
    inner = call.by(account)
    for word in call.values("s", "shell"):
        if not re.fullmatch(r"/(usr/)?bin/(ba|da|z|k)?sh|/usr/sbin/nologin|/bin/false", word.text):
            inner.start([word])
    if texts:
        for text in texts:
            inner.runs_text(text, operands[1:] or [Word("sh")])
        return None
    if len(operands) > 1:
        return inner.start([Word("sh"), *operands[1:]])
    if call.input is not None and call.input.text is not None:
        return inner.runs_text(Word(call.input.text))
    inner.shell()


def _runuser(call: Call) -> None:
    users = call.values("u", "user")
    if users:
        return call.by(users[-1]).start(call.operands)
    _su(call)


def _envdir(call: Call) -> None:
    """The first operand is a directory whose files are variables."""
    for directory in call.operands[:1]:
        path = call.absolute(directory)
        if path is None or call.judge.changed_by(path):
            call.gives("sets variables that can make a program load or start other code", path or "")
    call.start(call.operands[1:])


def _setpriv(call: Call) -> None:
    users = call.values("reuid")
    if call.has("ambient-caps", "inh-caps") and any(
        re.search(r"\+(all|setuid|sys_|dac_|chown|fowner|setfcap|setgid|mknod|bpf|cap_)", word.text) or word.is_free
        for word in call.values("ambient-caps")
    ):
        users = []
    (call.by(users[-1]) if users and not call.has("euid", "ruid") else call).start(call.operands)


def _setuser(call: Call) -> None:
    """chpst, setuidgid and s6-setuidgid: the account comes first."""
    if call.name == "chpst":
        users = call.values("u")
        return (call.by(users[-1]) if users else call).start(call.operands)
    if len(call.operands) > 1:
        call.by(call.operands[0]).start(call.operands[1:])


def _systemd_run(call: Call) -> None:
    for word in call.values("p", "property"):
        if re.match(r"(Exec|Environment|RootDirectory|RootImage|Bind|LoadCredential|.*Path)", word.text) or word.is_free:
            call.gives("starts a unit with settings that start programs")
    if call.has("S", "shell"):
        return call.shell()
    users = call.values("uid")
    for word in call.values("E", "setenv"):
        name, _, value = word.text.partition("=")
        call.judge.set_variable(call, name, Word(value))
    for host in call.values("H", "host")[-1:]:
        account, _, name = host.text.rpartition("@")
        return call.on(name, account).start(call.operands)
    directory = call.values("working-directory")
    (call.by(users[-1]) if users else call).within(directory[-1] if directory else None).start(call.operands)


def _script(call: Call) -> None:
    texts = call.values("c", "command")
    for word in [*call.operands[:1], *call.values("O", "log-out", "I", "log-in", "B", "log-io", "T", "log-timing")]:
        call.writes(word, is_use=False)
    for text in texts:
        call.runs_text(text)
    if not texts:
        call.shell()


def _strace(call: Call) -> None:
    for word in call.values("o", "output"):
        if word.text.startswith(("|", "!")):
            call.runs_text(Word(word.text[1:], word.is_free))
        else:
            call.writes(word, is_use=False)
    if call.has("p", "attach"):
        call.discloses("reads what another process does")
    if call.operands:
        call.start(call.operands)


def _busybox(call: Call) -> None:
    if call.words and call.words[0].text not in ("--list", "--help", "--list-full"):
        call.start(call.words)


def _loader(call: Call) -> None:
    if call.has("preload", "library-path", "audit"):
        call.gives("loads code that it is given")
    if call.operands:
        call.start(call.operands)


def _ssh(call: Call) -> None:
    for word in call.values("o"):
        if word.is_free or re.match(
            r"\s*(proxy|localcommand|permitlocal|knownhostscommand|match|include|pkcs11|securitykey|xauth)",
            word.text,
            re.IGNORECASE,
        ):
            call.gives("starts other programs")
    for text in call.values("ssh", "client"):
        call.runs_text(text)
    for word in call.values("F"):
        call.runs_file(word)
    if call.values("I", "P"):
        call.gives("loads code that it is given")
    for word in call.values("E"):
        call.writes(word, is_use=False)
    for word in call.values("i"):
        call.reads(word)
    if call.may_add_options:
        return call.gives("can start any other command")
    if not call.operands:
        return None
    account, _, host = call.operands[0].text.removeprefix("ssh://").rpartition("@")
    account = account or next((word.text for word in call.values("l")), "")
    host += "*" if host and call.operands[0].is_free else ""
    for word in call.values("L", "R", "D", "w"):
        call.changes(f"opens a way through the network, between this host and what {host or 'another'} reaches: {word.text[:60]}")
    if THIS_HOST.fullmatch(host):
        inner = call.by(Word(account or "root"))
        return inner.runs_text(_joined(call.operands[1:])) if len(call.operands) > 1 else inner.shell()
    there = call.on(host, account, variable=call.operands[0].variable)
    if len(call.operands) > 1:
        there = replace(there, is_shown=call.has("t") and call.is_shown)  # else, the command there has no terminal
        return there.runs_text(_joined(call.operands[1:]))
    if not call.has("N", "O", "Q", "G", "V"):
        call.leads(f"gives a shell on {host[:60] or 'another host'}, and has a prompt at ~C")


def _many_hosts(call: Call) -> None:
    """Programs that start a command on many hosts by ssh. Some can start it on this one instead."""
    if call.has("R", "r", "worker", "O", "X") or call.may_add_options:
        call.gives("can start programs on this host")
    hosts = told(call.values("w", "H", "host", "g", "group", "h", "hosts")[:1]) or ALL_HOSTS
    if call.operands:
        call.on(hosts, told(call.values("l", "user", "u")[:1])).runs_text(_joined(call.operands))
    else:
        call.leads(f"has a prompt for commands on {hosts}")


def _sg(call: Call) -> None:
    texts = call.values("c", "command")
    rest = call.operands[1:]
    if rest and rest[0].text == "-c":
        rest = rest[1:]
    for text in texts or rest[:1]:
        call.runs_text(text)
    if not texts and not rest:
        call.shell()


def _unbuffer(call: Call) -> None:
    call.start(call.operands)


def _setarch(call: Call) -> None:
    """The architecture may be left out."""
    operands = call.operands
    if operands and re.fullmatch(
        r"(x86|i[3-6]86|linux|aarch|arm|ppc|s390|mips|sparc|alpha|parisc|riscv|ia64|uname26)\w*", operands[0].text
    ):
        operands = operands[1:]
    if operands:
        call.start(operands)
    elif not call.has("help", "version", "h", "V", "list"):
        call.shell()


def _tails(call: Call) -> None:
    """The program starts a command whose beginning depends on the options before it. Each program that is known may be it."""
    words = call.words
    tails = [words[at:] for at, word in enumerate(words) if word.text.rpartition("/")[2] in call.judge.table and word.text]
    for tail in tails[:16]:
        call.start(tail)
    if not tails:
        call.unknown()


def _only_shows(call: Call) -> bool:
    """True if the program only shows how a process runs: there is no new value, and the process is its only operand."""
    plain = {"p", "pid", "a", "all-tasks", *(("c", "cpu-list") if call.name == "taskset" else ())}
    are_known = all(re.fullmatch(r"[0-9]+|-[pac]+|--(pid|all-tasks|cpu-list)|--pid=[0-9]+", word.text) for word in call.words)
    return are_known and not any(word.is_free for word in call.words) and set(call.given) <= plain and len(call.operands) < 2


def _scheduled(n_operands: int) -> Verdict:
    """Return the function for a program that starts a command in another way, or changes how a running process is treated."""

    def judge(call: Call) -> None:
        if call.has("p", "pid", "P", "u") and not call.may_add_options:
            if not _only_shows(call):
                call.changes(f"changes how the process {told([*call.values('p', 'pid'), *call.operands[-1:]][:1])} runs")
        else:
            call.start(call.operands[n_operands:])

    return judge


def _logsave(call: Call) -> None:
    for word in call.operands[:1]:
        call.writes(word, is_use=False)
    call.start(call.operands[1:])


def _time(call: Call) -> None:
    for word in call.values("o", "output"):
        call.writes(word, is_use=False)
    call.start(call.operands)


def _capsh(call: Call) -> None:
    if [word.text for word in call.words] != ["--print"]:
        call.gives("can start a shell")


def _fd(call: Call) -> None:
    if call.has("x", "exec", "X", "exec-batch"):
        call.start([*call.values("x", "exec", "X", "exec-batch"), Word("", is_free=True)])


def _perf(call: Call) -> None:
    if call.verb is not None and call.verb.text in _PERF_STARTS:
        rest = list(call.operands[1:])
        while rest and rest[0].text.startswith("-") and rest[0].text != "--":
            option = rest.pop(0)
            if (
                re.fullmatch("-[epoFcCrtDIBGTsum]|--(event|pid|tid|output|freq|count|cpu|repeat|filter|call-graph)", option.text)
                and rest
            ):
                value = rest.pop(0)
                if option.text in ("-o", "--output"):
                    call.writes(value, is_use=False)
        call.start([word for at, word in enumerate(rest) if at or word.text != "--"])
    if call.has("p", "pid", "a", "all-cpus") or (
        call.verb is not None and call.verb.text in ("trace", "script", "report", "annotate")
    ):
        call.discloses("reads what other processes do")
    elif call.verb is not None and call.verb.text not in (*_PERF_STARTS, "list", "top", "diff", "version", "help"):
        call.unknown(f"jitd does not know what perf {call.verb.text[:40]} does")


_PERF_STARTS = ("record", "stat", "trace", "mem", "lock", "kvm", "sched", "c2c", "bench")


def _start_stop(call: Call) -> None:
    if call.has("S", "start") or call.name != "start-stop-daemon":
        call.start([*call.values("x", "exec", "a", "startas")[-1:], *call.operands])
    else:
        names = [*call.values("n", "name", "x", "exec", "p", "pidfile"), *call.operands]
        call.changes(f"stops {told(names[:1]) or 'a service'}")


_UNSHARE = (
    "S: setuid: G: setgid: R: root: w: wd: map-user: map-group: map-users: map-groups: propagation:"
    " setgroups: i:: ipc:: m:: mount::"
    " n:: net:: p:: pid:: u:: uts:: U:: user:: C:: cgroup:: T:: time:: monotonic: boottime:"
    " kill-child:: mount-proc:: h help V version"
)
_SU = "c: command: session-command: s: shell: g: group: G: supp-group: w: whitelist-environment: u: user: T pty P h V"
ROWS = (
    Row(
        "env",
        _env,
        "ignore-environment null debug v help version list-signal-handling S: split-string: C: chdir: u: unset: a: argv0:"
        " block-signal:: default-signal:: ignore-signal:: i 0",
        is_first=True,
        chosen="can start any command",
    ),
    Row("nice", _after(0), "help version n: adjustment: 0 1 2 3 4 5 6 7 8 9", is_first=True, chosen="can start any command"),
    Row(
        "ionice",
        _scheduled(0),
        "h help V version ignore c: class: n: classdata: p: pid: P: pgid: u: uid: t",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "nohup eatmydata catchsegv chronic dbus-launch linux32 linux64 i386 uname26 tsocks torsocks torify run-one cronic"
        " catatonit run-this-one with-lock",
        _unbuffer,
        "",
        is_first=True,
        chosen="can start any command",
    ),
    Row("setsid", _unbuffer, "h help V version c ctty f fork w wait", is_first=True, chosen="can start any command"),
    Row("unbuffer", _unbuffer, "p", is_first=True, chosen="can start any command"),
    Row("fakeroot", _unbuffer, "l: lib: f: faked: s: i: b: u h v", is_first=True, chosen="can start any command"),
    Row("proxychains proxychains4", _unbuffer, "f: q", is_first=True, chosen="can start any command"),
    Row("tini dumb-init", _unbuffer, "p: e: r: rewrite: s g v w c", is_first=True, chosen="can start any command"),
    Row("dbus-run-session", _unbuffer, "config-file: dbus-daemon:", is_first=True, chosen="can start any command"),
    Row("setlock lckdo", _after(1), "W: n N x X e E q s w", is_first=True, chosen="can start any command"),
    Row(
        "bwrap firejail runcon rlwrap unshare-all newpid s6-svc",
        _tails,
        chosen="can start any command",
        telling="--version:firejail,runcon,rlwrap --help:firejail,runcon,rlwrap -V:rlwrap",
    ),
    Row("stdbuf", _after(0), "help version i: input: o: output: e: error:", is_first=True, chosen="can start any command"),
    Row(
        "timeout",
        _after(1),
        "preserve-status foreground verbose help version s: signal: k: kill-after: p: f v",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "time",
        _time,
        "p portability v verbose q quiet a append V help version f: format: o: output:",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "chrt",
        _scheduled(1),
        "b batch d deadline f fifo i idle o other r rr a all-tasks R reset-on-fork v verbose h help V version T: P: D: p pid"
        " m max",
        is_first=True,
        chosen="can start any command",
    ),
    Row("taskset", _scheduled(1), "cpu-list all-tasks h help V version p pid a c", is_first=True, chosen="can start any command"),
    Row("choom", _scheduled(0), "n: adjust: p: pid:", is_first=True, chosen="can start any command"),
    Row(
        "prlimit",
        _scheduled(0),
        "noheadings raw verbose h help V version p: pid: o: output: c:: core:: d:: data:: e:: nice:: f:: fsize:: n::"
        " nofile:: u:: nproc:: v:: as:: m:: rss:: s:: stack:: t:: cpu::",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "numactl",
        _after(0),
        "H hardware s show h help cpunodebind: membind: interleave: physcpubind: preferred: all localalloc C: m: i: N: p: l a",
        is_first=True,
        chosen="can start any command",
    ),
    Row("cgexec", _after(0), "g: sticky", is_first=True, chosen="can start any command"),
    Row("aa-exec", _after(0), "p: profile: n: namespace: d i v", is_first=True, chosen="can start any command"),
    Row("sem", _after(0), "j: H: f: l: a: b: s: t: P: C: c r n i", is_first=True, chosen="can start any command"),
    Row("softlimit", _after(0), "m: d: s: l: a: o: p: f: c: r: t:", is_first=True, chosen="can start any command"),
    Row("envdir s6-envdir", _envdir, "", is_first=True, chosen="can start any command"),
    Row("envuidgid", _after(1), "", is_first=True, chosen="can start any command"),
    Row("faketime", _after(1), "m f", is_first=True, chosen="can start any command"),
    Row("logsave", _logsave, "a s v", is_first=True, chosen="can start any command"),
    Row("ssh-agent", _after(0), "a: E: t: P: c s D d k", is_first=True, chosen="can start any command"),
    Row(
        "systemd-inhibit",
        _after(0),
        "no-legend h help version what: who: why: mode: list no-pager",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "chroot",
        _chroot,
        "userspec: groups: skip-chdir",
        is_first=True,
        chosen="can start any command",
        telling="--version --help -V",
    ),
    Row(
        "nsenter",
        _after(0, is_shell=True),
        "t: target: S: setuid: G: setgid: m:: mount:: u:: uts:: i:: ipc:: n:: net:: p:: pid:: U:: user:: C:: cgroup:: T::"
        " time:: r:: root:: w:: wd:: W: wdns: Z F a N: net-socket: user-parent",
        is_first=True,
        chosen="can start any command",
    ),
    Row("unshare", _after(0, is_shell=True), _UNSHARE, is_first=True, chosen="can start any command"),
    Row("setarch", _setarch, "", is_first=True, chosen="can start any command"),
    Row(
        "setpriv",
        _setpriv,
        "reuid: ruid: euid: regid: rgid: egid: groups: inh-caps: ambient-caps: bounding-set: securebits: pdeathsig:"
        " selinux-label: apparmor-profile: landlock-access: landlock-rule: seccomp-filter: ptracer:",
        is_first=True,
        chosen="can start any command",
    ),
    Row("capsh", _capsh),
    Row(
        "flock",
        _flock,
        "nonblock nb shared exclusive unlock close no-fork verbose h help V version c: command: w: wait: timeout: E:"
        " conflict-exit-code: n s x e u o F",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "watch",
        _watch,
        "b beep c color C no-color e errexit g chgexit p precise t no-title w no-wrap r no-rerun h help v version n:"
        " interval: d:: differences:: q: equexit: s: shotsdir: x exec",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "find gfind",
        _find,
        "P L H D: O: O0 O1 O2 O3 name: iname: path: ipath: wholename: iwholename: lname: ilname: regex: iregex: regextype:"
        " type: xtype: size: mtime: atime: ctime: mmin: amin: cmin: newer: newermt: newerct: newerat: newermm: newercm:"
        " anewer: cnewer: used: user: group: uid: gid: nouser nogroup perm: empty executable readable writable fstype: inum:"
        " links: samefile: true false maxdepth: mindepth: xdev mount depth d daystart follow noleaf warn nowarn"
        " ignore_readdir_race noignore_readdir_race prune print print0 printf: ls quit not o or a and help version context: 1"
        " 2 3 4 5 6 7 8 9",
    ),
    Row(
        "fd fdfind",
        _fd,
        "H hidden I no-ignore u s case-sensitive i ignore-case F fixed-strings g glob a absolute-path L follow p full-path 0"
        " print0 l list-details S: size: changed-within: changed-before: o: owner: c: color: extension: exclude: max-depth:"
        " min-depth: type: 1 q quiet h help V version x: exec: X: exec-batch: e: t: E: d:",
        chosen="can start any other command",
    ),
    Row(
        "xargs",
        _xargs,
        "eof:: interactive no-run-if-empty verbose open-tty exit show-limits help version a: arg-file: d: delimiter: E: I:"
        " i:: replace:: L: l:: max-lines:: n: max-args: P: max-procs: s: max-chars: process-slot-var: 0 null r t p x o",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "parallel",
        _parallel,
        "k keep-order dry-run will-cite bar eta progress X m 0 null help version v no-run-if-empty r j: jobs: a: arg-file:"
        " I: N: n: L: S: sshlogin: d: C: colsep: joblog: results: tmpdir: timeout: delay: retries:",
        is_first=True,
        chosen="can start any command",
        telling="--version --help",
    ),
    Row(
        "sudo",
        _sudo,
        "non-interactive stdin background set-home preserve-groups reset-timestamp remove-timestamp validate askpass login"
        " shell user: u: g: group: D: chdir: R: chroot: h: host: p: prompt: r: role: t: type: T: command-timeout: U:"
        " other-user: C: close-from: a: auth-type: c: login-class: preserve-env:: e edit i s l list v V k K n S A b B E H P N"
        " help version",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "jitsudo",
        _sudo,
        "n non-interactive b background K e edit i login s shell l list v validate k V version h help u: user: g: group: D:"
        " chdir: T: command-timeout: for: uses: at: reason: wait no-wait json",
        is_first=True,
        chosen="can start any command",
    ),
    Row("doas", _sudo, "u: C: a: s n L", is_first=True, chosen="can start any command"),
    Row(
        "pkexec run0",
        _sudo,
        "u: user: D: chdir: property: setenv: unit: slice: description: nice: background: keep-cwd",
        is_first=True,
        chosen="can start any command",
    ),
    Row("su", _su, _SU, telling="--version --help -V -h"),
    Row("runuser", _runuser, f"l login {_SU}", is_first=True, telling="--version --help -V -h"),
    Row("sg newgrp", _sg, "c: command:", is_first=True),
    Row(
        "chpst setuidgid s6-setuidgid gosu su-exec",
        _setuser,
        "u: U: b: e: / : n: l: L: m: d: o: p: f: c: t: C: r:",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "systemd-run",
        _systemd_run,
        "quiet no-ask-password remain-after-exit pipe pty wait collect scope same-dir no-block h help version user system p:"
        " property: u: unit: uid: gid: nice: working-directory: E: setenv: M: machine: H: host: slice: description:"
        " service-type: on-active: on-boot: on-startup: on-unit-active: on-unit-inactive: on-calendar: timer-property:"
        " path-property: socket-property: background: P S shell t q G r d",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "script scriptreplay scriptlive",
        _script,
        "c: command: I: log-in: O: log-out: B: log-io: T: log-timing: m: logging-format: E: echo: o: output-limit: t::"
        " timing:: a e f q",
        telling="--version --help:script,scriptreplay -V:script",
    ),
    Row(
        "strace ltrace",
        _strace,
        "f F: ff c C q r t tt ttt T v V x: xx y yy w h i k version help seccomp-bpf o: output: p: attach: e: trace: s:"
        " string-limit: a: columns: E: env: u: user: P: O: S: b: X: I: l: n: D: A:",
        is_first=True,
        chosen="can start any command",
    ),
    Row("valgrind", _unbuffer, "", is_first=True, chosen="can start any command"),
    Row(
        "perf",
        _perf,
        "a all-cpus v verbose r: repeat: d detailed I: interval-print: C: cpu: p: t: tid: i: input: stdio no-header sort:"
        " help version n x: e: event: summary pid: F: o: g:: c:",
        is_first=True,
        chosen="can start any command",
    ),
    Row("busybox toybox", _busybox, chosen="can start any command"),
    Row(
        "ld.so ld-linux.so ld-linux-x86-64.so ld-linux-aarch64.so ld-linux-armhf.so ld-musl-x86_64.so"
        " ld-linux-x86-64.so.2 ld-linux.so.2 ld-linux-aarch64.so.1 ld-linux-armhf.so.3 ld-musl-x86_64.so.1 ld-2.31.so"
        " ld-2.36.so",
        _loader,
        "preload: library-path: inhibit-rpath: audit: argv0: list verify inhibit-cache",
        is_first=True,
        chosen="can start any command",
    ),
    Row(
        "autossh",
        _ssh,
        "o: F: i: I: J: L: R: D: E: W: w: b: B: c: e: l: m: O: p: Q: S: P: M: N f G V T t n q v A X Y C",
        is_first=True,
        chosen="can start any other command",
    ),
    Row(
        "ssh mosh slogin",
        _ssh,
        "o: F: i: I: J: L: R: D: E: W: w: b: B: c: e: l: m: O: p: Q: S: P: M:: N f G V T t n q v A X Y C",
        is_first=True,
        chosen="can start any other command",
    ),
    Row(
        "pdsh clush dsh pssh parallel-ssh",
        _many_hosts,
        "w: H: host: g: group: h: hosts: x: l: user: u: R: r: worker: O: X: f: t: p: a b S B i P v",
        is_first=True,
    ),
    Row("sshpass", _unbuffer, "p: f: d: P: e::", is_first=True, chosen="can start any command"),
    Row(
        "start-stop-daemon daemon daemonize",
        _start_stop,
        "x: exec: a: startas: p: pidfile: u: user: n: name: c: chuid: g: group: r: chroot: d: chdir: N: nicelevel: k: umask:"
        " s: signal: R: retry: P: I: O: output: S start K stop",
        is_first=True,
        chosen="can start any command",
        telling="--version:start-stop-daemon --help:start-stop-daemon",
    ),
)
