# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: git and other version control.

Law: the configuration of a repository names programs, and so does that of its owner. Who can change a repository gives code to
everybody who works in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.shared import words
from jitd_commands.shell_text import Word

_PROGRAMS = re.compile(
    r"alias\..*|core\.(pager|editor|sshcommand|fsmonitor|hookspath|gitproxy|askpass|worktree|alternaterefscommand)|pager\..*|sequence\.editor"
    r"|credential\..*|diff\..*\.(command|textconv)|diff\.external|(diff|merge)tool\..*|filter\..*|merge\..*\.driver|gpg\..*|include(if)?\..*"
    r"|init\.templatedir|interactive\.difffilter|protocol\..*|remote\..*\.(uploadpack|receivepack|vcs|proxy)|sendemail\..*|submodule\..*"
    r"|trailer\..*|uploadpack\..*|url\..*|man\..*|web\.browser|browser\..*|instaweb\..*|ssh\.variant|tar\..*|safe\.directory|grep\.fallback.*"
    r"|uploadarchive\..*|receive\..*|gui\..*|guitool\..*|http\.(sslcert|proxy.*)|imap\..*|rebase\.instructionformat|extensions\..*|maintenance\..*",
    re.IGNORECASE,
)
"""Settings of git that name programs, or files with such settings."""
_SAFE_PAGERS = frozenset(("", "cat", "/bin/cat", "/usr/bin/cat"))
_SHOWS = words(
    "status rev-parse describe ls-files ls-tree ls-remote hash-object count-objects fsck cat-file rev-list for-each-ref"
    " merge-base name-rev"
    " symbolic-ref check-ignore check-attr var version verify-commit verify-tag show-ref diff-tree diff-index diff-files"
    " fetch init"
    " cherry show-branch whatchanged.x archive bundle get-tar-commit-id"
)
_PAGED = words("log show diff blame annotate grep reflog shortlog help whatchanged range-diff")
_LISTS = words("branch tag stash remote worktree notes")
_REFLOG = "unless the reflog still has the commits"
_GIT = DecisionTable(
    f"""
    push --mirror  destroys  \
        makes {{2:its remote}} like this repository, and deletes branches there  unless somebody has the old commits
    push -f|--force|--force-with-lease  destroys  \
        replaces {{3:branches}} at {{2:its remote}}, where commits of others can be lost  unless somebody has them
    push -d|--delete                    destroys  deletes {{3}} at {{2}}  unless somebody has the commits
    push * :*                           destroys  deletes {{*}} at {{remote}}  unless somebody has the commits
    push * +*  destroys  replaces {{*}} at {{remote}}, where commits of others can be lost  unless somebody has them
    push -n|--dry-run                   harmless
    push                                changes   publishes {{3:its branch}} at {{2:its remote}}
    reset --hard|--merge                destroys  throws away all changes that are not committed, and goes to {{:the last commit}}
    reset                               changes   sets the branch or the next commit to {{:the last commit}}
    clean -n|--dry-run                  harmless
    clean -x|-X                         destroys  deletes all files that git does not know, also those that it is told to ignore
    clean                               destroys  deletes all files that git does not know
    checkout|switch -f|--force|--discard-changes  destroys  \
        throws away all changes that are not committed, and goes to {{:the last commit}}
    checkout|switch -B|-C|--force-create  changes   sets the branch {{--force-create}}{{2}} anew
    checkout|switch                     changes   changes the files to those of {{2}}
    restore -S|--staged                 changes   takes {{}} out of the next commit
    restore                             destroys  throws away the changes of {{:files}} that are not committed
    branch -D                           destroys  deletes the branches {{}}  {_REFLOG}
    branch -d|--delete                  changes   deletes the branches {{}}, whose commits others have
    branch -m|-M|--move                 changes   renames a branch to {{-1}}
    branch -f|--force                   changes   sets the branch {{2}} to {{3:another commit}}
    branch                              changes   makes the branch {{2}}
    tag -d|--delete                     changes   deletes the tags {{}}
    tag                                 changes   makes the tag {{2}}
    stash drop|clear                    destroys  deletes {{3:what was stashed}}  {_REFLOG}
    stash pop|apply|branch              changes   brings back what was stashed
    stash  changes  takes all changes that are not committed out of the files, until they are brought back
    reflog expire|delete|drop           destroys  forgets where branches were, so that lost commits cannot be found
    gc --prune=now|all                  destroys  deletes commits that no branch has
    gc                                  changes   packs the repository, and deletes old commits that no branch has
    prune                               destroys  deletes commits that no branch has
    update-ref -d                       destroys  deletes the branch {{2}}  {_REFLOG}
    rm --cached                         changes   takes {{}} out of the repository, but leaves the files
    rm                                  changes   deletes {{}}, which older commits have
    mv                                  changes   moves {{2}} to {{3}}
    apply                               changes   changes the files that {{:its input}} names
    worktree remove -f|--force          destroys  deletes the work tree {{}}, with changes that are not committed
    worktree remove                     changes   deletes the work tree {{}}
    worktree add                        changes   makes the work tree {{3}}
    remote add|set-url|rename           changes   changes the place {{3}} that it takes files from: {{4}}
    remote remove|rm                    changes   forgets the place {{3}}
    merge --abort|--quit                changes   throws away a merge
    merge|cherry-pick|revert|am         changes   changes files and the history: {{verb}} {{ }}
    rebase                              changes   writes the history of the branch anew: {{ }}
    bisect                              changes   changes the files to those of other commits
    *                                   changes   changes the repository: {{*}} {{ }}
    """,
    valued="-b -c",
)
_CHANGING = words(
    "checkout switch reset restore clean rm mv add apply update-ref update-index read-tree prune repack gc sparse-checkout"
    " replace push pack-refs commit-tree mktag branch tag stash remote worktree notes"
)
_LISTING = words("-l --list -a --all -r --remotes --contains --no-contains --merged --no-merged --points-at --sort --format")
_MERGES = words("merge rebase cherry-pick revert am")
_EDITORS = words("difftool mergetool send-email instaweb web--browse gui citool gitk svn p4 filter-branch")


def _names_programs(setting: str) -> bool:
    name, _, value = setting.partition("=")
    if re.fullmatch(r"(core\.pager|pager\..*)", name, re.IGNORECASE) and value in _SAFE_PAGERS:
        return False
    return _PROGRAMS.fullmatch(name) is not None and name.lower() != "safe.directory"


def _directory(call: Call, path: str) -> None:
    if who := call.judge.changed_by(path).partition(",")[0]:
        call.gives(f"runs programs that the settings of {path} name, and {who} can change them", path)


def git(call: Call) -> None:
    """Judge git: its settings and hooks start programs, and much of its output is paged."""
    words = list(call.words)
    cwd = call.cwd
    is_paged = call.is_shown
    while words and words[0].text.startswith("-"):
        option = words.pop(0)
        name, equals, value = option.text.partition("=")
        if option.is_free:
            return call.gives("runs any code that it is given")
        if name in ("-c", "-C", "--git-dir", "--work-tree", "--exec-path", "--config-env", "--namespace") and not equals:
            given = words.pop(0) if words and name != "--exec-path" else Word("", is_free=name != "--exec-path")
        else:
            given = Word(value)
        if name == "-C" or name == "--git-dir":
            if given.is_free:
                return call.gives("runs programs that the settings of any directory name")
            cwd = call.absolute(given if given.text.startswith(("/", "~")) else Word(f"{cwd}/{given.text}")) or ""
        elif name == "-c":
            if given.is_free or _names_programs(given.text):
                call.gives("runs programs that its settings name")
        elif name == "--config-env" or (name == "--exec-path" and equals):
            call.gives("runs programs that its settings name")
        elif name in ("-P", "--no-pager"):
            is_paged = False
        elif name in ("-p", "--paginate"):
            is_paged = call.is_shown
    if not words:
        return None
    verb, rest = words[0], words[1:]
    if verb.is_free:
        _GIT.tells(call, words)
        return call.gives("runs any code that it is given")
    if verb.text not in ("clone", "init", "version", "help", "ls-remote"):
        if cwd:
            _directory(call, cwd)
        else:
            call.gives("runs programs that the settings of a directory name")
    _git_verb(replace(call, cwd=cwd), verb.text, rest, is_paged=is_paged)


def _options(rest: Sequence[Word]) -> set[str]:
    return {word.text.partition("=")[0] for word in rest if word.text.startswith("-")}


def _pairs(rest: Sequence[Word]) -> Iterator[tuple[Word, Word]]:
    """Yield each word with the word after it. After the last word, nothing is known."""
    return zip(rest, [*rest[1:], Word("", is_free=True)], strict=False)


def _starts_programs(call: Call, rest: Sequence[Word], *names: str) -> None:
    """The program runs the values of the options ``names`` as texts of a shell."""
    for word, value in _pairs(rest):
        name, equals, attached = word.text.partition("=")
        if name in names:
            call.runs_text(Word(attached) if equals else value)


def _git_verb(call: Call, verb: str, rest: Sequence[Word], *, is_paged: bool) -> None:
    options = _options(rest)
    operands = [word for word in rest if not word.text.startswith("-")]
    if any(word.is_free and not word.is_bound and word.text in ("", "-", "--") for word in rest):
        call.gives("can start any other program")
    if any(re.match(r"ext::|[a-z]+::ext", word.text) for word in rest):
        call.gives("starts other programs")
    _starts_programs(
        call, rest, "--upload-pack", "--receive-pack", "--ext-diff-command", *(("--exec",) if verb != "send-email" else ())
    )
    if verb == "grep" and any(word.text.startswith(("-O", "--open-files-in-pager")) for word in rest):
        return call.gives("grep starts another program")
    if verb in _EDITORS:
        return call.gives(f"{verb} starts an editor or other programs")
    is_expiry = verb == "reflog" and bool(operands) and operands[0].text in ("expire", "delete", "drop")
    if is_expiry or (verb == "stash" and not (operands and operands[0].text in ("list", "show"))):
        return _changes(call, verb, rest)
    is_list = verb in ("branch", "tag") and (not operands or bool(options & _LISTING))
    if verb in _PAGED or is_list or (verb in _LISTS and verb not in ("branch", "tag", "stash") and not operands[1:]):
        is_short = bool(options & {"--show-current", "--quiet", "-q", "--exit-code"}) or (verb in ("worktree", "remote"))
        if "--ext-diff" in options:
            call.gives("starts another program")
        for word, value in _pairs(rest):
            if word.text.startswith("--output"):
                call.writes(Word(word.text.partition("=")[2]) if "=" in word.text else value, is_use=False)
        if is_paged and not is_short:
            call.leads(f"{verb} starts a pager, which can start a shell")
        return None
    if verb == "stash" and operands and operands[0].text in ("list", "show"):
        return call.leads("stash starts a pager, which can start a shell") if is_paged else None
    if verb in ("remote", "worktree", "notes") and operands and operands[0].text in ("show", "get-url", "list", "prune"):
        return None
    if verb == "clone":
        return _clone(call, rest, operands)
    if verb in ("pull", "submodule", "lfs"):
        if verb == "submodule" and operands and operands[0].text == "foreach":
            return call.runs_text(Word(" ".join(word.text for word in operands[1:]), any(word.is_free for word in operands)))
        if verb == "submodule" and (not operands or operands[0].text in ("status", "summary")):
            return None
        return call.leads(f"{verb} takes files and hooks from a place that others control")
    if verb in _SHOWS:
        return _shows(call, verb, rest)
    if verb in _MERGES:
        _starts_programs(call, rest, "-x" if verb == "rebase" else "--exec")
        if options & {"-i", "--interactive", "-e", "--edit", "--edit-todo"} or (
            verb in ("merge", "revert") and not options & {"--no-edit", "--ff-only", "--abort", "--no-commit", "-m", "--quit"}
        ):
            return call.gives(f"{verb} starts an editor")
        return _changes(call, verb, rest)
    if verb in ("commit", "config", "bisect"):
        return _other(call, verb, rest, operands, options)
    if verb in _CHANGING:
        if options & {"-p", "--patch", "-i", "--interactive", "-e", "--edit"} and verb == "add" and options & {"-e", "--edit"}:
            return call.gives("add starts an editor")
        if verb == "tag" and options & {"-a", "-s", "--annotate", "--sign"} and not options & {"-m", "-F", "--message", "--file"}:
            return call.gives("tag starts an editor")
        if verb == "add" or (verb == "checkout" and options & {"-b"}) or (verb == "switch" and options & {"-c"}):
            return None
        if verb in ("apply", "am") and options & {"--unsafe-paths"}:
            return call.gives(f"{verb} writes the files that a patch names, in any directory")
        return _changes(call, verb, rest)
    call.not_known(f"jitd does not know what git {verb[:40]} does")


def _changes(call: Call, verb: str, rest: Sequence[Word]) -> None:
    """Say what ``verb`` changes, and what is lost. ``checkout -- FILE`` is restore."""
    texts = [word.text for word in rest]
    if verb == "checkout" and ("--" in texts or texts[:1] == ["."]):
        verb, rest = "restore", [word for word in rest[texts.index("--") + 1 if "--" in texts else 0 :]]
    remote = next((text for text in texts if not text.startswith("-")), "")
    where = f"in {call.cwd}" if call.cwd else ""
    _GIT.tells(call, [Word(verb), *rest], where=where, named={"verb": verb, "remote": remote[:60]})


def _shows(call: Call, verb: str, rest: Sequence[Word]) -> None:
    for word, value in _pairs(rest):
        if word.text in ("-o", "--output") and verb == "archive":
            call.writes(value)
        elif word.text.startswith("--output=") and verb == "archive":
            call.writes(Word(word.text.partition("=")[2], word.is_free))
        elif word.text.startswith("--template"):
            call.gives("copies hooks of a directory")
        elif word.text == "--config-env":
            call.gives("runs programs that its settings name")
    if verb == "bundle" and rest and rest[0].text == "create":
        for file in rest[1:2]:
            call.writes(file, is_use=False)


def _clone(call: Call, rest: Sequence[Word], operands: Sequence[Word]) -> None:
    valued = words("-b --branch -o --origin --depth -j --jobs --reference --separate-git-dir --filter --shallow-since")
    values = {id(value) for word, value in zip(rest, rest[1:], strict=False) if word.text in valued}
    _starts_programs(call, rest, "-u")
    for word, value in _pairs(rest):
        name, equals, attached = word.text.partition("=")
        given = Word(attached) if equals else value
        if name in ("-c", "--config"):
            values.add(id(value))
            if given.is_free or _names_programs(value.text if name == "-c" or not equals else attached):
                call.gives("runs programs that its settings name")
        elif name == "--template":
            path = call.absolute(given)
            if path is None or given.is_free or call.judge.changed_by(path):
                call.gives("runs hooks from a directory that others can change")
        elif name in ("--recurse-submodules", "--recursive"):
            call.leads("clone takes files from places that others control")
    targets = [word for word in operands if id(word) not in values]
    for target in targets[1:2]:
        call.writes(target, is_use=False)


def _other(call: Call, verb: str, rest: Sequence[Word], operands: Sequence[Word], options: set[str]) -> None:
    if verb == "bisect":
        if operands and operands[0].text == "run":
            return call.start([word for word in rest if word is not operands[0]])
        return _changes(call, verb, rest)
    if verb == "commit":
        has_message = any(re.match(r"-[a-z]*[mFC]|--(message|file|reuse-message|no-edit|fixup)", word.text) for word in rest)
        return None if has_message and not options & {"-e", "--edit"} else call.gives("commit starts an editor")
    if options & {"-e", "--edit"} or (operands and operands[0].text == "edit"):
        return call.gives("config starts an editor")
    if options & {"--get", "--list", "-l", "--get-all", "--get-regexp", "--get-urlmatch"} or (
        operands and operands[0].text in ("get", "list")
    ):
        if options & {"--list", "-l"} and call.is_shown:
            return call.leads("config starts a pager, which can start a shell")
        return None
    names = [word.text for word in operands if "." in word.text and not word.text.startswith("/")]
    is_chosen = any(word.is_free for word in operands) or (len(operands) > 1 and any(_PROGRAMS.fullmatch(name) for name in names))
    if is_chosen and names[:1] != ["safe.directory"]:
        return call.gives("config names programs that git starts")
    if len(operands) > 1 or options & {"--unset", "--add", "--replace-all"}:
        call.changes(f"config changes the setting {' '.join(names)[:60]} of git")


def _svn(call: Call) -> None:
    for option in call.values("config-option"):
        if option.is_free or re.search(r"tunnels|editor|diff-cmd|merge|helpers", option.text):
            call.gives("runs programs that its settings name")
    for directory in call.values("config-dir"):
        path = call.absolute(directory)
        if path is None or directory.is_free or call.judge.changed_by(path):
            call.gives("runs programs that the settings of a directory name")
    for text in call.values("editor-cmd", "diff-cmd", "diff3-cmd"):
        call.runs_text(text)
    verb = call.verb
    if verb is None or (not verb.is_free and verb.text in _SVN_SHOWS):
        return None
    if verb.is_free:
        return call.gives("can start any other program")
    if verb.text in ("checkout", "co", "update", "up", "switch", "sw", "export", "merge", "relocate"):
        return call.leads(f"{verb.text} takes files from a place that others control")
    if verb.text in ("commit", "ci", "mkdir", "import", "propedit") and not call.has("m", "message", "F", "file"):
        return call.gives(f"{verb.text} starts an editor")
    _SVN(call)


_SVN = DecisionTable(
    """
    revert                destroys  throws away the changes of {} that are not committed
    cleanup --remove-unversioned|--remove-ignored  destroys  deletes the files that svn does not know
    delete|del|remove|rm  changes   deletes {}, which older revisions have
    cleanup|resolve|resolved|upgrade|patch  changes   changes the files of {:the directory}
    lock|unlock           changes   changes who may change {}
    commit|ci|import|mkdir|copy|cp|move|mv|ren|rename|add|propset|pset|ps|propdel|propedit  changes   changes {:the repository}
    *                     changes   changes files or the repository: {*} { }
    ...  unknown  jitd does not know what {program} {verbs} does
    """,
    valued="-m --message -F --file -r --revision --username --password",
)
_SVN_SHOWS = words("log info status st list ls cat diff blame annotate help version proplist propget pl pg di stat")


def _hg(call: Call) -> None:
    for setting in call.values("config"):
        if setting.is_free or re.match(
            r"(alias|hooks|extensions|ui|extdiff|merge-tools|pager|auth|hostsecurity|paths)\.", setting.text
        ):
            call.gives("runs programs that its settings name")
    for place in [*call.values("R", "repository", "cwd"), Word(".")]:
        path = call.absolute(place)
        if path is None or place.is_free:
            call.gives("runs programs that the settings of any directory name")
        else:
            _directory(call, path)
    verb = call.verb
    if verb is None:
        return None
    if verb.is_free:
        return call.gives("can start any other program")
    if verb.text in words("log diff annotate help grep config heads tip history cat export outgoing incoming"):
        return call.leads(f"{verb.text} starts a pager, which can start a shell") if call.is_shown else None
    if verb.text in words("status st id identify summary branch branches tags parents root version paths manifest"):
        return None
    if verb.text in ("pull", "clone", "fetch", "update", "up", "checkout"):
        return call.leads(f"{verb.text} takes files from a place that others control")
    if verb.text in ("commit", "ci", "histedit") and not call.has("m", "message", "l"):
        return call.gives(f"{verb.text} starts an editor")
    if verb.text in ("bisect", "extdiff", "serve", "debugshell", "shelve"):
        return call.gives(f"{verb.text} starts other programs")
    _HG(call)


_HG = DecisionTable(
    """
    strip|debugstrip                  destroys  deletes commits  unless their bundle is kept
    update|up|checkout|co -C|--clean  destroys  throws away all changes that are not committed
    revert                            destroys  throws away the changes of {:all files} that are not committed
    purge|clean                       destroys  deletes the files that hg does not know
    push -f|--force                   changes   publishes commits at {:its remote}, also where others have new ones
    push                              changes   publishes commits at {:its remote}
    remove|rm|forget                  changes   deletes {}, which older commits have
    *                                 changes   changes files or the history: {*} { }
    ...  unknown  jitd does not know what {program} {verbs} does
    """,
    valued="-m --message -r --rev -u --user -b --branch",
)


def _older(call: Call) -> None:
    call.gives("starts an editor or other programs")


ROWS = (
    Row(
        "git",
        git,
        "C c git-dir work-tree no-pager P p paginate bare no-optional-locks literal-pathspecs oneline graph all n max-count"
        " decorate stat shortstat numstat dirstat name-only name-status patch no-patch short s b branch long porcelain u"
        " untracked-files ignored show-current show-stash ahead-behind v vv verbose tags abbrev abbrev-commit dirty always"
        " match exact-match contains get get-all get-regexp get-urlmatch list local global system worktree show-origin"
        " show-scope type z a r remotes since until after before author committer grep i E F format pretty date cached staged"
        " no-color color HEAD verify symbolic-full-name abbrev-ref show-toplevel is-inside-work-tree is-inside-git-dir"
        " is-bare-repository git-path absolute-git-dir heads refs q quiet exit-code sort merged no-merged merges no-merges"
        " first-parent follow reverse topo-order date-order left-right cherry-pick count o others exclude-standard exclude m"
        " modified d deleted t stage l line-porcelain L w ignore-all-space ignore-space-change M D diff-filter word-diff U"
        " unified B no-ext-diff no-textconv no-index S G pickaxe-regex show-signature ignore-submodules e h help version"
        " build-options dry-run f force depth prune unshallow jobs j no-tags k multiple progress no-progress"
        " recurse-submodules auto aggressive full strict no-dangling connectivity-only pathspec-from-file cc root 0 1 2 3 4 5"
        " 6 7 8 9 human-readable H disk-usage points-at column no-column message allow-empty no-edit amend file no-verify"
        " signoff reset-author include only update A N intent-to-add track no-track initial-branch single-branch"
        " no-single-branch shallow-since origin filter no-checkout mirror no-hardlinks prefix worktree-attributes remote"
        " relative show-prefix show-cdup missing deduplicate eol full-name full-tree object-format batch-check batch"
        " unordered unreachable name-rev show-superproject-working-tree expire x X"
        " ff-only no-ff ff init rebase:: autostash no-rebase squash soft hard mixed keep merge abort continue skip"
        " set-upstream set-upstream-to: unset-upstream force-with-lease:: follow-tags atomic strategy:"
        " strategy-option: ours theirs sparse detach orphan: no-commit mainline: recursive push-option: keep-index"
        " include-untracked cleanup: quit 3way cherry update-head-ok append no-verify-signatures verify-signatures"
        " delete unset unset-all replace-all",
    ),
    Row(
        "svn",
        _svn,
        "config-option: config-dir: editor-cmd: diff-cmd: diff3-cmd: m: message: F: file: r: revision: c: change: l:"
        " limit: username: password:"
        " x: extensions: depth: q v",
        chosen="can start any other program",
    ),
    Row(
        "hg",
        _hg,
        "config: R: repository: cwd: m: message: l: u: user: r: rev: b: branch: I: X: q v y",
        chosen="can start any other program",
        telling="--version",
    ),
    Row("bzr cvs", _older, telling="--version:bzr,cvs --help:cvs"),
)
