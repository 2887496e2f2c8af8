#!/bin/sh
# The sizes, the format and the words of the house.
cd "$top_srcdir" || exit 1
. tests/support/tap.sh

is "$(wc -l common/*.[ch] pam/*.[ch] daemon/*.[ch] cli/*.[ch] askpass/*.[ch] sudo/*.[ch] sessiond/*.[ch] |
        awk '$2 != "total" && $1 > 650 {print $2 " (" $1 ")"}')" "" "no file over 650 lines"

# A function starts at a line "{" in the first column and ends at "}" there.
is "$(awk 'FNR == 1 {start = 0} /^\{/ {start = FNR} /^\}/ {if (start && FNR - start - 1 > 60)
        print FILENAME ":" start " (" FNR - start - 1 ")"; start = 0}' \
        common/*.c pam/*.c daemon/*.c cli/*.c askpass/*.c sudo/*.c sessiond/*.c)" "" "no function over 60 lines"

is "$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' common/*.[ch] pam/*.[ch] daemon/*.[ch] cli/*.[ch] askpass/*.[ch] sudo/*.[ch] sessiond/*.[ch] scripts/*)" "" \
        "nothing is left for later"
is "$(grep -nP '[ \t]+$' common/*.[ch] pam/*.[ch] daemon/*.[ch] cli/*.[ch] askpass/*.[ch] sudo/*.[ch] sessiond/*.[ch] scripts/* ./*.md doc/*.md)" "" \
        "no blanks at the end of a line"

# A rule's source is worth nothing to a reader who does not have it: a page of man/, or a document of this tree.
missing=$(grep -rhoE '\b[A-Za-z0-9_/.-]*[A-Z]\.md\b|\bDESIGN\b' common pam daemon cli askpass sudo sessiond tests/*/*.[ch] man \
        README.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md doc | sort -u |
        while read -r name; do
                [ -e "$name" ] || [ -e "doc/$name" ] || [ -e "doc/recipes/$name" ] || echo "$name"
        done)
is "$missing" "" "documents that are named are there"

if command -v clang-format >/dev/null; then
        is "$(clang-format --dry-run common/*.[ch] pam/*.[ch] daemon/*.[ch] cli/*.[ch] askpass/*.[ch] sudo/*.[ch] sessiond/*.[ch] tests/*/*.[ch] 2>&1 |
                grep -E '^[^ ].*warning' | head -n 5)" "" "clang-format is clean"
else
        echo "# clang-format is not installed: format not checked"
fi
if command -v shellcheck >/dev/null; then
        is "$(shellcheck -x -e SC1091,SC2119,SC2154 scripts/* tests/support/*.sh tests/system/*.sh tests/lint/*.sh tests/attack/*.sh autogen.sh \
                2>&1 | head -n 20)" "" "shellcheck is clean"
else
        echo "# shellcheck is not installed: scripts not checked"
fi
if command -v mandoc >/dev/null && ls man/*.[18] >/dev/null 2>&1; then
        is "$(mandoc -T lint -W warning man/*.[18] 2>&1 | head -n 5)" "" "the man pages are well-formed"
fi
# What a page sends its reader to is in it.
is "$(for page in man/*.[18]; do
        sed -n 's/^\.Sx \(.*[^ .,;:)]\) *[.,;:)]*$/\1/p' "$page" | sort -u |
                while read -r section; do grep -qx "\.S[hs] $section" "$page" || echo "$page: $section"; done
done)" "" "each section that a man page names is there"
tap_done
