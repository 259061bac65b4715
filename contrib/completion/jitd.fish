# fish completion for jitd and jitsudo: `jitd complete` says what may follow. It is silent, and never asks for a password.
# SPDX-License-Identifier: Apache-2.0

function __jitd_complete
    set -l words (commandline -opc)
    jitd complete -- $words[2..-1] (commandline -ct) 2>/dev/null </dev/null
end

function __jitsudo_complete
    set -l word (commandline -ct)
    if string match -q -r -- '^--(resume|undo)=' $word
        set -l option (string split -m 1 = -- $word)[1]
        for id in (jitd complete -- jitsudo $option '' 2>/dev/null </dev/null)
            echo "$option=$id"
        end
    else
        jitd complete -- jitsudo $word 2>/dev/null </dev/null
    end
end

complete -c jitd -f -a '(__jitd_complete)'
complete -c jitd -n '__fish_seen_subcommand_from audit check doctor kdc metrics pam-lint policy replay serve' -F
complete -c jitsudo -s u -l user -x -a '(__fish_complete_users)'
complete -c jitsudo -s g -l group -x -a '(__fish_complete_groups)'
complete -c jitsudo -s D -l chdir -x -a '(__fish_complete_directories)'
complete -c jitsudo -l to -r -F
complete -c jitsudo -l key -r -F
complete -c jitsudo -l from -r -F
complete -c jitsudo -n 'string match -q -- "-*" (commandline -ct)' -x -a '(__jitsudo_complete)'
complete -c jitsudo -n 'not string match -q -- "-*" (commandline -ct)' -x -a '(__fish_complete_subcommand)'
