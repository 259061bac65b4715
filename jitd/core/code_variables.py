# SPDX-License-Identifier: Apache-2.0
"""The environment variables that let code in: from their values, programs load code, start other programs, or read settings that
name code.

Law: the list is not complete, because every program may read variables of its own. It is used for warnings to people, and never
to permit a request.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jitd.core.conditions import PERILOUS

_FAMILIES = "LD_* _RLD* LDR_* DYLD_* BASH_FUNC_* PYTHON* PERL* RUBY* NODE_* NPM_CONFIG_* LUA_* JAVA_* GIT_CONFIG* OPENSSL_* KRB5*"
_LOADING = (
    "PATH LIBPATH SHLIB_PATH GCONV_PATH GLIBC_TUNABLES LOCPATH NLSPATH GSS_MECH_CONFIG __PYVENV_LAUNCHER__ GEM_HOME GEM_PATH",
    "BUNDLE_GEMFILE BASH_ENV ENV SHELLOPTS BASHOPTS PS4 IFS CDPATH GLOBIGNORE FPATH ZDOTDIR NULLCMD READNULLCMD TMPPREFIX",
    "PROMPT_COMMAND CLASSPATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS MAVEN_OPTS MAVEN_ARGS",
    "GRADLE_OPTS GRADLE_USER_HOME SBT_OPTS TCLLIBPATH GUILE_LOAD_PATH ERL_LIBS ERL_FLAGS ELIXIR_ERL_OPTIONS R_PROFILE R_LIBS",
    "PHPRC PHP_INI_SCAN_DIR COMPOSER_HOME GIT_EXEC_PATH GIT_SSH GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND",
    "GIT_ASKPASS GIT_DIR GIT_TEMPLATE_DIR HGRCPATH LESSOPEN LESSCLOSE TAR_OPTIONS GTK_MODULES GTK_PATH QT_PLUGIN_PATH HOME",
    "XDG_CONFIG_HOME XDG_DATA_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS VIMINIT VIMRUNTIME EXINIT MAKEFILES MAKEFLAGS GNUMAKEFLAGS",
    "APT_CONFIG RSYNC_RSH SVN_SSH CVS_RSH KUBECONFIG DOCKER_CONFIG ANSIBLE_CONFIG AWS_CONFIG_FILE MYSQL_HOME PSQLRC",
    "RUSTC RUSTC_WRAPPER CARGO_HOME TERMINFO TERMINFO_DIRS TERMPATH TERMCAP GOFLAGS GOENV GCC_EXEC_PREFIX COMPILER_PATH",
    "DOTNET_STARTUP_HOOKS CORECLR_PROFILER_PATH COR_PROFILER_PATH MONO_PATH MONO_CONFIG CATALINA_OPTS ANT_OPTS NIX_PATH",
    "NIX_CONFIG R_PROFILE_USER R_ENVIRON JULIA_LOAD_PATH CAML_LD_LIBRARY_PATH EMACSLOADPATH VIM NVIM_APPNAME",
    "GIO_MODULE_DIR GIO_EXTRA_MODULES GST_PLUGIN_PATH SASL_PATH ODBCSYSINI ODBCINSTINI LIBMYSQL_PLUGIN_DIR",
    "SSH_SK_PROVIDER QEMU_MODULE_DIR HELM_PLUGINS PASSWORD_STORE_EXTENSIONS_DIR GNUPGHOME PIP_CONFIG_FILE PIP_INDEX_URL",
    "GUILE_LOAD_COMPILED_PATH RCLONE_CONFIG RIPGREP_CONFIG_PATH BAT_CONFIG_PATH SCREENRC CURL_HOME WGETRC INPUTRC TEXMFCNF",
    "UV_CONFIG_FILE FACTERLIB",
)
_STARTING = (
    "EDITOR VISUAL FCEDIT SUDO_EDITOR SYSTEMD_EDITOR GIT_EDITOR GIT_SEQUENCE_EDITOR PAGER MANPAGER GIT_PAGER SYSTEMD_PAGER",
    "PSQL_PAGER PSQL_EDITOR BROWSER LESS LESSEDIT LESSKEY* SYSTEMD_LESS SYSTEMD_UNIT_PATH SYSTEMD_ENVIRONMENT_GENERATOR_PATH",
    "SYSTEMD_GENERATOR_PATH SYSTEMD_SSH SSH_ASKPASS SUDO_ASKPASS BORG_RSH RESTIC_PASSWORD_COMMAND AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE MAKE MAKESHELL TAPE RSH RUBYSHELL ANSIBLE_* TF_CLI_* DBUS_SYSTEM_BUS_ADDRESS",
    "DBUS_SESSION_BUS_ADDRESS KUBE_EDITOR SVN_EDITOR HGEDITOR HGMERGE BAT_PAGER DELTA_PAGER RSYNC_CONNECT_PROG BORG_PASSCOMMAND",
    "SYSTEMD_PAGERSECURE RCLONE_PASSWORD_COMMAND FZF_DEFAULT_COMMAND FZF_DEFAULT_OPTS SSH_SK_HELPER SSH_PKCS11_HELPER CC CXX",
)
LOADING = frozenset(" ".join((_FAMILIES, *_LOADING)).split())
"""Names of variables from which programs load code, or the settings that name code. ``*`` at the end of a name means any text.
HOME is in the list because programs read their settings below the home directory. Python, git, vim and psql run code from these
settings.
"""
STARTING = frozenset(" ".join(_STARTING).split())  # make programs start others, such as an editor or a pager
HARMLESS = frozenset(
    {
        *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONHASHSEED", "LD_BIND_NOW"),
        *("NODE_ENV", "NODE_NO_WARNINGS", "JAVA_HOME"),
    }
)
"""Variables from which no code is loaded, although a name in LOADING matches them."""


_OF_ACCOUNTS = frozenset({"HOME", "USER", "LOGNAME", "SHELL", "MAIL", "SUDO_*", "JITSUDO_*"})
CODE = (frozenset(PERILOUS) - _OF_ACCOUNTS) | LOADING | STARTING | {"BASH_CMDS", "BASH_ALIASES"}
"""Names of variables that make the programs of a run load or start other code."""


def code_let_in(pattern: str) -> tuple[str, ...]:
    """``pattern`` is the name of a variable, or the beginning of a name followed by ``*``. Return the names of the variables that
    it matches and that make programs load or start other code.
    """
    return let_in(pattern, CODE)


@lru_cache(maxsize=256)
def let_in(pattern: str, known: frozenset[str] = LOADING | STARTING) -> tuple[str, ...]:
    """Return the names in ``known`` that ``pattern`` can match, in the order of the alphabet. In both, ``*`` matches any text. If
    ``pattern`` is the name of one variable that a name in ``known`` matches, the result is this name alone.
    """
    if pattern in HARMLESS:
        return ()
    if "*" not in pattern:
        return (pattern,) if _expression_of(known).fullmatch(pattern) else ()
    begins = pattern.partition("*")[0]
    return tuple(sorted(name for name in known if _is_in(pattern, begins, name)))


def _is_in(pattern: str, begins: str, name: str) -> bool:
    family = name.removesuffix("*")
    if _expression(pattern).fullmatch(family):
        return True
    return family != name and (begins.startswith(family) or family.startswith(begins))


@lru_cache(maxsize=8)
def _expression_of(known: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(_expression(name).pattern for name in sorted(known)), re.DOTALL)


def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)
