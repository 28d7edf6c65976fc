/*
 * io: the file operations that make data durable. They block; any thread. Each fd is closed in only one place, and all
 * are opened with O_CLOEXEC.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>
#include <sys/types.h>

/* Writes all n bytes and continues after EINTR and short writes. */
CHECKED enum rc io_write_all(int fd, const void *p, size_t n, struct err *err);
/* Appends a whole file, which may have at most as many bytes as `out` may grow by. E_NOT_FOUND when the file is
 * missing. */
CHECKED enum rc io_read_file(int dirfd, const char *path, struct buf *out, struct err *err);
/* Writes a file that appears completely or not at all, and that is on disk when this returns: temporary name, write,
 * fsync, rename, fsync of the directory. mode as in open(2). */
CHECKED enum rc io_write_file(int dirfd, const char *path, struct str content, mode_t mode, struct err *err);
CHECKED enum rc io_fsync(int fd, const char *what, struct err *err);
/* fsync of the directory itself: makes renames and unlinks in it durable. */
CHECKED enum rc io_fsync_dir(int dirfd, const char *what, struct err *err);
/* Opens the directory, and creates it if it is missing; the directory and its entry in the parent are durable. */
CHECKED enum rc io_open_dir(int dirfd, const char *path, mode_t mode, int *out, struct err *err);
/* close(2) keeping errno; -1 is allowed. Sets *fd to -1. */
void io_close(int *fd);
