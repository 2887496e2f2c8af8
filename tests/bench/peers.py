"""The peers: PAM modules that Debian packages, each set up as its manual says, inside the sandbox. Optional."""

import base64
import crypt  # pylint: disable=deprecated-module
import hashlib
import hmac
import os
import pathlib
import random
import struct
import subprocess
import time

from host import DAEMON_CPU, SECURITY, Skipped, run, wait_for

PASSWORD = "correct-horse-battery"
WORDS = {
    "permit": "pam_permit",
    "unix-yescrypt": "pam_unix yescrypt",
    "unix-sha512": "pam_unix sha512",
    "pwdfile-10": "pam_pwdfile, 10 entries",
    "pwdfile-100000": "pam_pwdfile, 10^5 entries",
    "userdb": "pam_userdb, 10^5 entries",
    "google": "pam_google_authenticator",
    "oath": "pam_oath",
    "radius": "pam_radius, loopback",
    "ldap": "pam_ldap, nslcd and slapd",
    "sss": "pam_sss, slapd",
    "sss-uncached": "pam_sss, slapd, no cached credentials",
    "exec": "pam_exec /bin/true",
}
SECRET = b"12345678901234567890"
OATH_CODES = 1596  # the driver's stride is one more: these are taken in order


def need(module, *programs):
    """The module, or a reason to skip."""
    if not (SECURITY / module).exists():
        raise Skipped(f"{module} is not installed")
    for program in programs:
        if not os.path.exists(program):
            raise Skipped(f"{program} is not installed")
    return module


def both(module, options=""):
    """For every module that has an account phase: ours has one, and its login is compared with theirs."""
    return [f"{kind} required {module} {options}" for kind in ("auth", "account")]


def alone(module, options=""):
    """For one that has none."""
    return [f"auth required {module} {options}", "account required pam_permit.so"]


def add_user(name, method=crypt.METHOD_SHA512, salt=None):
    run("useradd", "-M", "-s", "/bin/sh", "-p", crypt.crypt(PASSWORD, salt or crypt.mksalt(method)), name)


def hotp(counter):
    digest = hmac.new(SECRET, struct.pack(">Q", counter), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10**6:06}"


# Each of these answers with the lines of its stack and those of its credentials.

def unix_yescrypt(_):
    add_user("bench-y", salt="$y$j9T$" + "abcdefgh12345678")
    return both("pam_unix.so"), [f"bench-y {PASSWORD}"]


def unix_sha512(_):
    add_user("bench-s")
    return both("pam_unix.so"), [f"bench-s {PASSWORD}"]


def pwdfile(host, entries, salt):
    need("pam_pwdfile.so")
    path = host.work / f"pwdfile-{entries}"
    line = crypt.crypt(PASSWORD[:8], salt)
    path.write_text("".join(f"user-{i}:{line}\n" for i in range(entries)))
    return alone("pam_pwdfile.so", f"pwdfile={path}"), [
        f"user-{i} {PASSWORD[:8]}" for i in random.sample(range(entries), min(entries, 1000))]


def pwdfile_few(host):
    return pwdfile(host, 10, "ab")


def pwdfile_many(host):
    return pwdfile(host, 10**5, "$6$orgtoken")


def userdb(host):
    need("pam_userdb.so", "/usr/bin/db_load")
    path = host.work / "userdb"
    text = "".join(f"user-{i}\n{PASSWORD}\n" for i in range(10**5))
    run("db_load", "-T", "-t", "hash", f"{path}.db", input=text)
    return both("pam_userdb.so", f"db={path} crypt=none"), [f"user-{i} {PASSWORD}"
                                                           for i in range(0, 10**5, 97)]


def google(host):
    need("pam_google_authenticator.so")
    path = host.work / "google"
    secret = base64.b32encode(SECRET).decode()
    # Two steps to either side, one more than by default, so that a code lasts for a run: each step is an HMAC.
    path.write_text(f'{secret}\n" WINDOW_SIZE 5\n" TOTP_AUTH\n')
    path.chmod(0o400)
    return alone("pam_google_authenticator.so", f"secret={path} user=root"), google_codes()


def google_codes():
    return [f"root {hotp(int(time.time()) // 30)}"]


def oath(host):
    need("pam_oath.so")
    reset_oath(host)
    codes = [hotp(n) for n in range(1, OATH_CODES + 1)]
    # Begun with the second: the driver adds its stride before it takes one.
    return alone("pam_oath.so", f"usersfile={host.work}/oath window=20 digits=6"), [
        f"root {code}" for code in codes[-1:] + codes[:-1]]


def reset_oath(host):
    path = host.work / "oath"
    path.write_text(f"HOTP\troot\t-\t{SECRET.hex()}\n")
    path.chmod(0o600)


def radius(host):
    need("pam_radius_auth.so", "/usr/sbin/freeradius")
    pathlib.Path("/etc/pam_radius_auth.conf").write_text("127.0.0.1 testing123 3\n")
    users = pathlib.Path("/etc/freeradius/3.0/mods-config/files/authorize")
    users.write_text(f'bench-r Cleartext-Password := "{PASSWORD}"\n')
    host.start("/usr/sbin/freeradius", "-f", cpu=DAEMON_CPU)
    time.sleep(2)
    return both("pam_radius_auth.so"), [f"bench-r {PASSWORD}"]


SLAPD = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {work}/slapd.pid
database mdb
suffix "dc=bench"
rootdn "cn=root,dc=bench"
rootpw {password}
directory {work}/ldap
index uid,uidNumber,objectClass eq
"""
LDIF = """dn: dc=bench
objectClass: dcObject
objectClass: organization
o: bench
dc: bench

dn: uid=bench-l,dc=bench
objectClass: account
objectClass: posixAccount
objectClass: shadowAccount
uid: bench-l
cn: bench-l
uidNumber: 20001
gidNumber: 20001
homeDirectory: /
userPassword: {password}
"""


def start_slapd(host):
    need("pam_permit.so", "/usr/sbin/slapd", "/usr/bin/ldapadd")
    if (host.work / "ldap").exists():
        return
    (host.work / "ldap").mkdir()
    (host.work / "slapd.conf").write_text(SLAPD.format(work=host.work, password=PASSWORD))
    host.start("/usr/sbin/slapd", "-d", "0", "-f", host.work / "slapd.conf", "-h", "ldap://127.0.0.1",
               cpu=DAEMON_CPU)
    time.sleep(1)
    run("ldapadd", "-x", "-H", "ldap://127.0.0.1", "-D", "cn=root,dc=bench", "-w", PASSWORD,
        input=LDIF.format(password=PASSWORD))


def ldap(host):
    need("pam_ldap.so", "/usr/sbin/nslcd")
    start_slapd(host)
    conf = pathlib.Path("/etc/nslcd.conf")
    conf.write_text("uid nslcd\ngid nslcd\nuri ldap://127.0.0.1/\nbase dc=bench\n")
    conf.chmod(0o640)
    os.makedirs("/run/nslcd", exist_ok=True)
    run("chown", "nslcd:nslcd", "/run/nslcd")
    host.start("/usr/sbin/nslcd", "-n", cpu=DAEMON_CPU)
    wait_for("/run/nslcd/socket")
    return both("pam_ldap.so", "minimum_uid=1000"), [f"bench-l {PASSWORD}"]


# Twice the same directory: with credentials kept for when it is away, as realmd and ipa-client-install write it, and
# without. SSSD's own default is without; with it each login hashes the password once more, to keep it.
SSSD = """[sssd]
services = nss, pam
domains = cached, uncached
[domain/cached]
id_provider = ldap
auth_provider = ldap
ldap_uri = ldap://127.0.0.1
ldap_search_base = dc=bench
ldap_auth_disable_tls_never_use_in_production = true
cache_credentials = true
[domain/uncached]
id_provider = ldap
auth_provider = ldap
ldap_uri = ldap://127.0.0.1
ldap_search_base = dc=bench
ldap_auth_disable_tls_never_use_in_production = true
cache_credentials = false
"""


def start_sssd(host):
    need("pam_sss.so", "/usr/sbin/sssd")
    start_slapd(host)
    conf = pathlib.Path("/etc/sssd/sssd.conf")
    if conf.exists():
        return
    conf.write_text(SSSD)
    conf.chmod(0o600)
    host.start("/usr/sbin/sssd", "-i", "--logger=files", cpu=DAEMON_CPU)
    wait_for("/var/lib/sss/pipes/pam")
    time.sleep(2)


def sss(host):
    start_sssd(host)
    return both("pam_sss.so", "domains=cached"), [f"bench-l {PASSWORD}"]


def sss_uncached(host):
    start_sssd(host)
    return both("pam_sss.so", "domains=uncached"), [f"bench-l {PASSWORD}"]


def execute(_):
    return alone("pam_exec.so", "quiet /bin/true"), [f"root {PASSWORD}"]


PEERS = {"unix-yescrypt": unix_yescrypt, "unix-sha512": unix_sha512, "pwdfile-10": pwdfile_few,
         "pwdfile-100000": pwdfile_many, "userdb": userdb, "google": google, "oath": oath,
         "radius": radius, "ldap": ldap, "sss": sss,
         "sss-uncached": sss_uncached, "exec": execute}


def install(folder, say):
    """The packages in a folder, into the sandbox's copy of the host; their services are not started."""
    debs = sorted(pathlib.Path(folder).glob("*.deb"))
    say(f"installing {len(debs)} packages of the peers in the sandbox")
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(["dpkg", "-i", "--force-confdef", *map(str, debs)], env=environment, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        say("note: dpkg: " + done.stdout.decode(errors="replace")[-500:])


def works(host, name, file):
    """One login before it is measured: a peer that refuses is not faster than others."""
    done = subprocess.run([str(host.programs / "login"), "-r", "1", "-n", "1", str(host.confdir),
                           f"{name}={file}"], stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode == 0 and '"failures": 0' in done.stdout


def set_up(host, debs, say):
    """[(stack, credentials, words)] of those that work here, and {name: why not} of the others."""
    stacks, skipped = [], {}
    if debs:
        install(debs, say)
    for name, make in PEERS.items():
        try:
            lines, credentials = make(host)
        except (Skipped, SystemExit, OSError) as why:
            skipped[WORDS[name]] = str(why)
            continue
        host.stack(name, *lines)
        file = host.credentials(name, *credentials)
        if not works(host, name, file):
            skipped[WORDS[name]] = "the stack was set up and did not let its user in"
            continue
        stacks.append((name, file, WORDS[name]))
    reset(host, stacks)
    return stacks, skipped


def reset(host, stacks):
    """Before each run of the driver: codes are used once, or are only good for a while."""
    for name, _, _ in stacks:
        if name == "oath":
            reset_oath(host)
        if name == "google":
            host.credentials("google", *google_codes())
