# Everything but main() is a library, so that the tests link what the command runs.
noinst_LTLIBRARIES += %D%/libcli.la
%C%_libcli_la_SOURCES = \
  %D%/args.c \
  %D%/args.h \
  %D%/buffer.c \
  %D%/buffer.h \
  %D%/cmd.h \
  %D%/cmd_account.c \
  %D%/cmd_backup.c \
  %D%/cmd_change.c \
  %D%/cmd_check.c \
  %D%/cmd_complete.c \
  %D%/cmd_create.c \
  %D%/cmd_doctor.c \
  %D%/cmd_host.c \
  %D%/cmd_key.c \
  %D%/cmd_list.c \
  %D%/cmd_member.c \
  %D%/cmd_org.c \
  %D%/cmd_pat.c \
  %D%/cmd_revoke.c \
  %D%/cmd_rotate.c \
  %D%/cmd_scan.c \
  %D%/cmd_status.c \
  %D%/cmd_sudoers.c \
  %D%/cmd_token.c \
  %D%/cmd_user.c \
  %D%/cmd_whoami.c \
  %D%/command.h \
  %D%/commands.c \
  %D%/doctor.h \
  %D%/doctor_host.c \
  %D%/doctor_lines.c \
  %D%/doctor_people.c \
  %D%/doctor_phases.c \
  %D%/doctor_programs.c \
  %D%/doctor_service.c \
  %D%/doctor_sessions.c \
  %D%/doctor_sshd.c \
  %D%/findings.c \
  %D%/findings.h \
  %D%/help.c \
  %D%/help.h \
  %D%/hostfiles.c \
  %D%/hostfiles.h \
  %D%/json.c \
  %D%/json.h \
  %D%/output.c \
  %D%/output.h \
  %D%/pammodule.c \
  %D%/pammodule.h \
  %D%/pamstack.c \
  %D%/pamstack.h \
  %D%/pamwalk.c \
  %D%/pamwalk.h \
  %D%/policy.c \
  %D%/policy.h \
  %D%/scanner.c \
  %D%/scanner.h \
  %D%/secretin.c \
  %D%/secretin.h \
  %D%/session.c \
  %D%/session.h \
  %D%/suggest.c \
  %D%/suggest.h \
  %D%/table.c \
  %D%/table.h \
  %D%/text.c \
  %D%/text.h \
  %D%/timewords.c \
  %D%/timewords.h \
  %D%/value.c \
  %D%/value.h
%C%_libcli_la_LIBADD = common/libcommon.la

bin_PROGRAMS += %D%/orgtoken
%C%_orgtoken_SOURCES = %D%/main.c
%C%_orgtoken_CFLAGS = $(AM_CFLAGS) -fPIE
%C%_orgtoken_LDFLAGS = $(AM_LDFLAGS) -pie
%C%_orgtoken_LDADD = %D%/libcli.la

dist_bashcompletion_DATA = %D%/completions/orgtoken
dist_zshcompletion_DATA = %D%/completions/_orgtoken
dist_fishcompletion_DATA = %D%/completions/orgtoken.fish
