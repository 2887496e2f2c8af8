# Never built by `make`: the benchmark is asked for. `make bench`, or `make bench QUICK=1` for three minutes of it;
# `make check-instructions` for what can be compared from one machine to the next.
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
EXTRA_DIST += %D%/check_instructions.sh %D%/instructions %D%/peers.sh %D%/plot.py %D%/run.py
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

bench-programs: all $(bench_programs) %D%/pam_prompt.la
bench: bench-programs
	$(top_srcdir)/scripts/sandbox python3 $(abs_srcdir)/%D%/run.py $(abs_top_builddir) $(if $(QUICK),--quick)
check-instructions: bench-programs
	$(SHELL) $(srcdir)/%D%/check_instructions.sh
.PHONY: bench bench-programs check-instructions
