# Programs that attack a daemon, or ask it while it is being attacked: for tests/system and for the long runs.
attack_programs = \
  %D%/ask \
  %D%/hostile
check_PROGRAMS += $(attack_programs)
%C%_ask_SOURCES = %D%/ask.c tests/bench/bench.c tests/bench/bench.h
%C%_ask_LDADD = common/libcommon.la
%C%_hostile_SOURCES = %D%/hostile.c tests/bench/bench.c tests/bench/bench.h
%C%_hostile_LDADD = common/libcommon.la
EXTRA_DIST += %D%/load.py %D%/canaries.py

# Ten minutes of it, with the times judged. LOAD_SECONDS: for each kind of attack.
LOAD_SECONDS = 60
check-load: all $(attack_programs)
	LOAD_OPTIONS='--judge --seconds $(LOAD_SECONDS)' $(top_srcdir)/tests/system/run . tests/system/test_load.sh
# The system tests once more, each on a host of its own that systemd booted, against the shipped unit.
check-units: all $(attack_programs)
	$(top_srcdir)/tests/system/run --units .
.PHONY: check-load check-units
