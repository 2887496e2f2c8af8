EXTRA_DIST += %D%/ELEVATION.md %D%/PROTOCOL.md
dist_pkgdata_DATA = %D%/gitleaks.toml
