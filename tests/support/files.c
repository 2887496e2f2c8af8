#include "tests/support/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 32

struct files {
        size_t count;
        struct {
                char name[256];
                unsigned char *bytes;
                size_t len;
        } files[FILES_MAX];
};

static void must(bool done, const char *what)
{
        if (done)
                return;
        perror(what);
        abort();
}

void files_path(const char *dir, const char *name, char ret[static FILES_PATH_SIZE])
{
        int n = snprintf(ret, FILES_PATH_SIZE, "%s/%s", dir, name);

        must(n > 0 && n < FILES_PATH_SIZE, name);
}

bool files_are_there(const char *dir, const char *name)
{
        char path[FILES_PATH_SIZE];
        struct stat st;

        files_path(dir, name, path);
        return lstat(path, &st) == 0;
}

unsigned char *files_read(const char *path, size_t *ret_len)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st = {0};
        unsigned char *bytes;
        size_t len = 0;
        ssize_t n = 1;

        must(fd >= 0 && fstat(fd, &st) == 0, path);
        bytes = malloc((size_t)st.st_size + 1);
        must(bytes != NULL, path);
        while (len < (size_t)st.st_size && n > 0) {
                n = read(fd, bytes + len, (size_t)st.st_size - len);
                len += n > 0 ? (size_t)n : 0;
        }
        must(len == (size_t)st.st_size && close(fd) == 0, path);
        *ret_len = len;
        return bytes;
}

void files_write(const char *path, const void *bytes, size_t len)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0, path);
}

void files_copy(const char *from, const char *to)
{
        size_t len;
        unsigned char *bytes = files_read(from, &len);

        files_write(to, bytes, len);
        free(bytes);
}

void files_remove(const char *dir, const char *text)
{
        DIR *d = opendir(dir);

        must(d != NULL, dir);
        for (const struct dirent *entry; (entry = readdir(d));)
                if (strstr(entry->d_name, text))
                        (void)unlinkat(dirfd(d), entry->d_name, 0);
        (void)closedir(d);
}

struct files *files_keep(const char *dir)
{
        struct files *kept = calloc(1, sizeof(*kept));
        DIR *d = opendir(dir);

        must(kept && d, dir);
        for (const struct dirent *entry; (entry = readdir(d));) {
                char path[FILES_PATH_SIZE];
                struct stat st;

                files_path(dir, entry->d_name, path);
                if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                must(kept->count < FILES_MAX, "too many files");
                (void)snprintf(kept->files[kept->count].name, sizeof(kept->files[0].name), "%s",
                               entry->d_name);
                kept->files[kept->count].bytes = files_read(path, &kept->files[kept->count].len);
                kept->count++;
        }
        (void)closedir(d);
        return kept;
}

void files_put_back(const struct files *kept, const char *dir)
{
        char path[FILES_PATH_SIZE];

        files_remove(dir, "");
        for (size_t i = 0; i < kept->count; i++) {
                files_path(dir, kept->files[i].name, path);
                files_write(path, kept->files[i].bytes, kept->files[i].len);
        }
}

struct files *files_free(struct files *kept)
{
        for (size_t i = 0; kept && i < kept->count; i++)
                free(kept->files[i].bytes);
        free(kept);
        return NULL;
}
