EXTRA_DIST += %D%/PROTOCOL.md
dist_pkgdata_DATA = %D%/gitleaks.toml
