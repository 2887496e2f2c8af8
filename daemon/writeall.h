/* Writing to a file as many bytes as there are. */
#pragma once

#include <stddef.h>

/* 0, or a negative errno: then some of them may be written. */
int writeall(int fd, const void *bytes, size_t len);
