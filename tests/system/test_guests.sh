# shellcheck shell=bash
# The module in the two hosts that it could hurt most: nginx, whose one worker it holds up while it asks, and
# Apache's event MPM, which runs it in 27 threads of one process.
# shellcheck source=tests/support/tap.sh
. "$top_srcdir/tests/support/tap.sh"
# shellcheck source=tests/support/host.sh
. "$top_srcdir/tests/support/host.sh"

host_install || exit 1
host_user alice
adduser -q www-data orgtoken-verify
printf 'auth required pam_orgtoken.so org=acme token_only timeout=700\naccount required pam_orgtoken.so\n' \
        >/etc/pam.d/guest
host_daemon_start || exit 1
orgtoken org create acme >/dev/null 2>&1
orgtoken member add acme alice >/dev/null
good=$(setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name good 2>/dev/null)
bad=$(setpriv --reuid alice --regid alice --init-groups orgtoken pat create --name bad 2>/dev/null)
orgtoken pat revoke "${bad:0:10}" >/dev/null
mkdir -p "$work/site/private" "$work/tmp"
echo page >"$work/site/open"
echo secret >"$work/site/private/page"

# status PORT PATH [TOKEN]: the HTTP status.
status() {
        curl -s -o /dev/null -m 20 -w '%{http_code}' ${3+-u "alice:$3"} "http://127.0.0.1:$1/$2"
}

# --- nginx, one worker
cat >"$work/nginx.conf" <<CONF
load_module /usr/lib/nginx/modules/ngx_http_auth_pam_module.so;
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
                listen 127.0.0.1:8081;
                root $work/site;
                location /private { auth_pam "acme"; auth_pam_service_name "guest"; }
        }
}
CONF
nginx -c "$work/nginx.conf" >"$work/nginx.out" 2>&1 || cat "$work/nginx.out"
host_wait "curl -s http://127.0.0.1:8081/open"
is "$(status 8081 private/page "$good")" 200 "nginx: a good token"
is "$(status 8081 private/page "$bad")" 401 "nginx: a revoked one"
is "$(status 8081 open)" 200 "nginx: a page that asks for none"
worker=$(pgrep -P "$(cat "$work/nginx.pid")")

# The daemon frozen: each question holds the worker for its 700 ms, and for no more. Three that wait hold up the open
# page for 2.1 s at most, and with the module's own 3 s it would be 9.
kill -STOP "$daemon_pid"
waiting=()
for i in 1 2 3; do
        status 8081 private/page "$good" >"$work/status.$i" &
        waiting+=($!)
done
sleep 0.2
begin=$(date +%s%N)
is "$(status 8081 open)" 200 "nginx, the daemon frozen: an open page is served"
took=$((($(date +%s%N) - begin) / 1000000))
[ $took -lt 6000 ]
ok $? "and waits for no more than the time of those before it ($took ms)"
wait "${waiting[@]}"
for i in 1 2 3; do
        [ "$(cat "$work/status.$i")" != 200 ]
        ok $? "nginx, the daemon frozen: no token gets in ($(cat "$work/status.$i"))"
done
kill -CONT "$daemon_pid"
is "$(status 8081 private/page "$good")" 200 "nginx: and in again when it goes on"
is "$(pgrep -P "$(cat "$work/nginx.pid")")" "$worker" "nginx: it is the same worker"
kill "$(cat "$work/nginx.pid")"

# --- Apache, 27 threads
modules=/usr/lib/apache2/modules
cat >"$work/apache.conf" <<CONF
ServerRoot $work
ServerName guest
PidFile $work/apache.pid
ErrorLog $work/apache.log
DefaultRuntimeDir $work
Listen 127.0.0.1:8082
User www-data
Group www-data
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule auth_basic_module $modules/mod_auth_basic.so
LoadModule authnz_pam_module $modules/mod_authnz_pam.so
StartServers 1
ServerLimit 1
ThreadsPerChild 27
MaxRequestWorkers 27
DocumentRoot $work/site
<Directory $work/site>
        Require all granted
</Directory>
<Location /private>
        AuthType Basic
        AuthName acme
        AuthBasicProvider PAM
        AuthPAMService guest
        Require valid-user
</Location>
CONF
apache2 -f "$work/apache.conf" >"$work/apache.out" 2>&1 || cat "$work/apache.out"
host_wait "curl -s http://127.0.0.1:8082/open"
child=$(pgrep -P "$(cat "$work/apache.pid")" | head -n 1)
count() { find "/proc/$child/$1" -mindepth 1 -maxdepth 1 | wc -l; }
threads=$(count task)
[ "$threads" -ge 27 ]
ok $? "Apache runs $threads threads in one process"
export -f status
export good bad
# A refusal is logged, for which libc opens a descriptor and keeps it.
is "$(status 8082 private/page "$bad")" 401 "Apache: a revoked one"
files=$(count fd)
# Good and bad in turn, 27 at a time: each gets the answer to its own token.
# shellcheck disable=SC2016 # for the inner shell
answers=$(seq 540 | xargs -P 27 -I N bash -c '
        if [ $((N % 2)) = 0 ]; then echo "good $(status 8082 private/page "$good")"
        else echo "bad $(status 8082 private/page "$bad")"; fi' | sort | uniq -c | sed 's/^ *//')
is "$answers" "270 bad 401
270 good 200" "Apache: 540 requests by 27 threads, each answered for its own token"
is "$(pgrep -P "$(cat "$work/apache.pid")" | head -n 1)" "$child" "Apache: it is the same process"
# The last connection may be on its way out.
succeeds "Apache: with the same number of descriptors" host_wait "[ \"\$(count fd)\" = $files ]"
is "$(grep -ciE 'segfault|exit signal' "$work/apache.log")" 0 "Apache: no thread died"
kill "$(cat "$work/apache.pid")"
host_daemon_stop
tap_done
