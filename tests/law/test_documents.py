# SPDX-License-Identifier: Apache-2.0
"""Documents under test: what can be typed, said or recorded stands in its page, and its page has nothing else."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import click
import pytest

from jitd.audit.findings import Wrong
from jitd.audit.privileges import KINDS
from jitd.cli import cli
from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.grade import told
from jitd.core.law import name_of
from jitd.core.warning import ACCEPTABLE, WARNINGS
from jitd.server import channel, room
from jitd_evidence.report.sections import SECTIONS
from jitpam import options
from jitpam.wire import codes, coding, conversation, framing, messages
from tests.law import manual
from tests.law.tree import MODULES, TREE

PROTOCOL = (TREE / "PROTOCOL.md").read_text("utf-8")
JITD, JITD_PAM, JITSUDO = (manual.PAGES[name] for name in ("jitd.8", "jitd-pam.8", "jitsudo.1"))


def section(page: str, title: str) -> str:
    """What stands under a heading of a page in Markdown, such as ``4. Messages`` of PROTOCOL.md."""
    begin = f"## {title}\n"
    assert begin in page, title
    return page.partition(begin)[2].partition("## ")[0]


# --- the command lines -------------------------------------------------------------------------------------------------


def verbs(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every verb with its whole name, such as ``audit show``."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from verbs(below, (*path, name))
    else:
        yield " ".join(path), command


VERBS = dict(verbs())


def test_every_verb_is_on_one_manual_page_and_no_page_has_another() -> None:
    assert sorted(verb for verb, _, _ in manual.SYNOPSES) == sorted(VERBS)


def test_the_page_of_jitd_lists_every_verb_under_the_name_of_its_page() -> None:
    listed = {}
    for below in re.split(r"^\.Ss ", manual.part(JITD, ".Sh VERBS"), flags=re.MULTILINE)[1:]:
        heading = re.match(r".*: Xr (\S+) (\d)\n", below)
        assert heading, below.partition("\n")[0]
        listed |= dict.fromkeys(re.findall(r"^\.It Cm (.+)$", below, re.MULTILINE), f"{heading[1]}.{heading[2]}")
    assert listed == manual.PAGE


def options_of(verb: str) -> list[click.Option]:
    return [option for option in VERBS[verb].params if isinstance(option, click.Option)]


def test_a_verbs_options_stand_in_its_synopsis_and_no_others() -> None:
    typed = {verb: {name for option in options_of(verb) for name in option.opts} - {"--help"} for verb in VERBS}
    assert {verb: {f"-{name}" for name in re.findall(r"Fl (-?\w[\w-]*)", manual.LINES[verb])} for verb in VERBS} == typed


def explained(verb: str) -> str:
    """What the page of a verb says about it: all of its description, if the page has no other verb."""
    text = manual.part(manual.page_of(verb), ".Sh DESCRIPTION")
    if [*manual.PAGE.values()].count(manual.PAGE[verb]) == 1:
        return text
    found = re.search(rf"^\.It Cm {verb}( [^\n]*)?$(.*?)(?=^\.It Cm |^\.Ss |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[2] if found else ""


def test_a_verb_and_its_options_are_explained() -> None:
    assert [verb for verb in VERBS if not explained(verb)] == []
    missing = []
    for verb in VERBS:
        for option in options_of(verb):
            if not any(f".It Fl {name[1:]}" in explained(verb) for name in option.opts):
                missing.append(f"{verb} {option.opts}")
    assert missing == []


def test_an_option_has_an_argument_in_the_synopsis_if_it_takes_one() -> None:
    wrong = []
    for verb in VERBS:
        for option in options_of(verb):
            for name in {*option.opts} - {"--help"}:
                has_argument = re.search(rf"Fl {name[1:]}( Ns = Ns)? Ar ", manual.LINES[verb]) is not None
                wrong += [f"{verb} {name}"] if has_argument is option.is_flag else []
    assert wrong == []


def test_the_synopsis_has_the_words_of_the_help_and_says_which_may_be_left_out() -> None:
    """As the help has them: ``ID``, ``[ID]``, ``ID...`` or ``[ID]...``. An option may stand in the place of a word."""
    written = {}
    for verb in VERBS:
        found = [re.fullmatch(r"\.(Op )?Ar (\w+)( \.\.\.)?( \| Fl .*)?", line) for line in manual.LINES[verb].splitlines()]
        words = [(one[2].upper(), one[1] or one[4], one[3]) for one in found if one]
        written[verb] = [f"{f'[{word}]' if may_lack else word}{'...' if is_many else ''}" for word, may_lack, is_many in words]
    helped = {
        verb: [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
        for verb, command in VERBS.items()
    }
    assert written == helped


def test_a_verb_and_its_options_say_what_they_do_when_asked() -> None:
    assert [verb for verb in VERBS if not VERBS[verb].help] == []
    assert [f"{verb} {option.opts}" for verb in VERBS for option in options_of(verb) if not option.help] == []


SHORT = sorted({one.letter for one in options.OPTIONS if one.letter})
LONG = sorted({one.name.rstrip("=") for one in options.OPTIONS})


def test_every_option_of_jitsudo_is_in_its_page() -> None:
    assert len(SHORT) > 10 and len(LONG) > 10
    assert [letter for letter in SHORT if not re.search(rf"^\.(It )?Fl {letter}\b", JITSUDO, re.MULTILINE)] == []
    assert [name for name in LONG if not re.search(rf"Fl -{name}(?![\w-])", JITSUDO)] == []


def test_the_page_of_jitsudo_has_no_other_options() -> None:
    named = set(re.findall(r"\bFl (-?[\w-]*)", JITSUDO)) - {"-"}
    assert {name for name in named if not name.startswith("-")} <= set(SHORT)
    assert {name[1:] for name in named if name.startswith("-")} <= set(LONG)


def test_what_is_refused_by_name_is_under_its_heading() -> None:
    refused = JITSUDO.partition(".Ss Options of sudo")[2].partition(".Ss ")[0]
    named = {name for name in re.findall(r"Fl -([\w-]+)", refused)}
    assert named == {one.name for one in options.OPTIONS if one.never}


def test_the_page_of_jitsudo_says_which_options_go_together_as_the_table_does() -> None:
    done = subprocess.run([TREE / "contrib/docs/options", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def statuses(page: str) -> set[int]:
    return {int(status) for status in re.findall(r"^\.It (\d+)$", manual.part(page, ".Sh EXIT STATUS"), re.MULTILINE)}


def test_every_exit_status_is_in_its_page() -> None:
    assert statuses(JITD) == {0, 2} | {jitd for _, jitd in codes.EXITS.values()}
    assert statuses(JITSUDO) == {0, 1} | {jitsudo for jitsudo, _ in codes.EXITS.values()}


def test_every_argument_of_the_pam_module_is_in_its_page_and_no_other() -> None:
    taken = (TREE / "contrib/gates/pam_jit.c").read_text("utf-8").partition("\ntake_arguments(")[2].partition("\n}\n")[0]
    text = JITD_PAM.partition(".Ss Arguments")[2].partition(".Ss ")[0]
    assert {*re.findall(r"^\.It Cm (\w+)", text, re.MULTILINE)} == {*re.findall(r'\(word, "(\w+)', taken)} >= {"wait", "quiet"}


def test_the_stacks_of_the_page_are_those_that_are_shipped() -> None:
    for service, stage in (("sudo", "account"), ("sshd", "session")):
        shipped = [line for line in (TREE / "contrib/pam.d" / service).read_text("utf-8").splitlines() if line.startswith(stage)]
        shown = JITD_PAM.partition(f"As for {service}:\n.Bd -literal\n")[2].partition(".Ed")[0].replace("\\e\n    ", "")
        lines = shown.splitlines()
        assert lines[-1].endswith("requisite pam_deny.so") and lines == shipped[: len(lines)]


def test_a_page_of_ours_that_another_names_exists_and_each_is_named() -> None:
    named = {match for page in manual.PAGES.values() for match in re.findall(r"^\.Xr (jit[\w.-]+) (\d)", page, re.MULTILINE)}
    assert {f"{name}.{number}" for name, number in named} == manual.PAGES.keys()


def test_a_page_and_a_chapter_of_ours_that_a_document_a_unit_or_the_product_names_exist() -> None:
    files = [*TREE.glob("*.md"), *(TREE / "docs").glob("*.md"), *(TREE / "contrib").glob("*/jitd*")]
    text = "".join([*(file.read_text("utf-8") for file in files if file.is_file()), *(module.text for module in MODULES)])
    named = {f"{name}.{number}" for name, number in re.findall(r"\b(jit[\w.-]*)\((\d)\)", text)}
    assert len(named) > 5 and named <= manual.PAGES.keys()
    chapters = re.findall(r"chapter (\w+) of (jit[\w.-]*)\((\d)\)", text)
    assert chapters and all(manual.part(manual.PAGES[f"{page}.{number}"], f".Ss {title}") for title, page, number in chapters)


REFERENCE = re.compile(
    r"\b(Sx|Cm) (\w(?:(?! No )[\w -])*?)(?: Fl -[\w-]+)?(?: No (?:in|of) Xr (jit[\w.-]+) (\d))?(?= No | [.,;:)]|$)", re.MULTILINE
)


def references(name: str) -> Iterator[tuple[str, str, str]]:
    """The macro ``Sx`` or ``Cm``, a heading or a verb, and the name of the page on which the page ``name`` says that it is."""
    text = re.sub(r"\n(?:(?:in|of)\n)?\.(?:Pq )?Xr (\S+ \d)\b", r" No in Xr \1\n", manual.PAGES[name])
    for macro, what, page, number in REFERENCE.findall(text):
        yield macro, what, f"{page}.{number}" if page else name


def test_a_page_that_names_a_verb_of_another_names_that_page() -> None:
    for name, page in manual.PAGES.items():
        others = {manual.PAGE[verb] for verb in re.findall(r"\bCm (\w[\w-]*(?: \w[\w-]*)?)", page) if verb in VERBS} - {name}
        assert [other for other in sorted(others) if f"Xr {other.replace('.', ' ')}" not in page] == [], name


def test_what_a_page_says_is_on_another_or_under_a_heading_is_there() -> None:
    found = [(name, *reference) for name in manual.PAGES for reference in references(name)]
    elsewhere = [one for one in found if one[0] != one[3]]
    assert len(elsewhere) > 20
    assert [one for one in elsewhere if one[1] == "Cm" and one[2] in VERBS and manual.PAGE[one[2]] != one[3]] == []
    headings = {name: re.findall(r"^\.S[hs] (.*)$", page, re.MULTILINE) for name, page in manual.PAGES.items()}
    assert [one for one in found if one[1] == "Sx" and one[2] not in headings[one[3]]] == []


# --- the wire ----------------------------------------------------------------------------------------------------------


def table(text: str) -> list[list[str]]:
    """The rows of the Markdown tables in ``text``, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    rules = {n for n, row in enumerate(cells) if set("".join(row)) <= set("- ")}
    return [row for n, row in enumerate(cells) if n not in rules and n + 1 not in rules]


def said(cell: str) -> Iterator[tuple[str, str]]:
    """(message, next state) of one cell of the conversation; an empty state where it stays."""
    for part in cell.split(" · "):
        words, _, after = part.partition(" → ")
        for word in filter(None, (word.strip() for word in words.split(","))):
            yield word, after.strip()


def test_the_conversation_on_the_page_is_the_conversation_in_the_code() -> None:
    assert drawn("3. Conversation") == conversation.LAW
    assert drawn("13. The door") == conversation.DOOR


def drawn(name: str) -> dict[str, dict[tuple[str, str], str]]:
    """The table of a conversation in the section ``name``."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for state, client, daemon in (row for row in table(section(PROTOCOL, name)) if len(row) == 3):
        steps = found.setdefault(state, {})
        for speaker, cell in ((conversation.CLIENT, client), (conversation.DAEMON, daemon)):
            for message, after in said(cell):
                steps[speaker, message] = after or state
    return found


ASK = " ".join(messages.Ask.__annotations__)
THING = " ".join(name for name in messages.Get.fields if name not in ("waits", "if_owed"))
POINTS = " ".join(messages.FROM_CLIENT["enforce"].fields)
SUDOS = " ".join(messages.FROM_CLIENT["enforcecommand"].fields)


def unwrapped(text: str) -> str:
    """``text`` on one line: where the page breaks its lines does not matter."""
    return " ".join(text.split())


def test_what_is_asked_has_its_fields_on_the_page() -> None:
    text = unwrapped(section(PROTOCOL, "4. Messages"))
    assert f"*What is asked* is: {ASK}." in text
    assert f"*What a point asks* is: {POINTS}." in text
    assert f"*What sudo will run* is: {SUDOS}." in text
    assert f"*What is to be given* is: {THING}." in text


def test_every_field_of_a_points_question_is_explained() -> None:
    lines = section(PROTOCOL, "9. Enforcement points").splitlines()
    explained = [name for line in lines if line.startswith("- `") for name in re.findall(r"`([a-z_]+)`", line.partition(":")[0])]
    assert sorted(explained) == sorted({*POINTS.split(), *SUDOS.split()})


@pytest.mark.parametrize("by", ["client", "daemon"])
def test_every_message_and_its_fields_are_on_the_page(by: str) -> None:
    text = section(PROTOCOL, "4. Messages")
    client, _, daemon = text.partition("Messages from the daemon:")
    half, declared = (client, messages.FROM_CLIENT) if by == "client" else (daemon, messages.FROM_DAEMON)
    short = {
        "*what is asked*,": ASK,
        "*what is asked*": ASK,
        "*what a point asks*": POINTS,
        "*what sudo will run*": SUDOS,
        "*what is to be given*,": THING,
    }
    written = {row[0]: re.sub(r"\*[^*]+\*,?", lambda found: short[found[0]], row[1]).split() for row in table(half)}
    assert written == {name: list(kind.fields) for name, kind in declared.items()}


def test_every_code_is_on_the_page_with_its_meaning_and_its_exit_statuses() -> None:
    written = {row[0]: (row[1], int(row[2]), int(row[3])) for row in table(section(PROTOCOL, "6. Codes"))}
    assert written == {code: (meaning, *codes.EXITS[code]) for code, meaning in codes.CODES.items()}


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    limits = {row[0]: row[1] for row in table(section(PROTOCOL, "2. Frames"))}
    assert limits["a body"] == f"{framing.SMALL // 1024} KiB"
    n_kib, n_more = divmod(framing.TOKEN, 1024)
    token = f"{framing.MOST_TOKEN // 1024} KiB, and so a body of token {n_kib} KiB and {n_more} bytes"
    assert limits["a token"] == token and framing.LIMIT_BEFORE_AUTHENTICATION == framing.TOKEN
    large = [name for name, kind in messages.FROM_CLIENT.items() if kind.most == framing.LARGE]
    assert limits["a body of {}, {}, {}, {}, {}, {}, {} or {}".format(*large)] == f"{framing.LARGE // 1024 // 1024} MiB"
    assert limits["commas in a body from a client"] == f"{coding.MOST_COMMAS:,}"
    assert limits["a frame, from its first byte to its last"] == f"{channel.FRAME_WITHIN:g} s"
    of_one, of_all = (f"frames of more than 64 KiB in flight, of {whom}" for whom in ("one account", "all accounts"))
    assert limits[of_one] == f"{room.OF_ONE // 1024 // 1024} MiB"
    assert limits[of_all] == f"{room.OF_ALL // 1024 // 1024} MiB"
    assert f"depth is at most {coding.MAX_DEPTH}" in section(PROTOCOL, "2. Frames")


def test_every_kind_of_stream_is_on_the_page() -> None:
    assert f"({', '.join(codes.KINDS)})" in unwrapped(section(PROTOCOL, "4. Messages"))


def test_every_member_of_a_question_to_a_gatekeeper_is_in_its_table_and_no_other() -> None:
    telling = next(module.syntax for module in MODULES if module.name == "jitd_outsiders.asking.telling")
    function = next(node for node in telling.body if isinstance(node, ast.FunctionDef) and node.name == "for_gatekeeper")
    asked = next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))
    assert isinstance(asked, ast.Dict)
    page = (TREE / "docs/gatekeepers.md").read_text("utf-8").partition("## What a gatekeeper is asked")[2].partition("## ")[0]
    written = [name for row in table(page) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(written) == sorted([*(ast.literal_eval(key) for key in asked.keys if key), *told(())])


def test_a_message_of_jitd_kdc_on_its_page_is_one_that_the_code_has() -> None:
    page = (TREE / "docs/kdc.md").read_text("utf-8").partition("\n## jitd-kdc\n")[2].partition("\n## ")[0]
    messages_of_page = [message for row in table(page) for message in re.findall(r"`([^`]+)`", row[0])]
    code = "".join(module.text for module in MODULES if module.name.startswith("jitd_gates."))
    parts = [part.strip() for one in messages_of_page for part in re.split(r"HOST|…|\d+|(?<=:) [A-Z].*", one)]  # what differs
    assert len(parts) > 9 and [part for part in parts if part not in code] == []


# --- the record ----------------------------------------------------------------------------------------------------------


def events() -> set[str]:
    """The name of everything that can be recorded: the events of the six lives, and the notes of the daemon."""
    kinds = {kind for module in (request, grant, run, holding, lock, owed_review) for kind in module.MAY_CAUSE}
    return {name_of(kind.__new__(kind)) for kind in kinds} | notes()


def notes() -> set[str]:
    """The names that are given to ``note`` somewhere in the daemon."""
    found = set()
    for module in MODULES:
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("note", "_note"):
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    found.add(name.value)
    return found


def test_the_page_of_the_record_has_every_event_and_no_other() -> None:
    under = manual.part(manual.page_of("audit show"), ".Ss Events")
    assert set(re.findall(r"^\.It Sy ([a-z_]+\.[a-z_]+)$", under, re.MULTILINE)) == events()


def items(text: str) -> dict[str, str]:
    """What is listed in a part of a page, and the text below each item. A line may list several."""
    parts = [part.partition("\n") for part in re.split(r"^\.It Sy ", text, flags=re.MULTILINE)[1:]]
    return {name: below for names, _, below in parts for name in names.split(" , Sy ")}


def test_the_page_of_check_has_every_warning_and_says_which_cannot_be_accepted() -> None:
    told = items(manual.part(manual.page_of("check"), ".Ss Warnings about rules"))
    assert told.keys() == WARNINGS.keys()
    assert {name for name, text in told.items() if "cannot accept" not in text} == set(ACCEPTABLE)


def test_the_page_has_every_word_with_which_audit_verify_finds_something() -> None:
    text = explained("audit verify").partition("with one of these words:\n.Bl")[2].partition("\n.El")[0]
    assert list(items(text)) == [str(word) for word in Wrong]


def test_the_sections_of_a_report_and_the_ways_to_become_root_are_on_the_page() -> None:
    assert re.findall(r"^\.It Sy (\w+)$", explained("audit report"), re.MULTILINE) == [*(one.name for one in SECTIONS), *KINDS]


# --- all pages -----------------------------------------------------------------------------------------------------------

PAGES = [*TREE.glob("*.md"), *(TREE / "docs").rglob("*.md")]


def test_what_a_page_links_to_exists() -> None:
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))]
    assert len(links) >= 20, "pages were read"
    assert [f"{page.relative_to(TREE)}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_what_a_page_says_lies_in_the_daemons_directories_is_what_the_code_puts_there() -> None:
    found = [(page, name) for page in PAGES for name in re.findall(r"/(?:var/lib|run)/jitd/([\w.-]*\w)", page.read_text("utf-8"))]
    assert len(found) >= 20, "pages were read"
    code = "".join(module.text for module in MODULES)
    assert [f"{page.relative_to(TREE)}: {name}" for page, name in found if not re.search(rf'["/]{name}"', code)] == []


INDEX = TREE / "docs/adr/README.md"
DECISIONS = {page.name[:4]: page for page in sorted((TREE / "docs/adr").glob("[0-9]*.md"))}
STATE = re.compile(r"^State: ((?:proposed|accepted|replaced by \d{4} for .*?)(?:\n|.)*?)\n\n", re.MULTILINE)
GONE = re.compile(r": (?:replaced by|now in) ((?:\[\d{4}\]|`[^`]+`)(?: and (?:\[\d{4}\]|`[^`]+`))*)$")
NAMED = re.compile(r"\bADRs?\s+(?:\d{4}(?:(?:,| and)\s+(?=\d{4}))?)+|\badr/\d{4}|\]\(\d{4}-|\[\d{4}\]\(")


def test_every_decision_has_a_state_and_none_is_replaced_as_a_whole() -> None:
    assert len(DECISIONS) > 10
    assert [page.name for page in DECISIONS.values() if not STATE.search(page.read_text("utf-8"))] == []


def test_the_index_says_of_every_decision_what_was_decided_and_where_it_stands() -> None:
    """A later number in a page's state, and in brackets in its line, is a decision that has changed it."""
    entries, _, links = INDEX.read_text("utf-8").partition("\n\n[0001]: ")
    assert re.findall(r"^\[(\d{4})\]: (.+)$", f"[0001]: {links}", re.MULTILINE) == [
        (n, page.name) for n, page in DECISIONS.items()
    ]
    found = [" ".join(entry.split()) for entry in re.findall(r"^- (.+(?:\n  .+)*)", entries, re.MULTILINE)]
    assert [re.sub(r"\W", "", entry)[:4] for entry in found] == sorted({re.sub(r"\W", "", entry)[:4] for entry in found})
    for number, page in DECISIONS.items():
        text = page.read_text("utf-8")
        (entry,) = [one for one in found if one.startswith(f"[{number}] ")]
        heading, state = text.partition("\n")[0].removeprefix(f"# {number}. "), STATE.search(text)
        assert entry.startswith(f"[{number}] {heading}") and state is not None
        changed = {later for later in re.findall(r"\b\d{4}\b", state[1]) if later > number}
        assert set(re.findall(r"\[(\d{4})\]", entry.removeprefix(f"[{number}] "))) == changed, entry
    for entry in found:
        if not entry.startswith("["):
            ends = GONE.search(entry)
            assert entry[:4] not in DECISIONS and ends is not None, entry
            there = re.findall(r"\[(\d{4})\]|`(.+?)`", ends[1])
            assert [one or place for one, place in there if not (one in DECISIONS if one else (TREE / place).exists())] == [], (
                entry
            )


def test_a_decision_that_something_names_has_its_page() -> None:
    """As ``ADR 0001``, with others behind it, and by a link. The changelog and the index may name what is gone."""
    rooms = ("contrib", "docs", "extensions", "jitd", "jitpam", "tests")
    files = {*TREE.glob("*.md"), *(file for room in rooms for file in (TREE / room).rglob("*") if file.is_file())}
    named = {
        (number, str(file.relative_to(TREE)))
        for file in files - {INDEX, TREE / "CHANGELOG.md"}
        if "__pycache__" not in file.parts
        for found in NAMED.findall(file.read_text("utf-8", "ignore"))
        for number in re.findall(r"\d{4}", found)
    }
    assert len(named) > 100
    assert sorted(one for one in named if one[0] not in DECISIONS) == []
