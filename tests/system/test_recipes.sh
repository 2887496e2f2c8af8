# shellcheck shell=bash
# Every page of doc/recipes, run as it stands against Debian's program, each on a throw-away copy of its own of
# this host. RECIPES="su nginx" runs some of them.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
# They wait more than they compute.
jobs=4
pages=${RECIPES:-$(cd "$top_srcdir/doc/recipes" && printf '%s\n' *.md | sed 's/\.md$//' | grep -vx README)}
results=$(mktemp -d /tmp/orgtoken-recipes.XXXXXX)
trap 'rm -rf "$results"' EXIT
export results
# shellcheck disable=SC2086,SC2016 # a list of words; for the inner shell
printf '%s\n' $pages | xargs -P $jobs -I PAGE sh -c \
        '"$top_srcdir/scripts/sandbox" timeout 200 "$top_srcdir/tests/support/recipe.py" \
        "$top_srcdir/doc/recipes/PAGE.md" >"$results/PAGE" 2>&1 || echo "# status $?" >>"$results/PAGE"'

# The index and the installed pages are the pages that there are.
there=$(cd "$top_srcdir/doc/recipes" && printf '%s\n' *.md)
is "$(sed -n 's/^| \[.*\](\(.*\.md\)).*/\1/p' "$top_srcdir/doc/recipes/README.md" | sort)" \
        "$(printf '%s\n' "$there" | grep -vx README.md | sort)" "the index lists every page, and no other"
is "$(ls /usr/share/doc/orgtoken/recipes)" "$there" "every page is installed"

# One numbering for all.
for page in $pages; do
        grep -q '^1\.\.[1-9]' "$results/$page" 2>/dev/null
        ok $? "$page: the page was run to its end"
        while IFS= read -r line; do
                case $line in
                ok*) ok 0 "${line#ok * - }" ;;
                "not ok"*) ok 1 "${line#not ok * - }" ;;
                1..*) ;;
                "# "*) echo "$line" ;;
                *) echo "# $line" ;;
                esac
        done <"$results/$page"
done

# A page that cannot be run fails.
broken=$results/broken
mkdir "$broken"
cp "$top_srcdir/doc/recipes/README.md" "$broken"
# shellcheck disable=SC2016 # the backquotes are the page's own
for change in 's/^```typed .*/```typed nobody/' 's/^```lines /```line /' 's/| in.*/| maybe |/'; do
        sed "$change" "$top_srcdir/doc/recipes/su.md" >"$broken/su.md"
        fails "a page broken by $change" "$top_srcdir/tests/support/recipe.py" "$broken/su.md"
done
# So does one that is untrue, and one whose command fails.
for change in 's/^acme-deploy$/somebody/' 's/^pam-auth-update/false/'; do
        sed "$change" "$top_srcdir/doc/recipes/cron-at.md" >"$broken/cron-at.md"
        fails "a page broken by $change" "$top_srcdir/scripts/sandbox" "$top_srcdir/tests/support/recipe.py" "$broken/cron-at.md"
        contains "$tap_out" "not ok" "and it says what is wrong with it"
done
tap_done
