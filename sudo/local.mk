# sudo's approval plugin, built where sudo's header says that it can be (plugin interface 1.17 or later).
if SUDO_PLUGIN
sudoplugin_LTLIBRARIES = %D%/orgtoken_sudo.la
endif
%C%_orgtoken_sudo_la_SOURCES = %D%/orgtoken_approval.c
%C%_orgtoken_sudo_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
%C%_orgtoken_sudo_la_LIBADD = common/libcommon.la

install-data-sudo:
	rm -f '$(DESTDIR)$(sudoplugindir)/orgtoken_sudo.la'
uninstall-sudo:
	rm -f '$(DESTDIR)$(sudoplugindir)/orgtoken_sudo.so'
.PHONY: install-data-sudo uninstall-sudo
