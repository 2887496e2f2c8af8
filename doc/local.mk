EXTRA_DIST += %D%/ASSURANCE.md %D%/PERFORMANCE.md %D%/PROTOCOL.md
dist_doc_DATA += %D%/ELEVATION.md %D%/RECOVERY.md
dist_pkgdata_DATA = %D%/gitleaks.toml

# Where an administrator finds the page of a program.
recipesdir = $(docdir)/recipes
dist_recipes_DATA = \
  %D%/recipes/README.md \
  %D%/recipes/apache.md \
  %D%/recipes/ci-jobs.md \
  %D%/recipes/cockpit.md \
  %D%/recipes/cron-at.md \
  %D%/recipes/doas.md \
  %D%/recipes/dovecot.md \
  %D%/recipes/freeradius.md \
  %D%/recipes/login.md \
  %D%/recipes/mcp.md \
  %D%/recipes/nginx.md \
  %D%/recipes/openssh.md \
  %D%/recipes/openvpn.md \
  %D%/recipes/polkit.md \
  %D%/recipes/postfix-saslauthd.md \
  %D%/recipes/postgresql.md \
  %D%/recipes/su.md \
  %D%/recipes/sudo.md \
  %D%/recipes/vsftpd.md
