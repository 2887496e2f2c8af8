# fish completion for orgtoken(1). The command itself knows what fits: this asks it.

function __orgtoken_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command $words[1] __complete -- $words[2..-1] $current 2>/dev/null)
        if test "$line" = ':files'
            __fish_complete_path $current
        else
            echo $line
        end
    end
end

complete -c orgtoken -f -k -a '(__orgtoken_complete)'
