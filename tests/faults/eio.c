/*
 * Preloaded into a program, it makes a disk fail for some of its files, for as long as a file says so.
 *
 * EIO_FOLDER is the folder of the files (an absolute path without links), EIO_WHEN the file that says what fails:
 * "CALLS ERRNO NAME", CALLS being letters (r reads, w writes and truncations, s fsync, n new names: opening to write,
 * renaming, removing), NAME the beginning of the names meant ("journal.db" means its -wal, too; none: all names).
 * While there is no such file, nothing fails. A call that fails does nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PATH_SIZE 4200

/* Whether a call on a path fails now; then errno is set. */
static int path_fails(char call, const char *path) {
    const char *folder = getenv("EIO_FOLDER"), *when = getenv("EIO_WHEN");
    if (folder == NULL || when == NULL || path == NULL) return 0;
    size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0 || path[length] != '/') return 0;
    char said[300], calls[20], name[200] = "";
    int number, kept = errno;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, when, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        errno = kept;
        return 0;
    }
    ssize_t size = syscall(SYS_read, fd, said, sizeof said - 1);
    syscall(SYS_close, fd);
    errno = kept;
    if (size <= 0) return 0;
    said[size] = '\0';
    if (sscanf(said, "%19s %d %199s", calls, &number, name) < 2) return 0;
    if (strchr(calls, call) == NULL || strncmp(path + length + 1, name, strlen(name)) != 0) return 0;
    errno = number;
    return 1;
}

static int fails(char call, int fd) {
    char link[64], path[PATH_SIZE];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (size < 0) return 0;
    path[size] = '\0';
    return path_fails(call, path);
}

ssize_t read(int fd, void *bytes, size_t size) { return fails('r', fd) ? -1 : REAL(read)(fd, bytes, size); }
ssize_t pread(int fd, void *bytes, size_t size, off_t where) {
    return fails('r', fd) ? -1 : REAL(pread)(fd, bytes, size, where);
}
ssize_t pread64(int fd, void *bytes, size_t size, off64_t where) {
    return fails('r', fd) ? -1 : REAL(pread64)(fd, bytes, size, where);
}
ssize_t write(int fd, const void *bytes, size_t size) { return fails('w', fd) ? -1 : REAL(write)(fd, bytes, size); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t where) {
    return fails('w', fd) ? -1 : REAL(pwrite)(fd, bytes, size, where);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t where) {
    return fails('w', fd) ? -1 : REAL(pwrite64)(fd, bytes, size, where);
}
int ftruncate(int fd, off_t size) { return fails('w', fd) ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return fails('w', fd) ? -1 : REAL(ftruncate64)(fd, size); }
int fsync(int fd) { return fails('s', fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails('s', fd) ? -1 : REAL(fdatasync)(fd); }

int rename(const char *from, const char *to) {
    return path_fails('n', from) || path_fails('n', to) ? -1 : REAL(rename)(from, to);
}
int unlink(const char *path) { return path_fails('n', path) ? -1 : REAL(unlink)(path); }

#define OPENED(call, path, pass)                                           \
    mode_t mode = 0;                                                       \
    if (flags & (O_CREAT | O_TMPFILE)) {                                   \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        mode = (mode_t)va_arg(more, unsigned);                             \
        va_end(more);                                                      \
    }                                                                      \
    if ((flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY && path_fails('n', path)) return -1; \
    return REAL(call) pass;

int open(const char *path, int flags, ...) { OPENED(open, path, (path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPENED(open64, path, (path, flags, mode)) }
int openat(int at, const char *path, int flags, ...) { OPENED(openat, path, (at, path, flags, mode)) }
int openat64(int at, const char *path, int flags, ...) { OPENED(openat64, path, (at, path, flags, mode)) }
