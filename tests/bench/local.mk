# Never built by `make`: the benchmark is asked for. `make bench`, or `make bench QUICK=1` for three minutes of it
# (QUICK, PEERS and STORES reach run.py through the environment); `make check-instructions` for what repeats.
bench_programs = \
  %D%/activate \
  %D%/create \
  %D%/decide \
  %D%/echo \
  %D%/flood \
  %D%/login \
  %D%/store
EXTRA_PROGRAMS += $(bench_programs)
EXTRA_LTLIBRARIES += %D%/pam_prompt.la
EXTRA_DIST += %D%/check_instructions.sh %D%/host.py %D%/instructions %D%/peers.py %D%/plot.py %D%/run.py
CLEANFILES += $(bench_programs) %D%/pam_prompt.la

bench_common = common/libcommon.la
%C%_activate_SOURCES = %D%/activate.c %D%/bench.c %D%/bench.h
%C%_activate_LDADD = $(bench_common)
%C%_create_SOURCES = %D%/create.c %D%/bench.c %D%/bench.h
%C%_create_LDADD = $(bench_common)
%C%_decide_SOURCES = %D%/decide.c %D%/bench.c %D%/bench.h
%C%_decide_LDADD = daemon/libdaemon.la
%C%_echo_SOURCES = %D%/echo.c %D%/bench.c %D%/bench.h
%C%_echo_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_echo_LDADD = $(bench_common) $(SYSTEMD_LIBS)
%C%_flood_SOURCES = %D%/flood.c %D%/bench.c %D%/bench.h
%C%_flood_LDADD = $(bench_common)
%C%_login_SOURCES = %D%/login.c %D%/bench.c %D%/bench.h
%C%_login_LDADD = $(PAM_LIBS)
%C%_store_SOURCES = %D%/store.c %D%/bench.c %D%/bench.h
%C%_store_LDADD = daemon/libdaemon.la
%C%_pam_prompt_la_SOURCES = %D%/pam_prompt.c
%C%_pam_prompt_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
%C%_pam_prompt_la_LIBADD = $(PAM_LIBS)

# One after the other: `all` is a make of its own here, and both would build the libraries.
bench-programs: all
	$(MAKE) $(bench_programs) %D%/pam_prompt.la
bench: bench-programs
	PYTHONDONTWRITEBYTECODE=1 $(top_srcdir)/scripts/sandbox python3 $(abs_srcdir)/%D%/run.py $(abs_top_builddir)
check-instructions: bench-programs
	top_builddir='$(abs_top_builddir)' CC='$(CC)' $(SHELL) $(srcdir)/%D%/check_instructions.sh
.PHONY: bench bench-programs check-instructions
