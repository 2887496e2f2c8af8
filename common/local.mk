noinst_LTLIBRARIES += %D%/libcommon.la
%C%_libcommon_la_SOURCES = \
  %D%/cidr.c \
  %D%/cidr.h \
  %D%/cleanup.h \
  %D%/client.c \
  %D%/client.h \
  %D%/expiry.c \
  %D%/expiry.h \
  %D%/logsafe.c \
  %D%/logsafe.h \
  %D%/name.c \
  %D%/name.h \
  %D%/pamoptions.c \
  %D%/pamoptions.h \
  %D%/secret.c \
  %D%/secret.h \
  %D%/token.c \
  %D%/token.h \
  %D%/verdict.c \
  %D%/verdict.h \
  %D%/view.h \
  %D%/wire.c \
  %D%/wire.h \
  %D%/wire_schema.c \
  %D%/wire_schema.h \
  %D%/wirebuf.c \
  %D%/wirebuf.h
