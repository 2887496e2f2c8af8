# Everything but the entry points is a library, so that the tests link what the module runs.
noinst_LTLIBRARIES += %D%/libpamcore.la
%C%_libpamcore_la_SOURCES = \
  %D%/converse.c %D%/converse.h \
  %D%/memo.c %D%/memo.h \
  %D%/notice.c %D%/notice.h \
  %D%/outcome.c %D%/outcome.h \
  %D%/request.c %D%/request.h \
  %D%/tell.c %D%/tell.h

pammod_LTLIBRARIES = %D%/pam_orgtoken.la
%C%_pam_orgtoken_la_SOURCES = %D%/pam_orgtoken.c
EXTRA_%C%_pam_orgtoken_la_DEPENDENCIES = $(srcdir)/%D%/pam_orgtoken.map
# As few mappings and pages as can be: every process that logs somebody in makes them anew.
%C%_pam_orgtoken_la_LDFLAGS = $(AM_LDFLAGS) $(MODULE_LDFLAGS) -module -avoid-version -shared \
  -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-Bsymbolic -Wl,--hash-style=gnu -Wl,-O1 \
  -Wl,--version-script=$(srcdir)/%D%/pam_orgtoken.map
%C%_pam_orgtoken_la_LIBADD = %D%/libpamcore.la common/libcommon.la $(PAM_LIBS)
EXTRA_DIST += %D%/pam_orgtoken.map

# libtool's .la is of no use to PAM, and without it libtool does not uninstall the module itself.
install-data-pam:
	rm -f '$(DESTDIR)$(pammoddir)/pam_orgtoken.la'
uninstall-pam:
	rm -f '$(DESTDIR)$(pammoddir)/pam_orgtoken.so'
.PHONY: install-data-pam uninstall-pam

# For pam-auth-update; off until an administrator turns it on. The second one is a profile of its own because a
# profile has one place for all its lines, and noting a session needs one behind pam_systemd.
pamconfigdir = $(datadir)/pam-configs
pamconfig_DATA = %D%/orgtoken %D%/orgtoken-sessions
CLEANFILES += $(pamconfig_DATA)
EXTRA_DIST += %D%/orgtoken.pam-config %D%/orgtoken-sessions.pam-config
%D%/orgtoken: %D%/orgtoken.pam-config
	$(AM_V_GEN)$(MKDIR_P) %D% && cp $(srcdir)/%D%/orgtoken.pam-config $@.tmp && mv $@.tmp $@
%D%/orgtoken-sessions: %D%/orgtoken-sessions.pam-config
	$(AM_V_GEN)$(MKDIR_P) %D% && cp $(srcdir)/%D%/orgtoken-sessions.pam-config $@.tmp && mv $@.tmp $@
