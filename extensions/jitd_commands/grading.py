# SPDX-License-Identifier: Apache-2.0
"""Grades a command, and the commands that a rule's pattern matches: what they give beyond what their words say.

Law: what jitd does not know is never graded as harmless. The findings warn people. They never permit or deny a request. The
knowledge of programs is in ``jitd_commands.programs``, and that of files in ``places``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from jitd.core.code_variables import code_let_in
from jitd.core.command import Command
from jitd.core.conditions import CommandPattern, Glob
from jitd.core.edit import SUDOEDIT, Edit, Edits, NewFile, Removal
from jitd.core.grade import NOTHING, Beside, Finding, Grade, Look
from jitd.core.root_groups import finding_of
from jitd.core.what import Doubted, Login, Program, Things
from jitd_commands.judging import MOST_FOUND, Call, Judge
from jitd_commands.programs import TABLE
from jitd_commands.shell_text import Word

LETS_IN = "the variable {} can load or start other code"
FAULT = "jitd cannot tell what it does"
SYSTEM = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/*", "/*")
"""Directories of programs. A pattern may name one of these directories and a file name with a wildcard. In this case, the
programs in the table are compared with the file name.
"""


def findings_of(command: Command, look: Look, *, requester: str, beside: Beside = NOTHING) -> tuple[Finding, ...]:
    """Return the reasons for the grade of ``command``, the worst first, and at most MOST_FOUND. ``look`` is asked about the
    files that matter. ``requester`` is the account of the person who asks, and ``beside`` is known beside looks. Things that are
    given have sentences of their own (``Command.lets``), so that the result for them is empty.
    """
    judged: Callable[[Call], None]
    match command.what:
        case Things():
            return ()
        case Doubted(because):
            return (Finding(Grade.GIVES, f"it is not certain what would be run: {because}"),)
        case Login():
            return (Finding(Grade.GIVES, f"it is a login as {command.run_as.user}"),)
        case Edit():
            judged = _judge_edit
        case Edits():
            each = (findings_of(one, look, requester=requester, beside=beside) for one in command.each)
            found = dict.fromkeys(finding for findings in each for finding in findings)
            return tuple(sorted(found, key=lambda one: one.order))[:MOST_FOUND]
        case NewFile():
            judged = _judge_new
        case Removal():
            judged = _judge_removal
        case Program():
            judged = Call.judged
    is_root = command.run_as.uid == 0
    judge = Judge(TABLE, look, requester, command.run_as.user, is_root=is_root, beside=beside)
    for variable, _ in command.variables:
        if code_let_in(name := _text(variable)):
            judge.record(Grade.GIVES, LETS_IN.format(name))
    for interpreter in command.interpreters:
        path = _text(interpreter.path)
        judge.record(Grade.GIVES, f"{path} starts it: {interpreter.because}", path)
    is_shown = not command.streams or len(command.streams) < 2 or command.streams[1] == "terminal"
    path = _text(command.path)
    words = tuple(Word(_text(argument)) for argument in command.argv[1:])
    if not is_root and (group := finding_of(command.run_as.group)):
        judge.record(group.grade, group.what)
    try:
        judged(_call(judge, path, words, cwd=_text(command.cwd), is_root=is_root, is_shown=is_shown))
    except Exception:  # a fault of the table is graded as the worst, and stops no request
        judge.record(Grade.GIVES, FAULT)
    return judge.findings()


def findings_of_pattern(pattern: CommandPattern, *, as_root: bool = True) -> tuple[Finding, ...]:
    """Return the reasons for the worst grades of the commands that ``pattern`` matches. Nothing is looked at."""
    if pattern.path is None:
        return (Finding(Grade.GIVES, f"any command, a shell too, {'runs as root' if as_root else 'may be run'}"),)
    if pattern.is_edit:
        return _of_program(SUDOEDIT.decode(), [_word(Glob(pattern.text[1]))], as_root=as_root)
    directory, _, name = pattern.text[0].rpartition("/")
    words = [_word(glob) for glob in pattern.arguments]
    if pattern.is_open:
        words.append(Word("", is_free=True, is_many=True))
    if not re.search(r"[*?]", name):
        return _of_program(f"{directory if not re.search(r'[*?]', directory) else '/usr/bin'}/{name}", words, as_root=as_root)
    if directory not in SYSTEM:
        return (Finding(Grade.UNKNOWN, f"jitd does not know what the programs {pattern.text[0]} do"),)
    if name.strip("?") == "*":
        return (Finding(Grade.GIVES, f"any command, a shell too, {'runs as root' if as_root else 'may be run'}"),)
    found = {one: None for each in _matched(Glob(name)) for one in _of_program(f"/usr/bin/{each}", words, as_root=as_root)}
    return tuple(sorted(found, key=lambda one: one.order))[:MOST_FOUND]


def _of_program(path: str, words: list[Word], *, as_root: bool) -> tuple[Finding, ...]:
    judge = Judge(TABLE, lambda path: None, "", "root" if as_root else "", is_root=as_root, is_pattern=True)
    try:
        call = _call(judge, path, tuple(words), cwd="", is_root=as_root, is_shown=True)
        call.judged() if path != SUDOEDIT.decode() else _judge_edit(call)
    except Exception:  # as above
        judge.record(Grade.GIVES, FAULT)
    return judge.findings()


def _judge_new(call: Call) -> None:
    call.writes(call.arguments[0], how="makes", is_creation=False)


def _judge_removal(call: Call) -> None:
    (word,) = call.arguments
    call.removes(word, how="removes")
    _judge_reading(call, word)


def _judge_edit(call: Call) -> None:
    """Of an edit, both texts are known and kept, so nothing is lost. Those who approve it read the old one."""
    (word,) = call.arguments
    call.writes(word, how="changes", is_creation=False)
    _judge_reading(call, word)


def _judge_reading(call: Call, word: Word) -> None:
    place = None if word.is_free else call.place(word.text, lambda place: place.read)
    if place is not None and place.read:
        call.discloses("shows its text to those who approve it", word.text, place.shown, is_whole=True)


def _call(judge: Judge, path: str, words: tuple[Word, ...], *, cwd: str, is_root: bool, is_shown: bool) -> Call:
    name = path.rpartition("/")[2]
    return Call(judge, name, path, words, cwd, is_root, "", is_shown, None)


def _word(glob: Glob) -> Word:
    text = re.split(r"[*?]", glob.text, maxsplit=1)[0]
    is_free = text != glob.text
    return Word(text, is_free, is_bound=is_free and re.match(r"/[^/]+/[^/]*/?", text) is not None and text.count("/") > 1)


def _matched(glob: Glob) -> Iterator[str]:
    """Yield the programs in the table whose names ``glob`` matches. Also yield a program if ``glob`` matches its name with a 3 at
    the end. For example, ``python3*`` finds the program python.
    """
    return (name for name in TABLE if not name.startswith(":") and (glob.matches(name) or glob.matches(f"{name}3")))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
