# Everything but main() is a library, so that the tests link what ssh runs.
noinst_LTLIBRARIES += %D%/libaskpass.la
%C%_libaskpass_la_SOURCES = \
  %D%/complaint.c \
  %D%/complaint.h \
  %D%/config.c \
  %D%/config.h \
  %D%/keyring.c \
  %D%/keyring.h \
  %D%/prompt.c \
  %D%/prompt.h \
  %D%/source.c \
  %D%/source.h
%C%_libaskpass_la_LIBADD = common/libcommon.la

bin_PROGRAMS += %D%/orgtoken-askpass
%C%_orgtoken_askpass_SOURCES = %D%/main.c
%C%_orgtoken_askpass_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_orgtoken_askpass_LDFLAGS = $(AM_LDFLAGS) -pie
%C%_orgtoken_askpass_LDADD = %D%/libaskpass.la
