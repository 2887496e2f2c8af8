# Programs that attack a daemon, or ask it while it is being attacked: for tests/system and for the long runs.
attack_programs = \
  %D%/ask \
  %D%/hostile
# With each measurement its control, which has to see the leak.
timing_programs = \
  %D%/timing \
  %D%/timing_leaking \
  %D%/orgtokend_leaking
EXTRA_PROGRAMS += $(timing_programs)
CLEANFILES += $(timing_programs)
%C%_timing_SOURCES = %D%/timing.c tests/bench/bench.c tests/bench/bench.h
%C%_timing_LDADD = daemon/libdaemon.la -lm
%C%_timing_leaking_SOURCES = %D%/timing.c %D%/leaking_secret.c tests/bench/bench.c tests/bench/bench.h
%C%_timing_leaking_LDADD = daemon/libdaemon.la -lm
%C%_orgtokend_leaking_SOURCES = daemon/main.c %D%/leaking_secret.c
%C%_orgtokend_leaking_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_orgtokend_leaking_LDADD = daemon/libdaemon.la

check_PROGRAMS += $(attack_programs)
if HAVE_CMOCKA
check_PROGRAMS += %D%/impostor
%C%_impostor_SOURCES = %D%/impostor.c
%C%_impostor_LDADD = tests/support/libsupport.la common/libcommon.la $(CMOCKA_LIBS) $(PAM_LIBS)
endif
%C%_ask_SOURCES = %D%/ask.c tests/bench/bench.c tests/bench/bench.h
%C%_ask_LDADD = common/libcommon.la
%C%_hostile_SOURCES = %D%/hostile.c tests/bench/bench.c tests/bench/bench.h
%C%_hostile_LDADD = common/libcommon.la
EXTRA_DIST += %D%/load.py %D%/canaries.py

# Ten minutes of it, with the times judged. LOAD_SECONDS: for each kind of attack.
LOAD_SECONDS = 60
check-load: all $(attack_programs)
	LOAD_OPTIONS='--judge --seconds $(LOAD_SECONDS)' $(top_srcdir)/tests/system/run . tests/system/test_load.sh
# The system tests once more, each on a host of its own that systemd booted, against the shipped unit. The tree is
# read-only there: what a test would build has to be there.
check-units: all $(attack_programs) tests/bench/store
	$(top_srcdir)/tests/system/run --units .
.PHONY: check-load check-units
EXTRA_DIST += %D%/timing.sh

# The statistics of TIME, with their controls: some minutes on a quiet machine. SAMPLES=100000 is a short one.
check-timing: all
	$(MAKE) $(AM_MAKEFLAGS) $(timing_programs)
	top_srcdir='$(abs_top_srcdir)' builddir='$(abs_top_builddir)' $(top_srcdir)/scripts/sandbox /bin/bash $(abs_top_srcdir)/tests/attack/timing.sh
.PHONY: check-timing
