# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that read, write, move and remove files, and change whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jitd.core.grade import Grade
from jitd_commands.judging import THIS_HOST, Call
from jitd_commands.places import DISK, is_data, matters_of, place_of
from jitd_commands.places import is_tree as is_whole
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.grammar import Deed, Effect, grammars
from jitd_commands.programs.shared import rows_of, words
from jitd_commands.shell_text import Word

CAPABILITIES = re.compile(
    r"(?<![a-z_])(?:all|cap_(?:chown|dac_override|dac_read_search|fowner|setfcap|setgid|setuid|sys_admin|sys_module|sys_ptrace"
    r"|sys_rawio|bpf|mknod|sys_chroot|perfmon))(?![a-z_])|^=[eip]*[ei]",
    re.IGNORECASE,
)
"""Capabilities with which a program can become root. Also a text such as ``=ep``, which sets all of them."""
SET_UID = re.compile(r"[=+]?0*[4567][0-7]{3}|(?:.*,)?(?:[go]*[ua][ugoa]*)?[+=][rwxXt]*s[rwxXst]*(?:,.*)?")
ROOT = re.compile(r"(?:root|\+?0+)(?:[:.].*)?")


def _read(call: Call, word: Word) -> None:
    """A file that is shown or searched, or with an option all files below it."""
    call.reads(word, is_tree=call.has("recursive", "dereference-recursive") or call.name in ("rg", "ack"))


def _is_chosen(call: Call, sources: list[Word]) -> bool:
    """True if somebody may choose what is in ``sources``, which are copied."""
    for word in sources:
        path = call.absolute(word)
        if path is None or word.is_free or call.judge.changed_by(path) or not (place := place_of(path)) or not place.read:
            return True
    return False


def _targets(call: Call, sources: list[Word], *, how: str, is_tree: bool) -> None:
    """Files ``sources`` are written to where the operands and ``-t`` say."""
    directories = call.values("target-directory")
    if directories:
        for directory in directories:
            _into(call, directory, [*sources], how=how, is_tree=is_tree)
        return
    if len(sources) < 2:
        return
    target = sources[-1]
    path = call.absolute(target)
    seen = call.judge.look(path) if path is not None and not target.is_free else None
    is_directory = (
        (seen is not None and seen.is_directory) or target.text.endswith("/") or len(sources) > 2 or target.text in (".", "..")
    )
    if (is_directory or (seen is None and path is not None)) and not call.has("no-target-directory"):
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


def reader(call: Call) -> None:
    """A program that shows its operands."""
    for word in [*call.operands, *call.values("f", "format-file")]:
        call.reads(word, is_tree=call.has("recursive"))


def _listing(call: Call) -> None:
    for word in call.operands:
        call.lists(word)


def _any(call: Call, word: Word) -> None:
    """The directory to which files are copied. A deed tells what is written there, if anything is known of it."""
    if word.is_any:
        call.gives("can change any file")


def _how(call: Call, sources: Sequence[Word]) -> str:
    """How the target of a copy is written, as a sentence begins."""
    if call.has("backup", "b", "n", "no-clobber"):
        return "writes"
    return "empties" if {word.text for word in sources} == {"/dev/null"} else "overwrites"


def _keeps(call: Call) -> bool:
    """True if the program overwrites nothing, and the file that it would write is there. So it does nothing."""
    others = set(call.given) - words("n no-clobber v verbose r R recursive a archive p T no-target-directory")
    if not call.has("no-clobber") or others or len(call.operands) != 2 or call.may_add_options:
        return False
    path = call.absolute(call.operands[1])
    seen = call.judge.look(path) if path is not None else None
    return seen is not None and not (seen.is_absent or seen.is_directory or seen.is_hidden or seen.changed_by)


def _copy(call: Call, there: Call, operands: Sequence[Word]) -> None:
    if _keeps(call):
        return
    is_tree = call.has("recursive", "archive")
    directories = call.values("target-directory")
    for word in call.operands if directories else call.operands[:-1]:
        call.reads(word, is_tree=is_tree)
    if call.has("parents"):
        bases = directories or call.operands[-1:]
        for word in call.operands if directories else call.operands[:-1]:
            for base in bases:
                call.writes(Word(f"{base.text}/{word.text}", word.is_free or base.is_free), is_tree=is_tree)
        return
    _targets(call, call.operands, how=_how(call, call.operands if directories else call.operands[:-1]), is_tree=is_tree)


def _move(call: Call, there: Call, operands: Sequence[Word]) -> None:
    directories = call.values("target-directory")
    if _keeps(call):
        return
    is_thrown_away = bool(call.operands) and call.operands[-1].text == "/dev/null" and not directories
    for word in call.operands if directories else call.operands[:-1]:
        call.removes(word, how="deletes" if is_thrown_away else "moves away")
        call.reads(word)
    _targets(call, call.operands, how=_how(call, ()), is_tree=False)


def _link(call: Call, there: Call, operands: Sequence[Word]) -> None:
    if len(call.operands) == 1 and not call.values("target-directory"):
        name = call.operands[0].text.rstrip("/").rpartition("/")[2]
        return call.writes(Word(f"./{name}", call.operands[0].is_free), how="creates")
    if not call.has("symbolic"):
        for word in call.operands[:-1]:
            call.reads(word)
    if call.has("force") and len(call.operands) == 2 and not call.operands[1].is_free:
        path = call.absolute(call.operands[1])
        seen = call.judge.look(path) if path is not None else None
        is_there = seen is not None and not (seen.is_absent or seen.is_directory)
        if path and not call.is_hers(path) and ((is_there and is_data(path)) or (seen is None and call.is_of_another(path))):
            return call.destroys(f"replaces {path[:60]} by a link", path, is_whole=True)
    _targets(call, call.operands, how="creates", is_tree=False)


def _mode(call: Call, mode: Word) -> None:
    parts = [part.lstrip("DF") for part in mode.text.split(",")] if call.name == "rsync" else [mode.text]
    if any(map(SET_UID.fullmatch, parts)) or (mode.is_free and (not mode.text or call.name == "rsync")):
        call.gives("makes a file set-uid: who starts it acts as the owner of the file")


def _install(call: Call, there: Call, operands: Sequence[Word]) -> None:
    for word in call.operands if call.values("target-directory") else call.operands[:-1]:
        call.reads(word)
    _targets(call, call.operands, how=_how(call, call.operands[:-1]), is_tree=False)


def _is_of_others(call: Call, sources: set[str]) -> bool:
    """True if the requester cannot choose what is in ``sources``, which a disk gets."""
    paths = [call.absolute(Word(source.partition("=")[2])) for source in sources]
    return bool(paths) and all(
        path is not None and call.judge.look(path) is not None and not call.judge.changed_by(path) for path in paths
    )


def _copied(call: Call, word: Word) -> None:
    """A word of dd: ``if=FILE`` and its like."""
    sources = {one.text for one in call.operands if one.text.startswith("if=")}
    is_empty = bool(sources) and sources <= {"if=/dev/zero", "if=/dev/urandom", "if=/dev/random", "if=/dev/null"}
    is_thrown_away = any(one.text == "of=/dev/null" and not one.is_free for one in call.operands)
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
        call.writes(named, how="empties" if is_empty else "overwrites")
    elif key == "if" and not is_thrown_away:
        call.reads(named)


def _removed(call: Call, word: Word) -> None:
    call.removes(word, is_tree=call.has("recursive"))


def _made(call: Call, word: Word, how: str = "creates") -> None:
    path = call.absolute(word)
    if path is None or call.judge.touches(call, path):
        call.writes(word, how=how)


def _chmod(call: Call, there: Call, operands: Sequence[Word]) -> None:
    less = "-" + "".join(right for right in "rwxXst" if call.has(right))
    is_less = less != "-"
    if call.has("reference"):
        call.gives("gives a file the rights of another one, which may be set-uid")
    elif call.operands and not is_less:
        _mode(call, call.operands[0])
    has_no_mode = is_less or call.has("reference") or call.may_add_options
    for word in call.operands if has_no_mode else call.operands[1:]:
        if call.has("reference"):
            call.writes(word, how="changes the rights of", is_tree=call.has("recursive"), is_creation=False)
        else:
            _rights(call, word, call.operands[0].text if less == "-" else less)


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
    is_tree = call.has("recursive")
    if path is not None and place is not None and place.written and not _OPENS.fullmatch(mode) and not word.is_free:
        if place.read and re.search(r"[4567][0-7]?\Z|[oga+=]r", mode) and not re.fullmatch(r"0?[0-7]00|[ugoa]*-.*", mode):
            return call.discloses(f"lets others read {path}", path, place.shown, is_whole=True)
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


def _chown(call: Call, there: Call, operands: Sequence[Word]) -> None:
    more = [Word("", is_free=True)] if call.may_add_options and len(call.operands) < 2 else []
    owner = call.operands[0] if call.operands and not call.values("reference") else None
    files = [*(call.operands[1:] if owner is not None else call.operands), *more]
    is_of_root = all(not word.is_free and _is_of_root(call, word) for word in files) and not call.has("recursive")
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
            is_use=not call.has("no-dereference"),
            is_creation=False,
            worst=Grade.LEADS if call.has("recursive") else Grade.GIVES,
        )


def _capable(call: Call, word: Word) -> bool:
    """A word of setcap: capabilities, or the name of a file."""
    if is_given := "/" not in word.text and (bool(CAPABILITIES.search(word.text)) or word.text == "-" or word.is_free):
        call.gives("gives a program capabilities with which it can become root")
    return is_given


def _attributed(call: Call, word: Word) -> None:
    path = call.absolute(word)
    if word.is_free and path is None:
        call.writes(word, how="changes")
    elif path is not None and word.text[:1] not in "+=":
        off = "".join(name for name in call.given if len(name) == 1 and name not in "RVfvp")
        does = next((one.text for one in call.operands if one.text[:1] in "+="), f"-{off}" if off else "changes")
        call.changes(f"sets the attributes {does} of {path}", path, matters_of(path), is_whole=True)


def _compressor(call: Call, word: Word) -> None:
    if not re.fullmatch(r"(p?i?gzip|p?bzip2|xz|pxz|zstd(mt)?|lz4|lzma|lzop)( -[0-9Tvq0]+)*", word.text) or word.is_free:
        call.gives("starts other programs")


def _checkpoint(call: Call, word: Word) -> None:
    if not re.match(r"(dot|\.|echo|sleep|bell|ttyout|totals)", word.text) or word.is_free:
        call.gives("starts other programs")


def _archive(call: Call, word: Word) -> None:
    """The archive of tar, which is read or written, here or elsewhere."""
    if ":" in word.text.split("/")[0]:
        call.changes(f"reaches another host through {word.text[:40]}")
    if call.has("create", "append", "update", "catenate", "delete", "r", "u", "c") or word.is_free:
        if word.text != "-":
            call.writes(word, is_use=False)
    elif not call.has("extract", "x"):
        call.reads(word)


def _names(call: Call, word: Word) -> None:
    """A file with names of files and with options."""
    if not call.has("list", "t"):
        call.trusts(word)


def _packs(call: Call, there: Call, operands: Sequence[Word]) -> None:
    archives, directories = call.values("file"), call.values("directory", "C")
    base = directories[0] if directories else None
    for word in call.operands:
        path = word
        if base is not None and not word.text.startswith("/") and not word.is_free and not base.is_free:
            path = Word(f"{base.text}/{word.text}")
        call.reads(path, is_tree=True)
        if call.has("remove-files"):
            call.removes(word, is_tree=any(one.text == "/dev/null" for one in archives))


def _unpacks(call: Call, there: Call, operands: Sequence[Word]) -> None:
    is_copy = call.name in ("cpio", "pax") and call.has("pass-through", "w")
    archives = call.values("file", "I", "f") or ([] if call.name in ("tar", "bsdtar", "cpio", "pax") else operands[:1])
    directories = call.operands[-1:] if is_copy else call.values("directory", "one-top-level")
    if call.name[:2] == "7z" or call.name.endswith("rar"):
        directories = call.values("o")
    _extract(call, archives, directories or [Word(".")])
    if call.has("absolute-names"):
        call.gives("writes the files that its archive names")


def _extract(call: Call, archives: Sequence[Word], directories: Sequence[Word]) -> None:
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


def _packed(call: Call, word: Word) -> None:
    call.reads(word)
    if not call.name.endswith("cat"):
        call.writes(word, how="replaces", is_use=False)


def _prefix(call: Call, word: Word) -> None:
    call.writes(Word(word.text, is_free=True, is_bound=True), how="creates")


def _patched(call: Call, there: Call, operands: Sequence[Word]) -> None:
    if not call.operands and not call.values("output"):
        for word in call.values("directory") or [Word(".")]:
            call.writes(word, how="changes files in", is_tree=True)


def _remote_shell(call: Call, word: Word) -> None:
    known = r"ssh( -(p [0-9]+|[46CqTax]|o (BatchMode|StrictHostKeyChecking|ConnectTimeout)=\w+))*"
    if not re.fullmatch(known, word.text) or word.is_free:
        call.gives("starts other programs")


def _rsync(call: Call, there: Call, operands: Sequence[Word]) -> None:
    _sends(call, is_tree=True)
    if len(call.operands) > 1:
        _rsync_to(call, call.operands[:-1], call.operands[-1])


def _rsync_to(call: Call, sources: Sequence[Word], target: Word) -> None:
    place, there = _at(call, target)
    for source in sources:
        _at(call, source)
    if call.has("dry-run"):
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
        has_owners = call.is_root and call.has("archive", "perms", "owner")
        if path is not None and has_owners and (who := call.judge.changed_by(path)):
            call.changes(f"copies files of {who.partition(',')[0]}'s with their owners and rights", path, is_whole=True)


def _sends(call: Call, *, is_tree: bool) -> None:
    """The operands before the last are copied to it."""
    *sources, target = call.operands or [Word("")]
    then = f"copies it to {told([target])}" if sources and _is_remote(target) and not call.has("dry-run") else ""
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


def _scp(call: Call, there: Call, operands: Sequence[Word]) -> None:
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


def _option(call: Call, word: Word) -> None:
    """An option of ssh_config(5)."""
    if re.match("(?i)proxy|localcommand|permitlocal", word.text) or word.is_free:
        call.gives("starts other programs")


def _expression(call: Call, word: Word) -> None:
    """An expression of yq, which can open files, too, or the name of a file."""
    call.reads(word)
    for path in re.findall(r"load\w*\(\s*[\"']([^\"']+)", word.text):
        call.reads(Word(path))
    if re.search(r"load\w*\((?!\s*[\"'])", word.text) or word.is_free:
        call.discloses("can read any file, keys and password hashes too")
    if re.search(r"\bsystem\(", word.text):
        call.gives("starts other programs")


def _in_place(call: Call, there: Call, operands: Sequence[Word]) -> None:
    for word in operands[1:] or [one for one in operands if one.is_any]:
        call.writes(word, how="changes")


def _attribute(call: Call, word: Word) -> None:
    if "security.cap" in word.text or word.is_any:
        call.gives("can give a program capabilities with which it can become root")


def _filter(call: Call, rule: Word) -> None:
    """A rule of rsync(1), which may be in a file. The lines of it that are none are in its message."""
    if found := re.match(r"(?:dir-)?merge[^ _]*[ _](.+)|[.:][^ _]*[ _](.+)", rule.text):
        call.reads(Word(found[1] or found[2], rule.is_free))


def _teed(call: Call, word: Word) -> None:
    is_empty = call.input is not None and (call.input.text == "" or (call.input.path or word).text == "/dev/null")
    call.writes(word, how="appends to" if call.has("append") else "empties" if is_empty else "overwrites")


def _cut(call: Call, word: Word) -> None:
    """truncate(1) makes ``word`` smaller, or larger if its size has a sign that says so."""
    sizes = call.values("size")
    is_larger = bool(sizes) and all(size.text[:1] in ("+", ">") and not size.is_free for size in sizes)
    call.writes(word, how="makes larger" if is_larger else "empties or cuts", is_use=False)


def _taken(call: Call, word: Word) -> None:
    """fallocate(1) takes space for the file ``word``, or makes holes in it."""
    is_gone = call.has("collapse-range", "punch-hole", "zero-range")  # --dig-holes takes zeros alone
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


def _new(call: Call, word: Word) -> None:
    if word.text.startswith("/"):
        call.writes(word, how="creates", is_use=False)


_TYPES: Mapping[str, Effect] = {
    "READ": _read,
    "ANY": _any,
    "HELPER": lambda call, word: call.gives("starts other programs"),
    "MODE": _mode,
    "DD": _copied,
    "REMOVED": _removed,
    "TOUCHED": _made,
    "DEVICE": lambda call, word: _made(call, word, "creates a device at"),
    "CAPABLE": _capable,
    "ATTRIBUTED": _attributed,
    "COMPRESSOR": _compressor,
    "CHECKPOINT": _checkpoint,
    "ARCHIVE": _archive,
    "NAMES": _names,
    "CPIO": lambda call, word: call.writes(word, is_use=False) if call.has("create", "O", "w") else call.reads(word),
    "XATTRS": lambda call, word: call.gives("can give a program capabilities with which it can become root"),
    "PACKED": _packed,
    "PREFIX": _prefix,
    "RSH": _remote_shell,
    "OPTION": _option,
    "YQ": _expression,
    "XATTR": _attribute,
    "MOVED": lambda call, word: call.removes(word, how="moves away") if call.has("move") else call.reads(word, is_tree=True),
    "TAKEN": _taken,
    "AGED": _aged,
    "RESTORED": _restored,
    "NEW": _new,
    "SHREDDED": lambda call, word: call.removes(word, how="destroys", is_tree=True),
    "TERMS": lambda call, word: call.writes(Word("/etc/terminfo")),
    "FILTER": _filter,
    "TEED": _teed,
    "CUT": _cut,
    "LISTED": lambda call, word: call.writes(word, how="changes the rights of", is_tree=True),
    "ZIPPED": lambda call, word: _extract(call, [word], call.values("d") or [Word(".")]),
    "SQUASHED": lambda call, word: _extract(call, [word], call.values("d", "dest") or [Word("squashfs-root")]),
}
_DEEDS: Mapping[str, Deed] = {
    "changes:copied": _copy,
    "changes:moved": _move,
    "changes:linked": _link,
    "changes:installed": _install,
    "changes:rights": _chmod,
    "changes:owner": _chown,
    "changes:packed": _packs,
    "changes:unpacked": _unpacks,
    "reads:named": lambda here, call, operands: None if here.input else here.discloses("copies the files whose names it reads"),
    "changes:patched": _patched,
    "changes:synchronised": _rsync,
    "changes:sent": _scp,
    "changes:edited": _in_place,
}
_SHOWN = """
    lp              c d: E m n: o: P: s t:
    lpr             C: E h J: l m o: P: p T:
    numfmt          debug d: delimiter: field: format: from: from-unit: grouping header:: invalid: padding: round: suffix: to:
                    to-unit: z zero-terminated
    getfacl         a access d default c omit-header e all-effective E no-effective s skip-base R recursive L logical P
                    physical t tabular p absolute-names n numeric v h
    size            A B G format: o d x radix: t totals f common target: h H ? v V
    column          t table n: table-name: O: table-order: N: table-columns: l: table-columns-limit: E: table-noextreme: d
                    table-noheadings e table-header-repeat H: table-hide: R: table-right: T: table-truncate: m table-maxout W:
                    table-wrap: L keep-empty-lines J json r: tree: i: tree-id: p: tree-parent: c: output-width: o:
                    output-separator: s: separator: x fillrows h V
    join            a: e: i ignore-case j: o: t: v: 1: 2: check-order nocheck-order header z zero-terminated
    pr              columns: a across c show-control-chars d double-space D: date-format: e:: expand-tabs:: F f form-feed h:
                    header: i:: output-tabs:: J join-lines l: length: m merge n:: number-lines:: N: first-line-number: o:
                    indent: r no-file-warnings s:: separator:: S:: sep-string:: t omit-header T omit-pagination v
                    show-nonprinting w: width: W: page-width: 1 2 3 4 5 6 7 8 9
    fold            b bytes s spaces w: width:
    fmt             c crown-margin p: prefix: s split-only t tagged-paragraph u uniform-spacing w: width: g: goal:
    expand,unexpand i initial a all first-only t: tabs:
    rev             h V 0 zero
    cut             b: bytes: c: characters: d: delimiter: f: fields: n complement s only-delimited output-delimiter: z
                    zero-terminated
    paste           d: delimiters: s serial z zero-terminated
    comm            1 2 3 check-order nocheck-order output-delimiter: total z zero-terminated
    base32,base64   d decode i ignore-garbage w: wrap:
    basenc          base64 base64url base32 base32hex base16 base2msbf base2lsbf z85 d decode i ignore-garbage w: wrap:
    strings         a all d data f print-file-name n: bytes: t: radix: w include-all-whitespace o T: target: e: encoding: U:
                    unicode: s: output-separator: h v V 0 1 2 3 4 5 6 7 8 9
    hexdump,hd      b one-byte-octal c one-byte-char C canonical d two-bytes-decimal o two-bytes-octal x two-bytes-hex X
                    one-byte-hex L:: color:: e: format: f: format-file: n: length: s: skip: v no-squeezing h V
    od              A: address-radix: endian: j: skip-bytes: N: read-bytes: S:: strings:: t: format: v output-duplicates w::
                    width:: traditional a b c d f i l o s x
    nl              b: body-numbering: d: section-delimiter: f: footer-numbering: h: header-numbering: i: line-increment: l:
                    join-blank-lines: n: number-format: p no-renumber s: number-separator: v: starting-line-number: w:
                    number-width:
    head            c: bytes: n: lines: q quiet silent v verbose z zero-terminated 0 1 2 3 4 5 6 7 8 9
    tail            c: bytes: f F follow:: n: lines: max-unchanged-stats: pid: q quiet silent retry s: sleep-interval: v
                    verbose z zero-terminated debug 0 1 2 3 4 5 6 7 8 9
    tac             b before r regex s: separator:
    cat             A show-all b number-nonblank e E show-ends n number s squeeze-blank t T show-tabs u v show-nonprinting
    cksum           a: algorithm: c check l: length: tag untagged raw base64 z zero ignore-missing quiet status strict w warn
                    debug
    sum             r s sysv
    shasum          a: algorithm: b binary c check tag t text U UNIVERSAL 0 01 ignore-missing q quiet s status strict w warn h
                    v
"""
_LISTING = """
    tree            a d l f x gitignore ignore-case matchdirs metafirst prune info noreport charset: filelimit: timefmt: q N Q
                    p u g s h si du D F inodes device v t c U r dirsfirst filesfirst sort: i A S n C X J H: nolinks fromfile
                    I: T: L: P: R
    ls,dir,vdir     a all A almost-all author b escape block-size: B ignore-backups c C d directory D dired f F:: classify::
                    file-type g group-directories-first G no-group h human-readable si H dereference-command-line
                    dereference-command-line-symlink-to-dir hyperlink:: indicator-style: i inode k kibibytes l m n
                    numeric-uid-gid N literal o p q hide-control-chars show-control-chars Q quote-name quoting-style: r
                    reverse R recursive s size S t time-style: T: tabsize: u U v x X Z context zero 1 full-time L dereference
                    I: ignore: w: width: color:: sort: time: format: hide:
"""
ROWS = (
    *grammars(
        """
        = sdiff: abbreviates  -o|--output=FILE:writes -i|--ignore-case -E|--ignore-tab-expansion -Z|--ignore-trailing-space
        -b|--ignore-space-change -W|--ignore-all-space -B|--ignore-blank-lines -I|--ignore-matching-lines=TEXT
        --strip-trailing-cr -a|--text -w|--width=N -l|--left-column -s|--suppress-common-lines -t|--expand-tabs --tabsize=N
        -d|--minimal -H|--speed-large-files --diff-program=PROGRAM --help -v|--version
        [FILE:reads]...  harmless
        = diff3: abbreviates  -A|--show-all -e|--ed -E|--show-overlap -3|--easy-only -x|--overlap-only -X -i -m|--merge
        -a|--text --strip-trailing-cr -T|--initial-tab --diff-program=PROGRAM -L|--label=TEXT --help -v|--version
        [FILE:reads]...  harmless
        = rename prename file-rename  -h|--help|-m|--man|-V|--version -v|--verbose -n|--nono|--no-act -f|--force -0|--null
        -p|--path|--fullpath -d|--filename -u=TEXT -e=TEXT -E=TEXT
        --help ()    harmless
        ...          gives     {program} runs Perl code
        = shred: abbreviates  -f|--force -n|--iterations=N --random-source=FILE:reads -s|--size=N -u --remove[=TEXT]
        -v|--verbose -x|--exact -z|--zero --help --version
        [SHREDDED]...  harmless
        = wipe  -a -b=N -c -D -e -f -F -i -k -l=N -M=TEXT -o=N -P=N -q -Q=N -r -R=FILE:reads -s -S=TEXT -T=N -v -x[=N] -X=N -Z
        -h
        [SHREDDED]...  harmless
        = scrub  -v|--version -f|--force -p|--pattern=TEXT -b|--blocksize=TEXT -X|--freespace -D|--dirent=TEXT
        -s|--device-size=TEXT -S|--no-signature -T|--test-sparse -L|--no-link -r|--remove -R|--no-hwrand -t|--no-threads
        -n|--dry-run -h|--help
        -n|-h|-v ...  harmless
        [SHREDDED]...  harmless
        = tmpreaper: abbreviates  -a|--all -m|--mtime -M|--mtime-dir -c|--ctime -f|--force -h|--help -s|--symlinks -t|--test
        -T|--runtime=N --protect=TEXT --showdeleted --delay[=N] -v|--verbose
        --test TEXT ...  harmless
        TEXT AGED...  harmless
        = unsquashfs: go  -d|-dest=SAID -f|-force -l|-ls -ll|-lls -s|-stat -v|-version -n|-no-progress -no -q|-quiet -i|-info
        -p|-processors=N -c|-cat -x|-xattrs -no-xattrs -h|-help -e|-ef=FILE:reads -da|-data-queue=N -fr|-frag-queue=N
        -o|-offset=N -mkfs-time|-fstime
        -ls|-ll|-stat|-version|-help|-mkfs-time ...  harmless
        [SQUASHED] ...  harmless
        = mktemp: abbreviates  -d|--directory -u|--dry-run -q|--quiet --suffix=TEXT -p=TEXT --tmpdir[=TEXT] -t -V|--version
        --help
        [NEW]        harmless
        = file: abbreviates  -b|--brief -c|--checking-printout -C|--compile -d -E --apple --extension -h|--no-dereference
        -i|--mime --mime-type --mime-encoding -k|--keep-going -l|--list -L|--dereference -n|--no-buffer -N|--no-pad -0|--print0
        -p|--preserve-date -r|--raw -s|--special-files -S|--no-sandbox -v|--version -z|--uncompress -Z|--uncompress-noreport
        --exclude|-e=TEXT --exclude-quiet=TEXT -F|--separator=TEXT --help -f|--files-from=FILE:reads -m|--magic-file=FILE:reads
        -P|--parameter=TEXT --debug
        --compile ()  changes   compiles what {program} knows of files
        ...          harmless
        = tic  -V -c -o=FILE:writes -e=TEXT -R=TEXT -v[=TEXT] -1 -a -C -D -f -g -G -I -K -L -N -q -Q=TEXT -r -s -t -T -U -w=N -W
        -x
        -V|-D|-c ...  harmless
        TERMS...     harmless
        = tee: abbreviates  -a|--append -i|--ignore-interrupts -p --output-error[=TEXT] --help --version
        -a [TEED]...  harmless
        [TEED]...    harmless
        = sponge  -a|--append -h
        -a [TEED]...  harmless
        [TEED]...    harmless
        = truncate: abbreviates  -c|--no-create -o|--io-blocks -r|--reference=TEXT -s|--size=TEXT --help --version
        [CUT]...     harmless
        = fallocate: abbreviates  -c|--collapse-range -d|--dig-holes -i|--insert-range -l|--length=TEXT -n|--keep-size
        -o|--offset=TEXT -p|--punch-hole -z|--zero-range -x|--posix -v|--verbose -h|--help -V|--version
        -c|-p|-z|-d [TAKEN]...  harmless
        [TAKEN]...   harmless
        = touch: abbreviates  -a -c|--no-create -d|--date=TEXT -f -h|--no-dereference -m -r|--reference=TEXT -t=TEXT --time=TEXT
        --help --version
        [TOUCHED]...  harmless
        = setfacl: abbreviates  -m|--modify=TEXT -M|--modify-file=FILE:reads -x|--remove=TEXT -X|--remove-file=FILE:reads
        --restore=RESTORED --set=TEXT --set-file=FILE:reads -R|--recursive -b|--remove-all -k|--remove-default -d|--default
        -n|--no-mask --mask -L|--logical -P|--physical --test -v|--version -h|--help
        --version|--help|--test ...  harmless
        [LISTED]...  harmless
        = ddrescue  -h|--help -V|--version -f|--force -n|--no-scrape -d|--idirect -D|--odirect -r|--retry-passes=N
        -b|--sector-size=N -s|--size=N -i|--input-position=N -o|--output-position=N -v|--verbose -q|--quiet -S|--sparse
        -R|--reverse -M|--retrim -a|--min-read-rate=N -A|--try-again -T|--timeout=TEXT -t|--truncate -c|--cluster-size=N
        -N|--no-trim -p|--preallocate
        --help|--version ()  harmless
        FILE:reads FILE:writes [FILE:writes]  harmless
        = unzip  -f -u -a -b -C -j -K -L -n -V -W -X -D -U -s -1 -2 -h -d=SAID -x=TEXT -P=TEXT -o -q -l -v -t -p -T -Z -z
        -O=TEXT -I=TEXT -M
        -l|-v|-t|-p|-Z|-z [FILE:reads] ...  harmless
        [ZIPPED] ...  harmless
        = zipinfo  -1 -2 -s -m -l -v -h -M -t -T -U -C -z -Z -x=TEXT
        [FILE:reads] ...  harmless
        = yq  -r|--raw-output -e|--exit-status -j|--tojson -y -Y -n|--null-input -P|--prettyPrint -o|--output-format=TEXT
        -p|--input-format=TEXT -C|--colors -M|--no-colors -N|--no-doc -I|--indent=N -c|--compact-output -S|--sort-keys -a=TEXT
        -s|--slurp --unwrapScalar -f|--from-file|--front-matter=YQ --expression=YQ -i|--inplace|--in-place -V|--version
        -v|--verbose -h|--help -0|--nul-output
        -i [YQ]...      changes:edited
        [YQ]...         harmless
        = jq: abbreviates  -r|--raw-output -R|--raw-input -e|--exit-status -s|--slurp -n|--null-input -c|--compact-output
        -C|--color-output -M|--monochrome-output -S|--sort-keys -a|--ascii-output -j|--join-output --raw-output0 --tab
        --indent=N --seq --stream --stream-errors --unbuffered -f|--from-file=FILE:reads -L=FILE:reads --arg=TEXT --argjson=TEXT
        --slurpfile=TEXT --rawfile=TEXT --args --jsonargs -h|--help -V|--version --build-configuration
        --arg|--argjson|--slurpfile|--rawfile [FILE:reads]...  harmless
        -h|-V|-f [FILE:reads]...  harmless
        TEXT [FILE:reads]...  harmless
        = wc: abbreviates  -c|--bytes -m|--chars -l|--lines --files0-from=FILE:reads -L|--max-line-length -w|--words
        --total=TEXT --help --version
        = xmllint: go  -noout -format -recover -huge -nonet -valid -schema=FILE:reads -relaxng=FILE:reads -xpath=TEXT -pretty=N
        -noblanks -encode=TEXT -version -html -xmlout -debug -c14n -c14n11 -exc-c14n -nowarning -timing -o|-output=FILE:writes
        -shell
        -shell ...      gives     {program} has a prompt, which can write any file
        [FILE:reads]...  harmless
        = tr: abbreviates  -c|-C|--complement -d|--delete -s|--squeeze-repeats -t|--truncate-set1 --help --version
        ...             harmless
        = diff bzdiff zdiff xzdiff colordiff: abbreviates  --normal -q|--brief -s|--report-identical-files -c -C=N --context[=N]
        -u -U=N --unified[=N] -e|--ed -n|--rcs -y|--side-by-side -W|--width=N --left-column --suppress-common-lines
        -p|--show-c-function -F|--show-function-line=TEXT --label=TEXT -t|--expand-tabs -T|--initial-tab --tabsize=N
        --suppress-blank-empty -l|--paginate -r|--recursive --no-dereference -N|--new-file --unidirectional-new-file
        --ignore-file-name-case --no-ignore-file-name-case -x|--exclude=TEXT -X|--exclude-from=FILE:reads
        -S|--starting-file=TEXT:plain --from-file=READ --to-file=READ -i|--ignore-case -E|--ignore-tab-expansion
        -Z|--ignore-trailing-space -b|--ignore-space-change -w|--ignore-all-space -B|--ignore-blank-lines
        -I|--ignore-matching-lines=TEXT -a|--text --strip-trailing-cr -D|--ifdef=TEXT --GTYPE-group-format=TEXT
        --line-format=TEXT --LTYPE-line-format=TEXT -d|--minimal --horizon-lines=N --speed-large-files --color[=TEXT]
        --palette=TEXT --help -v|--version -1 -2 -3 -0 -4 -5 -6 -7 -8 -9
        = cmp zcmp: abbreviates  -b|--print-bytes -i|--ignore-initial=TEXT -l|--verbose -n|--bytes=TEXT -s|--quiet|--silent
        --help -v|--version
        = md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum: abbreviates  -b|--binary -c|--check -l|--length=N --tag
        -t|--text -z|--zero --ignore-missing --quiet --status --strict -w|--warn --help --version
        = rg  -i|--ignore-case -s|--case-sensitive -S|--smart-case -F|--fixed-strings -v|--invert-match -w|--word-regexp
        -x|--line-regexp -c|--count --count-matches -l|--files-with-matches --files-without-match --files -o|--only-matching
        -q|--quiet -n|--line-number -N|--no-line-number -H|--with-filename -I|--no-filename -.|--hidden -u|--unrestricted
        --no-ignore --no-ignore-vcs --heading --no-heading -p|--pretty -U|--multiline -P|--pcre2 -j|--threads=N --sort=TEXT
        --sortr=TEXT -d|--max-depth=N -V|--version --trim -a|--text -z|--search-zip -0|--null --column --json --stats -h|--help
        -e|--regexp=TEXT -f|--file=FILE:reads -A|--after-context=N -B|--before-context=N -C|--context=N -m|--max-count=N
        --color=TEXT --colors=TEXT -g|--glob=TEXT --iglob=TEXT -t|--type=TEXT -T|--type-not=TEXT -L|--follow -E|--encoding=TEXT
        -r|--replace=TEXT -M|--max-columns=N --ignore-file=FILE:reads --type-list --pre|--hostname-bin=HELPER --pre-glob=TEXT
        --no-messages --no-config --one-file-system --passthru --vimgrep
        --help|--version ...  harmless
        -e|-f|--files|--type-list [READ]...  harmless
        TEXT [READ]...  harmless
        = grep egrep fgrep zgrep zegrep zfgrep bzgrep xzgrep zstdgrep: abbreviates  -E|--extended-regexp -F|--fixed-strings
        -G|--basic-regexp -P|--perl-regexp -e|--regexp=TEXT -f|--file=FILE:reads -i|-y|--ignore-case --no-ignore-case
        -w|--word-regexp -x|--line-regexp -z|--null-data -s|--no-messages -v|--invert-match -V|--version --help -m|--max-count=N
        -b|--byte-offset -n|--line-number --line-buffered -H|--with-filename -h|--no-filename --label=TEXT -o|--only-matching
        -q|--quiet|--silent --binary-files=TEXT -a|--text -I -d|--directories=TEXT -D|--devices=TEXT -r|--recursive
        -R|--dereference-recursive --include=TEXT:plain --exclude=TEXT --exclude-from=FILE:reads --exclude-dir=TEXT
        -L|--files-without-match -l|--files-with-matches -c|--count -T|--initial-tab -Z|--null -B|--before-context=N
        -A|--after-context=N -C|--context=N --group-separator=TEXT --no-group-separator --color[=TEXT] --colour[=TEXT]
        -U|--binary -0 -1 -2 -3 -4 -5 -6 -7 -8 -9
        --help|--version ...  harmless
        -e|-f [READ]...  harmless
        TEXT [READ]...  harmless
        = cp: abbreviates  -a|--archive --attributes-only --backup[=TEXT] -b --copy-contents -d -f|--force -i|--interactive -H
        -l|--link -L|--dereference -n|--no-clobber -P|--no-dereference -p --preserve[=TEXT] --no-preserve=TEXT --parents
        -R|-r|--recursive --reflink[=TEXT] --remove-destination --sparse=TEXT --strip-trailing-slashes -s|--symbolic-link
        -S|--suffix=TEXT -t|--target-directory=ANY -T|--no-target-directory -u --update[=TEXT] -v|--verbose -x|--one-file-system
        -Z --context[=TEXT] --debug --keep-directory-symlink --help --version
        --help|--version ...  harmless
        TEXT...         changes:copied
        = mv: abbreviates  --backup[=TEXT] -b -f|--force -i|--interactive -n|--no-clobber --strip-trailing-slashes
        -S|--suffix=TEXT -t|--target-directory=ANY -T|--no-target-directory -u --update[=TEXT] -v|--verbose -Z|--context --debug
        --exchange --no-copy --help --version
        --help|--version ...  harmless
        TEXT...         changes:moved
        = ln link: abbreviates  --backup[=TEXT] -b -d|-F|--directory -f|--force -i|--interactive -L|--logical
        -n|--no-dereference -P|--physical -r|--relative -s|--symbolic -S|--suffix=TEXT -t|--target-directory=ANY
        -T|--no-target-directory -v|--verbose --help --version
        --help|--version ...  harmless
        TEXT...         changes:linked
        = install: abbreviates  --backup[=TEXT] -b -c -C|--compare -d|--directory -D -g|--group=TEXT -m|--mode=MODE
        -o|--owner=TEXT -p|--preserve-timestamps -s|--strip --strip-program=HELPER -S|--suffix=TEXT -t|--target-directory=ANY
        -T|--no-target-directory -v|--verbose --preserve-context -Z --context[=TEXT] --debug --help --version
        --help|--version ...  harmless
        -d TOUCHED...   harmless
        TEXT...         changes:installed
        = dd  --help --version
        [DD]...         harmless
        = rm: abbreviates  -f|--force -i -I --interactive[=TEXT] --one-file-system --no-preserve-root --preserve-root[=TEXT]
        -r|-R|--recursive -d|--dir -v|--verbose --help --version
        -r [REMOVED]...  harmless
        [REMOVED]...    harmless
        = unlink: abbreviates  --help --version
        [REMOVED]...    harmless
        = rmdir: abbreviates  --ignore-fail-on-non-empty -p|--parents -v|--verbose --help --version
        [REMOVED]...    harmless
        = srm  -d -f|--force -i -r|-R|--recursive -s -m -v|--verbose -x -n -z -h|--help -V
        -r [REMOVED]...  harmless
        [REMOVED]...    harmless
        = trash  -f|--force -i -r|-R|--recursive -d|--directory -v|--verbose -h|--help --version --trash-dir=TEXT
        -r [REMOVED]...  harmless
        [REMOVED]...    harmless
        = mkdir mkfifo: abbreviates  -m|--mode=TEXT -p|--parents -v|--verbose -Z --context[=TEXT] --help --version
        [TOUCHED]...    harmless
        = mknod: abbreviates  -m|--mode=TEXT -Z --context[=TEXT] --help --version
        [DEVICE] ...    harmless
        = chmod: abbreviates  -c|--changes -f|--silent|--quiet -v|--verbose --no-preserve-root --preserve-root --dereference
        -h|--no-dereference -H -L -P --reference=SAID -R|--recursive --help --version -r -w -x -X -s -t
        --help|--version ...  harmless
        -r|-w|-x|-X|-s|-t|-R TEXT...  changes:rights
        TEXT...         changes:rights
        = chown chgrp: abbreviates  -c|--changes -f|--silent|--quiet -v|--verbose --dereference -h|--no-dereference --from=TEXT
        --no-preserve-root --preserve-root --reference=SAID -R|--recursive -H -L -P --help --version
        --help|--version ...  harmless
        -R|-h TEXT...   changes:owner
        TEXT...         changes:owner
        = restorecon  -R|-r -v -F -D -i -I -m -N -n -p -q -0 -x -T=N -e=TEXT -f=FILE:reads
        -n ...          harmless
        ...             changes   sets the labels of {1+:files} as SELinux's rules say
        = setfiles  -A -c=FILE:reads -d -e=TEXT -E -f=FILE:reads -F -h -i -I -l -m -n -N -p -q -r=TEXT -s -v -W -0 -x -T=N
        -n|-h ...       harmless
        ...             changes   sets the labels of {1+:files} as SELinux's rules say
        = fixfiles  -B -F -f -M -R=TEXT -C=FILE:reads -v -N=TEXT -l=FILE:writes -T=N
        check|verify ...  harmless
        ...             changes   sets the labels of {2+:all files} as SELinux's rules say
        = chcon: abbreviates  --dereference -h|--no-dereference -u|--user=TEXT -r|--role=TEXT -t|--type=TEXT -l|--range=TEXT
        --no-preserve-root --preserve-root --reference=TEXT -R|--recursive -v|--verbose -H -L -P --help --version
        --help|--version ()  harmless
        -u|-r|-t|-l|--reference TEXT...  changes  sets the labels of {1+:files}, by which programs are restricted
        ...             changes   sets the labels of {2+:files}, by which programs are restricted
        = setfattr: abbreviates  -n|--name=XATTR -v|--value=TEXT -x|--remove=XATTR -h|--no-dereference --restore=XATTRS
        -B=XATTRS -r|--raw --help --version
        --help|--version ()  harmless
        ...             changes   sets attributes of {1+:files}
        = semanage  -a|--add -d|--delete -D|--deleteall -m|--modify -l|--list -E|--extract -C|--locallist -n|--noheading
        -N|--noreload -S|--store=TEXT -s|--seuser=TEXT -r|--range=TEXT -t|--type=TEXT -p|--proto=TEXT -f|--ftype=TEXT
        -e|--equal=TEXT -R|--roles=TEXT -L|--level=TEXT -P|--prefix=TEXT -M|--netmask=TEXT -1|--on -0|--off
        -x|--subnet_prefix=TEXT -y=TEXT -i|--input_file=FILE:trusts -o=FILE:writes --remove=TEXT -h|--help --disable --enable
        --help ...      harmless
        -l|-E ...       harmless
        export ...      harmless
        boolean|permissive|port|fcontext|login|user|module|dontaudit|ibpkey|ibendport|node|interface|import ...  \
            changes   changes what SELinux lets programs do: {1}
        = semodule: abbreviates  -R|--reload -B|--build -D|--disable_dontaudit -i|--install=FILE:trusts -r|--remove=TEXT
        -l|--list-modules|--list[=TEXT] -X|--priority=N -e|--enable=TEXT -d|--disable=TEXT -E|--extract=TEXT -s|--store=TEXT
        -n|--noreload -h|--help -v|--verbose -P|--preserve_tunables -C|--ignore-module-cache -p|--path=TEXT -S|--store-path=TEXT
        -c|--cil -H|--hll -m|--checksum
        -l|-h|-E ...    harmless
        -r|-d ...       changes   takes the module {-r|--remove|-d|--disable} of SELinux away
        ...             changes   changes what SELinux lets programs do
        = setcap  -n=N -r -q -v -h -f --license
        -h|--license ()  harmless
        -r|-v [CAPABLE]...  harmless
        [CAPABLE]...    changes   gives a program capabilities: {1+}
        = chattr  -R -V -f -v=N -p=N -a -A -c -C -d -D -e -E -F -i -I -j -m -N -P -s -S -t -T -u -x
        -a|-A|-c|-C|-d|-D|-e|-E|-F|-i|-I|-j|-m|-N|-P|-s|-S|-t|-T|-u|-x [ATTRIBUTED]...  harmless
        [ATTRIBUTED]...  harmless
        = tar: tar abbreviates  -A|--catenate|--concatenate -c|--create --delete -d|--diff|--compare -r|--append --test-label
        -t|--list -u|--update -x|--extract|--get --check-device -g|--listed-incremental=FILE:made -G|--incremental
        --hole-detection=TEXT --ignore-failed-read --level=N --no-check-device --no-seek -n|--seek --occurrence[=N]
        --sparse-version=TEXT -S|--sparse --add-file=FILE:reads -C|--directory=SAID --exclude=TEXT --exclude-backups
        --exclude-caches --exclude-caches-all --exclude-caches-under --exclude-ignore=TEXT --exclude-ignore-recursive=TEXT
        --exclude-tag=TEXT --exclude-tag-all=TEXT --exclude-tag-under=TEXT --exclude-vcs --exclude-vcs-ignores --no-null
        --no-recursion --no-unquote --no-verbatim-files-from --null --recursion -T|--files-from=NAMES --unquote
        --verbatim-files-from -X|--exclude-from=FILE:reads --anchored --ignore-case --no-anchored --no-ignore-case
        --no-wildcards --no-wildcards-match-slash --wildcards --wildcards-match-slash --keep-directory-symlink
        --keep-newer-files -k|--keep-old-files --no-overwrite-dir --one-top-level[=SAID] --overwrite --overwrite-dir
        --recursive-unlink --remove-files --skip-old-files -U|--unlink-first -W|--verify --ignore-command-error
        --no-ignore-command-error -O|--to-stdout --to-command=HELPER --atime-preserve[=TEXT] --clamp-mtime
        --delay-directory-restore --group=TEXT --group-map=FILE:reads --mode=TEXT --mtime=TEXT -m|--touch
        --no-delay-directory-restore --no-same-owner --no-same-permissions --numeric-owner --owner=TEXT --owner-map=FILE:reads
        -p|--preserve-permissions|--same-permissions --same-owner --sort=TEXT -s|--preserve-order|--same-order --acls --no-acls
        --no-selinux --no-xattrs --selinux --xattrs --xattrs-exclude=TEXT --xattrs-include=TEXT --force-local -f|--file=ARCHIVE
        -F|--info-script|--new-volume-script=HELPER -L|--tape-length=N -M|--multi-volume --rmt-command=HELPER
        --rsh-command=HELPER --volno-file=FILE:made -b|--blocking-factor=N -B|--read-full-records -i|--ignore-zeros
        --record-size=N -H|--format=TEXT --old-archive|--portability --pax-option=TEXT --posix -V|--label=TEXT
        -a|--auto-compress -I|--use-compress-program=COMPRESSOR -j|--bzip2 -J|--xz --lzip --lzma --lzop --no-auto-compress
        --zstd -z|--gzip|--gunzip|--ungzip -Z|--compress|--uncompress --backup[=TEXT] --hard-dereference -h|--dereference
        -K|--starting-file=TEXT:plain --newer-mtime=TEXT -N|--newer|--after-date=TEXT --one-file-system -P|--absolute-names
        --suffix=TEXT --strip-components=N --transform|--xform=TEXT --checkpoint[=N] --checkpoint-action=CHECKPOINT --full-time
        --index-file=FILE:made -l|--check-links --no-quote-chars=TEXT --quote-chars=TEXT --quoting-style=TEXT -R|--block-number
        --show-defaults --show-omitted-dirs --show-snapshot-field-ranges --show-transformed-names|--show-stored-names
        --totals[=TEXT] --utc -v|--verbose --warning=TEXT -w|--interactive|--confirmation -o -?|--help --restrict --usage
        --version --set-mtime-command=HELPER --set-mtime-format=TEXT -0 -1 -2 -3 -4 -5 -6 -7
        --help|-?|--version|--usage|--show-defaults ...  harmless
        -t|-d|--test-label ...  harmless
        -x -O ...       harmless
        -x -P ...       changes:unpacked
        -x ...          changes:unpacked
        -c|-r|-u|-A|--delete --remove-files ...  changes:packed
        -c|-r|-u|-A|--delete ...  changes:packed
        = bsdtar: tar  -A -B -a|--auto-compress --acls -b|--block-size=N -C|--cd|--directory=SAID -c|--create --exclude=TEXT
        --exclude-vcs -f|--file=ARCHIVE --format=TEXT --gid=N --gname=TEXT -H -h|--dereference -I|--files-from=NAMES
        --include=TEXT:plain -J|--xz -j|--bzip2 -k|--keep-old-files -L -l|--check-links --lzma -m|--modification-time
        -n|--norecurse|--no-recursion --newer=TEXT --null --numeric-owner -O|--to-stdout -o|--no-same-owner --one-file-system
        --options=TEXT -P|--absolute-paths|--absolute-names -p|--same-permissions|--preserve-permissions --passphrase=TEXT
        -q|--fast-read -r|--append -S -s=TEXT --same-owner --strip-components=N -T=NAMES --totals -t|--list -U|--unlink-first
        -u|--update --uid=N --uname=TEXT --use-compress-program=COMPRESSOR -v|--verbose --version -w|--confirmation
        -X|--exclude-from=FILE:reads -x|--extract|--get -y -Z|--compress -z|--gunzip|--gzip --zstd --help
        --help|--version ...  harmless
        -t ...          harmless
        -x -O ...       harmless
        -x -P ...       changes:unpacked
        -x ...          changes:unpacked
        -c|-r|-u ...    changes:packed
        = cpio: abbreviates  -v|--verbose -d|--make-directories -m|--preserve-modification-time -u|--unconditional -0|--null
        -A|--append -B --block-size=N -b|--swap -L|--dereference --no-absolute-filenames --absolute-filenames --quiet
        -a|--reset-access-time -c -C|--io-size=N -n|--numeric-uid-gid -f|--nonmatching -l|--link -s|--swap-bytes
        -S|--swap-halfwords --sparse -V|--dot --force-local -R|--owner=TEXT --no-preserve-owner --only-verify-crc
        --rename-batch-file=FILE:reads -r|--rename -E|--pattern-file=FILE:reads --help --version --usage -F|--file=CPIO -O=CPIO
        -I=CPIO -M|--message=TEXT -D|--directory=SAID --rsh-command=HELPER -H|--format=TEXT -i|--extract -o|--create
        -p|--pass-through -t|--list --to-stdout -W|--warning=TEXT --device-independent|--reproducible
        --help|--version|--usage ...  harmless
        -t ...          harmless
        -o ...          reads:named
        -i ...          changes:unpacked
        -p [TEXT]       changes:unpacked
        = pax  -r -w -a -b=N -c -d -f=CPIO -g=TEXT -i -k -l -n -o=TEXT -p=TEXT -s=TEXT -t -u -v -x=TEXT -z -B=TEXT -D -E=N
        -G=TEXT -H -L -O -P -T=TEXT -U=TEXT -X -Y -Z -0
        -r -w [READ]...  changes:unpacked
        -r ...          changes:unpacked
        -w [READ]...    harmless
        ...             harmless
        = zip  -r|--recurse-paths -q|--quiet -v|--verbose -9 -8 -7 -6 -5 -4 -3 -2 -1 -0 -j|--junk-paths -y|--symlinks
        -X|--no-extra -h|--help -h2 --version -TT|--unzip-command=HELPER -T|--test -b|--temp-path=TEXT -x|--exclude=TEXT
        -i|--include=TEXT:plain -m|--move -d|--delete -u|--update -f|--freshen -e|--encrypt -P|--password=TEXT
        -s|--split-size=TEXT -@
        -F -FF --out=FILE:writes -D -z -c -o -l -ll -t=TEXT -n=TEXT -A -g -S -L
        -h|-h2|--version|-L ...  harmless
        -T ...          also-gives  {program} starts other programs
        [FILE:made] [MOVED]...  harmless
        = 7z 7za 7zr  -h --help -o[=SAID] -p[=TEXT] -y -r[=TEXT] -m=TEXT -mx[=N] -t=TEXT -v=TEXT -x=TEXT -i=TEXT -w=TEXT
        -ao[=TEXT] -aoa -aos -aou -aot -bd -bb[=N] -bs[=TEXT] -slt -sdel -si[=TEXT] -so -ss[=TEXT] -u=TEXT -mhe[=TEXT]
        -mmt[=TEXT] -spf -snl -scs=TEXT -scrc[=TEXT] -ba
        --help ...      harmless
        x|e ...         changes:unpacked
        l|t FILE:reads ...  harmless
        b|i|h ...       harmless
        a|u|d|rn FILE:made [READ]...  harmless
        = ar  --target=TEXT --output=DIR:writes --record-libdeps=TEXT --thin --plugin=HELPER --help --version -h -V
        --help|--version|-h|-V ...  harmless
        x* ...          changes:unpacked
        t*|p* FILE:reads ...  harmless
        r*|q*|d*|m*|s* FILE:made [READ]...  harmless
        = gzip gunzip zcat gzcat: abbreviates  -a|--ascii -c|--stdout|--to-stdout -d|--decompress|--uncompress -f|--force
        -h|--help -k|--keep -l|--list -L|--license -n|--no-name -N|--name -q|--quiet|--silent -r|--recursive --rsyncable
        -S|--suffix=TEXT --synchronous -t|--test -v|--verbose -V|--version -1|--fast -2 -3 -4 -5 -6 -7 -8 -9|--best
        -c|-t|-l|-h|-V|-L [FILE:reads]...  harmless
        [PACKED]...     harmless
        = bzip2 bunzip2 bzcat: abbreviates  -h|--help -d|--decompress -z|--compress -k|--keep -f|--force -t|--test -c|--stdout
        -q|--quiet -v|--verbose -L|--license -V|--version -s|--small -1|--fast -2 -3 -4 -5 -6 -7 -8 -9|--best
        -c|-t|-h|-V|-L [FILE:reads]...  harmless
        [PACKED]...     harmless
        = xz unxz xzcat lzma unlzma lzcat: abbreviates  -z|--compress -d|--decompress|--uncompress -t|--test -l|--list -k|--keep
        -f|--force -c|--stdout|--to-stdout -S|--suffix=TEXT --files[=TEXT] --files0[=TEXT] -F|--format=TEXT -C|--check=TEXT
        --ignore-check -0 -1 -2 -3 -4 -5 -6 -7 -8 -9 -e|--extreme --fast --best --block-size=TEXT --block-list=TEXT
        --flush-timeout=N -M|--memlimit|--memory=TEXT --memlimit-compress=TEXT --memlimit-decompress=TEXT --no-adjust
        -T|--threads=N --lzma2[=TEXT] --x86[=TEXT] --arm[=TEXT] --delta[=TEXT] --no-sparse --single-stream -q|--quiet
        -v|--verbose -Q|--no-warn --robot --info-memory -h|--help -H|--long-help -V|--version
        -c|-t|-l|-h|-H|-V|--info-memory [FILE:reads]...  harmless
        [PACKED]...     harmless
        = zstd unzstd zstdcat  -o=FILE:writes -k|--keep --rm -d|--decompress|--uncompress -D=FILE:reads -f|--force -h|-H|--help
        -V|--version -c|--stdout -v|--verbose -q|--quiet -r --filelist=FILE:reads --output-dir-flat=DIR:writes
        --output-dir-mirror=DIR:writes --ultra --fast[=N] --adapt[=TEXT] --long[=N] --patch-from=FILE:reads --single-thread
        --rsyncable --exclude-compressed --stream-size=TEXT --size-hint=TEXT --no-dictID --format=TEXT -l --list -t|--test
        --train -S -T=TEXT -M=TEXT -B=TEXT -b[=N] -e[=N] -i[=N] --no-check --check --no-progress --progress --sparse --no-sparse
        --trace=FILE:writes --maxdict=TEXT --dictID=N --priority=TEXT -z -1 -2 -3 -4 -5 -6 -7 -8 -9 -0
        -o|-c|-t|-l|--list|-h|-V|-b [FILE:reads]...  harmless
        [PACKED]...     harmless
        = lz4  -1 -2 -3 -4 -5 -6 -7 -8 -9 -0 -d|--decompress -z|--compress -D=FILE:reads -f|--force -k|--keep --rm -h|-H|--help
        -V|--version -v|--verbose -q|--quiet -c|--stdout -t|--test -m|--multiple -r -l --list -BD -BX --no-frame-crc
        --content-size --sparse --no-sparse --fast[=N] --best
        -c|-t|-h|-V|--list [FILE:reads]...  harmless
        -m [PACKED]...  harmless
        [FILE:reads] [FILE:writes]  harmless
        = pigz: abbreviates  -0 -1|--fast -2 -3 -4 -5 -6 -7 -8 -9|--best -11 -A|--alias=TEXT -b|--blocksize=N -c|--stdout
        -d|--decompress -f|--force -F|--first -h|--help -i|--independent -k|--keep -K|--zip -l|--list -L|--license -M|--no-time
        -m|--time -n|--no-name -N|--name -p|--processes=N -q|--quiet -r|--recursive -R|--rsyncable -S|--suffix=TEXT -t|--test
        -v|--verbose -V|--version -Y|--synchronous -z|--zlib
        -c|-t|-l|-h|-V|-L [FILE:reads]...  harmless
        [PACKED]...     harmless
        = split: abbreviates  -a|--suffix-length=N --additional-suffix=TEXT -b|--bytes=TEXT -C|--line-bytes=TEXT -d
        --numeric-suffixes[=TEXT] -x --hex-suffixes[=TEXT] -e|--elide-empty-files --filter=HELPER -l|--lines=N -n|--number=TEXT
        -t|--separator=TEXT -u|--unbuffered --verbose --help --version
        [FILE:reads] [PREFIX]  harmless
        = xxd  -a -b -C -c|-cols=N -d -E -e -g|-groupsize=N -h|-help -i|-include -l|-len=N -n|-name=TEXT -o=N
        -p|-ps|-postscript|-plain -r|-revert -s|-seek=TEXT -u -v|-version -R=TEXT
        [FILE:reads] [FILE:writes]  harmless
        = iconv: abbreviates  -f|--from-code=TEXT -t|--to-code=TEXT -l|--list -c -o|--output=FILE:writes -s|--silent --verbose
        -?|--help --usage -V|--version
        = sort: abbreviates  -b|--ignore-leading-blanks -d|--dictionary-order -f|--ignore-case -g|--general-numeric-sort
        -i|--ignore-nonprinting -M|--month-sort -h|--human-numeric-sort -n|--numeric-sort -R|--random-sort
        --random-source=FILE:reads -r|--reverse --sort=TEXT -V|--version-sort --batch-size=N -c --check[=TEXT] -C
        --compress-program=HELPER --debug --files0-from=FILE:reads -k|--key=TEXT -m|--merge -o|--output=FILE:writes -s|--stable
        -S|--buffer-size=TEXT -t|--field-separator=TEXT -T|--temporary-directory=TEXT --parallel=N -u|--unique
        -z|--zero-terminated --help --version
        = shuf: abbreviates  -e|--echo -i|--input-range=TEXT -n|--head-count=N -o|--output=FILE:writes
        --random-source=FILE:reads -r|--repeat -z|--zero-terminated --help --version
        = uniq: abbreviates  -c|--count -d|--repeated -D --all-repeated[=TEXT] -f|--skip-fields=N --group[=TEXT]
        -i|--ignore-case -s|--skip-chars=N -u|--unique -z|--zero-terminated -w|--check-chars=N --help --version
        [FILE:reads] [FILE:writes]  harmless
        = patch: abbreviates  -p|--strip=N -F|--fuzz=N -l|--ignore-whitespace -c|--context -e|--ed -n|--normal -u|--unified
        -N|--forward -R|--reverse -i|--input=FILE:reads -o|--output=FILE:writes -r|--reject-file=FILE:writes -D|--ifdef=TEXT
        --merge[=TEXT] -E|--remove-empty-files -Z|--set-utc -T|--set-time --quoting-style=TEXT -b|--backup --backup-if-mismatch
        --no-backup-if-mismatch -V|--version-control=TEXT -B|--prefix=PREFIX -Y|--basename-prefix=PREFIX -z|--suffix=TEXT
        -g|--get=N -t|--batch -f|--force -s|--quiet|--silent --verbose --dry-run --posix -d|--directory=SAID
        --reject-format=TEXT --binary --read-only=TEXT -v|--version --help --follow-symlinks
        --dry-run|--help|--version ...  harmless
        [FILE:writes] [FILE:reads]  changes:patched
        = rsync  -v|--verbose -q|--quiet -r|--recursive -l|--links -t|--times -g|--group -D --devices --specials -z|--compress
        -h|--human-readable -P --progress --partial -i|--itemize-changes -u|--update -c|--checksum -x|--one-file-system
        -H|--hard-links -A|--acls -X|--xattrs -S|--sparse --stats -W|--whole-file --inplace --existing|--ignore-non-existing
        --ignore-existing --numeric-ids -R|--relative -d|--dirs -k|--copy-dirlinks -K|--keep-dirlinks -L|--copy-links
        --safe-links -b|--backup -0|--from0 --delete --del --delete-before --delete-during --delete-delay --delete-after
        --delete-excluded --delete-missing-args --force --max-delete=N --size-only --list-only -4|--ipv4 -6|--ipv6
        --compress-level|--zl=N --help --version -e|--rsh=RSH --rsync-path=HELPER --daemon[=HELPER] -f|--filter=FILTER
        --exclude=TEXT --include=TEXT:plain --exclude-from=FILE:reads --include-from=FILE:reads --files-from=FILE:reads
        --log-file=FILE:made --log-file-format=TEXT --password-file=FILE:reads --bwlimit=TEXT --timeout=N --port=N --chmod=MODE
        --chown=TEXT -T|--temp-dir=DIR:writes --link-dest=TEXT --compare-dest=TEXT --copy-dest=TEXT --backup-dir=DIR:writes
        --suffix=TEXT --partial-dir=DIR:writes --out-format=TEXT --info=TEXT --debug=TEXT -B|--block-size=TEXT
        -M|--remote-option=HELPER -n|--dry-run -a|--archive -p|--perms -o|--owner --remove-source-files --ignore-errors
        --delay-updates --ignore-missing-args -m|--prune-empty-dirs --max-size=TEXT --min-size=TEXT -@|--modify-window=N
        -C|--cvs-exclude -y|--fuzzy --compress-choice|--zc=TEXT --checksum-choice|--cc=TEXT --checksum-seed=N
        --inc-recursive|--i-r --no-inc-recursive|--no-i-r --no-perms|--no-p --no-owner|--no-o --no-group|--no-g --no-motd
        --no-times|--no-t --no-relative|--no-R --no-recursive|--no-r --no-links|--no-l --no-devices --no-D --no-acls|--no-A
        --no-xattrs|--no-X --no-verbose|--no-v --no-implied-dirs --no-compress|--no-z --no-whole-file|--no-W --no-dirs|--no-d
        --no-partial --no-progress --no-human-readable|--no-h --no-specials --no-super --preallocate --copy-unsafe-links
        --copy-devices --write-devices --munge-links -E|--executability --append --append-verify --open-noatime -U|--atimes
        -N|--crtimes -O|--omit-dir-times -J|--omit-link-times -s|--secluded-args|--protect-args --old-args --usermap=TEXT
        --groupmap=TEXT --contimeout=N --address=TEXT --sockopts=TEXT --blocking-io --outbuf=TEXT -8|--8-bit-output --iconv=TEXT
        --stop-after=N --stop-at=TEXT --fsync --msgs2stderr --stderr=TEXT --trust-sender --mkpath -I|--ignore-times
        --skip-compress=TEXT --protocol=N --super --fake-super --copy-as=TEXT -F --early-input=FILE:reads
        --write-batch|--only-write-batch=FILE:writes --read-batch=FILE:trusts --config=FILE:trusts --dparam=TEXT --no-detach
        --help|--version ...  harmless
        TEXT...         changes:synchronised
        = scp  -p -q -v -B -C -3 -4 -6 -A -O -R -T -S=HELPER -F=HELPER -o=OPTION -i=FILE:reads -P=N -l=N -c=TEXT -J=HELPER
        -D=PROGRAM -X=TEXT -r|--recursive
        TEXT...         changes:sent
        """,
        lines="[READ]...  harmless",
        types=_TYPES,
        deeds=_DEEDS,
    ),
    *rows_of(reader, _SHOWN, also="help version"),
    *rows_of(_listing, _LISTING, also="help version", is_plain=True),
)
