#!/bin/sh
# Who may include whom, and the doors of the dangerous libraries.
cd "$top_srcdir" || exit 1
. tests/support/tap.sh

# none DESCRIPTION FOUND: nothing may have been found.
none() { is "$2" "" "$1"; }

none "common/ includes common/ only" "$(grep -nE '#include "(pam|daemon|cli|sudo|tests)/' common/*.[ch])"
none "pam/ includes pam/ and common/ only" "$(grep -nE '#include "(daemon|cli|sudo|tests)/' pam/*.[ch])"
none "daemon/ includes daemon/ and common/ only" "$(grep -nE '#include "(pam|cli|sudo|tests)/' daemon/*.[ch])"
none "cli/ includes cli/ and common/ only" "$(grep -nE '#include "(pam|daemon|sudo|tests)/' cli/*.[ch])"
none "askpass/ includes askpass/ and common/ only" "$(grep -nE '#include "(pam|daemon|cli|sudo|tests)/' askpass/*.[ch])"
none "sudo/ includes common/ only" "$(grep -nE '#include "(pam|daemon|cli|tests)/' sudo/*.c)"
none "sessiond/ includes sessiond/ and common/ only" "$(grep -nE '#include "(pam|daemon|cli|sudo|tests)/' sessiond/*.[ch])"

# code PATTERN FILE ...: the lines that hold it, comments left out.
code() {
        pattern=$1
        shift
        for f in "$@"; do
                $CC -fpreprocessed -dD -E -P "$f" 2>/dev/null | grep -E "$pattern" | sed "s|^|$f: |"
        done
}

rooms='common/*.[ch] pam/*.[ch] daemon/*.[ch] cli/*.[ch] askpass/*.[ch] sudo/*.c sessiond/*.[ch]'
# shellcheck disable=SC2086 # a list of patterns, here and below
{
        none "sqlite3.h only in the SQLite store" \
                "$(grep -lE '#include <sqlite3\.h>' $rooms | grep -v '^daemon/store_sqlite[a-z_]*\.[ch]$')"
        none "sodium.h only in keyhash.c" \
                "$(grep -lE '#include <sodium' $rooms | grep -v '^daemon/keyhash\.c$')"
        none "PAM's headers only in pam/" "$(grep -lE '#include <security/' $rooms | grep -v '^pam/')"
        none "libsystemd only in the daemon's process files" \
                "$(grep -lE '#include <systemd/' $rooms |
                        grep -vE '^(daemon/(main|server|peer|worker|audit|log|listen|jobs)|sessiond/(main|serve|logind))\.[ch]$')"
        none "no statement is put together from text" \
                "$(code '\bsqlite3_exec *\(' $rooms)"
        none "nothing is cleared by memset" \
                "$(code '\b(memset|bzero) *\(' $rooms)"
        none "only secret.c wipes" "$(code explicit_bzero $rooms | grep -v '^common/secret\.c:')"
        none "none of the functions that cannot be used safely" \
                "$(code '\b(strcpy|strcat|sprintf|gets|strtok|atoi|atol) *\(' $rooms)"
}
none "no environment and no user database in pam/ and common/" \
        "$(grep -nE '\b(getenv|secure_getenv|getpw|getgr)[a-z_]* *\(' pam/*.c common/*.c)"
none "PAM_IGNORE is given in one place" \
        "$(code PAM_IGNORE pam/*.c | grep -vE '^pam/(pam_orgtoken|outcome)\.c:' |
                grep -v 'code == PAM_IGNORE ? PAM_CONV_ERR')"

bad=
for h in common/*.h daemon/*.h pam/*.h cli/*.h askpass/*.h sessiond/*.h; do
        echo "#include \"$h\"" | $CC -std=gnu17 -D_GNU_SOURCE -include "$top_builddir/config.h" -I. \
                -I"$top_builddir" -Wall -Wextra -Werror -fsyntax-only -x c - 2>/dev/null || bad="$bad $h"
done
none "every header compiles alone" "$bad"
tap_done
