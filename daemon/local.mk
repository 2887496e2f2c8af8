# Everything but main() is a library, so that the tests link what the daemon runs.
noinst_LTLIBRARIES += %D%/libdaemon.la
%C%_libdaemon_la_SOURCES = \
  %D%/access.c \
  %D%/access.h \
  %D%/audit.c \
  %D%/audit.h \
  %D%/backend.c \
  %D%/backend.h \
  %D%/become.c \
  %D%/become.h \
  %D%/clockmark.c \
  %D%/clockmark.h \
  %D%/dispatch.c \
  %D%/dispatch.h \
  %D%/grant.c \
  %D%/grant.h \
  %D%/hostkey.c \
  %D%/hostkey.h \
  %D%/jobs.c \
  %D%/jobs.h \
  %D%/keyhash.c \
  %D%/keyhash.h \
  %D%/limits.c \
  %D%/limits.h \
  %D%/listen.c \
  %D%/listen.h \
  %D%/log.c \
  %D%/log.h \
  %D%/manage.c \
  %D%/manage.h \
  %D%/manage_account.c \
  %D%/manage_backup.c \
  %D%/manage_check.c \
  %D%/manage_find.c \
  %D%/manage_host.c \
  %D%/manage_internal.h \
  %D%/manage_member.c \
  %D%/manage_notify.c \
  %D%/manage_org.c \
  %D%/manage_policy.c \
  %D%/manage_refuse.c \
  %D%/manage_reply.c \
  %D%/manage_revoke.c \
  %D%/manage_deliver.c \
  %D%/manage_rotate.c \
  %D%/manage_sessions.c \
  %D%/manage_status.c \
  %D%/manage_token.c \
  %D%/manage_token_list.c \
  %D%/manage_user.c \
  %D%/manage_walk.c \
  %D%/manage_whoami.c \
  %D%/offline.c \
  %D%/offline.h \
  %D%/options.c \
  %D%/options.h \
  %D%/peer.c \
  %D%/peer.h \
  %D%/quota.c \
  %D%/rowcache.c \
  %D%/rowcache.h \
  %D%/quota.h \
  %D%/record.h \
  %D%/remake.c \
  %D%/remake.h \
  %D%/resolve.c \
  %D%/resolve.h \
  %D%/sealed.c \
  %D%/sealed.h \
  %D%/sealed_token.c \
  %D%/server.c \
  %D%/server.h \
  %D%/session.c \
  %D%/session.h \
  %D%/store.h \
  %D%/store_sqlite.h \
  %D%/store_sqlite_check.c \
  %D%/store_sqlite_errno.c \
  %D%/store_sqlite_file.c \
  %D%/store_sqlite_find.c \
  %D%/store_sqlite_list.c \
  %D%/store_sqlite_open.c \
  %D%/store_sqlite_query.c \
  %D%/store_sqlite_row.c \
  %D%/store_sqlite_stage.c \
  %D%/store_sqlite_write.c \
  %D%/takeover.c \
  %D%/takeover.h \
  %D%/takeover_internal.h \
  %D%/takeover_rights.c \
  %D%/ticket.c \
  %D%/ticket.h \
  %D%/usage.c \
  %D%/usage.h \
  %D%/userdb.c \
  %D%/userdb.h \
  %D%/verifier.c \
  %D%/verifier.h \
  %D%/verify.c \
  %D%/verify.h \
  %D%/verify_advice.c \
  %D%/verify_state.c \
  %D%/worker.c \
  %D%/worker.h \
  %D%/writeall.c \
  %D%/writeall.h
%C%_libdaemon_la_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS) $(SQLITE_CFLAGS) $(SODIUM_CFLAGS)
nodist_%C%_libdaemon_la_SOURCES = %D%/schema.inc
%C%_libdaemon_la_LIBADD = common/libcommon.la $(SYSTEMD_LIBS) $(SQLITE_LIBS) $(SODIUM_LIBS) -lpthread

sbin_PROGRAMS += %D%/orgtokend
%C%_orgtokend_SOURCES = %D%/main.c
%C%_orgtokend_CPPFLAGS = $(AM_CPPFLAGS) $(SYSTEMD_CFLAGS)
%C%_orgtokend_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_orgtokend_LDFLAGS = $(AM_LDFLAGS) -pie
%C%_orgtokend_LDADD = %D%/libdaemon.la

# The schema is SQL for people and a string literal for the compiler.
BUILT_SOURCES += %D%/schema.inc
CLEANFILES += %D%/schema.inc
EXTRA_DIST += %D%/schema.sql
%D%/schema.inc: %D%/schema.sql
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
	  $(srcdir)/%D%/schema.sql > $@.tmp && mv $@.tmp $@
