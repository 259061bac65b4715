# SPDX-License-Identifier: Apache-2.0
"""The return values of PAM, and the action that a line's control names for each return value. Law: the module parses controls
exactly as libpam 1.5.2 and 1.7 do. The two differ only for a number that does not fit into an int (TOO_FAR).
"""

from __future__ import annotations

RETURNS = (
    "success", "open_err", "symbol_err", "service_err", "system_err", "buf_err", "perm_denied", "auth_err", "cred_insufficient",
    "authinfo_unavail", "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired", "session_err", "cred_unavail",
    "cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err", "authtok_recover_err", "authtok_lock_busy",
    "authtok_disable_aging", "try_again", "ignore", "abort", "authtok_expired", "module_unknown", "bad_item", "conv_again",
    "incomplete",
)  # fmt: skip
SUCCESS, PERM_DENIED, AUTH_ERR, NEW_AUTHTOK_REQD, IGNORED = 0, 6, 7, 12, 25
SERVICE_ERR, USER_UNKNOWN, SESSION_ERR, AUTHTOK_ERR, AUTHTOK_EXPIRED, MODULE_UNKNOWN, INCOMPLETE = 3, 10, 14, 20, 27, 28, 31
OUTSIDE = 32  # stands for all but the return values of PAM, such as 99 or -1. libpam takes it for a denial

IGNORE, OK, DONE, BAD, DIE, RESET = 0, -1, -2, -3, -4, -5
ACTIONS = ("ignore", "ok", "done", "bad", "die", "reset")
"""The words of the actions. An action is a number. If the number is 0 or below, the action has a word, and the number without its
sign is the index of this word. If the number is above 0, it is the number of lines to jump over.
"""

Table = tuple[int, ...]  # the action for each return value, in the order of RETURNS

SPACE = " \t\n\v\f\r"
FARTHEST = 1_000_000  # lines that a jump skips here. Every stack that is examined is shorter
INT_MAX = 2**31 - 1
TOO_FAR = "the number of lines to jump over does not fit into an int"
"""libpam 1.7 does not understand such a control. In 1.5 it overflows: 4294967299 jumps over 3, 4294967295 is ``ok``."""


def _filled(known: dict[int, int], default: int) -> Table:
    return tuple(known.get(code, default) for code in range(len(RETURNS)))


ALL_BAD = _filled({}, BAD)  # of a control that libpam does not understand. Even success is bad
_PASSES = {SUCCESS: OK, NEW_AUTHTOK_REQD: OK}
WORDS = {
    "required": _filled(_PASSES | {IGNORED: IGNORE}, BAD),
    "requisite": _filled(_PASSES | {IGNORED: IGNORE}, DIE),
    "optional": _filled(_PASSES, IGNORE),
    "sufficient": _filled({SUCCESS: DONE, NEW_AUTHTOK_REQD: DONE}, IGNORE),
}


def table(control: str) -> tuple[Table, str]:
    """Return the actions of ``control``, which is a word, or the text between brackets. Also return a text about the part of
    ``control`` that libpam does not understand. This text is empty if libpam understands ``control``.
    """
    if (known := WORDS.get(control.lower())) is not None:
        return known, ""
    try:
        return _parsed(control), ""
    except ValueError as fault:
        return ALL_BAD, str(fault)


def _parsed(control: str) -> Table:
    actions: dict[int, int] = {}
    rest = control.lstrip(SPACE)
    while rest:
        code, rest = _beginning(rest, RETURNS, "default")
        rest = rest.lstrip(SPACE)
        if code is None or not rest.startswith("="):
            raise ValueError(f'not a return value of PAM followed by "=": {rest[:40] or control[:40]}')
        action, rest = _action(rest[1:].lstrip(SPACE))
        if code < len(RETURNS):
            actions[code] = action
        else:  # "default" fills only the values that were not named before it; a value that is named later overwrites it
            actions = dict(enumerate(_filled(actions, action)))
        rest = rest.lstrip(SPACE)
    return _filled(actions, BAD)


def _beginning(text: str, words: tuple[str, ...], *further: str) -> tuple[int | None, str]:
    """Return the index of the word with which ``text`` begins, or None if there is none, and the rest of ``text``."""
    for index, word in enumerate((*words, *further)):
        if text.startswith(word):
            return index, text[len(word) :]
    return None, text


def _action(text: str) -> tuple[int, str]:
    index, rest = _beginning(text, ACTIONS)
    if index is not None:
        return -index, rest
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    number = int(digits.lstrip("0")[: len(str(INT_MAX)) + 1] or "0")  # Python refuses to read thousands of digits
    if number > INT_MAX:
        raise ValueError(TOO_FAR)
    if not number:
        raise ValueError(f"neither an action nor a number of lines to jump over: {text[:40]}")
    return min(number, FARTHEST), text[len(digits) :]


def named(codes: list[int]) -> str:
    """Return the names of return values, as a phrase for people."""
    words = [RETURNS[code] if code < len(RETURNS) else "a number that PAM does not know" for code in sorted(codes)]
    return " or ".join(words) if len(words) < 4 else f"{', '.join(words[:3])} or another of {len(words)} values"
