/*
 * Preloaded into a program, it writes down whatever that program does to the files of one folder: every write
 * with its bytes, every new, renamed, linked and removed name, and every fsync with its beginning and its end.
 * tests/faults/power.py makes of it what a disk would hold if the power had gone at any moment.
 *
 * POWER_FOLDER is the folder (an absolute path without links), POWER_LOG the file to write to. One record is a
 * struct record, then the name, the other name and the data. Files are told apart by their inode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define PATH_SIZE 4200

struct record {
    uint32_t what;   /* a letter: see power.py */
    uint32_t name;   /* lengths of what follows */
    uint32_t other;
    uint32_t unused;
    uint64_t inode;
    uint64_t offset; /* of a write; the size of a truncation; the number of an fsync */
    uint64_t data;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_SIZE];
static size_t folder_length;
static int out = -1;
static uint64_t syncs;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("POWER_FOLDER"), *log = getenv("POWER_LOG");
    if (where == NULL || log == NULL || strlen(where) >= sizeof folder) return;
    folder_length = strlen(strcpy(folder, where));
    int low = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    out = fcntl(low, F_DUPFD_CLOEXEC, 900);
    if (out >= 0) syscall(SYS_close, low);
    else out = low;
}

/* The part of a path below the folder; NULL when it is elsewhere, "" for the folder itself. */
static const char *inside(const char *path) {
    if (out < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == '\0') return path + folder_length;
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static void note(char what, uint64_t inode, uint64_t offset, const char *name, const char *other, const void *data,
                 size_t size) {
    struct record head = {(uint32_t)what, name ? (uint32_t)strlen(name) : 0, other ? (uint32_t)strlen(other) : 0,
                          0, inode, offset, size};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)other, head.other},
                            {(void *)data, size}};
    size_t total = sizeof head + head.name + head.other + size;
    if (syscall(SYS_writev, out, parts, 4) != (long)total) abort();
}

static const char *of_descriptor(int fd, char *room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, room, PATH_SIZE - 1);
    if (size < 0) return NULL;
    room[size] = '\0';
    return inside(room);
}

static const char *of_path(int at, const char *path, char *room) {
    char base[PATH_SIZE] = "";
    if (out < 0) return NULL;
    if (path[0] == '/') return inside(path);
    if (at == AT_FDCWD) {
        if (getcwd(base, sizeof base) == NULL) return NULL;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0) return NULL;
        base[size] = '\0';
    }
    if (snprintf(room, PATH_SIZE, "%s/%s", base, path) >= PATH_SIZE) return NULL;
    return inside(room);
}

/* Whether a descriptor is a regular file of the folder; then its inode. */
static int is_ours(int fd, uint64_t *inode) {
    struct stat facts;
    char room[PATH_SIZE];
    if (out < 0 || fd == out || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
    *inode = facts.st_ino;
    return of_descriptor(fd, room) != NULL;
}

/* Note what stands in the file now, where something was written that we have not seen. */
static void note_region(int fd, uint64_t inode, off64_t offset, size_t size) {
    char link[64], *bytes = malloc(size);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int again = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (bytes == NULL || again < 0 || pread64(again, bytes, size, offset) != (ssize_t)size) abort();
    syscall(SYS_close, again);
    note('W', inode, (uint64_t)offset, NULL, NULL, bytes, size);
    free(bytes);
}

/* Names ------------------------------------------------------------------------------------------------ */

static int opened(int (*open_it)(int, const char *, int, mode_t), int at, const char *path, int flags, mode_t mode) {
    char room[PATH_SIZE];
    struct stat facts;
    const char *name = flags & (O_CREAT | O_TRUNC) ? of_path(at, path, room) : NULL;
    if (name == NULL) return open_it(at, path, flags, mode);
    pthread_mutex_lock(&turn);
    int was_there = fstatat(at, path, &facts, 0) == 0;
    int fd = open_it(at, path, flags, mode);
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
        if (!was_there) note('C', facts.st_ino, 0, name, NULL, NULL, 0);
        else if (flags & O_TRUNC) note('T', facts.st_ino, 0, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&turn);
    return fd;
}

static int open_32(int at, const char *path, int flags, mode_t mode) { return REAL(openat)(at, path, flags, mode); }
static int open_64(int at, const char *path, int flags, mode_t mode) { return REAL(openat64)(at, path, flags, mode); }

#define MODE(after)                              \
    mode_t mode = 0;                             \
    if (flags & (O_CREAT | O_TMPFILE)) {         \
        va_list more;                            \
        va_start(more, after);                   \
        mode = (mode_t)va_arg(more, unsigned);   \
        va_end(more);                            \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opened(open_32, AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(open_64, AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(open_32, at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(open_64, at, path, flags, mode); }

static void note_names(char what, int from_at, const char *from, int to_at, const char *to) {
    char rooms[2][PATH_SIZE];
    const char *a = of_path(from_at, from, rooms[0]);
    const char *b = to == NULL ? NULL : of_path(to_at, to, rooms[1]);
    if (a != NULL || b != NULL) note(what, 0, 0, a, b, NULL, 0);
}

#define NAMES(call, what, from_at, from, to_at, to)                           \
    pthread_mutex_lock(&turn);                                                \
    int result = call;                                                        \
    if (result == 0 && out >= 0) note_names(what, from_at, from, to_at, to);  \
    pthread_mutex_unlock(&turn);                                              \
    return result;

int rename(const char *from, const char *to) {
    NAMES(REAL(rename)(from, to), 'R', AT_FDCWD, from, AT_FDCWD, to)
}
int renameat(int from_at, const char *from, int to_at, const char *to) {
    NAMES(REAL(renameat)(from_at, from, to_at, to), 'R', from_at, from, to_at, to)
}
int link(const char *from, const char *to) {
    NAMES(REAL(link)(from, to), 'L', AT_FDCWD, from, AT_FDCWD, to)
}
int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    NAMES(REAL(linkat)(from_at, from, to_at, to, flags), 'L', from_at, from, to_at, to)
}
int unlink(const char *path) { NAMES(REAL(unlink)(path), 'U', AT_FDCWD, path, AT_FDCWD, NULL) }
int unlinkat(int at, const char *path, int flags) {
    NAMES(REAL(unlinkat)(at, path, flags), 'U', at, path, AT_FDCWD, NULL)
}

/* Contents --------------------------------------------------------------------------------------------- */

#define CONTENT(type, fd, call, noting)                  \
    uint64_t inode;                                      \
    if (!is_ours(fd, &inode)) return call;               \
    pthread_mutex_lock(&turn);                           \
    type result = call;                                  \
    if (result >= 0) { noting; }                         \
    pthread_mutex_unlock(&turn);                         \
    return result;

#define WROTE(where, bytes) if (result > 0) note('W', inode, (uint64_t)(where), NULL, NULL, bytes, (size_t)result)
#define MOVED(fd, where) if (result > 0) note_region(fd, inode, where, (size_t)result)
#define BEHIND(fd) (lseek64(fd, 0, SEEK_CUR) - result)

ssize_t write(int fd, const void *bytes, size_t size) {
    CONTENT(ssize_t, fd, REAL(write)(fd, bytes, size), WROTE(BEHIND(fd), bytes))
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t where) {
    CONTENT(ssize_t, fd, REAL(pwrite)(fd, bytes, size, where), WROTE(where, bytes))
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t where) {
    CONTENT(ssize_t, fd, REAL(pwrite64)(fd, bytes, size, where), WROTE(where, bytes))
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    CONTENT(ssize_t, fd, REAL(writev)(fd, parts, count), MOVED(fd, BEHIND(fd)))
}
ssize_t sendfile(int fd, int from, off_t *where, size_t size) {
    CONTENT(ssize_t, fd, REAL(sendfile)(fd, from, where, size), MOVED(fd, BEHIND(fd)))
}
ssize_t sendfile64(int fd, int from, off64_t *where, size_t size) {
    CONTENT(ssize_t, fd, REAL(sendfile64)(fd, from, where, size), MOVED(fd, BEHIND(fd)))
}
ssize_t copy_file_range(int from, off64_t *from_where, int fd, off64_t *where, size_t size, unsigned flags) {
    CONTENT(ssize_t, fd, REAL(copy_file_range)(from, from_where, fd, where, size, flags),
            MOVED(fd, where == NULL ? BEHIND(fd) : *where - result))
}
int ftruncate(int fd, off_t size) {
    CONTENT(int, fd, REAL(ftruncate)(fd, size), note('T', inode, (uint64_t)size, NULL, NULL, NULL, 0))
}
int ftruncate64(int fd, off64_t size) {
    CONTENT(int, fd, REAL(ftruncate64)(fd, size), note('T', inode, (uint64_t)size, NULL, NULL, NULL, 0))
}

/* What was written before its beginning is on the disk at its end; what comes in between need not be. */
static int synced(int (*sync_it)(int), int fd) {
    char room[PATH_SIZE];
    struct stat facts;
    const char *name = out >= 0 ? of_descriptor(fd, room) : NULL;
    if (name == NULL || fstat(fd, &facts) != 0) return sync_it(fd);
    int is_folder = S_ISDIR(facts.st_mode);
    if (is_folder && *name != '\0') return sync_it(fd);
    pthread_mutex_lock(&turn);
    uint64_t number = ++syncs;
    note(is_folder ? 'D' : 'F', facts.st_ino, number, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&turn);
    int result = sync_it(fd), why = errno;
    pthread_mutex_lock(&turn);
    note(result == 0 ? 'E' : 'X', facts.st_ino, number, NULL, NULL, NULL, 0);
    pthread_mutex_unlock(&turn);
    errno = why;
    return result;
}

int fsync(int fd) { return synced(REAL(fsync), fd); }
int fdatasync(int fd) { return synced(REAL(fdatasync), fd); }
