# bash completion for jitd and jitsudo: `jitd complete` says what may follow. It is silent, and never asks for a password.
# SPDX-License-Identifier: Apache-2.0

_jitd() {
    local line current=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while read -r line; do
        [[ $line == "$current"* ]] && COMPREPLY+=("$line")
    done < <(jitd complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

_jitsudo() {
    local at line current=${COMP_WORDS[COMP_CWORD]}
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            -u | -g | -D | -T | -C | -p | -r | -t | -R) ((at++)) ;;
            -* | = | *=*) ;;
            *) [[ ${COMP_WORDS[at - 1]} == = ]] && continue
                declare -F _command_offset >/dev/null && _command_offset "$at"
                return ;;
        esac
    done
    COMPREPLY=()
    if [[ $current == -* || ${COMP_WORDS[COMP_CWORD - 1]} == = || $current == = ]]; then
        local words=(jitsudo)
        if [[ ${COMP_LINE:0:COMP_POINT} == *' --resume='* ]]; then
            words+=(--resume)
            [[ $current == = ]] && current=
        fi
        while read -r line; do
            [[ $line == "$current"* ]] && COMPREPLY+=("$line")
        done < <(jitd complete -- "${words[@]}" "$current" 2>/dev/null </dev/null)
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    else
        while read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$current")
    fi
}

complete -o default -F _jitd jitd
complete -o default -F _jitsudo jitsudo
