# SPDX-License-Identifier: Apache-2.0
"""How files begin, what they are called, and what is never written in them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.law.tree import MODULES, TREE

SPDX = "# SPDX-License-Identifier: Apache-2.0"
NAMELESS = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "tools", "lib", "stuff"})


def test_a_module_begins_with_its_licence() -> None:
    assert [module.place for module in MODULES if module.text.splitlines()[0] != SPDX] == []


def test_a_module_says_what_it_is() -> None:
    assert [module.place for module in MODULES if not ast.get_docstring(module.syntax)] == []


def test_a_file_is_named_for_what_it_is() -> None:
    assert [module.place for module in MODULES if NAMELESS & set(re.split(r"[._]", module.name))] == []


def test_tests_and_scripts_carry_their_licence() -> None:
    files = [*(TREE / "tests").rglob("*.py"), *(f for f in (TREE / "contrib").rglob("*") if f.is_file() and _is_script(f))]
    bare = [str(file.relative_to(TREE)) for file in files if (text := file.read_text("utf-8")) and SPDX not in text[:1500]]
    assert bare == []


def _is_script(file: Path) -> bool:
    return file.read_bytes()[:2] == b"#!"


def test_everything_public_in_the_core_says_what_it_is() -> None:
    public = [
        (module.place, node)
        for module in MODULES
        if module.name.startswith("jitd.core")
        for node in module.syntax.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(public) > 100, "the core is where it was"
    assert [f"{place}: {node.name}" for place, node in public if not ast.get_docstring(node)] == []


OF_ITS_READER = ["jitpam/editing.py: import of shlex"]
"""The words of EDITOR, which a person has set for the program that runs as themselves, and sudoedit reads in the same way."""


def test_no_string_is_parsed_into_a_command_again() -> None:
    """THREATS R-11: no shell, no second parsing, nothing evaluated."""
    assert [f"{module.place}: {found}" for module in MODULES for found in _reparsed(module.syntax)] == OF_ITS_READER


def _reparsed(syntax: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(syntax):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [f"import of {name}" for name in names if name.partition(".")[0] in ("shlex", "pipes", "wordexp", "pty")]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"):
            found.append(name)
        found += [f"{name}(shell=…)" for keyword in node.keywords if keyword.arg == "shell"]
    return found


@pytest.mark.parametrize(
    "line", ["os.system('x')", "run('x', shell=True)", "import shlex", "from shlex import split", "eval('x')"]
)
def test_that_law_sees_what_it_forbids(line: str) -> None:
    assert _reparsed(ast.parse(line))


OF_A_PROCESS = re.compile(r"""/proc/\{[^}]*\}/[^"']*["']\)\.(?:exists|is_[a-z]+)\(""")
"""Path.exists raises ProcessLookupError where the process ends between the two looks of proc(5) at it. Ask is_living of
tests/waiting.py, or os.path.exists, for which any error means no.
"""


def test_no_path_below_a_process_is_asked_whether_it_exists() -> None:
    files = [file for place in ("contrib", "extensions", "jitd", "jitpam", "tests") for file in (TREE / place).rglob("*.py")]
    assert len(files) > 700
    assert [str(file.relative_to(TREE)) for file in files if OF_A_PROCESS.search(file.read_text("utf-8"))] == []
    assert OF_A_PROCESS.search('Path(f"/proc/{pid}/ns/mnt"' + ").exists()")


def test_each_file_of_tests_is_asked_what_it_leaves() -> None:
    """A fixture of the same name would be taken in the place of that of conftest.py."""
    named = [file for file in sorted((TREE / "tests").rglob("*.py")) if "def nothing_is_left(" in file.read_text("utf-8")]
    assert [str(file.relative_to(TREE)) for file in named] == ["tests/conftest.py", "tests/law/test_files.py"]


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest takes the second for the first, and stops, where their directories are no packages; those in booted run alone."""
    files = (file for file in (TREE / "tests").rglob("test_*.py") if file.parent.name != "booted")
    names = Counter(file.name for file in files if not (file.parent / "__init__.py").exists())
    assert [name for name, times in names.items() if times > 1] == []


def test_these_laws_have_read_the_whole_tree() -> None:
    assert len(MODULES) > 150 and {"jitd.daemon", "jitd.core.policy", "jitpam.jitsudo"} <= {module.name for module in MODULES}
