# bash completion for jitd and jitsudo: `jitd complete` says what may follow. It is silent, and never asks for a password.
# Files are offered only where one is wanted: a file's name in the place of an id, or of a user, would be wrong.
# SPDX-License-Identifier: Apache-2.0

_jitd() {
    local current=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[1]} in
        audit | check | doctor | kdc | metrics | pam-lint | policy | replay | serve) compopt -o default ;;
    esac
    _jitd_offer < <(jitd complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
}

_jitd_offer() {
    local line
    while read -r line; do
        [[ $line == "$current"* ]] && COMPREPLY+=("$line")
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}

# the options of jitsudo whose value is the next word (jitpam/options.py; a test compares)
_jitsudo_valued="
    -u -g -D -T -C -p -R -h -r -t -a -c -U --user --group --chdir --command-timeout --reason --for --uses --at --service
    --resume --undo --get --to --key --from --close-from --prompt --chroot --host --role --type --auth-type --login-class
    --other-user
"

_jitsudo() {
    local at option current=${COMP_WORDS[COMP_CWORD]}
    for ((at = 1; at < COMP_CWORD; at++)); do
        option=
        if [[ " "${_jitsudo_valued//$'\n'/ }" " == *" ${COMP_WORDS[at]} "* ]]; then
            option=${COMP_WORDS[at]}
            [[ ${COMP_WORDS[at + 1]} == = ]] || ((at++))
            continue
        fi
        case ${COMP_WORDS[at]} in
            --*) option=${COMP_WORDS[at]} ;;
            -* | = | *=*) ;;
            *) if [[ ${COMP_WORDS[at - 1]} == = ]]; then continue; fi
                declare -F _command_offset >/dev/null && _command_offset "$at"
                return ;;
        esac
    done
    COMPREPLY=()
    if [[ $current == = ]]; then   # a word of its own, as = is one of COMP_WORDBREAKS
        option=${COMP_WORDS[COMP_CWORD - 1]} current=
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    elif ((at == COMP_CWORD)); then
        option=   # it has its argument, or takes none
    fi
    case $option in
        -u | --user) _jitd_offer < <(compgen -u -- "$current") ;;
        -g | --group) _jitd_offer < <(compgen -g -- "$current") ;;
        -D | --chdir) compopt -o dirnames ;;   # readline's own quote blanks
        --to | --key | --from) compopt -o default ;;
        --resume | --undo) _jitd_offer < <(jitd complete -- jitsudo "$option" "$current" 2>/dev/null </dev/null) ;;
        ?*) ;;
        *) case $current in
                -*) _jitd_offer < <(jitd complete -- jitsudo "$current" 2>/dev/null </dev/null) ;;
                *) compopt -o default; _jitd_offer < <(compgen -c -- "$current") ;;
            esac ;;
    esac
}

complete -F _jitd jitd
complete -F _jitsudo jitsudo
