#!/bin/sh
# The module may need nothing but libpam and libc, export pam_sm_* only, run nothing at load time and keep no
# writable data of its own; the command needs libc only.
so=$top_builddir/pam/.libs/pam_orgtoken.so
. "$top_srcdir/tests/support/tap.sh"

needed() { $READELF -dW "$1" | awk '/NEEDED/ {gsub(/[][]/,"",$NF); print $NF}'; }
sanitizer='lib(asan|ubsan)\.so\..*'

extra=$(needed "$so" | grep -Ev "^(libpam\.so\.0|libc\.so\.6|$sanitizer)\$")
is "$extra" "" "the module links libpam and libc only"

symbols=$($READELF --dyn-syms -W "$so" |
        awk '$7 != "UND" && ($5 == "GLOBAL" || $5 == "WEAK") && $8 != "" {print $8}' | sort | tr '\n' ' ')
is "$symbols" "pam_sm_acct_mgmt pam_sm_authenticate pam_sm_close_session pam_sm_open_session pam_sm_setcred " \
        "it exports these entry points and nothing else"

undefined=$($READELF --dyn-syms -W "$so" | awk '$7 == "UND" {sub(/@.*/, "", $8); print $8}')
bad=
for f in getenv secure_getenv getpwnam getpwuid getpwnam_r getpwuid_r getgrnam signal sigaction alarm \
        setenv putenv chdir umask fork execve system popen open fopen dlopen setlocale \
        pthread_create pam_fail_delay; do
        case " $(echo "$undefined" | tr '\n' ' ') " in *" $f "*) bad="$bad $f" ;; esac
done
is "$bad" "" "it reads no environment, file or user database, and changes nothing of its host"

relro=$($READELF -lW "$so" | grep -c GNU_RELRO)
is "$relro" 1 "its relocations are read-only after loading"

if $READELF -dW "$so" | grep -Eq 'lib(asan|ubsan)'; then :; else
        writable=$($READELF -SW "$so" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 ~ /^\.t?(data|bss)$/ {print $1}')
        is "$writable" "" "it keeps no writable data"
        run=$($READELF -dW "$so" | grep -Eo '\((PRE)?(INIT|FINI)(_ARRAY)?\)')
        is "$run" "" "nothing of it runs when it is loaded or unloaded"
fi

if [ -e "$ORGTOKEN" ]; then
        command=$ORGTOKEN
        [ -e "$top_builddir/cli/.libs/orgtoken" ] && command=$top_builddir/cli/.libs/orgtoken
        extra=$(needed "$command" | grep -Ev "^(libc\.so\.6|libm\.so\.6|$sanitizer)\$")
        is "$extra" "" "the command links libc only"
fi
tap_done
