# shellcheck shell=bash
# Real programs that have next to nothing when they ask the module: no standard descriptors, two thousand open
# ones, a small stack; and then hardly a descriptor and hardly any memory. Where there is enough they let in who
# has a good token; where there is not they may say no; nobody gets in with a revoked one, and nothing crashes.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"
# shellcheck source=tests/support/elevation.sh
. "$top_srcdir/tests/support/elevation.sh"

host_install || exit 1
for service in su sudo login chsh chfn sshd vsftpd; do host_pam_lines $service; done
sed -i '/pam_faildelay/d' /etc/pam.d/login
printf '@include common-%s\n' auth account session-noninteractive >/etc/pam.d/doas
host_pam_lines doas
for service in web smtp; do printf '%s required pam_orgtoken.so\n' auth account >/etc/pam.d/$service; done
elevation_world || exit 1
usermod -aG orgtoken-verify www-data
revoked=$(orgtoken key create acme --name revoked 2>/dev/null)
orgtoken key revoke "${revoked:0:9}" >/dev/null
revoked_pat=$(as alice orgtoken pat create --name revoked 2>/dev/null)
orgtoken pat revoke "${revoked_pat:0:10}" >/dev/null
sudoers "Defaults>acme-deploy targetpw" "alice ALL=(acme-deploy) ALL" || exit 1
printf 'permit alice as acme-deploy\n' >/etc/doas.conf
chmod 0600 /etc/doas.conf
host_sshd_start "PasswordAuthentication yes" "KbdInteractiveAuthentication yes" || exit 1
kill "$(cat "$work/sshd.pid")"
install -d -m 1777 "$work/in" "$work/sasl" "$work/site" "$work/tmp" "$work/empty"
chmod 0755 "$work/empty"
echo page >"$work/site/page"

# poor CONDITION COMMAND ...: the program in that condition, and whatever it starts.
cat >"$work/poor" <<'POOR'
#!/bin/bash
condition=$1
shift
case $condition in
closed) exec 0<&- 1>&- 2>&- ;;
silent) exec 1>&- 2>&- ;;
many)
        ulimit -n 4096
        for ((i = 0; i < 2000; i++)); do exec {fd}</dev/null; done
        ;;
# Without the module Debian's su needs more than 256 KiB for a password, doas more than 512, and Python
# more than 64 to begin.
stack) ulimit -s 1024 ;;
tiny) ulimit -s 64 ;;
descriptors) ulimit -n 7 ;;
memory) ulimit -v 20000 ;;
esac
exec "$@"
POOR
chmod 0755 "$work/poor"

# --- those that a person starts; "silent" is what leaves them a place to read the password from
in=$work/in
host_su() { piped alice "$pat" "$work/poor" "$1" su acme-deploy -c "touch $in/su"; }
host_sudo() { piped alice "$pat" "$work/poor" "$1" sudo -k -S -p '' -u acme-deploy touch "$in/sudo"; }
host_doas() { typed alice "$pat@acme" "$work/poor" "$1" doas -u acme-deploy touch "$in/doas"; }
host_login() {
        timeout 20 "$drive" -t 8 -a 'login: $' acme-deploy -a 'assword: $' "$key" -a '\$ $' "touch $in/login; exit" -- \
                "$work/poor" "$1" login
}
# These two change a line of their own in the list of users.
host_chsh() {
        usermod -s /bin/sh alice
        typed alice "$pat@acme" "$work/poor" "$1" chsh -s /bin/bash
        ! getent passwd alice | grep -q ':/bin/bash$' || touch "$in/chsh"
}
host_chfn() {
        usermod -c carol carol
        typed carol "$carols@acme" "$work/poor" "$1" chfn -r "$1"
        ! getent passwd carol | grep -q ",$1," || touch "$in/chfn"
}
host_python() {
        printf '%s\n' "$key" | strace -f -qq -e trace=connect -o "$work/trace.python.$1" \
                "$work/poor" "$1" "$pamask" web acme-deploy auth account && touch "$in/python"
}

# --- those that serve
ssh_by() { # METHOD PORT NAME
        printf '#!/bin/sh\necho "%s"\n' "$key" >"$work/askpass.$3"
        chmod 0700 "$work/askpass.$3"
        # shellcheck disable=SC2086 # a list of options
        SSH_ASKPASS=$work/askpass.$3 SSH_ASKPASS_REQUIRE=force DISPLAY=none timeout 20 setsid -w ssh -p "$2" $ssh_options \
                -o PreferredAuthentications="$1" acme-deploy@127.0.0.1 touch "$in/$3" </dev/null
}
# serve CONDITION NAME PORT PROGRAM ...: starts it, and waits for its port to be open, which may never be.
serve() {
        local condition=$1 name=$2 port=$3 trace=
        shift 3
        # -D: it stays our child.
        [ "$condition" != closed ] || trace="strace -D -f -qq -e trace=connect -o $work/trace.$name"
        # In a group of its own: Apache ends its whole group.
        # shellcheck disable=SC2086 # words
        setsid $trace "$work/poor" "$condition" "$@" >"$work/$name.out" 2>&1 &
        server=$!
        for _ in $(seq 100); do
                kill -0 $server 2>/dev/null || break
                case $port in
                /*) [ -S "$port" ] && break ;;
                *) (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break ;;
                esac
                sleep 0.1
        done
}
# What it ended with, by itself or by SIGTERM.
unserve() {
        kill "$server" 2>/dev/null
        wait "$server"
        local status=$?
        [ $status = 143 ] || return $status
}
host_sshd() {
        serve "$1" sshd 2301 /usr/sbin/sshd -D -f "$work/sshd_config" -p 2301 -o PidFile=none -o ListenAddress=127.0.0.1:2301
        ssh_by password 2301 sshd
        ssh_by keyboard-interactive 2301 sshd_kbd
        unserve
}
host_saslauthd() {
        rm -f "$work/sasl"/*
        serve "$1" saslauthd "$work/sasl/mux" saslauthd -a pam -d -n 1 -m "$work/sasl"
        timeout 20 testsaslauthd -f "$work/sasl/mux" -u acme-deploy -p "$key" -s smtp | grep -q Success && touch "$in/saslauthd"
        unserve
}
host_vsftpd() {
        serve "$1" vsftpd 2302 vsftpd "$work/vsftpd.conf"
        curl -s -m 20 -u "acme-deploy:$key" ftp://127.0.0.1:2302/ >/dev/null && touch "$in/vsftpd"
        unserve
}
fetch() { curl -s -f -o /dev/null -m 20 -u "acme-deploy:$key" "http://127.0.0.1:$1/page"; }
host_nginx() {
        serve "$1" nginx 2303 nginx -c "$work/nginx.conf"
        fetch 2303 && touch "$in/nginx"
        unserve
}
host_apache() {
        serve "$1" apache 2304 apache2 -X -f "$work/apache.conf"
        fetch 2304 && touch "$in/apache"
        unserve
}
cat >"$work/vsftpd.conf" <<CONF
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port=2302
background=NO
local_enable=YES
pam_service_name=vsftpd
secure_chroot_dir=$work/empty
seccomp_sandbox=NO
CONF
cat >"$work/nginx.conf" <<CONF
load_module /usr/lib/nginx/modules/ngx_http_auth_pam_module.so;
daemon off;
worker_processes 1;
user www-data;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 64; }
http {
        access_log off;
        client_body_temp_path $work/tmp/a; proxy_temp_path $work/tmp/b; fastcgi_temp_path $work/tmp/c;
        uwsgi_temp_path $work/tmp/d; scgi_temp_path $work/tmp/e;
        server {
                listen 127.0.0.1:2303;
                root $work/site;
                location / { auth_pam "acme"; auth_pam_service_name "web"; }
        }
}
CONF
modules=/usr/lib/apache2/modules
cat >"$work/apache.conf" <<CONF
ServerRoot $work
ServerName host
PidFile $work/apache.pid
ErrorLog $work/apache.log
DefaultRuntimeDir $work
Listen 127.0.0.1:2304
User www-data
Group www-data
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule auth_basic_module $modules/mod_auth_basic.so
LoadModule authnz_pam_module $modules/mod_authnz_pam.so
DocumentRoot $work/site
<Directory $work/site>
        AuthType Basic
        AuthName acme
        AuthBasicProvider PAM
        AuthPAMService web
        Require valid-user
</Directory>
CONF

people="su sudo doas login chsh chfn python"
servers="sshd saslauthd vsftpd nginx apache"
everybody="apache chfn chsh doas login nginx python saslauthd sshd sshd_kbd su sudo vsftpd"

# meet CONDITION HOST ...: all at once; how each ended, in files.
meet() {
        local condition=$1 host pids=()
        shift
        rm -f "$work/in"/* "$work"/status.*
        for host in "$@"; do
                (
                        "host_$host" "$condition" >"$work/said.$host" 2>&1
                        echo $? >"$work/status.$host"
                ) &
                pids+=($!)
        done
        wait "${pids[@]}"
}
let_in() { find "$work/in" -type f -printf '%f\n' | sort | xargs; }
# By a signal.
crashed() { grep -lE '^(12[89]|1[3-9][0-9])$' "$work"/status.* | sed 's/.*status\.//' | xargs; }
good() { key=$acme_key pat=$alice carols=$carol; }
bad() { key=$revoked pat=$revoked_pat carols=$revoked_pat; }

good
# shellcheck disable=SC2086 # lists of words
for condition in plain many stack; do
        meet $condition $people $servers
        is "$(let_in)" "$everybody" "$condition: every program lets in who has a good token"
        is "$(crashed)" "" "$condition: and none crashes"
done
meet tiny nginx apache saslauthd
is "$(let_in)" "apache nginx saslauthd" "tiny: those that need less for themselves, with a stack of 64 KiB"
# sudo takes no password either where it has no standard error to ask on.
meet silent su doas python
is "$(let_in)" "doas python su" "silent: those without standard output and error"
# shellcheck disable=SC2086
meet closed $servers
is "$(let_in)" "apache nginx saslauthd sshd sshd_kbd vsftpd" "closed: those without any standard descriptor"
asked=$(grep -h 'verify\.sock' "$work"/trace.*)
[ "$(wc -l <<<"$asked")" -ge 8 ]
ok $? "(each of them asked, and a program of Python's that opens nothing else)"
is "$(grep -cE 'connect\([012],' <<<"$asked")" 0 "and none on a standard descriptor, where it would print to it"
# shellcheck disable=SC2086
for condition in memory descriptors; do
        # Apache aborts before it serves where there is no descriptor for its own start.
        [ $condition = memory ] || servers=${servers/apache/}
        good
        meet $condition $people $servers
        diag "$condition: let in: $(let_in)"
        is "$(crashed)" "" "$condition: none crashes"
        bad
        meet $condition $people $servers
        is "$(let_in)" "" "$condition: nobody gets in with a revoked token"
done
# shellcheck disable=SC2086
meet plain $people $servers apache
is "$(let_in)" "" "plain: nor where there is enough of everything"
host_daemon_stop
tap_done
