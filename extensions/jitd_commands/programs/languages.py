# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that install packages of a language, or build with them.

Law: anybody can publish in the indexes of a language, and a package runs code when it is installed. That is different from the
archives of the distribution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.shared import who_changes, words
from jitd_commands.shell_text import Word

_FETCHES = "installs and runs code that anybody can publish"


def _runs_from(call: Call, words: Sequence[Word]) -> bool:
    """The program runs code of the directories ``words``. Return True if the requester can change one."""
    for word in words:
        if who := who_changes(call, word):
            path = call.absolute(word) or ""
            call.gives(f"runs code in {path or 'any directory'}, which {who} can change", path)
            return True
    return False


def _is_path(word: Word) -> bool:
    return (
        word.text.startswith(("/", ".", "~", "file:")) or "/" in word.text and ":" not in word.text and "@" not in word.text[1:]
    )


def _packages(call: Call, packages: Sequence[Word], suffixes: tuple[str, ...]) -> None:
    """The program installs ``packages``: paths, addresses or names in an index."""
    for package in packages:
        text = package.text
        if package.is_free:
            return call.gives("installs any package, and runs its code")
        if re.match(r"(git|hg|svn|bzr)\+|(git|ssh|https?|ftp)(\+\w+)?://|github:|gitlab:|git@", text):
            call.gives("installs a package of any place, and runs its code")
        elif _is_path(package) or text.endswith(suffixes):
            path = package if not text.startswith("file:") else Word(re.sub("^file:(//)?", "", text))
            if not _runs_from(call, [path]):
                call.unknown(f"jitd does not know what the package {text[:60]} does when it is installed")
        else:
            call.leads(_FETCHES)


_PIP_SHOWS = words("list show freeze check help debug hash search index inspect completion cache config")


def _pip(call: Call) -> None:
    verb = call.verb
    if verb is None:
        return None
    if verb.is_free:
        return call.gives("installs any package, and runs its code")
    if verb.text in _PIP_SHOWS:
        second = call.operands[1].text if len(call.operands) > 1 else ""
        if verb.text == "config" and second in ("set", "edit", "unset"):
            call.gives("changes where packages come from") if second == "edit" else call.leads("changes where packages come from")
        if verb.text == "cache" and second in ("remove", "purge"):
            return None
        return None
    if verb.text in ("uninstall", "remove"):
        return call.changes(f"removes the packages {told(call.operands[1:])}".rstrip())
    if verb.text not in words("install download wheel lock inject run runpip upgrade add sync reinstall tool pip"):
        return call.unknown()
    if call.has("i", "index-url", "extra-index-url", "f", "find-links", "pre-index", "default-index", "index"):
        return call.gives("installs packages of any place, and runs their code")
    _runs_from(call, call.values("python", "config-file"))
    for file in call.values("r", "requirement", "c", "constraint", "requirements"):
        if not _runs_from(call, [file]):
            call.leads(_FETCHES)
    _packages(call, [*call.values("e", "editable"), *call.operands[1:]], (".whl", ".tar.gz", ".zip", ".egg"))
    for target in call.values("t", "target", "prefix", "root", "d", "dest", "w"):
        call.writes(target, is_tree=True)


def _easy_install(call: Call) -> None:
    _packages(call, call.operands, (".egg", ".tar.gz", ".zip"))


_NPM_SHOWS = words(
    "ls list ll la view info show outdated search fund explain why config get root prefix bin ping whoami version help"
    " doctor docs repo bugs"
    " audit owner team profile token star stars licenses diff query sbom -v"
)
_NPM_INSTALLS = words(
    "install i in ins add isntall ci clean-install update up upgrade rebuild rb link ln dedupe install-test it import"
)


def _npm(call: Call) -> None:
    directories = call.values("C", "prefix", "cwd", "dir", "modules-folder") or [Word(".")]
    if call.has("script-shell", "node-options", "userconfig", "globalconfig", "shell", "registry"):
        call.gives("runs programs, or code of a place, that its options name")
    verb = call.verb
    if verb is None:
        if call.name in ("yarn", "pnpm", "bun") and not call.given and not _runs_from(call, directories):
            call.leads(_FETCHES)
        return None
    if verb.is_free:
        return call.gives("runs any code that it is given")
    if call.name in ("npx", "bunx", "pnpx"):
        call.trusts_words()
        if _runs_from(call, directories):
            return None
        return call.leads(_FETCHES)
    if verb.text in ("config", "c", "set") and (
        verb.text == "set" or len(call.operands) > 1 and call.operands[1].text in ("set", "edit", "delete")
    ):
        return call.gives("changes which programs and places it uses")
    if verb.text == "audit" and not (len(call.operands) > 1 and call.operands[1].text == "fix"):
        return None
    if verb.text in _NPM_SHOWS and verb.text != "audit":
        return None
    if verb.text in ("uninstall", "remove", "rm", "un", "unlink", "prune", "cache"):
        what = {"prune": "removes packages that nothing names", "cache": "changes what is kept of packages"}
        return call.changes(what.get(verb.text) or f"removes the packages {told(call.operands[1:])}".rstrip())
    if verb.text in ("exec", "x", "dlx", "explore") and len(call.operands) > 1:
        if not _runs_from(call, directories):
            call.start(call.operands[1:])
            call.leads(_FETCHES)
        return None
    if verb.text in _NPM_INSTALLS or verb.text == "audit":
        if not (call.has("g", "global", "location") and call.operands[1:]) and _runs_from(call, directories):
            return None
        if not call.operands[1:]:
            return call.leads(_FETCHES)
        return _packages(call, call.operands[1:], (".tgz", ".tar.gz"))
    if not _runs_from(call, directories):
        call.unknown(f"jitd does not know what the script {verb.text[:40]} of a package does")


_GEM_SHOWS = words(
    "list search info env environment query outdated specification contents which help dependency stale sources check"
)


def _gem(call: Call) -> None:
    verb = call.verb
    if call.has("e", "editor") and verb is not None and verb.text in ("open", "o"):
        return call.gives("starts an editor or another program")
    if verb is None or (verb.text in _GEM_SHOWS and not verb.is_free):
        if verb is not None and verb.text == "sources" and call.has("a", "add", "r", "remove"):
            call.gives("changes where packages come from")
        return None
    if verb.is_free or verb.text in ("open", "server", "rdoc", "build", "exec"):
        return call.gives("starts an editor or other programs")
    if verb.text in ("uninstall", "cleanup"):
        old = "old versions of " if verb.text == "cleanup" else ""
        return call.changes(f"removes {old}the packages {told(call.operands[1:])}".rstrip())
    if call.has("s", "source", "config-file"):
        return call.gives("installs packages of any place, and runs their code")
    if not call.operands[1:]:
        return call.leads(_FETCHES)
    _packages(call, call.operands[1:], (".gem",))


def _project(looks: str, installs: str, *dirs: str) -> Callable[[Call], None]:
    """Return the function that judges a program that works in a project's directory: the current one, or one that the options
    ``dirs`` name. The verbs in ``looks`` only show something, and those in ``installs`` install packages.
    """
    looking, installing = words(looks), words(installs)

    def judge(call: Call) -> None:
        verb = call.verb
        if verb is not None and verb.is_free:
            return call.gives("runs any code that it is given")
        if verb is None and call.has("version", "V", "v", "help", "h"):
            return None
        if verb is not None and verb.text in ("version", "help", "env", *looking):
            return None
        places = [word for name in dirs for word in call.values(name)] or [Word(".")]
        if _runs_from(call, [*places, *(word for word in call.operands[1:] if _is_path(word))]):
            return None
        if verb is not None and verb.text == "exec" and call.name in ("bundle", "poetry", "pipenv"):
            return call.start(call.operands[1:])
        if verb is not None and verb.text in installing:
            return _packages(call, call.operands[1:], (".gem", ".whl")) if call.operands[1:] else call.leads(_FETCHES)
        call.unknown(f"jitd does not know what {call.name} {verb.text[:40] if verb else ''} runs".replace("  ", " "))

    return judge


def _cpan(call: Call) -> None:
    if call.has("v", "V", "h", "l", "O"):
        return None
    if not call.operands:
        return call.gives("starts a shell of its own, which runs any code")
    if call.operands[0].text in ("run", "exec", "shell") and call.name != "cpan":
        return call.start(call.operands[1:]) if len(call.operands) > 1 else call.shell()
    _packages(call, call.operands, (".tar.gz", ".zip"))


ROWS = (
    Row(
        "pip pip3 pipx uv",
        _pip,
        "version V h help o outdated u uptodate l local format: not-required verbose quiet no-cache-dir"
        " disable-pip-version-check f: files all include-editable exclude: path: pre no-input r: requirement: requirements:"
        " c: constraint: e: editable: i: index-url: extra-index-url: index: default-index: find-links: t: target: prefix:"
        " root: python: log: proxy: timeout: cert: d: dest: w: user U upgrade q v y"
        " no-deps yes no-build-isolation root-user-action: break-system-packages ignore-installed I force-reinstall"
        " upgrade-strategy: only-binary: no-binary: progress-bar: retries: require-hashes",
        chosen="installs any package, and runs its code",
    ),
    Row("easy_install", _easy_install, "i: index-url: f: find-links: d: s:", chosen="installs any package, and runs its code"),
    Row(
        "npm npx yarn pnpm bunx pnpx",
        _npm,
        "v version h help depth: json long parseable all a prod l p production C: prefix: cwd: dir: modules-folder:"
        " script-shell: node-options: userconfig: globalconfig: shell: registry: w: workspace: loglevel: g global location: D"
        " save-dev omit: ignore-scripts",
        chosen="runs any code that it is given",
    ),
    Row(
        "gem",
        _gem,
        "a: all l local r: remote d details version: v: h help versions no-details exact e: editor: s: source: config-file:"
        " i: install-dir: n: bindir: N add: remove:",
        chosen="runs any code",
    ),
    Row(
        "composer",
        _project(
            "show validate outdated diagnose licenses why about list status check-platform-reqs",
            "install update require upgrade i u",
            "d",
            "working-dir",
        ),
        "d: working-dir: n no-dev",
    ),
    Row("bundle bundler", _project("list show info outdated check config platform", "install update add", "gemfile"), "gemfile:"),
    Row(
        "cargo",
        _project("tree metadata search pkgid verify-project", "install add update fetch", "manifest-path", "path", "C"),
        "manifest-path: path: C: git: root: Z: config:",
    ),
    Row("go", _project("list doc", "install get", "C"), "C: o: mod: modfile: exec: toolexec:"),
    Row(
        "poetry pipenv",
        _project("show check about", "install add update sync lock", "C", "directory", "project"),
        "C: directory: project:",
    ),
    Row(
        "cpan cpanm luarocks stack cabal conda mamba rustup",
        _cpan,
        "v V h l O",
        telling="--version:cpanm,luarocks,cabal,conda,mamba,rustup --help:conda,rustup -V:conda,rustup",
    ),
)
