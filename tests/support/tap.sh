# shellcheck shell=sh
# TAP for shell tests: sourced. Ends with tap_done, whose status tells whether all went well.
tap_count=0
tap_failed=0

# ok CONDITION-STATUS DESCRIPTION: ok $? "words"
ok() {
        tap_count=$((tap_count + 1))
        if [ "$1" = 0 ]; then
                echo "ok $tap_count - $2"
        else
                tap_failed=$((tap_failed + 1))
                echo "not ok $tap_count - $2"
        fi
}

# succeeds DESCRIPTION COMMAND ...
succeeds() {
        tap_words=$1
        shift
        if tap_out=$("$@" 2>&1); then ok 0 "$tap_words"; else
                tap_status=$?
                ok 1 "$tap_words"
                diag "exit status $tap_status: $*"
                diag "$tap_out"
        fi
}

# fails DESCRIPTION COMMAND ...: any exit status but 0 (and but 124, which is timeout's).
fails() {
        tap_words=$1
        shift
        if tap_out=$("$@" 2>&1); then
                ok 1 "$tap_words"
                diag "succeeded: $*"
                diag "$tap_out"
        elif [ $? = 124 ]; then
                ok 1 "$tap_words"
                diag "did not end: $*"
        else
                ok 0 "$tap_words"
        fi
}

# exits STATUS DESCRIPTION COMMAND ...
exits() {
        tap_want=$1 tap_words=$2
        shift 2
        tap_out=$("$@" 2>&1) && tap_status=0 || tap_status=$?
        [ "$tap_status" = "$tap_want" ]
        ok $? "$tap_words"
        if [ "$tap_status" != "$tap_want" ]; then
                diag "exit status $tap_status, expected $tap_want: $*"
                diag "$tap_out"
        fi
}

# is GOT EXPECTED DESCRIPTION
is() {
        [ "$1" = "$2" ]
        ok $? "$3"
        [ "$1" = "$2" ] || diag "got '$1', expected '$2'"
}

# contains TEXT PIECE DESCRIPTION; lacks likewise.
contains() {
        case $1 in *"$2"*) ok 0 "$3" ;; *)
                ok 1 "$3"
                diag "no '$2' in: $1"
                ;;
        esac
}
lacks() {
        case $1 in *"$2"*)
                ok 1 "$3"
                diag "'$2' found in: $1"
                ;;
        *) ok 0 "$3" ;; esac
}

diag() { printf '%s\n' "$1" | tail -n 12 | sed 's/^/# /'; }

tap_done() {
        echo "1..$tap_count"
        [ "$tap_failed" = 0 ]
}
