# bash completion for orgtoken(1). The command itself knows what fits: this asks it.
# shellcheck shell=bash

_orgtoken() {
        local word line prefix='' joined=
        local -a words=()

        # bash breaks "max-life=90d" and "--name=x" at the "=": put them together again.
        for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
                if [[ ($word == '=' || $joined == '=') && ${#words[@]} -gt 0 ]]; then
                        words[-1]+=$word
                else
                        words+=("$word")
                fi
                joined=$word
        done
        word=${words[-1]}
        # What is offered replaces only what stands behind the "=".
        [[ $word == *=* ]] && prefix=${word%%=*}=

        COMPREPLY=()
        while IFS= read -r line; do
                if [[ $line == :files ]]; then
                        compopt -o filenames 2>/dev/null
                        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
                        continue
                fi
                line=${line%%$'\t'*}
                [[ $line == *= ]] && compopt -o nospace 2>/dev/null
                COMPREPLY+=("${line#"$prefix"}")
        done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
}

complete -F _orgtoken orgtoken
