# shellcheck shell=bash
# Each option of the module on a line of its own, with the installed module, the real libpam and the real daemon:
# what it lets in, what it keeps out, and by which code. The codes are those of pam_orgtoken(8).
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

SERVICE_ERR=3 PERM_DENIED=6 AUTH_ERR=7 AUTHINFO_UNAVAIL=9 USER_UNKNOWN=10

as() {
        local user=$1
        shift
        setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

host_install || exit 1
for name in alice bob acme-deploy globex-deploy; do host_user $name; done
host_daemon_start || exit 1
{
        for org in acme globex; do
                orgtoken org create $org
                orgtoken account bind $org $org-deploy
                orgtoken member add $org alice
        done
        orgtoken member add acme bob --role admin
} >/dev/null 2>&1
key=$(orgtoken key create acme --name ci 2>/dev/null)
globex=$(orgtoken key create globex --name ci 2>/dev/null)
pat=$(as alice orgtoken pat create --name laptop 2>/dev/null)
bobs=$(as bob orgtoken pat create --name laptop 2>/dev/null)
[ ${#key} = 63 ] && [ ${#globex} = 63 ] && [ ${#pat} = 64 ] && [ ${#bobs} = 64 ]
ok $? "tokens are made"

# The phases of one login with a stack that is just the lines given.
ask() {
        local secret=$1
        shift
        printf '%s\n' "$secret" | python3 "$top_srcdir/tests/support/pamask.py" "$@"
}
stack() { printf '%s\n' "$@" >/etc/pam.d/orgtest; }

# auth OPTIONS SECRET USER EXPECTED [ITEM ...]: 0, or a code.
auth() {
        local options=$1 secret=$2 user=$3 expected=$4
        shift 4
        [ "$expected" = 0 ] && expected=auth || expected="auth: $expected"
        stack "auth required pam_orgtoken.so $options"
        is "$(ask "$secret" orgtest "$user" "$@" auth)" "$expected" "[$options] ${secret:0:4}…${secret:64} as $user $*"
}

auth "" "$key" acme-deploy 0
auth "" "$pat@acme" alice 0
auth "" "$pat" acme-deploy 0
auth "" "$pat" alice $AUTH_ERR
auth "" "$key" globex-deploy $AUTH_ERR
auth "" hunter2 alice $USER_UNKNOWN
auth "" "${key%?}_" acme-deploy $AUTH_ERR

auth "org=acme" "$pat" alice 0
auth "org=globex" "$pat" alice 0
auth "org=acme" "$pat@acme" alice 0
auth "org=acme" "$pat@globex" alice $AUTH_ERR
auth "org=acme" "$key" acme-deploy 0
auth "org=acme" "$globex" globex-deploy $AUTH_ERR
auth "org=acme" "$pat" globex-deploy $AUTH_ERR
auth "org=initech" "$pat" alice $AUTH_ERR

auth "role=member" "$pat@acme" alice 0
auth "role=admin" "$pat@acme" alice $AUTH_ERR
auth "role=admin" "$bobs@acme" bob 0
auth "role=member" "$key" acme-deploy $AUTH_ERR

auth "bound_only" "$pat@acme" alice $AUTH_ERR
auth "bound_only" "$pat" acme-deploy 0
auth "bound_only" "$key" acme-deploy 0

auth "token_only" hunter2 alice $AUTH_ERR
auth "token_only" "" alice $AUTH_ERR
auth "token_only" "$key" acme-deploy 0

auth "prompt_org" "$pat" alice 0 org=acme
auth "prompt_org" "$pat" alice $AUTH_ERR org=initech
auth "prompt_org" "$pat" alice $AUTH_ERR org=alice
auth "prompt_org" "$pat" alice $AUTH_ERR org=
auth "prompt_org" "$pat@globex" alice 0 org=acme
auth "prompt_org org=globex" "$pat" alice 0 org=acme
auth "prompt_org" "$key" acme-deploy 0 org=globex

auth "" "$pat" acme-deploy 0 ruser=alice
auth "" "$pat" acme-deploy 0 ruser=acme-deploy
auth "" "$pat" acme-deploy $AUTH_ERR ruser=bob
auth "any_ruser" "$pat" acme-deploy 0 ruser=bob
auth "" "$key" acme-deploy 0 ruser=bob

auth "use_first_pass" "$key" acme-deploy $AUTH_ERR
auth "try_first_pass" "$key" acme-deploy 0
auth "quiet debug" "$key" acme-deploy 0
auth "socket=/run/orgtoken/verify.sock timeout=2000" "$key" acme-deploy 0
auth "socket=/run/orgtoken/none.sock" "$key" acme-deploy $AUTHINFO_UNAVAIL
auth "socket=/run/orgtoken/none.sock" hunter2 alice $USER_UNKNOWN
for wrong in orgs=acme org org= org=Acme "org=acme org=globex" role= role=owner tokenonly Debug debug=1 timeout=0 \
        timeout=3s timeout=-1 socket= socket=run/s nullok try_first_pass=yes; do
        auth "$wrong" "$key" acme-deploy $SERVICE_ERR
done

# The limits' source: PAM_RHOST where it is an address, as it is.
near=$(orgtoken key create acme --name near --source 192.0.2.0/24 --source 2001:db8::/32 2>/dev/null)
auth "" "$near" acme-deploy 0 rhost=192.0.2.7
auth "" "$near" acme-deploy 0 rhost=::ffff:192.0.2.7
auth "" "$near" acme-deploy 0 rhost=2001:db8::7
for far in 192.0.3.7 192.0.2 host.example 2001:db9::7 fe80::1%eth0 192.0.2.7%eth0 "192.0.2.7 " 192.000.002.007; do
        auth "" "$near" acme-deploy $AUTH_ERR "rhost=$far"
done
auth "" "$near" acme-deploy $AUTH_ERR

# login [ITEM ...] PHASE …: with the stack that is there.
login() {
        local secret=$1 user=$2 expected=$3 words=$4
        shift 4
        is "$(ask "$secret" orgtest "$user" "$@" | tr '\n' ' ')" "$expected " "$words"
}
lines=("auth [success=ok user_unknown=ignore default=die] pam_orgtoken.so" "auth optional pam_permit.so")
stack "${lines[@]}" "account required pam_orgtoken.so" "account required pam_permit.so"
login "$pat@acme" alice "auth acme ${pat:0:10} alice" "a personal token leaves its org, key id and user" auth env
login "$key" acme-deploy "auth acme ${key:0:9} -" "a key its org and key id" auth env
login hunter2 alice "auth - - -" "a password nothing" auth env
login "$key" acme-deploy "auth account" "the account phase asks again" auth account
login hunter2 alice "auth account" "and leaves passwords alone" auth account
login "$key" acme-deploy "account" "and whoever never authenticated here" account
spare=$(orgtoken key create acme --name spare 2>/dev/null)
login "$spare" acme-deploy "auth account: $PERM_DENIED" "what was revoked since is no longer allowed" \
        "run=orgtoken key revoke ${spare:0:9} >/dev/null" auth run account
login "$pat@globex" alice "auth account: $PERM_DENIED" "nor is a member who left" \
        "run=orgtoken member remove globex alice >/dev/null" auth run account
login "$key" acme-deploy "auth account: $AUTHINFO_UNAVAIL" "and a daemon that is gone is no yes" \
        "run=mv /run/orgtoken/verify.sock $work/sock" auth run account
mv "$work/sock" /run/orgtoken/verify.sock
stack "${lines[@]}" "account required pam_orgtoken.so require_token" "account required pam_permit.so"
login "$key" acme-deploy "auth account" "require_token: a token" auth account
login hunter2 alice "auth account: $PERM_DENIED" "require_token: a password" auth account
login hunter2 alice "account: $PERM_DENIED" "require_token: nothing at all" account
stack "${lines[@]}" "account required pam_orgtoken.so org=globex" "account required pam_permit.so"
login "$key" acme-deploy "auth account: $PERM_DENIED" "another org= on the account line" auth account
stack "${lines[@]}" "account required pam_orgtoken.so role=member" "account required pam_permit.so"
login "$key" acme-deploy "auth account: $PERM_DENIED" "a role= there, and a key has none" auth account
login "$pat@acme" alice "auth account" "and a member has" auth account
stack "${lines[@]}" "account required pam_orgtoken.so rolle=member" "account required pam_permit.so"
login "$key" acme-deploy "auth account: $SERVICE_ERR" "an option that there is not, there" auth account
stack "${lines[@]}" "session required pam_orgtoken.so any_ruser" "session required pam_permit.so"
login "$key" acme-deploy "auth session: $SERVICE_ERR" "any_ruser on a session line" auth session

# With the documented control the modules behind get passwords, and no token, whatever became of it.
printf '#!/bin/sh\ncat >>%s/seen\n' "$work" >"$work/look"
chmod 0755 "$work/look"
stack "auth [success=1 user_unknown=ignore default=die] pam_orgtoken.so" \
        "auth required pam_exec.so expose_authtok $work/look" "auth required pam_permit.so"
for secret in "$key" "$globex" "${key%?}_" "Bearer $key" "$spare" hunter2; do
        ask "$secret" orgtest acme-deploy auth >/dev/null
done
is "$(tr -d '\0' <"$work/seen")" hunter2 "the module behind sees the password and no token"
host_daemon_stop
tap_done
