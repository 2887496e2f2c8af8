/* Files for tests, whole and with names in a directory. Test code only: what fails here ends the
 * test program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define FILES_PATH_SIZE 512

void files_path(const char *dir, const char *name, char ret[static FILES_PATH_SIZE]);
/* Something of this name, a dangling link too. */
bool files_are_there(const char *dir, const char *name);

/* To be freed. */
unsigned char *files_read(const char *path, size_t *ret_len);
/* Mode 0600 where it is new. */
void files_write(const char *path, const void *bytes, size_t len);
void files_copy(const char *from, const char *to);
/* All in the directory whose name has this text. */
void files_remove(const char *dir, const char *text);

/* What a directory's plain files hold, in memory; put back, nothing else is in it but directories.
 */
struct files;
struct files *files_keep(const char *dir);
void files_put_back(const struct files *kept, const char *dir);
struct files *files_free(struct files *kept);
