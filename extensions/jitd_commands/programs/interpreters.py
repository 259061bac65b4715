# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: shells and interpreters, which run code that they are given.

Law: the texts of shells are read. Code in another language is searched for what can start programs or write files: if the code
has nothing of that, it is still not known what it does.
"""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row, Verdict
from jitd_commands.places import is_spent, place_of
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.shared import trusts, who_changes, words
from jitd_commands.shell_text import Word

POSIX = "sh bash dash ash ksh mksh rbash lksh posh yash ksh93 bash-static"
OTHERS = "zsh fish csh tcsh rc elvish xonsh nu pwsh osh"
_PLAIN = re.compile(r"(?!=)[A-Za-z0-9_./:,@%+=-]+(?:(?: +|; *| *&& *)(?!=)[A-Za-z0-9_./:,@%+=-]+)*")
"""Texts that mean the same in every shell."""


_LONG = frozenset(
    ("--login", "--noprofile", "--norc", "--posix", "--restricted", "--verbose", "--version", "--help", "--no-config")
)
"""Long options of shells that start nothing and write nothing."""


def _shell(call: Call) -> None:
    words = list(call.words)
    if (
        len(words) == 2
        and (words[0].text, words[0].is_free) == ("-n", False)
        and call.name.split(".")[0] in _POSIX
        and not (words[1].is_free or re.match(r"[-+]|\Z", words[1].text))
    ):
        call.knows_all()
        return call.reads(words[1])  # it is read and not run, and wrong lines of it are shown
    at = 0
    has_text = reads_input = False
    while at < len(words):
        word = words[at]
        text = word.text
        if word.is_free and (text == "" or text[0] in "-+") and not word.is_bound:
            return call.gives("runs any code that it is given")
        if text in ("-", "--"):
            at += 1
            break
        if not re.match("[-+].", text):
            break
        at += 1
        if text in ("--rcfile", "--init-file", "-rcfile", "-init-file", "--init-command", "-C", "-S"):
            if at < len(words):
                if text in ("--init-command", "-C", "-S"):
                    call.gives("runs a text that jitd cannot read")
                else:
                    call.runs_file(words[at])
            at += 1
        elif text in ("--command", "-Command", "-EncodedCommand", "--commands", "-e"):
            has_text = has_text or text != "-e"
        elif text.startswith(("--rcfile=", "--init-file=")):
            call.runs_file(Word(text.partition("=")[2]))
        elif text.startswith("--"):
            if text not in _LONG:
                call.not_known(f"jitd does not know the option {text[:40]} of {call.name}, so not what follows it")
        else:
            if text[0] == "-":
                has_text = has_text or "c" in text
                reads_input = reads_input or "s" in text or text == "-i"
            at += len(re.findall("[oO]", text)) if text[-1] in "oO" else 0
            if not re.fullmatch("[-+][A-Za-z]+", text):
                call.not_known(f"jitd does not know the option {text[:40]} of {call.name}, so not what follows it")
    rest = words[at:]
    call.knows_all()
    if has_text:
        if not rest:
            return call.gives("runs any code that it is given")
        code = rest[0]
        if call.name.split(".")[0] not in _POSIX and not code.is_free and not _PLAIN.fullmatch(code.text):
            return call.gives("runs a text that jitd cannot read")
        return call.runs_text(code, rest[1:] or [Word(call.name)])
    if rest and not reads_input:
        return call.runs_file(rest[0], rest[1:])
    if call.input is None:
        return call.gives("is a shell")
    if call.input.text is not None:
        if call.name.split(".")[0] not in _POSIX and not _PLAIN.fullmatch(call.input.text.strip()):
            return call.gives("runs a text that jitd cannot read")
        return call.runs_text(Word(call.input.text), [Word(call.name), *rest])
    call.runs_input()


_POSIX = frozenset(POSIX.split())

_STARTS = re.compile(
    r"system|popen|exec|spawn|subprocess|import_module|__import__|ctypes|dlopen|pty\b|os\.(?!path|environ\.get|getcwd|listdir|stat|uname|getuid"
    r"|getpid|sep|linesep|cpu_count|getloadavg)|shutil|posix|eval|compile|runpy|pickle|marshal|socket|urlopen|urllib|requests|http"
    r"|\bopen|write|unlink|rename|chmod|chown|symlink|`|qx|\bfork|syscall|require|load|File\.|IO\.|Kernel|FileUtils|Process|%x|fs\."
    r"|interact|breakpoint|\bhelp\(|\birb\b|\bpry\b|binding|\bcode\b|child_process|\bDo\b|input|getattr|globals|builtins|\bsend\b|\bdo\b|\bbin\b|\\x|\\[0-7]{2}|chr|decode|fromhex|base64|b64|unpack",
    re.IGNORECASE,
)
"""What code may start programs or change files with."""


_LOADED = frozenset(["sys", "os", "time", "io", "stat", "errno", "itertools", "builtins"])
"""Modules that Python has loaded before it looks into the working directory."""
_IMPORTS = re.compile(r"\b(?:import|from)\s+([\w.]+(?:\s*(?:as\s+\w+\s*)?,\s*[\w.]+)*)")


def _imports(call: Call, code: str) -> None:
    """``python -c`` looks for modules in the working directory first."""
    found = {one.split()[0] for names in _IMPORTS.findall(code) for one in names.split(",") if one.split()}
    if found - _LOADED and not any(re.match("-[A-Za-z]*[IP]", word.text) for word in call.words[:3]):
        if not call.cwd:
            return call.gives("imports modules from a directory that jitd cannot tell")
        if who := call.judge.changed_by(call.cwd):
            return call.gives(f"imports modules from {call.cwd}, which belongs to {who}", call.cwd)


_PHP_SHOWS = re.compile(
    r"\s*(?:echo|print)?[\s(]*(?:PHP_[A-Z_]+|php_(?:sapi_name|uname|ini_loaded_file)\(\)|phpversion\((?:['\"]\w+['\"])?\)"
    r"|ini_get\(['\"][\w.]+['\"]\)|phpinfo\(\)|sys_get_temp_dir\(\))[\s)]*;?\s*"
)
"""PHP code that shows how PHP is set up."""
_DELETES_MANY = re.compile(
    r"\brmtree\b|\brm_rf?\b|\bremove_tree\b|\bunlink\b[\s(]*(glob\b|<)|\brm(dir)?(Sync)?\([^)]*recursive", re.IGNORECASE
)
"""Code that deletes many files."""
_READ_ONLY = re.compile(
    r"\bimport (?:sys|json|time|datetime|math|re|os|platform|socket)\b"
    r"|\bopen\(\s*(['\"])[^'\"\\]*\1(?:\s*,\s*['\"]r[bt]?['\"])?\s*\)"
)
"""What Python code may do without starting programs or changing files."""


_DELETES = re.compile(
    r"\b(rmtree|unlink(?:Sync)?|os\.remove|os\.rmdir|rm_rf?|remove_tree|removedirs|rm(?:dir)?Sync|File\.delete|FileUtils\.rm)\b"
    r"[^;'\"]{0,40}['\"]((?:/|~/)[^'\"\\]+)['\"]"
)
"""What deletes a file or a tree in one of the languages, with a path as it is written."""


def _code(call: Call, language: str, text: Word) -> None:
    """The program runs ``text``, which is code of ``language``."""
    if call.is_too_long(text):
        return None
    bare = text.text
    for found in re.finditer(r"[\"']((?:/|~/)[^\"'\s\\]+)[\"']", bare):
        call.reads(Word(found[1]))
    if language == "PHP" and len(call.words) == 2 and _PHP_SHOWS.fullmatch(bare):
        return call.knows_all()
    named = list(_DELETES.finditer(bare))
    for found in named:
        directory, star, _ = found[2].partition("*")
        place = Word(directory.rpartition("/")[0] + "/", is_free=True, is_bound=True) if star else Word(found[2])
        call.removes(place, is_tree=bool(star) or re.search("tree|rm_r", found[1]) is not None)
    if language == "Python":
        _imports(call, bare)
        bare = _READ_ONLY.sub("", bare)
    if not named and _DELETES_MANY.search(bare):
        call.destroys(f"runs {language} code that deletes files", is_whole=True)
    if _STARTS.search(bare):
        return call.gives(f"runs {language} code, which can start programs or change files", is_whole=True)
    call.unknown(f"runs {language} code that jitd does not judge", text=text)


_PHP_TELLS = re.compile(r"\s*(?:echo|print)\s+[A-Z_]+(?:\s*[.,]\s*PHP_EOL)?\s*;?\s*")
"""PHP code that prints one constant."""


def _interpreter(language: str, code: str, valued: str = "", modules: str = "", flags: str = "", loads: str = "") -> Verdict:
    """Return the function that judges an interpreter. ``code`` contains the options before code, ``valued`` those with another
    value, ``modules`` those before a module that the interpreter runs, ``loads`` those that load a file or a module first, and
    ``flags`` those after which it needs no code.
    """
    coded, others, of_modules, loaded = (frozenset(words.split()) for words in (code, valued, modules, loads))
    done = frozenset(flags.split())
    letters = "".join(option[1] for option in coded if len(option) == 2)

    def judge(call: Call) -> None:
        words = list(call.words)
        at = 0
        has_code = False
        if language == "PHP" and len(words) == 2 and words[0].text == "-l" and not (words[0].is_free or words[1].is_free):
            call.knows_all()
            return call.reads(words[1])  # it is read and not run
        if language == "PHP" and len(words) == 2 and words[0].text == "-r" and _PHP_TELLS.fullmatch(words[1].text):
            return call.knows_all()
        while at < len(words):
            word = words[at]
            text = word.text
            at += 1
            if word.is_free and not (word.is_bound and not text.startswith("-")) and (not text or text.startswith("-")):
                return call.gives("runs any code that it is given")
            if text == "--":
                break
            if text == "-" or not text.startswith("-"):
                at -= 1
                break
            name, equals, value = text.partition("=")
            if text in done and len(words) == 1:
                return call.knows_all()
            if (language == "Perl" and re.match("-[cnplaiw]*d", text)) or text.startswith(("--inspect", "--debug")):
                call.gives("starts a debugger, which runs any code")
            if language == "Python" and re.fullmatch("-[A-Za-z]*i[A-Za-z]*", text) and text[:2] not in others | coded:
                call.shell()
            if (
                text in coded
                or (name in coded and equals)
                or (letters and re.fullmatch(f"-[A-Za-z0-9]*[{letters}]", text) and not text.startswith("--"))
            ):
                if equals and name in coded:
                    _code(call, language, Word(value))
                elif at < len(words):
                    _code(call, language, words[at])
                    at += 1
                else:
                    return call.gives("runs any code that it is given")
                has_code = True
                if language == "Python":
                    return call.knows_all()
            elif letters and (found := re.match(f"-[{letters}](.+)", text)) and not text.startswith("--"):
                _code(call, language, Word(found[1], word.is_free))
                has_code = True
            elif text in of_modules or (text[:2] in of_modules and len(text) > 2):
                module = words[at].text if text in of_modules and at < len(words) else text[2:]
                return _module(call, module, words[at + (text in of_modules) :])
            elif text in loaded or (text[:2] in loaded and not text.startswith("--")):
                if (text in loaded and at < len(words) and re.search("[/.]", words[at].text)) or re.search("[/]", text):
                    call.gives("loads code that it is given")
                at += text in loaded
            elif text in others:
                at += 1
        if has_code and language in ("Perl", "Ruby") and any(re.match(r"-[A-Za-z0-9]*i", word.text) for word in words[:at]):
            for word in words[at:]:
                call.writes(word, how="changes", is_creation=False)
        if has_code:
            is_changed = any(re.match("-[A-Za-z0-9]*i", word.text) for word in words[:at])
            for word in words[at:] if language in ("Perl", "Ruby") else ():
                call.writes(word, how="changes") if is_changed else call.reads(word)
            return None
        if at < len(words) and words[at].text != "-":
            return call.runs_file(words[at])
        if call.input is not None and call.input.text is not None:
            return _code(call, language, Word(call.input.text))
        call.runs_input()

    return judge


def _module(call: Call, module: str, rest: list[Word]) -> None:
    """Python runs ``module``, which may be in the working directory."""
    if call.cwd and (who := call.judge.changed_by(f"{call.cwd}/{module.replace('.', '/')}.py")) and call.is_root:
        call.gives(f"runs modules of {call.cwd}, which {who.partition(',')[0]} can change", call.cwd)
    if module == "json.tool":
        operands = [word for word in rest if not word.text.startswith("-")]
        for word in operands[:1]:
            call.reads(word)
        for word in operands[1:2]:
            call.writes(word)
    elif module == "pip":
        call.start([Word("pip"), *rest])
    elif module in ("calendar", "platform", "this", "sysconfig", "site"):
        return
    elif module in words("pdb code idlelib trace cProfile profile timeit doctest unittest runpy asyncio"):
        call.gives("runs any code that it is given")
    elif module == "http.server":
        call.discloses("shows the files of its directory to the network")
    else:
        call.unknown(f"jitd does not know what the Python module {module[:40]} does")


def awk(call: Call) -> None:
    """Judge awk: its text may start programs and write files."""
    if files := call.values("f", "file", "E", "exec", "i", "include", "l", "load"):
        for word in files:
            call.runs_file(word)
        texts = call.values("e", "source")
        inputs = call.operands
    else:
        texts = call.values("e", "source") or call.operands[:1]
        inputs = call.operands[len(call.operands[:1]) if not call.values("e", "source") else 0 :]
    if not texts and not files:
        return call.gives("runs any code that it is given") if call.may_add_options else None
    for text in texts:
        if call.is_too_long(text):
            continue
        bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', text.text)
        if re.search(r"\bsystem\b|\||@|\bgetline\b|\bextension\b", re.sub(r"\|\|", "", bare)) or bare.count('"') % 2:
            call.gives("runs awk code that can start programs")
        elif re.search(r"\bprintf?\b[^;}\n]*>", re.sub(r"\([^()]*\)", "", bare)):
            targets = re.findall(r'>>?\s*"((?:\\.|[^"\\])*)"', text.text)
            for target in targets:
                call.writes(Word(target, is_free="\\" in target))
            if not targets or re.search(r'>>?\s*(?!["\s>=0-9])', re.sub(r'"(?:\\.|[^"\\])*"', '""', bare)):
                call.gives("runs awk code that can write any file")
    for word in inputs:
        if "=" not in word.text or "/" in word.text.partition("=")[0]:
            call.reads(word)


def sed(call: Call) -> None:
    """Judge sed: its scripts may start programs and write files, and ``-i`` changes the operands."""
    scripts = call.values("e", "expression")
    inputs = list(call.operands)
    for word in call.values("f", "file"):
        call.runs_file(word)
    if not scripts and not call.has("f", "file"):
        scripts, inputs = inputs[:1], inputs[1:]
    for script in scripts:
        if call.is_too_long(script):
            continue
        _sed_script(call, script.text)
    is_emptied = any(_EMPTIES.fullmatch(script.text) and not script.is_free for script in scripts)
    for word in inputs:
        if call.has("i", "in-place"):
            if is_emptied and not any(suffix.text for suffix in call.values("i", "in-place")):
                _empties(call, word)
            _edits(call, word, is_plain=all(_PLAIN_CHANGE.fullmatch(one.text) and not one.is_free for one in scripts))
        call.reads(word)


_EMPTIES = re.compile(r"\s*(1,\$\s*)?d\s*;?\s*")
"""Scripts of sed that delete every line."""


def _empties(call: Call, word: Word) -> None:
    path = call.absolute(word)
    if path is not None and not word.is_free and not is_spent(path) and not call.is_hers(path):
        call.destroys(f"deletes all lines of {path[:60]}", path, is_whole=True)


_PLAIN_CHANGE = re.compile(r"s/(?!.*(suid|dev|exec|user|defaults))[\w=,]+/[\w=,]+/g?")
"""Scripts of sed that put one option of a mount in place of another that gives nothing."""


def _edits(call: Call, word: Word, *, is_plain: bool) -> None:
    """sed changes the file ``word`` by a script that is read together with the command."""
    path = call.absolute(word)
    place = place_of(path) if path is not None and not word.is_free else None
    if place is not None and place.matters.startswith("settings of a service") and path is not None and call.is_root:
        return call.leads(f"changes {path}", path, place.matters, is_whole=True)
    if path == "/etc/fstab" and is_plain and not call.judge.leads_elsewhere(path):
        return call.changes(f"changes {path}", path, "what is mounted when the host starts", is_whole=True)
    call.writes(word, how="changes", is_creation=False)


_SED_SUBSTITUTION = re.compile(
    r"s(?P<d>[^\\\n])(?:\\.|(?!(?P=d))[^\\])*(?P=d)(?:\\.|(?!(?P=d))[^\\])*(?P=d)(?P<flags>[^;}\n]*)", re.DOTALL
)
_SED_ADDRESS = re.compile(
    r"(?:\s|[0-9]+~?[0-9]*|\$|,|!|\+[0-9]+|~[0-9]+|/(?:\\.|[^/\\])*/[IM]*|\\(.)(?:\\.|(?!\1)[^\\])*\1[IM]*)*", re.DOTALL
)


def _sed_script(call: Call, script: str) -> None:
    at = 0
    while at < len(script):
        if script[at] in " \t\n;{}":
            at += 1
            continue
        if script[at] == "#":
            end = script.find("\n", at)
            at = len(script) if end < 0 else end
            continue
        address = _SED_ADDRESS.match(script, at)
        at = address.end() if address else at
        letter = script[at : at + 1]
        if letter in ("", "{", "}", ";"):
            at += 1
        elif letter == "s":
            found = _SED_SUBSTITUTION.match(script, at)
            if found is None:
                return call.gives("runs a sed script that jitd cannot read")
            if re.match("[gpiImM0-9]*e", found["flags"]):
                return call.gives("runs a sed script that starts programs")
            if wrote := re.match(r"[gpiImMe0-9]*w\s*(.*)", found["flags"]):
                call.writes(Word(wrote[1]))
            at = found.end()
        elif letter == "e":
            return call.gives("runs a sed script that starts programs")
        elif letter in "wW":
            end = script.find("\n", at)
            end = len(script) if end < 0 else end
            call.writes(Word(script[at + 1 : end].strip()))
            at = end
        elif letter in "rR":
            end = script.find("\n", at)
            end = len(script) if end < 0 else end
            call.reads(Word(script[at + 1 : end].strip()))
            at = end
        elif letter in "aic":
            read = re.compile(r"(?:\\.|[^\\\n])*", re.DOTALL).match(script, at)
            at = read.end() + 1 if read else len(script)
        elif letter == "y":
            found = re.compile(r"y([^\\\n])(?:\\.|(?!\1)[^\\])*\1(?:\\.|(?!\1)[^\\])*\1", re.DOTALL).match(script, at)
            if found is None:
                return call.gives("runs a sed script that jitd cannot read")
            at = found.end()
        elif letter in "pPdDnNhHgGxlqQ=Fz":
            at += 1
            while at < len(script) and script[at] in " 0123456789":
                at += 1
        elif letter in ":btTv":
            read = re.compile(r"[^;\n}]*").match(script, at)
            at = read.end() if read else len(script)
        else:
            return call.gives("runs a sed script that jitd cannot read")


def _make(call: Call) -> None:
    """make and its like run the code in a file of the working directory, or in another."""
    if call.name in ("qmake", "rustc", "bazel"):
        call.trusts_words()
    directory = call.values("C", "directory", "f", "file", "makefile")
    if call.has("v", "version", "h", "help", "V"):
        return
    if call.values("E", "eval") or any(re.match(r"(SHELL|MAKEFLAGS|\.SHELLFLAGS|CC|.*\$)", word.text) for word in call.operands):
        call.gives("runs any code that it is given")
    if directory:
        for word in directory:
            call.runs_file(word)
    elif call.cwd:
        call.runs_file(Word(call.cwd))
    else:
        call.gives("runs the code in its working directory")


def _m4(call: Call) -> None:
    for word in call.operands:
        call.runs_file(word)
    if not call.operands:
        call.runs_input()


def _here(call: Call) -> None:
    """A program that runs the code that is in its working directory."""
    call.runs_file(Word("."))
    call.trusts_words()


def _nix_shell(call: Call) -> None:
    for text in call.values("run", "command"):
        call.runs_text(text)
    if not call.has("version", "help"):
        call.gives("builds what its files say, and starts a shell")


def _logrotate(call: Call) -> None:
    if call.may_add_options:
        return call.gives("runs any code that it is given")
    for word in call.values("s", "state", "l", "log"):
        call.writes(word, is_use=False)
    for word in call.values("m", "mail"):
        call.start([word])
    for word in call.operands:
        path = call.absolute(word)
        if path is None or call.judge.changed_by(path) or not path.startswith("/etc/"):
            call.runs_file(word)
        else:
            call.reads(word)
    if not call.has("d", "debug", "version", "help"):
        call.changes("moves away and deletes logs", "", "what is recorded")


_INFRASTRUCTURE = DecisionTable(
    """
    plan|preview|diff|validate|fmt|providers|graph|version|about|whoami|logs|list|ls|synth  harmless
    state list|show            harmless
    workspace list|show        harmless
    stack ls|list|history|output|tag|graph  harmless
    state pull                 reads     shows what is known of {files}, which may have secrets
    destroy -target|--target   destroys  destroys {-target}{--target} of what {files} describe
    destroy|destroy-all|down   destroys  destroys all that {files} describe
    run-all|run|stack destroy  destroys  destroys all that {files} describe
    apply -destroy|--destroy   destroys  destroys all that {files} describe
    apply -replace|--replace   destroys  destroys {-replace}{--replace}, and makes it anew
    state rm|delete            changes   forgets {}: it goes on, and nothing manages it, until it is imported again
    state push                 destroys  overwrites what is known of {files} with {}
    state mv|replace-provider|rename|unprotect|repair  changes   changes what is known of {files}: { }
    workspace delete           destroys  deletes the workspace {}, and what is known of it
    stack rm                   destroys  deletes the stack {:of its files}, and what is known of it
    stack|config init|select|import|rename|change-secrets-provider|set|set-all|rm|refresh|cp  changes   changes { } of {files}
    output|show|config|stack -json|-raw|--json|--show-secrets|--show-values  reads  \
        shows what is known of {files}, which may have secrets
    output|show|stack|config   harmless
    workspace new|select       changes   chooses the workspace {}
    taint                      changes   lets the next apply destroy {}, and make it anew
    force-unlock|cancel        changes   lets others work on {files} while somebody does
    init|get                   leads     takes programs and modules from where others publish them
    *                          changes   changes what {files} describe: {*}
    """,
    valued="-C --cwd -s --stack",
)


def _infrastructure(call: Call) -> None:
    """Files describe what is in a cloud. To read them can start programs."""
    if call.verb is None and not call.may_add_options:
        return
    if call.may_add_options or any(word.is_free for word in call.words):
        call.gives("runs programs that its files name")
    verb = call.verb.text if call.verb is not None else ""
    directory = (call.values("chdir", "C", "cwd") or [Word(call.cwd or ".")])[-1]
    named = {"files": f"the files in {directory.text[:60]}"}
    _INFRASTRUCTURE.tells(call, call.words, named=named)
    for word in call.values("out"):
        call.writes(word)
    trusts(call, call.values("var-file", "plugin-dir", "backend-config"))
    if verb == "apply":
        trusts(call, call.operands[1:])
    if verb == "state" and [word.text for word in call.operands[1:2]] == ["push"]:
        call.leads("takes what is known of its files from another file")
    if verb in _TELLS and not call.has("chdir", "C", "cwd") and call.name != "terragrunt":
        return
    if call.name in ("terraform", "tofu"):
        trusts(call, [directory])
    elif call.name != "pulumi" or verb in _RUNS or who_changes(call, directory):
        call.runs_file(directory)


_RUNS = words("up update preview diff synth deploy plan apply refresh watch run run-all")
_TELLS = words("version fmt output workspace stack config whoami about logs")


_PROMPTS = frozenset(("tclsh", "wish", "erl", "slsh", "clojure", "gjs"))
"""Interpreters that may take ``--version`` for nothing, and have a prompt then."""
_TELL_AT_V = frozenset(("lua", "luajit", "luac", "expect", "irb", "julia", "guile", "octave", "pry", "coffee"))


def _always_code(call: Call) -> None:
    asked = call.words[0].text if len(call.words) == 1 and not call.words[0].is_free else ""
    if asked in ("--version", "--help") and call.name not in _PROMPTS or asked == "-v" and call.name in _TELL_AT_V:
        return call.knows_all()
    operands = [word for word in call.words if not word.text.startswith("-")]
    if len(operands) == len(call.words) == 1 and re.search("[/.]", operands[0].text):
        return call.runs_file(operands[0])
    call.gives("runs any code that it is given")


def _playbook(call: Call) -> None:
    """Programs that run what a file describes."""
    if len(call.words) == 1 and call.words[0].text in ("--version", "version", "--help"):
        return call.knows_all()
    if call.may_add_options:
        return call.gives("runs any code that it is given")
    for word in call.operands:
        if re.search(r"[/.]", word.text) or word.is_free:
            call.runs_file(word)
    if any(re.match("--?(shell-escape|enable-write18|write18|output-directory)", word.text) for word in call.words):
        return call.gives("starts what the text names")
    if not any(re.search(r"[/.]", word.text) for word in call.operands):
        call.unknown()


ROWS = (
    Row(
        f"{POSIX} {OTHERS}",
        _shell,
        telling="--version:bash,elvish,fish,ksh,ksh93,nu,pwsh,tcsh,xonsh,zsh --help:bash,tcsh,zsh -v:fish,pwsh",
    ),
    Row(
        "python python3 pypy ipython bpython python3-dbg",
        _interpreter("Python", "-c", "-W -X -Q --check-hash-based-pycs", "-m", "-V --version -h --help -VV"),
        "b B d E i O OO P q s S u v x I W: X:",
    ),
    Row(
        "perl",
        _interpreter("Perl", "-e -E", "", "", "-v --version -V -h", "-M -m -I"),
        "n p i:: l:: a w c s T t W X F:: 0:: u x:: e: E: M: m: I:",
        telling="--help:perl -v:perl",
    ),
    Row(
        "ruby jruby",
        _interpreter("Ruby", "-e", "", "", "-v --version -h --help", "-r -I"),
        "n p i:: l a w c s W:: x:: F:: 0:: e: E: K: r: I: verbose",
    ),
    Row(
        "irb erb rake ghci scala jshell lua luajit luac texlua tclsh wish expect guile racket R Rscript"
        " julia groovy gjs debugpy jrunscript sqlplus ocaml elixir iex erl swipl gnuplot octave"
        " maxima gp clojure sbcl clisp ecl rakudo raku runghc tcc pry coffee ts-node php-cgi slsh qjs js nickle newlisp"
        " nix nix-env guix",
        _always_code,
    ),
    Row(
        "php",
        _interpreter("PHP", "-r -R -B -E --run", "-d -c -z -t -S --define", "", "-v --version -m -i -h --help", "-d -z"),
        "f: n q s w a l",
    ),
    Row(
        "node nodejs deno bun",
        _interpreter("JavaScript", "-e --eval -p --print", "", "", "-v --version -h --help", "-r --require"),
        "check c i interactive inspect::",
    ),
    Row(
        "java",
        _interpreter("Java", "", "-cp -classpath -jar", "", "-version --version -help", "-javaagent"),
        telling="--help -version",
    ),
    Row(
        "awk gawk mawk nawk original-awk",
        awk,
        "V version h help posix P traditional c b characters-as-bytes re-interval r S sandbox lint:: t lint-old n"
        " non-decimal-data N use-lc-numeric M bignum O optimize s no-optimize csv k f: file: e: source: v: assign: F:"
        " field-separator: i: include: l: load: E: exec:",
        is_first=True,
        chosen="runs any code that it is given",
    ),
    Row(
        "sed ssed",
        sed,
        "quiet silent regexp-extended posix debug follow-symlinks separate null-data unbuffered sandbox b binary l: help"
        " version e: expression: f: file: i:: in-place:: line-length: s n r E u z",
        chosen="can start any other command",
    ),
    Row(
        "make gmake ninja cmake ant mvn gradle scons meson bazel just task qmake rustc",
        _make,
        "C: directory: f: file: makefile: E: eval: j:: o: W: I: include-dir: v version h help V",
    ),
    Row(
        "run-parts gcc cc c++ g++ ld as tex pdftex latex pdflatex lualatex xelatex packer rpmbuild configure clang cpp c99 c89",
        _playbook,
        "i: inventory: l: limit: t: tags: e: extra-vars: f: s: state: m: mail: u: user: k b become",
        chosen="runs any code that it is given",
    ),
    Row("dpkg-buildpackage dpkg-source dh debuild autoreconf", _here),
    Row("nix-shell", _nix_shell, "run: command: p: packages: I: c:"),
    Row("m4 gpp", _m4, "I: D: U: F: R:", telling="--version:m4 --help:m4"),
    Row("logrotate", _logrotate, "verbose h usage s: state: m: mail: l: log: d debug f force v version help"),
    Row(
        "pulumi cdk cdktf",
        _infrastructure,
        "yes y f force json j diff show-secrets non-interactive color: help h version preview-only C: cwd: s: stack:",
    ),
    Row(
        "terraform tofu terragrunt",
        _infrastructure,
        "no-color json check diff recursive list write help version raw state destroy auto-approve force compact-warnings"
        " detailed-exitcode input lock lock-timeout parallelism refresh refresh-only target replace upgrade chdir: out:"
        " var-file: plugin-dir: backend-config:",
        telling="--version --help -help version -version",
    ),
)
