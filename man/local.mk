dist_man_MANS = %D%/orgtoken.1 %D%/orgtoken-askpass.1 %D%/orgtoken-sessiond.8 %D%/orgtokend.8 %D%/pam_orgtoken.8
