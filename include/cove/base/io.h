/*
 * io: the file idioms that durability rests on. Blocking; any thread. An fd is closed in one place only; all are
 * opened O_CLOEXEC.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>
#include <sys/types.h>

/* All n bytes, going on after EINTR and short writes. */
CHECKED enum rc io_write_all(int fd, const void *p, size_t n, struct err *err);
/* Appends the whole of a file, of at most as many bytes as out may grow by. E_NOT_FOUND when there is none. */
CHECKED enum rc io_read_file(int dirfd, const char *path, struct buf *out, struct err *err);
/* A file that appears whole or not at all, and that is on disk when this returns: temporary name, write, fsync, rename,
 * fsync of the directory. mode as in open(2). */
CHECKED enum rc io_write_file(int dirfd, const char *path, struct str content, mode_t mode, struct err *err);
CHECKED enum rc io_fsync(int fd, const char *what, struct err *err);
/* fsync of the directory itself: makes renames and unlinks in it durable. */
CHECKED enum rc io_fsync_dir(int dirfd, const char *what, struct err *err);
/* mkdir if it is not there; the directory and its entry in the parent are durable. Opens it. */
CHECKED enum rc io_open_dir(int dirfd, const char *path, mode_t mode, int *out, struct err *err);
/* close(2) keeping errno; -1 is allowed. Sets *fd to -1. */
void io_close(int *fd);
