# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that read, write, move and remove files, and change whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jitd.core.grade import Grade
from jitd_commands.judging import THIS_HOST, Call, Row, Verdict
from jitd_commands.places import DISK, is_data, matters_of, place_of
from jitd_commands.places import is_tree as is_whole
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import Effect, grammars
from jitd_commands.programs.shared import words
from jitd_commands.shell_text import Word

CAPABILITIES = re.compile(
    r"(?<![a-z_])(?:all|cap_(?:chown|dac_override|dac_read_search|fowner|setfcap|setgid|setuid|sys_admin|sys_module|sys_ptrace"
    r"|sys_rawio|bpf|mknod|sys_chroot|perfmon))(?![a-z_])|^=[eip]*[ei]",
    re.IGNORECASE,
)
"""Capabilities with which a program can become root. Also a text such as ``=ep``, which sets all of them."""
SET_UID = re.compile(r"[=+]?0*[4567][0-7]{3}|(?:.*,)?(?:[go]*[ua][ugoa]*)?[+=][rwxXt]*s[rwxXst]*(?:,.*)?")
ROOT = re.compile(r"(?:root|\+?0+)(?:[:.].*)?")


def reader(call: Call) -> None:
    """A program that shows or searches its operands."""
    for word in call.operands:
        call.reads(word, is_tree=call.has("r", "R", "recursive", "dereference-recursive"))
    for word in call.values("f", "file", "files0-from", "from-file", "rawfile", "slurpfile"):
        call.reads(word)
    if call.input is not None and call.input.path is not None:
        call.reads(call.input.path)


def _grep(call: Call) -> None:
    operands = call.operands if call.has("e", "f", "regexp", "file") else call.operands[1:]
    for word in operands:
        call.reads(word, is_tree=call.has("r", "R", "recursive", "dereference-recursive") or call.name in ("rg", "ag", "ack"))
    for word in call.values("f", "file"):
        call.reads(word)
    if call.has("pre", "pager", "hostname-bin"):
        call.gives("starts another program")
    if call.may_add_options and len(call.operands) < 2:
        call.reads(Word("", is_free=True))


def _is_chosen(call: Call, sources: list[Word]) -> bool:
    """True if somebody may choose what is in ``sources``, which are copied."""
    for word in sources:
        path = call.absolute(word)
        if path is None or word.is_free or call.judge.changed_by(path) or not (place := place_of(path)) or not place.read:
            return True
    return False


def _targets(call: Call, sources: list[Word], *, how: str, is_tree: bool) -> None:
    """Files ``sources`` are written to where the operands and ``-t`` say."""
    directories = call.values("t", "target-directory")
    if directories:
        for directory in directories:
            _into(call, directory, [*sources], how=how, is_tree=is_tree)
        return
    if len(sources) < 2:
        if call.may_add_options:
            call.writes(Word("", is_free=True))
        return
    target = sources[-1]
    path = call.absolute(target)
    seen = call.judge.look(path) if path is not None and not target.is_free else None
    is_directory = (
        (seen is not None and seen.is_directory) or target.text.endswith("/") or len(sources) > 2 or target.text in (".", "..")
    )
    if (is_directory or (seen is None and path is not None)) and not call.has("T", "no-target-directory"):
        is_sure = is_directory
        _into(call, target, sources[:-1], how=how, is_tree=is_tree, is_sure=is_sure)
        if not is_sure:
            call.writes(target, how=how, is_tree=is_tree)
    else:
        is_file = seen is not None and not (seen.is_absent or seen.is_directory)  # cp -a puts no directory in its place
        call.writes(target, how=how, is_tree=is_tree and not is_file, is_use=_is_chosen(call, sources[:-1]))


def _into(call: Call, directory: Word, sources: list[Word], *, how: str, is_tree: bool, is_sure: bool = True) -> None:
    for source in sources:
        if directory.is_free:
            call.writes(directory, how=how, is_tree=is_tree)
            continue
        name = source.text.rstrip("/").rpartition("/")[2]
        if source.is_free and not (source.is_bound and name):
            target = Word(f"{directory.text.rstrip('/')}/", is_free=True, is_bound=True)
        elif name in ("", ".", ".."):
            target = directory
        else:
            target = Word(f"{directory.text.rstrip('/')}/{name}", source.is_free, source.is_bound)
        path = call.absolute(target)
        if is_sure or (path is not None and (is_whole(path) or (place := place_of(path)) is not None and place.written > 3)):
            call.writes(target, how=how, is_tree=is_tree and not source.is_free, is_use=_is_chosen(call, [source]))


def _keeps(call: Call) -> bool:
    """True if the program overwrites nothing, and the file that it would write is there. So it does nothing."""
    others = set(call.given) - {"n", "no-clobber", "v", "verbose", "r", "R", "a", "p", "T", "no-target-directory"}
    if not call.has("n", "no-clobber") or others or len(call.operands) != 2 or call.may_add_options:
        return False
    path = call.absolute(call.operands[1])
    seen = call.judge.look(path) if path is not None else None
    return seen is not None and not (seen.is_absent or seen.is_directory or seen.is_hidden or seen.changed_by)


def _copy(call: Call) -> None:
    if _keeps(call):
        return
    is_tree = call.has("r", "R", "a", "recursive", "archive")
    directories = call.values("t", "target-directory")
    for word in call.operands if directories else call.operands[:-1]:
        call.reads(word, is_tree=is_tree)
    if call.has("parents"):
        bases = directories or call.operands[-1:]
        for word in call.operands if directories else call.operands[:-1]:
            for base in bases:
                call.writes(Word(f"{base.text}/{word.text}", word.is_free or base.is_free), is_tree=is_tree)
        return
    _targets(call, call.operands, how="overwrites", is_tree=is_tree)


def _move(call: Call) -> None:
    directories = call.values("t", "target-directory")
    if _keeps(call):
        return
    is_thrown_away = bool(call.operands) and call.operands[-1].text == "/dev/null" and not directories
    for word in call.operands if directories else call.operands[:-1]:
        call.removes(word, how="deletes" if is_thrown_away else "moves away")
        call.reads(word)
    _targets(call, call.operands, how="overwrites", is_tree=False)


def _link(call: Call) -> None:
    if len(call.operands) == 1 and not call.values("t", "target-directory"):
        name = call.operands[0].text.rstrip("/").rpartition("/")[2]
        return call.writes(Word(f"./{name}", call.operands[0].is_free), how="creates")
    if not call.has("s", "symbolic"):
        for word in call.operands[:-1]:
            call.reads(word)
    if call.has("f", "force") and len(call.operands) == 2 and not call.operands[1].is_free:
        path = call.absolute(call.operands[1])
        seen = call.judge.look(path) if path is not None else None
        if path and seen is not None and not (seen.is_absent or seen.is_directory) and is_data(path) and not call.is_hers(path):
            return call.destroys(f"replaces {path[:60]} by a link", path, is_whole=True)
    _targets(call, call.operands, how="creates", is_tree=False)


def _install(call: Call) -> None:
    modes = call.values("m", "mode")
    for mode in modes:
        if SET_UID.fullmatch(mode.text) or (mode.is_free and not mode.text):
            call.gives("makes a file set-uid: who starts it acts as the owner of the file")
    if call.has("strip-program"):
        call.gives("starts another program")
    if call.has("d", "directory"):
        for word in call.operands:
            path = call.absolute(word)
            if path is None or call.judge.touches(call, path):
                call.writes(word, how="creates")
        return
    for word in call.operands if call.values("t", "target-directory") else call.operands[:-1]:
        call.reads(word)
    _targets(call, call.operands, how="overwrites", is_tree=False)


def _is_of_others(call: Call, sources: set[str]) -> bool:
    """True if the requester cannot choose what is in ``sources``, which a disk gets."""
    paths = [call.absolute(Word(source.partition("=")[2])) for source in sources]
    return bool(paths) and all(
        path is not None and call.judge.look(path) is not None and not call.judge.changed_by(path) for path in paths
    )


def _dd(call: Call) -> None:
    sources = {word.text for word in call.words if word.text.startswith("if=")}
    is_empty = bool(sources) and sources <= {"if=/dev/zero", "if=/dev/urandom", "if=/dev/random", "if=/dev/null"}
    is_thrown_away = any(word.text == "of=/dev/null" and not word.is_free for word in call.words)
    for word in call.words:
        key, equals, value = word.text.partition("=")
        named = Word(value, word.is_free, word.is_bound)
        if word.is_free and not equals:
            call.destroys("can delete what is on any disk")
            call.writes(Word("", is_free=True))
        elif key == "of" and is_empty and not word.is_free and value.startswith("/dev/"):
            call.removes(named, how="destroys")
        elif key == "of" and not word.is_free and matters_of(value) == DISK and _is_of_others(call, sources):
            call.destroys(f"overwrites {value[:60]}", value, DISK, is_whole=True)
        elif key == "of":
            call.writes(named)
        elif key == "if" and not is_thrown_away:
            call.reads(named)


def _remove(call: Call) -> None:
    for word in call.operands:
        call.removes(word, is_tree=call.has("r", "R", "recursive"))


def _makes(how: str) -> Verdict:
    def judge(call: Call) -> None:
        for word in call.operands:
            path = call.absolute(word)
            if path is None or call.judge.touches(call, path):
                call.writes(word, how=how)

    return judge


def _chmod(call: Call) -> None:
    words = [word for word in call.words]
    mode = next((word for word in words if not word.text.startswith("-") or re.match(r"-[rwxXst]+(,.*)?\Z", word.text)), None)
    references = call.values("reference")
    if mode is None and not references:
        return
    files = [word for word in call.operands if word is not mode]
    if mode is not None and not references:
        if mode.is_free and not mode.text:
            call.gives("can make a file set-uid")
        elif SET_UID.fullmatch(mode.text):
            call.gives("makes a file set-uid: who starts it acts as the owner of the file")
        for word in files:
            _rights(call, word, mode.text)
        return
    call.gives("gives a file the rights of another one, which may be set-uid")
    for word in files:
        call.writes(word, how="changes the rights of", is_tree=call.has("R", "recursive"), is_creation=False)


_LESS = re.compile(
    r"(?:[ugo]*a?[ugo]*-[rwxXst]+,?)+|[ug]+[+=][rwxX]*|0?[0-7][0145][014]|0?[0-7][0145][0145]|\+?[x]+|a\+[rxX]+|[ugo]+\+[rxX]+"
)
"""Modes that let nobody but the owner and the group write."""
_OPENS = re.compile(
    r"(?:[^,]*,)*(?:[ugoa]*[oa][ugoa]*|)[+=][rxXt]*w[rwxXt]*(?:,.*)?|0?[0-7]{0,2}[0-7][2367]|[ugoa]*g[ugoa]*[+=][rwxXst]*w.*|0?[0-7]?[0-7][2367][0-7]"
)


def _rights(call: Call, word: Word, mode: str) -> None:
    path = call.absolute(word)
    place = place_of(path) if path is not None else None
    is_tree = call.has("R", "recursive")
    if path is not None and place is not None and place.written and not _OPENS.fullmatch(mode) and not word.is_free:
        if place.read and re.search(r"[4567][0-7]?\Z|[oga+=]r", mode) and not re.fullmatch(r"0?[0-7]00|[ugoa]*-.*", mode):
            return call.discloses(f"lets others read {path}", path, place.matters, is_whole=True)
        return call.changes(f"gives the rights {mode[:20]} to {path}", path, place.matters, is_whole=True)
    how = f"gives the rights {mode[:20]} to"
    if re.fullmatch(r"0?[0-7]?[0-7][0-7][2367]|(?:[ugo]*[oa][ugoa]*|)[+=]r?w[xX]?", mode):
        how = "lets everybody write below" if is_tree else "lets everybody write to"
    elif re.fullmatch(r"0?0{1,3}|a?=|a-rwx", mode):
        how = "takes all rights from"
    call.writes(
        word,
        how=how,
        is_tree=is_tree,
        is_creation=False,
        is_use=bool(_OPENS.fullmatch(mode)) or not _LESS.fullmatch(mode),
    )


def _is_of_root(call: Call, word: Word) -> bool:
    """True if it was seen that ``word`` belongs to root already, and nobody else can change it."""
    path = call.absolute(word)
    seen = call.judge.look(path) if path is not None else None
    return seen is not None and seen.owner == "root" and not seen.changed_by


def _chown(call: Call) -> None:
    owner = call.operands[0] if call.operands and not call.values("reference") else None
    files = call.operands[1:] if owner is not None else call.operands
    is_of_root = all(not word.is_free and _is_of_root(call, word) for word in files) and not call.has("R", "recursive")
    if owner is not None and call.name == "chown" and not owner.is_free and ROOT.fullmatch(owner.text) and not is_of_root:
        call.gives("gives a file to root: programs trust files of root's")
        for word in files:
            call.judge.touch(call, call.absolute(word))
        return
    what = "owner" if call.name == "chown" else "group"
    if call.name == "chown" and owner is not None and owner.is_free and not owner.text:
        call.gives("can give a file to root")
    for word in files:
        call.writes(
            word,
            how=f"makes {owner.text.rstrip(':')[:40]} the {what} of"
            if owner is not None and owner.text
            else f"changes the {what} of",
            is_tree=True,
            is_use=not call.has("h", "no-dereference"),
            is_creation=False,
            worst=Grade.LEADS if call.has("R", "recursive") else Grade.GIVES,
        )


def _setcap(call: Call) -> None:
    if any(
        CAPABILITIES.search(word.text) or (word.is_free and not word.text.startswith("/"))
        for word in call.words
        if "/" not in word.text
    ) or any(word.text == "-" for word in call.words):
        call.gives("gives a program capabilities with which it can become root")
    elif not call.has("r"):
        call.changes(f"gives a program capabilities: {' '.join(word.text for word in call.words)[:60]}")


def _listing(call: Call) -> None:
    for word in call.operands:
        call.lists(word)


def _chattr(call: Call) -> None:
    for word in call.words:
        if not re.match("[-+=]", word.text) or word.is_free:
            path = call.absolute(word)
            if word.is_free and path is None:
                call.writes(word, how="changes")
            elif path is not None:
                does = next((word.text for word in call.words if re.fullmatch("[-+=][a-zA-Z]+", word.text)), "changes")
                call.changes(f"sets the attributes {does} of {path}", path, matters_of(path), is_whole=True)


_TAR_CODE = words("checkpoint-action to-command use-compress-program I info-script new-volume-script F rsh-command rmt-command")


def tar(call: Call) -> None:
    """Judge tar: its old form has a first word of letters without a hyphen."""
    words = list(call.words)
    if words and re.fullmatch(r"[A-Za-z]+", words[0].text) and not words[0].is_free:
        letters = words.pop(0).text
        rebuilt: list[Word] = []
        for letter in letters:
            rebuilt.append(Word(f"-{letter}"))
            if letter in "fCTXbIFgKLNHV" and words:
                rebuilt.append(words.pop(0))
        return call.again([*rebuilt, *words])
    for option in _TAR_CODE:
        for word in call.values(option):
            if option in ("use-compress-program", "I") and re.fullmatch(
                r"(p?i?gzip|p?bzip2|xz|pxz|zstd(mt)?|lz4|lzma|lzop)( -[0-9Tvq0]+)*", word.text
            ):
                continue
            if (
                option == "checkpoint-action"
                and re.match(r"(dot|\.|echo|sleep|bell|ttyout|totals)", word.text)
                and not word.is_free
            ):
                continue
            call.gives("starts other programs")
    directories = call.values("C", "directory", "one-top-level")
    archives = call.values("f", "file")
    for word in archives:
        if ":" in word.text.split("/")[0]:
            call.changes(f"reaches another host through {word.text[:40]}")
    if call.may_add_options:
        call.gives("can start any other command")
    for word in call.values("T", "files-from"):
        if not call.has("t", "list"):
            call.reads(word)
            call.asked.discard("T")  # such a file may contain options
            call.asked.discard("files-from")
    if call.has("x", "extract", "get"):
        if call.has("O", "to-stdout"):
            return None
        _extract(call, archives, directories or [Word(".")])
        if call.has("P", "absolute-names"):
            call.gives("writes the files that its archive names")
    elif call.has("t", "list", "d", "diff", "compare"):
        for word in archives:
            call.reads(word)
    elif call.has("c", "create", "r", "append", "u", "update", "A", "delete"):
        for word in archives:
            if word.text != "-":
                call.writes(word, is_use=False)
        base = directories[0] if directories else None
        for word in call.operands:
            if base is not None and not word.text.startswith("/") and not word.is_free and not base.is_free:
                word = Word(f"{base.text}/{word.text}")
            call.reads(word, is_tree=True)
        if call.has("remove-files"):
            is_thrown_away = any(word.text == "/dev/null" for word in archives)
            for word in call.operands:
                call.removes(word, is_tree=is_thrown_away)


def _extract(call: Call, archives: list[Word], directories: list[Word]) -> None:
    """The files of an archive are written into ``directories``."""
    whose = ""
    for word in archives:
        path = call.absolute(word) if word.text != "-" else None
        if path is not None and (who := call.judge.changed_by(path)):
            whose = f"{path} belongs to {who}" if not who.startswith("any") else f"{path} can be changed by anybody"
    for word in directories:
        path = call.absolute(word)
        if path is None:
            call.writes(word, how="extracts files into")
            continue
        call.writes(word, how="extracts files into", is_tree=True)
        if whose and call.is_root and call.name not in ("unzip",):
            call.gives(f"{whose}: its files may be set-uid", path, is_whole=True)


def _cpio(call: Call) -> None:
    if call.may_add_options:
        call.gives("can change any file")
    if call.has("rsh-command"):
        call.gives("starts other programs")
    for word in call.values("F", "file", "O", "I"):
        call.writes(word, is_use=False) if call.has("o", "O") else call.reads(word)
    if call.has("o", "create") and call.input is None:
        call.discloses("copies the files whose names it reads")
    if call.has("i", "extract", "p", "pass-through") and not call.has("t", "list"):
        _extract(call, call.values("F", "file", "I"), call.values("D", "directory") or call.operands[:1] or [Word(".")])


def _archive(call: Call) -> None:
    """zip, 7z, ar and their like: the first operand, or the one after a command, is the archive."""
    if call.has("TT", "unzip-command", "T") and call.name == "zip":
        call.gives("starts other programs")
    operands = call.operands
    if call.name in ("7z", "7za", "7zr", "rar", "unrar", "ar"):
        verb = operands[0].text if operands else ""
        if verb[:1] in ("x", "e"):
            outs = [Word(word.text[2:], word.is_free) for word in call.words if word.text.startswith("-o") and len(word.text) > 2]
            return _extract(call, operands[1:2], outs or [Word(".")])
        operands = operands[1:]
        if verb[:1] in ("l", "t", "p"):
            for word in operands[:1]:
                call.reads(word)
            return None
    for word in operands[:1]:
        call.writes(word, is_use=False)
    for word in operands[1:]:
        call.reads(word, is_tree=True)
    for word in operands[1:] if call.name == "zip" and call.has("m", "move") else ():
        call.removes(word, how="moves away")
    if call.may_add_options:
        call.gives("can start any other command")


def _compress(call: Call) -> None:
    is_shown = call.has("c", "stdout", "to-stdout", "t", "test", "l", "list")
    for word in call.operands:
        call.reads(word)
        if not is_shown:
            call.writes(word, how="replaces", is_use=False)
    for word in call.values("o", "output"):
        call.writes(word)


def _out(call: Call) -> None:
    """Programs with an option that names the file they write: sort, shuf, split and their like."""
    for word in call.values("o", "output", "output-file"):
        call.writes(word)
    if call.has("compress-program", "filter"):
        call.gives("starts other programs")
    if call.name in ("split", "csplit"):
        for word in call.values("f", "prefix") if call.name == "csplit" else call.operands[1:2]:
            call.writes(Word(word.text, is_free=True, is_bound=True))
        operands = call.operands[:1]
    elif call.name in ("uniq", "xxd", "iconv") and len(call.operands) > 1 and call.name != "iconv":
        call.writes(call.operands[1])
        operands = call.operands[:1]
    else:
        operands = call.operands
    for word in operands:
        call.reads(word)
    for word in call.values("files0-from", "random-source"):
        call.reads(word)


def _patch(call: Call) -> None:
    if call.has("dry-run"):
        return
    for word in [*call.values("o", "output", "r", "reject-file"), *call.operands[:1]]:
        call.writes(word)
    for word in call.values("B", "Y"):
        call.writes(Word(word.text, is_free=True, is_bound=True))
    if not call.operands and not call.values("o", "output"):
        directories = call.values("d", "directory")
        for word in directories or [Word(".")]:
            call.writes(word, how="changes files in", is_tree=True)
    if call.may_add_options:
        call.writes(Word("", is_free=True))


def _rsync(call: Call) -> None:
    if call.has("e", "rsh", "rsync-path", "daemon"):
        for word in call.values("e", "rsh"):
            if (
                re.fullmatch(r"ssh( -(p [0-9]+|[46CqTax]|o (BatchMode|StrictHostKeyChecking|ConnectTimeout)=\w+))*", word.text)
                and not word.is_free
            ):
                continue
            call.gives("starts other programs")
        if call.has("rsync-path", "daemon"):
            call.gives("starts other programs")
    if call.may_add_options:
        call.gives("can start any other command")
    operands = call.operands
    _sends(call, is_tree=True)
    if len(operands) > 1:
        _rsync_to(call, operands[:-1], operands[-1])
    for word in call.values("log-file"):
        call.writes(word, is_use=False)
    for mode in call.values("chmod"):
        if any(SET_UID.fullmatch(part.lstrip("DF")) for part in mode.text.split(",")) or mode.is_free:
            call.gives("makes files set-uid: who starts one acts as its owner")
    for word in call.values("password-file", "files-from"):
        call.reads(word)


def _rsync_to(call: Call, sources: Sequence[Word], target: Word) -> None:
    place, there = _at(call, target)
    for source in sources:
        _at(call, source)
    if call.has("n", "dry-run"):
        return
    is_below = len(sources) > 1 or sources[0].text.endswith("/") or target.text.endswith("/")
    if any(option.startswith("del") for option in call.given):
        path = there.absolute(place)
        if path is None or not there.judge.is_own(path):
            kept = " and ".join(source.text[:60] for source in sources[:2])
            there.destroys(f"deletes what is in {path or place.text[:60]}, but not in {kept}", path or "", is_whole=True)
    if there is not call:
        _puts(there, place)
        return
    there.writes(place, how="overwrites files in" if is_below else "overwrites", is_tree=True)
    for source in sources:
        path = None if _is_remote(source) else call.absolute(source)
        has_owners = call.is_root and call.has("a", "archive", "p", "perms", "o", "owner")
        if path is not None and has_owners and (who := call.judge.changed_by(path)):
            call.changes(f"copies files of {who.partition(',')[0]}'s with their owners and rights", path, is_whole=True)


def _sends(call: Call, *, is_tree: bool) -> None:
    """The operands before the last are copied to it."""
    *sources, target = call.operands or [Word("")]
    then = f"copies it to {told([target])}" if sources and _is_remote(target) and not call.has("n", "dry-run") else ""
    for word in sources:
        if not _is_remote(word):
            call.reads(word, is_tree=is_tree, then=then)


def _puts(there: Call, place: Word) -> None:
    """Files are copied to ``place`` on another host."""
    if re.match(r"/(?!(tmp|var/tmp|dev/shm)/)|\.\w", place.text):
        return there.writes(place, is_tree=True)
    there.changes(f"overwrites files in {place.text[:60] or 'the home directory'}", is_whole=True)


def _at(call: Call, word: Word) -> tuple[Word, Call]:
    """Return the path in ``word``, and the call as it is made on the host there."""
    if not _is_remote(word):
        return word, call
    found = re.match(r"(?:(?:rsync|scp)://)?(?:([^@/]*)@)?(\[[^]]*\]|[^:/]*)(?::\d+(?=/))?:?(.*)", word.text, re.DOTALL)
    account, host, path = found.groups() if found else ("", word.text, "")
    if path.startswith(":") or word.text.startswith("rsync:"):
        path = f"the module {path.lstrip(':/')}"
    if THIS_HOST.fullmatch(host):
        return Word(path, word.is_free, word.is_bound), call
    return Word(path, word.is_free, word.is_bound), call.on(host, account or "")


def _is_remote(word: Word) -> bool:
    return ":" in word.text.split("/")[0] or word.text.startswith("rsync://")


def _scp(call: Call) -> None:
    if call.has("S", "F") or any(re.match("(?i)proxy|localcommand|permitlocal", word.text) for word in call.values("o")):
        call.gives("starts other programs")
    if call.may_add_options:
        call.gives("can start any other command")
    _sends(call, is_tree=call.has("r"))
    if call.operands:
        target = call.operands[-1]
        place, there = _at(call, target)
        for word in call.operands[:-1]:
            _at(call, word)
        if there is not call:
            _puts(there, place)
        elif len(call.operands) > 1:
            _targets(
                call,
                [
                    *(Word(word.text.partition(":")[2] or word.text, word.is_free, word.is_bound) for word in call.operands[:-1]),
                    place,
                ],
                how="overwrites",
                is_tree=call.has("r"),
            )


def _jq(call: Call) -> None:
    for word in call.operands[1:]:
        call.reads(word)
    for word in [*call.values("f", "from-file", "L")]:
        call.reads(word)
    if call.has("i", "inplace", "in-place"):
        for word in call.operands[1:]:
            call.writes(word, how="changes")


def _yq(call: Call) -> None:
    """An expression can open files, too."""
    for word in call.operands:
        call.reads(word)
        for path in re.findall(r"load\w*\(\s*[\"']([^\"']+)", word.text):
            call.reads(Word(path))
        if re.search(r"load\w*\((?!\s*[\"'])", word.text) or word.is_free:
            call.discloses("can read any file, keys and password hashes too")
        if re.search(r"\bsystem\(", word.text):
            call.gives("starts other programs")
    for word in call.values("f", "from-file"):
        call.reads(word)
    if call.has("i", "inplace", "in-place"):
        for word in call.operands[1:]:
            call.writes(word, how="changes")


def _backup(call: Call) -> None:
    if call.has("password-command", "rsh", "remote-schema", "options", "o"):
        call.gives("starts other programs")
    if call.may_add_options:
        call.gives("can change any file")
    verb = call.verb.text if call.verb else ""
    if verb == "with-lock":
        return call.start(call.operands[2:])
    for word in call.values("config"):
        path = call.absolute(word)
        if path is None or call.judge.changed_by(path):
            call.gives("reads settings that start programs", path or "")
    if verb in ("restore", "extract", "mount"):
        for word in call.values("target", "t") or [Word(".")]:
            call.writes(word, how="restores files into", is_tree=True)
    elif verb in ("prune", "forget", "delete", "unlock", "compact", "purge"):
        call.destroys(f"deletes backups ({verb})") if verb in ("delete", "purge") else call.changes(f"runs {verb} on backups")
    for word in call.operands[1:]:
        if word.text.startswith(("/", "~", ".")):
            call.reads(word, is_tree=True)


def _labels(call: Call) -> None:
    if (
        call.name in ("restorecon", "setfiles")
        and call.has("n")
        or (call.name == "fixfiles" and call.verb and call.verb.text == "check")
    ):
        return
    if call.name == "setfattr" and (
        call.has("restore", "B") or any("security.cap" in word.text or word.is_any for word in call.words)
    ):
        call.gives("can give a program capabilities with which it can become root")
    if not call.has("l", "list"):
        _LABELS(call)


_LABELS = DecisionTable("""
    restorecon|setfiles:                changes   sets the labels of {1+:files} as SELinux's rules say
    fixfiles:                           changes   sets the labels of {2+:all files} as SELinux's rules say
    chcon|chsmack:                      changes   sets the labels of {2+:files}, by which programs are restricted
    setfattr:                           changes   sets attributes of {1+:files}
    semanage: boolean|permissive|port|fcontext|login|user  changes   changes what SELinux lets programs do: {1}
    semodule: -r|--remove|-d|--disable  changes   takes the module {-r|--remove|-d|--disable} of SELinux away
    ...                                 changes   changes what SELinux lets programs do
""")


def _touched(call: Call, word: Word) -> None:
    path = call.absolute(word)
    if path is None or call.judge.touches(call, path):
        call.writes(word, how="creates")


def _taken(call: Call, word: Word) -> None:
    """fallocate(1) takes space for the file ``word``, or makes holes in it."""
    is_gone = call.has("collapse-range", "punch-hole", "zero-range", "dig-holes")
    call.writes(word, how="empties or cuts" if is_gone else "takes space for", is_use=False)
    sizes = call.values("length")
    if any(re.search("[0-9]{2,}G|[0-9][TPE]|[0-9]{11}", size.text) or size.is_free for size in sizes):
        call.changes(f"takes {sizes[0].text[:20] or 'any number of bytes'} of the disk for {word.text[:60]}", is_whole=True)


def _aged(call: Call, word: Word) -> None:
    below = Word(f"{word.text.rstrip('/')}/", is_free=True, is_bound=not word.roams)
    call.removes(below, how="deletes old", is_tree=True)


def _restored(call: Call, word: Word) -> None:
    call.reads(word)
    call.gives("changes the rights of the files that its input names")


def _made(call: Call, word: Word) -> None:
    if word.text.startswith("/"):
        call.writes(word, how="creates", is_use=False)


_TYPES: Mapping[str, Effect] = {
    "TOUCHED": _touched,
    "TAKEN": _taken,
    "AGED": _aged,
    "RESTORED": _restored,
    "MADE": _made,
    "SHREDDED": lambda call, word: call.removes(word, how="destroys", is_tree=True),
    "TERMS": lambda call, word: call.writes(Word("/etc/terminfo")),
    "TEED": lambda call, word: call.writes(word, how="appends to" if call.has("append") else "overwrites"),
    "CUT": lambda call, word: call.writes(word, how="empties or cuts", is_use=False),
    "LISTED": lambda call, word: call.writes(word, how="changes the rights of", is_tree=True),
    "ZIPPED": lambda call, word: _extract(call, [word], call.values("d") or [Word(".")]),
    "SQUASHED": lambda call, word: _extract(call, [word], call.values("d", "dest") or [Word("squashfs-root")]),
}
ROWS = (
    *grammars(
        """
        = sdiff: abbreviates
        -o|--output=FILE:writes -i|--ignore-case -E|--ignore-tab-expansion -Z|--ignore-trailing-space -b|--ignore-space-change
        -W|--ignore-all-space -B|--ignore-blank-lines -I|--ignore-matching-lines=TEXT --strip-trailing-cr -a|--text -w|--width=N
        -l|--left-column -s|--suppress-common-lines -t|--expand-tabs --tabsize=N -d|--minimal -H|--speed-large-files
        --diff-program=PROGRAM --help -v|--version
        [FILE:reads]...  harmless
        = diff3: abbreviates
        -A|--show-all -e|--ed -E|--show-overlap -3|--easy-only -x|--overlap-only -X -i -m|--merge -a|--text --strip-trailing-cr
        -T|--initial-tab --diff-program=PROGRAM -L|--label=TEXT --help -v|--version
        [FILE:reads]...  harmless
        = rename prename file-rename
        -h|--help|-m|--man|-V|--version -v|--verbose -n|--nono|--no-act -f|--force -0|--null -p|--path|--fullpath
        -d|--filename -u=TEXT
        -e=TEXT -E=TEXT
        --help ()    harmless
        ...          gives     {program} runs Perl code
        = mmv
        -m -x -r -c -o -a -l -s -h -d -p -g -t -v -n -D
        -n ...       harmless
        ...          changes   {program} renames files: {1+:as it reads}
        = shred: abbreviates
        -f|--force -n|--iterations=N --random-source=FILE:reads -s|--size=N -u --remove[=TEXT] -v|--verbose -x|--exact -z|--zero
        --help --version
        [SHREDDED]...  harmless
        = wipe scrub
        -a -b=N -c -D -e -f -F -i -k -l=N -M=TEXT -o=N -p=TEXT -P=N -q -Q=N -r -R=FILE:reads -s -S=N -T -v -x=N -X -Z -h --help
        --version -n -L
        [SHREDDED]...  harmless
        = tmpreaper tmpwatch
        -a -m -M -c|--ctime -t|--test -T=N --protect=TEXT --showdeleted --runtime=N --symlinks --delay[=N] --all -f|--force
        --mtime --atime -u --mtime-dir -d|--nodirs --dirmtime -s|--fuser -U|--exclude-user=TEXT -X|--exclude-pattern=TEXT
        -x|--exclude=TEXT -q|--quiet -v|--verbose -h|--help -V --version -l
        --test TEXT ...  harmless
        TEXT AGED...  harmless
        = unsquashfs: go
        -d|-dest=SAID -f|-force -l|-ls -ll|-lls -s|-stat -v|-version -n|-no-progress -no -q|-quiet -i|-info -p|-processors=N
        -c|-cat
        -x|-xattrs -no-xattrs -h|-help -e|-ef=FILE:reads -da|-data-queue=N -fr|-frag-queue=N -o|-offset=N -mkfs-time|-fstime
        -ls|-ll|-stat|-version|-help|-mkfs-time ...  harmless
        [SQUASHED] ...  harmless
        = mktemp: abbreviates
        -d|--directory -u|--dry-run -q|--quiet --suffix=TEXT -p=TEXT --tmpdir[=TEXT] -t -V|--version --help
        [MADE]       harmless
        = file: abbreviates
        -b|--brief -c|--checking-printout -C|--compile -d -E --apple --extension -h|--no-dereference -i|--mime --mime-type
        --mime-encoding -k|--keep-going -l|--list -L|--dereference -n|--no-buffer -N|--no-pad -0|--print0 -p|--preserve-date
        -r|--raw
        -s|--special-files -S|--no-sandbox -v|--version -z|--uncompress -Z|--uncompress-noreport --exclude|-e=TEXT
        --exclude-quiet=TEXT
        -F|--separator=TEXT --help -f|--files-from=FILE:reads -m|--magic-file=FILE:reads -P|--parameter=TEXT --debug
        --compile ()  changes   compiles what {program} knows of files
        ...          harmless
        = tic
        -V -c -o=FILE:writes -e=TEXT -R=TEXT -v[=TEXT] -1 -a -C -D -f -g -G -I -K -L -N -q -Q=TEXT -r -s -t -T -U -w=N -W -x
        -V|-D|-c ...  harmless
        TERMS...     harmless
        = tee sponge: abbreviates
        -a|--append -i|--ignore-interrupts -p --output-error[=TEXT] --help --version
        -a [TEED]...  harmless
        [TEED]...    harmless
        = truncate: abbreviates
        -c|--no-create -o|--io-blocks -r|--reference=TEXT -s|--size=TEXT --help --version
        [CUT]...     harmless
        = fallocate: abbreviates
        -c|--collapse-range -d|--dig-holes -i|--insert-range -l|--length=TEXT -n|--keep-size -o|--offset=TEXT -p|--punch-hole
        -z|--zero-range -x|--posix -v|--verbose -h|--help -V|--version
        -c|-p|-z|-d [TAKEN]...  harmless
        [TAKEN]...   harmless
        = touch: abbreviates
        -a -c|--no-create -d|--date=TEXT -f -h|--no-dereference -m -r|--reference=TEXT -t=TEXT --time=TEXT --help --version
        [TOUCHED]...  harmless
        = setfacl: abbreviates
        -m|--modify=TEXT -M|--modify-file=FILE:reads -x|--remove=TEXT -X|--remove-file=FILE:reads --restore=RESTORED --set=TEXT
        --set-file=FILE:reads -R|--recursive -b|--remove-all -k|--remove-default -d|--default -n|--no-mask --mask -L|--logical
        -P|--physical --test -v|--version -h|--help
        --version|--help|--test ...  harmless
        [LISTED]...  harmless
        = ddrescue
        -h|--help -V|--version -f|--force -n|--no-scrape -d|--idirect -D|--odirect -r|--retry-passes=N -b|--sector-size=N
        -s|--size=N
        -i|--input-position=N -o|--output-position=N -v|--verbose -q|--quiet -S|--sparse -R|--reverse -M|--retrim
        -a|--min-read-rate=N -A|--try-again -T|--timeout=TEXT -t|--truncate -c|--cluster-size=N -N|--no-trim -p|--preallocate
        --help|--version ()  harmless
        FILE:reads FILE:writes [FILE:writes]  harmless
        = unzip
        -f -u -a -b -C -j -K -L -n -V -W -X -D -U -s -1 -2 -h -d=SAID -x=TEXT -P=TEXT -o -q -l -v -t -p -T -Z -z -O=TEXT
        -I=TEXT -M
        -l|-v|-t|-p|-Z|-z [FILE:reads] ...  harmless
        [ZIPPED] ...  harmless
        """,
        types=_TYPES,
    ),
    Row(
        "yq xq",
        _yq,
        "r raw-output e exit-status j y Y n null-input P prettyPrint o: output-format: p: input-format: C colors M no-colors"
        " N no-doc I: indent: c compact-output S sort-keys a: s slurp unwrapScalar f: from-file: i inplace in-place V h help"
        " version",
    ),
    Row(
        "numfmt",
        reader,
        "debug d: delimiter: field: format: from: from-unit: grouping header:: invalid: padding: round: suffix: to: to-unit:"
        " z zero-terminated help version",
    ),
    Row("wc", reader, "c bytes m chars l lines files0-from: L max-line-length w words total: help version"),
    Row(
        "getfacl",
        reader,
        "a access d default c omit-header e all-effective E no-effective s skip-base R recursive L logical P physical t"
        " tabular p absolute-names n numeric v h help version",
    ),
    Row(
        "xmllint",
        reader,
        "noout format recover huge nonet valid schema: relaxng: xpath: pretty: noblanks encode: version html xmlout debug"
        " c14n c14n11 exc-c14n nowarning timing",
    ),
    Row(
        "readelf objdump nm size",
        reader,
        "a all h file-header l program-headers segments S sections section-headers s symbols syms dyn-syms C demangle:: e"
        " headers n notes r relocs u d dynamic A D f p: x: t: T j: section: M: no-show-raw-insn private-headers dynamic-syms"
        " dynamic-reloc full-contents source g extern-only o B G totals common I histogram W wide v V H help version",
    ),
    Row(
        "column",
        reader,
        "J json c: output-width: d table-noheadings o: output-separator: s: separator: t table N: table-columns: l:"
        " table-columns-limit: R: table-right: T: table-truncate: E: table-noextreme: e table-header-repeat W: table-wrap: H:"
        " table-hide: O: table-order: n: table-name: L keep-empty-lines r: tree: i: tree-id: p: tree-parent: x fillrows h"
        " help V version",
    ),
    Row("join", reader, "a: e: i ignore-case j: o: t: v: 1: 2: check-order nocheck-order header z zero-terminated help version"),
    Row(
        "pr",
        reader,
        "a across c d double-space f form-feed h: header: l: length: m merge n:: number-lines:: o: indent: r t omit-header T"
        " w: width: W: J v 1 2 3 4 5 6 7 8 9 help version",
    ),
    Row(
        "fold fmt expand unexpand tsort rev",
        reader,
        "b bytes s spaces w: width: c crown-margin p: prefix: split-only t: tagged-paragraph u uniform-spacing g: goal: i"
        " initial tabs: first-only a all h V 0 1 2 3 4 5 6 7 8 9 help version",
    ),
    Row("tr", reader, "c C complement d delete s squeeze-repeats t truncate-set1 help version"),
    Row(
        "cut",
        reader,
        "b: bytes: c: characters: d: delimiter: f: fields: n complement s only-delimited output-delimiter: z zero-terminated"
        " help version",
    ),
    Row("paste", reader, "d: delimiters: s serial z zero-terminated help version"),
    Row(
        "diff bzdiff zdiff zcmp xzdiff colordiff wdiff",
        reader,
        "normal q brief s report-identical-files c C: context:: u U: unified:: e ed n rcs y side-by-side W: width:"
        " left-column suppress-common-lines p show-c-function F: show-function-line: label: t expand-tabs T initial-tab"
        " tabsize: suppress-blank-empty r recursive no-dereference N new-file unidirectional-new-file ignore-file-name-case"
        " x: exclude: i ignore-case E ignore-tab-expansion Z ignore-trailing-space b ignore-space-change w ignore-all-space B"
        " ignore-blank-lines I: ignore-matching-lines: a text strip-trailing-cr D: ifdef: line-format: d minimal"
        " horizon-lines: speed-large-files color:: palette: v l 1 2 3 0 4 5 6 7 8 9 help version",
    ),
    Row("comm", reader, "1 2 3 check-order nocheck-order output-delimiter: total z zero-terminated help version"),
    Row("cmp", reader, "b print-bytes i: ignore-initial: l verbose n: bytes: s quiet silent v help version"),
    Row(
        "shasum",
        reader,
        "a: algorithm: U UNIVERSAL 0 q s h v V b binary c check tag t text z zero ignore-missing quiet status strict w warn"
        " help version",
    ),
    Row(
        "cksum sum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum",
        reader,
        "a: algorithm: l: length: untagged debug r s sysv b binary c check tag t text z zero ignore-missing quiet status"
        " strict w warn help version",
    ),
    Row("zcat bzcat xzcat zstdcat gzcat lzcat", reader, "f force q quiet v verbose h V k d help version"),
    Row(
        "base32 base64 basenc",
        reader,
        "d decode i ignore-garbage w: wrap: base64 base64url base32 base32hex base16 base2msbf base2lsbf z85 help version",
    ),
    Row(
        "strings",
        reader,
        "a all d data f print-file-name n: bytes: o t: radix: e: encoding: U: unicode: v V w include-all-whitespace s:"
        " output-separator: 0 1 2 3 4 5 6 7 8 9 help version",
    ),
    Row(
        "hexdump hd",
        reader,
        "b one-byte-octal c one-byte-char C canonical d two-bytes-decimal e: format: L:: color:: n: length: o"
        " two-bytes-octal s: skip: v no-squeezing x two-bytes-hex f: h help V version",
    ),
    Row(
        "od",
        reader,
        "A: address-radix: endian: j: skip-bytes: N: read-bytes: S:: strings:: t: format: v output-duplicates w:: width::"
        " traditional a b c d f i l o s x help version",
    ),
    Row(
        "nl",
        reader,
        "b: body-numbering: d: section-delimiter: f: footer-numbering: h: header-numbering: i: line-increment: l:"
        " join-blank-lines: n: number-format: p no-renumber s: number-separator: v: starting-line-number: w: number-width:"
        " help version",
    ),
    Row(
        "head tail tailf",
        reader,
        "c: bytes: n: lines: q quiet silent v verbose z zero-terminated f F follow:: retry pid: s: sleep-interval: 0 1 2 3 4"
        " 5 6 7 8 9 help version",
    ),
    Row("tac", reader, "b before r regex s: separator: help version"),
    Row(
        "cat",
        reader,
        "A show-all b number-nonblank e E show-ends n number s squeeze-blank t T show-tabs u v show-nonprinting help version",
    ),
    Row(
        "rg ag ack ugrep",
        _grep,
        "i ignore-case s case-sensitive S smart-case F fixed-strings v invert-match w word-regexp x line-regexp c count"
        " count-matches l files-with-matches L files-without-match files o only-matching q quiet n line-number N"
        " no-line-number H with-filename I no-filename h hidden u uu uuu no-ignore no-ignore-vcs heading no-heading p pretty"
        " U multiline P pcre2 j: threads: sort: max-depth: V trim a text z 0 null nocolor nogroup column json stats help"
        " version e: regexp: f: file: A: B: C: m: max-count: context: before-context: after-context: include: exclude:"
        " exclude-dir: exclude-from: color:: d: D: label: g: glob: t: type: pre: pager: hostname-bin: r R recursive"
        " dereference-recursive",
    ),
    Row(
        "grep egrep fgrep zgrep zegrep zfgrep bzgrep xzgrep zstdgrep pcregrep pcre2grep",
        _grep,
        "E extended-regexp F fixed-strings G basic-regexp P perl-regexp i ignore-case no-ignore-case y v invert-match w"
        " word-regexp x line-regexp c count color:: colour:: L files-without-match l files-with-matches o only-matching q"
        " quiet silent s no-messages b byte-offset H with-filename h no-filename n line-number T initial-tab Z null"
        " group-separator: no-group-separator a text binary-files: devices: directories: I line-buffered U binary z null-data"
        " V M multiline O 0 1 2 3 4 5 6 7 8 9 help version e: regexp: f: file: A: B: C: m: max-count: context:"
        " before-context: after-context: include: exclude: exclude-dir: exclude-from: d: D: label: g: glob: t: type: pre:"
        " pager: hostname-bin: r R recursive dereference-recursive",
    ),
    Row(
        "jq gojq jaq",
        _jq,
        "r raw-output R raw-input e exit-status s slurp n null-input c compact-output C color-output M monochrome-output S"
        " sort-keys a ascii-output j join-output tab seq stream argjson slurpfile rawfile args jsonargs h V raw-output0"
        " unbuffered help version f: from-file: L: arg:: indent: i inplace in-place",
    ),
    Row(
        "cp gcp",
        _copy,
        "b backup:: copy-contents d f force i interactive H l link L dereference n no-clobber P no-dereference preserve::"
        " no-preserve: reflink:: remove-destination sparse: strip-trailing-slashes s symbolic-link u update:: v verbose x"
        " one-file-system Z context:: attributes-only debug help version t: target-directory: S: suffix: r R a recursive"
        " archive p T no-target-directory",
        chosen="can change any file",
    ),
    Row(
        "mv gmv",
        _move,
        "b backup:: f force i interactive n no-clobber strip-trailing-slashes u update:: v verbose Z context debug exchange"
        " no-copy help version t: target-directory: S: suffix: T no-target-directory",
        chosen="can change any file",
    ),
    Row(
        "ln link symlink",
        _link,
        "b backup:: d F directory f force i interactive L logical n no-dereference P physical r relative v verbose help"
        " version t: target-directory: S: suffix: s symbolic T no-target-directory",
        chosen="can change any file",
    ),
    Row(
        "install ginstall",
        _install,
        "b backup:: C compare D p preserve-timestamps s strip v verbose preserve-context Z context:: debug"
        " no-target-directory help version m: mode: o: owner: g: group: t: target-directory: S: suffix: strip-program: d"
        " directory T",
        chosen="can change any file",
    ),
    Row(
        "tree",
        _listing,
        "a d l f x gitignore ignore-case matchdirs metafirst prune info noreport charset: filelimit: timefmt: q N Q p u g s"
        " h si du D F inodes device v t c U r dirsfirst filesfirst sort: i A S n C X J H: nolinks fromfile help version I:"
        " ignore: w: width: T: L: P: color:: time: format: hide:",
        is_plain=True,
    ),
    Row(
        "ls dir vdir",
        _listing,
        "a all A almost-all author b escape block-size: B ignore-backups c C d directory D dired f F:: classify:: file-type"
        " g group-directories-first G no-group h human-readable si H dereference-command-line"
        " dereference-command-line-symlink-to-dir hyperlink:: indicator-style: i inode k kibibytes l m n numeric-uid-gid N"
        " literal o p q hide-control-chars show-control-chars Q quote-name quoting-style: r reverse R recursive s size S t"
        " time-style: tabsize: u U v x X Z context zero 1 full-time dereference help version I: ignore: w: width: T: L: P:"
        " color:: sort: time: format: hide:",
        is_plain=True,
    ),
    Row("dd dcfldd dc3dd", _dd),
    Row(
        "rm unlink rmdir srm trash",
        _remove,
        "f force i I one-file-system no-preserve-root preserve-root:: d dir v verbose p parents ignore-fail-on-non-empty"
        " help version interactive:: r R recursive",
        is_plain=True,
    ),
    Row("mkdir mkfifo", _makes("creates"), "p parents v verbose context:: help version m: mode: Z::"),
    Row("mknod", _makes("creates a device at"), "Z context:: help version m: mode:"),
    Row(
        "chmod",
        _chmod,
        "c changes f silent quiet v verbose no-preserve-root preserve-root dereference no-dereference h H L P help version"
        " reference: R recursive"
        " r w x X s t ref:",
    ),
    Row(
        "chown chgrp",
        _chown,
        "c changes f silent quiet v verbose dereference no-preserve-root preserve-root H L P help version reference: from: R"
        " recursive h no-dereference",
    ),
    Row("restorecon", _labels, "R r v F D i I m N p q 0 x T: force recursive verbose progress e: o: f: s l", operands="files"),
    Row(
        "chcon setfattr setfiles fixfiles semanage semodule chsmack",
        _labels,
        "l list h help version"
        " add a delete d D deleteall modify m type: t: seuser: s: range: r: proto: p: ftype: f: noreload N noheading n"
        " locallist C extract E equal: e: roles: R: level: L: prefix: P: store: S: on off 1 0 enable disable i:"
        " install: u: remove: X: priority: B build v verbose F k reload M c Rr restore: x: no-dereference physical"
        " logical H reference: recursive role: user: O q force",
        operands="what is listed",
        telling="--version:chcon,setfattr --help:chcon,setfattr,semanage -h:semanage",
    ),
    Row("setcap", _setcap, "n: r q v"),
    Row("chattr", _chattr, "R V f v: p: a A c C d D e E F i I j m N P s S t T u x"),
    Row(
        "tar gtar bsdtar star",
        tar,
        "z gzip gunzip j bzip2 J xz zstd a auto-compress lzma Z v verbose p preserve-permissions same-permissions"
        " numeric-owner no-same-owner no-same-permissions same-owner k keep-old-files keep-newer-files W verify totals"
        " wildcards no-wildcards anchored ignore-case m touch S sparse h dereference one-file-system B exclude-caches-all"
        " exclude-backups exclude-vcs-ignores no-recursion sort: xattrs acls selinux utc full-time R block-number s i"
        " ignore-zeros help version f: file: C: directory: T: files-from: X: exclude-from: b: I: use-compress-program: F:"
        " info-script: new-volume-script: checkpoint:: checkpoint-action: to-command: rsh-command: rmt-command: exclude:"
        " transform: xform: strip-components: owner: group: mode: mtime: g: listed-incremental: K: L: N: H: format: V: label:"
        " one-top-level:: x extract get t list c create r append u update d diff O to-stdout P absolute-names remove-files"
        " delete A compare exclude-vcs exclude-caches",
    ),
    Row(
        "cpio pax",
        _cpio,
        "v verbose d make-directories m preserve-modification-time u unconditional 0 null B L dereference"
        " no-absolute-filenames quiet a reset-access-time b c n numeric-uid-gid help version F: file: O: I: D: directory:"
        " rsh-command: H: format: i extract o create p pass-through t list",
    ),
    Row(
        "zip 7z 7za 7zr rar unrar ar zipnote mksquashfs mkisofs xorriso xorrisofs",
        _archive,
        "r q v 9 8 7 6 5 4 3 2 1 0 j y X h help version TT: unzip-command: T b: x: i:",
    ),
    Row(
        "gzip gunzip bzip2 bunzip2 xz unxz lzma unlzma zstd unzstd lz4 compress uncompress lzop pigz pbzip2 brotli",
        _compress,
        "d decompress f force h k keep L license n no-name N name q quiet r recursive v verbose V 1 2 3 4 5 6 7 8 9 0 fast"
        " best e extreme z compress s small help version S: suffix: o: output: T: threads: c stdout to-stdout t test l list",
    ),
    Row(
        "split csplit xxd iconv",
        _out,
        "o: output: output-file: compress-program: filter: k: key: t: S: buffer-size: T: n: lines: b: bytes: C: a: f: s:"
        " c:: p: w: files0-from: random-source: from-code: to-code: l: number:",
    ),
    Row(
        "sort shuf uniq datamash",
        _out,
        "ignore-leading-blanks dictionary-order ignore-case g general-numeric-sort ignore-nonprinting month-sort h"
        " human-numeric-sort numeric-sort R random-sort r reverse V version-sort sort: batch-size: check:: m merge stable u"
        " unique z zero-terminated parallel: count repeated D all-repeated:: skip-fields: skip-chars: e echo input-range:"
        " head-count: field-separator: temporary-directory: help version o: output: output-file: compress-program: filter: k:"
        " key: t: S: buffer-size: T: n: lines: b: bytes: C: a: f: s: c:: p: w: files0-from: random-source: from-code:"
        " to-code: l: number:",
    ),
    Row(
        "patch",
        _patch,
        "N forward R reverse f force t batch b backup l ignore-whitespace s silent quiet verbose u unified c e n E"
        " remove-empty-files 0 1 2 3 v h help version o: output: d: directory: i: input: p: strip: r: reject-file: B: Y: D:"
        " F: V: z: dry-run",
        telling="--version --help",
    ),
    Row(
        "rsync",
        _rsync,
        "v verbose q quiet r recursive l links t times g group D devices specials z compress h human-readable P progress"
        " partial i itemize-changes u update c checksum x one-file-system H hard-links A acls X xattrs S sparse stats W"
        " whole-file inplace existing ignore-existing numeric-ids R relative d dirs k K L copy-links safe-links b backup 0"
        " from0 delete-before delete-during delete-excluded force max-delete: size-only list-only 4 6 ipv4 ipv6 no-perms"
        " no-owner no-group no-motd compress-level: help version e: rsh: rsync-path: f: filter: exclude: include:"
        " exclude-from: include-from: files-from: log-file: password-file: bwlimit: timeout: port: chmod: chown: T: temp-dir:"
        " link-dest: compare-dest: copy-dest: backup-dir: suffix: out-format: info: B: M: n dry-run a archive p o perms owner"
        " delete delete-after del daemon"
        " remove-source-files ignore-errors delay-updates ignore-missing-args prune-empty-dirs m max-size: min-size:"
        " modify-window: cvs-exclude C fuzzy y compress-choice: checksum-choice: block-size: inc-recursive"
        " no-inc-recursive no-relative no-implied-dirs no-times no-links no-recursive no-devices preallocate"
        " copy-dirlinks copy-unsafe-links keep-dirlinks munge-links executability E append append-verify open-noatime"
        " atimes U crtimes N omit-dir-times O omit-link-times J protect-args s old-args usermap: groupmap: contimeout:"
        " address: sockopts: blocking-io outbuf: 8 8-bit-output iconv: stop-after: stop-at: fsync msgs2stderr stderr:"
        " trust-sender mkpath ignore-times I no-D no-A no-X no-r no-v skip-compress: no-compress no-i-r protocol:",
    ),
    Row("scp", _scp, "p q v B C 3 4 6 A O R T S: F: o: i: P: l: c: J: D: X: r"),
    Row(
        "bacula",
        _backup,
        "config: target: t: password-command: rsh: r: repo: p: password-file: o: options: exclude: tag: keep-daily:",
        chosen="can change any file",
    ),
)
