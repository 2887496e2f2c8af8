systemdsystemunit_DATA = \
  %D%/orgtokend.service \
  %D%/orgtokend-verify.socket \
  %D%/orgtokend-manage.socket \
  %D%/orgtoken-sessiond.service \
  %D%/orgtoken-sessiond.socket \
  %D%/orgtoken-notify.service \
  %D%/orgtoken-notify.timer
sysusers_DATA = %D%/sysusers.d/orgtoken.conf
tmpfiles_DATA = %D%/tmpfiles.d/orgtoken.conf
CLEANFILES += $(systemdsystemunit_DATA) $(sysusers_DATA) $(tmpfiles_DATA)
EXTRA_DIST += \
  %D%/orgtokend.service.in \
  %D%/orgtokend-verify.socket.in \
  %D%/orgtokend-manage.socket.in \
  %D%/orgtoken-sessiond.service.in \
  %D%/orgtoken-sessiond.socket.in \
  %D%/orgtoken-notify.service.in \
  %D%/orgtoken-notify.timer.in \
  %D%/orgtoken.sysusers.in \
  %D%/orgtoken.tmpfiles.in

substitute = $(SED) \
  -e 's|@sbindir[@]|$(sbindir)|g' \
  -e 's|@bindir[@]|$(bindir)|g' \
  -e 's|@libdir[@]|$(libdir)|g' \
  -e 's|@statedir[@]|$(orgtokenstatedir)|g' \
  -e 's|@rundir[@]|$(orgtokenrundir)|g'

%D%/orgtokend.service: %D%/orgtokend.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtokend.service.in > $@.tmp && mv $@.tmp $@
%D%/orgtokend-verify.socket: %D%/orgtokend-verify.socket.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtokend-verify.socket.in > $@.tmp && mv $@.tmp $@
%D%/orgtokend-manage.socket: %D%/orgtokend-manage.socket.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtokend-manage.socket.in > $@.tmp && mv $@.tmp $@
%D%/sysusers.d/orgtoken.conf: %D%/orgtoken.sysusers.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken.sysusers.in > $@.tmp && mv $@.tmp $@
%D%/tmpfiles.d/orgtoken.conf: %D%/orgtoken.tmpfiles.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken.tmpfiles.in > $@.tmp && mv $@.tmp $@
%D%/orgtoken-notify.service: %D%/orgtoken-notify.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken-notify.service.in > $@.tmp && mv $@.tmp $@
%D%/orgtoken-notify.timer: %D%/orgtoken-notify.timer.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken-notify.timer.in > $@.tmp && mv $@.tmp $@
%D%/orgtoken-sessiond.service: %D%/orgtoken-sessiond.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken-sessiond.service.in > $@.tmp && mv $@.tmp $@
%D%/orgtoken-sessiond.socket: %D%/orgtoken-sessiond.socket.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/%D%/orgtoken-sessiond.socket.in > $@.tmp && mv $@.tmp $@
