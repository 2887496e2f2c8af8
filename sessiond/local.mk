# The one privileged helper: everything but main() is a library, so that the tests link what it runs.
noinst_LTLIBRARIES += %D%/libsessiond.la
%C%_libsessiond_la_SOURCES = \
  %D%/confirm.c %D%/confirm.h \
  %D%/logind.c %D%/logind.h \
  %D%/serve.c %D%/serve.h
%C%_libsessiond_la_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_libsessiond_la_LIBADD = common/libcommon.la $(SYSTEMD_LIBS)

sbin_PROGRAMS += %D%/orgtoken-sessiond
%C%_orgtoken_sessiond_SOURCES = %D%/main.c
%C%_orgtoken_sessiond_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_orgtoken_sessiond_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_orgtoken_sessiond_LDFLAGS = $(AM_LDFLAGS) -pie
%C%_orgtoken_sessiond_LDADD = %D%/libsessiond.la
