# Unit, PAM and daemon tests need no root and run in `make check`; the system tests do and have a target of
# their own, as have fuzzing, valgrind and the benchmark. A test program is the one .c file of its name.
dist_check_SCRIPTS = \
  %D%/lint/test_isolation.sh \
  %D%/lint/test_layers.sh \
  %D%/lint/test_style.sh
TESTS += $(dist_check_SCRIPTS)
EXTRA_DIST += %D%/coverage %D%/fuzz %D%/mutation %D%/system \
  %D%/support/cmocka.sh \
  %D%/support/elevation.sh \
  %D%/support/host.sh \
  %D%/support/on_units.sh \
  %D%/support/mcp.py \
  %D%/support/pamask.py \
  %D%/support/ptydrive.py \
  %D%/support/recipe.py \
  %D%/support/tap.sh \
  %D%/support/valgrind.sh

if HAVE_CMOCKA
test_programs = \
  %D%/unit/test_askpass \
  %D%/unit/test_cidr \
  %D%/unit/test_cli_args \
  %D%/unit/test_cli_json \
  %D%/unit/test_cli_scanner \
  %D%/unit/test_cli_session \
  %D%/unit/test_cli_table \
  %D%/unit/test_cli_timewords \
  %D%/unit/test_client \
  %D%/unit/test_client_process \
  %D%/unit/test_confirm \
  %D%/unit/test_doctor \
  %D%/unit/test_expiry \
  %D%/unit/test_logsafe \
  %D%/unit/test_name \
  %D%/unit/test_pamwalk \
  %D%/unit/test_secret \
  %D%/unit/test_token \
  %D%/unit/test_verdict \
  %D%/unit/test_wire \
  %D%/unit/test_wire_golden \
  %D%/unit/test_wire_random \
  %D%/unit/test_wire_rules \
  %D%/unit/test_wirebuf \
  %D%/pam/test_account \
  %D%/pam/test_auth \
  %D%/pam/test_faults \
  %D%/pam/test_guest \
  %D%/pam/test_hostile \
  %D%/pam/test_memo \
  %D%/pam/test_notice \
  %D%/pam/test_options \
  %D%/pam/test_org \
  %D%/pam/test_outcome \
  %D%/pam/test_process \
  %D%/pam/test_request \
  %D%/pam/test_resources \
  %D%/pam/test_session \
  %D%/pam/test_stack \
  %D%/daemon/test_access \
  %D%/daemon/test_acknowledge \
  %D%/daemon/test_audit \
  %D%/daemon/test_become \
  %D%/daemon/test_clock \
  %D%/daemon/test_clockmark \
  %D%/daemon/test_damage \
  %D%/daemon/test_faults \
  %D%/daemon/test_grant \
  %D%/daemon/test_hostkey \
  %D%/daemon/test_io_errors \
  %D%/daemon/test_jobs \
  %D%/daemon/test_keyhash \
  %D%/daemon/test_kill9 \
  %D%/daemon/test_limits \
  %D%/daemon/test_listen \
  %D%/daemon/test_manage_deliver \
  %D%/daemon/test_manage_failure \
  %D%/daemon/test_manage_faults \
  %D%/daemon/test_manage_list \
  %D%/daemon/test_manage_model \
  %D%/daemon/test_manage_notify \
  %D%/daemon/test_manage_org \
  %D%/daemon/test_manage_roles \
  %D%/daemon/test_manage_sessions \
  %D%/daemon/test_manage_token \
  %D%/daemon/test_options \
  %D%/daemon/test_peer \
  %D%/daemon/test_power_loss \
  %D%/daemon/test_process \
  %D%/daemon/test_quota \
  %D%/daemon/test_restore \
  %D%/daemon/test_rotate_key \
  %D%/daemon/test_rowcache \
  %D%/daemon/test_sealed \
  %D%/daemon/test_server \
  %D%/daemon/test_session \
  %D%/daemon/test_start \
  %D%/daemon/test_store \
  %D%/daemon/test_store_damage \
  %D%/daemon/test_store_list \
  %D%/daemon/test_store_open \
  %D%/daemon/test_store_rules \
  %D%/daemon/test_ticket \
  %D%/daemon/test_timing \
  %D%/daemon/test_usage \
  %D%/daemon/test_userdb \
  %D%/daemon/test_verifier \
  %D%/daemon/test_verifier_session \
  %D%/daemon/test_verify \
  %D%/daemon/test_verify_ends \
  %D%/daemon/test_verify_rows \
  %D%/daemon/test_verify_table \
  %D%/daemon/test_verify_trace \
  %D%/daemon/test_worker
if !SANITIZERS
# Brings a malloc() of its own, as the sanitizers do.
test_programs += %D%/pam/test_memory
endif
check_PROGRAMS += $(test_programs)
TESTS += $(test_programs)

# Most programs test the daemon's library; those of the module and of the command say so below.
LDADD = %D%/support/libsupport.la daemon/libdaemon.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
pam_ldadd = %D%/support/libsupport.la pam/libpamcore.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
askpass_ldadd = %D%/support/libsupport.la askpass/libaskpass.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
%C%_unit_test_askpass_LDADD = $(askpass_ldadd)
cli_ldadd = %D%/support/libsupport.la cli/libcli.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
%C%_pam_test_account_LDADD = $(pam_ldadd)
%C%_pam_test_auth_LDADD = $(pam_ldadd)
%C%_pam_test_guest_LDADD = $(pam_ldadd)
%C%_pam_test_hostile_LDADD = $(pam_ldadd)
%C%_pam_test_memory_LDADD = $(pam_ldadd)
%C%_pam_test_notice_LDADD = $(pam_ldadd)
%C%_pam_test_options_LDADD = $(pam_ldadd)
%C%_pam_test_org_LDADD = $(pam_ldadd)
%C%_pam_test_outcome_LDADD = $(pam_ldadd)
%C%_pam_test_process_LDADD = $(pam_ldadd)
%C%_pam_test_request_LDADD = $(pam_ldadd)
%C%_pam_test_resources_LDADD = $(pam_ldadd)
%C%_pam_test_session_LDADD = $(pam_ldadd)
%C%_pam_test_stack_LDADD = $(pam_ldadd)
%C%_unit_test_cli_args_LDADD = $(cli_ldadd)
%C%_unit_test_cli_json_LDADD = $(cli_ldadd)
%C%_unit_test_cli_scanner_LDADD = $(cli_ldadd)
%C%_unit_test_cli_session_LDADD = $(cli_ldadd)
%C%_unit_test_cli_table_LDADD = $(cli_ldadd)
%C%_unit_test_cli_timewords_LDADD = $(cli_ldadd)
%C%_unit_test_client_LDADD = $(cli_ldadd)
%C%_unit_test_doctor_LDADD = $(cli_ldadd)
%C%_unit_test_pamwalk_LDADD = $(cli_ldadd)
%C%_unit_test_client_process_LDADD = $(cli_ldadd)

check_LTLIBRARIES += %D%/support/libsupport.la
%C%_support_libsupport_la_SOURCES = \
  %D%/support/daemon_fixture.c \
  %D%/support/fake_daemon.c \
  %D%/support/fault_vfs.c \
  %D%/support/killed.c \
  %D%/support/captured.c \
  %D%/support/files.c \
  %D%/support/manage_fixture.c \
  %D%/support/manage_model.c \
  %D%/support/manage_remote.c \
  %D%/support/model_run.c \
  %D%/support/pam_harness.c \
  %D%/support/store_fixture.c \
  %D%/bench/bench.h \
  %D%/daemon/closed_scene.h \
  %D%/daemon/manage_scene.h \
  %D%/daemon/store_scene.h \
  %D%/daemon/verifier_scene.h \
  %D%/daemon/verify_scene.h \
  %D%/support/captured.h \
  %D%/support/daemon_fixture.h \
  %D%/support/fake_daemon.h \
  %D%/support/fault_vfs.h \
  %D%/support/faulty_calls.h \
  %D%/support/files.h \
  %D%/support/killed.h \
  %D%/support/manage_fixture.h \
  %D%/support/manage_model.h \
  %D%/support/manage_remote.h \
  %D%/support/memory_store.h \
  %D%/support/model_run.h \
  %D%/support/pam_harness.h \
  %D%/support/store_fixture.h \
  %D%/support/valgrind.h \
  %D%/support/world.h \
  %D%/unit/client_fixture.h \
  %D%/unit/wire_golden.h

# A second engine behind daemon/store.h, in memory: for the decision, which must not notice. What is linked
# first answers, so it stands before the daemon's library.
check_LTLIBRARIES += %D%/support/libmemory.la
%C%_support_libmemory_la_SOURCES = %D%/support/memory_store.c %D%/support/world.c 
tests_unit_test_confirm_LDADD = sessiond/libsessiond.la $(LDADD)
memory_ldadd = %D%/support/libmemory.la $(LDADD)
tests_daemon_test_timing_LDADD = $(memory_ldadd)
tests_daemon_test_verifier_LDADD = $(memory_ldadd)
tests_daemon_test_verifier_session_LDADD = $(memory_ldadd)
tests_daemon_test_verify_LDADD = $(memory_ldadd)
tests_daemon_test_verify_ends_LDADD = $(memory_ldadd)
tests_daemon_test_verify_rows_LDADD = $(memory_ldadd)
tests_daemon_test_verify_table_LDADD = $(memory_ldadd)
tests_daemon_test_verify_trace_LDADD = $(memory_ldadd)

# Calls that fail, in the program that is linked with them: in the daemon, for test_faults, and in tests.
check_LTLIBRARIES += %D%/support/libfaulty.la
%C%_support_libfaulty_la_SOURCES = %D%/support/faulty_calls.c
%C%_support_libfaulty_la_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS) $(SQLITE_CFLAGS) $(SODIUM_CFLAGS)
faulty_ldadd = %D%/support/libfaulty.la $(LDADD)
faulty_ldflags = $(AM_LDFLAGS) -rdynamic
%C%_daemon_test_manage_faults_LDADD = $(faulty_ldadd)
%C%_daemon_test_manage_faults_LDFLAGS = $(faulty_ldflags)
%C%_daemon_test_restore_LDADD = $(faulty_ldadd)
%C%_daemon_test_restore_LDFLAGS = $(faulty_ldflags)
%C%_daemon_test_rotate_key_LDADD = $(faulty_ldadd)
%C%_daemon_test_rotate_key_LDFLAGS = $(faulty_ldflags)
%C%_daemon_test_start_LDADD = $(faulty_ldadd)
%C%_daemon_test_start_LDFLAGS = $(faulty_ldflags)
check_PROGRAMS += %D%/support/faulty_orgtokend
%C%_support_faulty_orgtokend_SOURCES = daemon/main.c
%C%_support_faulty_orgtokend_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS) $(SQLITE_CFLAGS) $(SODIUM_CFLAGS)
# Nothing in it asks for the archive by name where a sanitizer has malloc().
%C%_support_faulty_orgtokend_LDFLAGS = $(faulty_ldflags) -Wl,-u,faulty_calls_begin
%C%_support_faulty_orgtokend_LDADD = %D%/support/libfaulty.la daemon/libdaemon.la

# The daemon under clocks that a test sets, for test_clock. Its definitions stand before libc's.
check_PROGRAMS += %D%/support/stepped_orgtokend
%C%_support_stepped_orgtokend_SOURCES = daemon/main.c %D%/support/stepped_clock.c %D%/support/stepped_clock.h
%C%_support_stepped_orgtokend_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_support_stepped_orgtokend_LDADD = daemon/libdaemon.la

# A host whose every call can fail, with the module compiled in; libpam is played as well.
check_LTLIBRARIES += %D%/support/libfakehost.la
%C%_support_libfakehost_la_SOURCES = %D%/support/fake_host.c %D%/support/fake_host.h
fake_host_calls = -Wl,--wrap=calloc,--wrap=clock_gettime,--wrap=close,--wrap=connect,--wrap=fcntl,--wrap=free \
  -Wl,--wrap=getrandom,--wrap=getsockopt,--wrap=inet_ntop,--wrap=ppoll,--wrap=recvmsg,--wrap=send,--wrap=socket
fake_host_ldadd = %D%/support/libfakehost.la pam/libpamcore.la common/libcommon.la
%C%_pam_test_faults_LDFLAGS = $(AM_LDFLAGS) $(fake_host_calls)
%C%_pam_test_faults_LDADD = $(fake_host_ldadd) $(CMOCKA_LIBS)
%C%_pam_test_memo_LDFLAGS = $(AM_LDFLAGS) $(fake_host_calls)
%C%_pam_test_memo_LDADD = $(fake_host_ldadd) $(CMOCKA_LIBS)

%C%_daemon_test_userdb_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getpwnam_r,--wrap=getpwuid_r,--wrap=setpwent,--wrap=getpwent
# A journal that is played.
%C%_daemon_test_audit_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=connect,--wrap=send,--wrap=poll,--wrap=time
# What the daemon gives away, and what it gives up, as root.
%C%_daemon_test_become_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=geteuid,--wrap=getpwnam,--wrap=fstat,--wrap=fchown,--wrap=fchmod \
  -Wl,--wrap=setgroups,--wrap=setresgid,--wrap=setresuid,--wrap=setuid,--wrap=prctl,--wrap=setrlimit

%C%_daemon_test_listen_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=geteuid,--wrap=getgrnam,--wrap=fchownat,--wrap=fstat \
  -Wl,--wrap=getsockopt,--wrap=fcntl

# A module that looks on, for the tests of stacks. Never installed; libtool makes it a module for -rpath.
check_LTLIBRARIES += %D%/pam/pam_spy.la
%C%_pam_pam_spy_la_SOURCES = %D%/pam/pam_spy.c
%C%_pam_pam_spy_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
%C%_pam_pam_spy_la_LIBADD = $(PAM_LIBS)
endif

# Builds what it runs, and does not run all of `make check` before.
check-valgrind: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	$(srcdir)/%D%/support/valgrind.sh $(valgrind_programs)
valgrind_programs = $(test_programs)
# The fuzz targets, for tests/fuzz/run alone, which configures with clang. Each names the parts that it fuzzes:
# of two functions of one name only the part's own may answer.
fuzz_targets = \
  %D%/fuzz/fuzz_args \
  %D%/fuzz/fuzz_askpass \
  %D%/fuzz/fuzz_cidr \
  %D%/fuzz/fuzz_expiry \
  %D%/fuzz/fuzz_limits \
  %D%/fuzz/fuzz_logsafe \
  %D%/fuzz/fuzz_manage \
  %D%/fuzz/fuzz_model \
  %D%/fuzz/fuzz_name \
  %D%/fuzz/fuzz_pam \
  %D%/fuzz/fuzz_pam_options \
  %D%/fuzz/fuzz_restore \
  %D%/fuzz/fuzz_pamstack \
  %D%/fuzz/fuzz_scanner \
  %D%/fuzz/fuzz_store_open \
  %D%/fuzz/fuzz_token \
  %D%/fuzz/fuzz_verifier \
  %D%/fuzz/fuzz_wire_reply \
  %D%/fuzz/fuzz_wire_request
EXTRA_PROGRAMS += $(fuzz_targets)
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_daemon = %D%/support/libsupport.la daemon/libdaemon.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
%C%_fuzz_fuzz_args_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_args_LDADD = cli/libcli.la common/libcommon.la
%C%_fuzz_fuzz_askpass_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_askpass_LDADD = askpass/libaskpass.la common/libcommon.la
%C%_fuzz_fuzz_cidr_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_cidr_LDADD = common/libcommon.la
%C%_fuzz_fuzz_expiry_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_expiry_LDADD = common/libcommon.la
%C%_fuzz_fuzz_limits_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_limits_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_logsafe_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_logsafe_LDADD = common/libcommon.la
%C%_fuzz_fuzz_manage_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_manage_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_model_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_model_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_name_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_name_LDADD = common/libcommon.la
%C%_fuzz_fuzz_pam_LDFLAGS = $(fuzz_ldflags) $(fake_host_calls)
%C%_fuzz_fuzz_pam_LDADD = $(fake_host_ldadd)
%C%_fuzz_fuzz_pam_options_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_pam_options_LDADD = pam/libpamcore.la common/libcommon.la $(PAM_LIBS)
%C%_fuzz_fuzz_restore_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_restore_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_pamstack_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_pamstack_LDADD = cli/libcli.la common/libcommon.la
%C%_fuzz_fuzz_scanner_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_scanner_LDADD = cli/libcli.la common/libcommon.la
%C%_fuzz_fuzz_store_open_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_store_open_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_token_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_token_LDADD = common/libcommon.la
%C%_fuzz_fuzz_verifier_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_verifier_LDADD = $(fuzz_daemon)
%C%_fuzz_fuzz_wire_reply_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_wire_reply_LDADD = common/libcommon.la
%C%_fuzz_fuzz_wire_request_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_fuzz_wire_request_LDADD = common/libcommon.la
fuzz-targets: $(BUILT_SOURCES)
	$(MAKE) $(AM_MAKEFLAGS) $(fuzz_targets)
# A million logins in one process, of which `make check` takes some.
check-guest: tests/pam/test_guest pam/pam_orgtoken.la
	ORGTOKEN_TRANSACTIONS=1000000 ORGTOKEN_MODULE='$(abs_top_builddir)/pam/.libs/pam_orgtoken.so' tests/pam/test_guest
# The long forms of the tests of the store: kills, losses of power, errors and damage of the disk.
storage_programs = %D%/daemon/test_kill9 %D%/daemon/test_damage %D%/daemon/test_power_loss %D%/daemon/test_io_errors %D%/daemon/test_store_damage \
  %D%/daemon/test_restore %D%/daemon/test_rotate_key
check-storage: all
	ORGTOKEN_LONG=1 $(MAKE) check TESTS="$(storage_programs)"
check-fuzz:
	$(srcdir)/%D%/fuzz/run
check-system: all $(attack_programs)
	$(srcdir)/%D%/system/run .
# The long form of the property test: a million steps, of a new seed each time, or as the environment says.
check-model: all tests/daemon/test_manage_model
	ORGTOKEN_MODEL_STEPS=$${ORGTOKEN_MODEL_STEPS-1000000} ORGTOKEN_MODEL_SEED=$${ORGTOKEN_MODEL_SEED-$$(date +%s)} \
	  tests/daemon/test_manage_model
# Which branches the tests take; all changes that tests/mutation/run can make (an hour); every call of the daemon
# that can fail (a quarter of an hour).
check-coverage:
	$(srcdir)/%D%/coverage/run --missing
check-mutation:
	$(srcdir)/%D%/mutation/run --all --jobs 2
check-faults: all tests/daemon/test_faults tests/support/faulty_orgtokend
	ORGTOKEN_LONG=1 top_builddir=. tests/daemon/test_faults
check-lint: all
	$(MAKE) check TESTS="$(dist_check_SCRIPTS)"
.PHONY: check-valgrind check-guest check-fuzz check-system check-model check-coverage check-mutation \
  check-faults check-storage fuzz-targets
