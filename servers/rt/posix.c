/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The hooks picolibc calls: output to the log, no files, exit, time. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's headers use reserved names */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "servers/rt/log.h"
#include "servers/rt/sys.h"
#include "servers/rt/time.h"

_Noreturn void _exit(int code)
{
    sys_exit((uint64_t)(uint32_t)code);
}

/* Programs that talk to a terminal do so through the console service; what they printf is for the log. */
ssize_t write(int fd, const void *text, size_t size_bytes)
{
    if (fd != STDOUT_FILENO && fd != STDERR_FILENO) {
        errno = EBADF;
        return -1;
    }
    log_write(text, size_bytes);
    return (ssize_t)size_bytes;
}

ssize_t read(int fd, void *out, size_t size_bytes)
{
    (void)fd;
    (void)out;
    (void)size_bytes;
    return 0;
}

int open(const char *path, int flags, ...)
{
    (void)path;
    (void)flags;
    errno = ENOENT;
    return -1;
}

int close(int fd)
{
    (void)fd;
    errno = EBADF;
    return -1;
}

off_t lseek(int fd, off_t offset, int whence)
{
    (void)fd;
    (void)offset;
    (void)whence;
    errno = ESPIPE;
    return -1;
}

int stat(const char *restrict path, struct stat *restrict out)
{
    (void)path;
    (void)out;
    errno = ENOENT;
    return -1;
}

int fstat(int fd, struct stat *out)
{
    (void)fd;
    (void)out;
    errno = EBADF;
    return -1;
}

int unlink(const char *path)
{
    (void)path;
    errno = ENOENT;
    return -1;
}

pid_t getpid(void)
{
    return 1;
}

int kill(pid_t pid, int signal_number)
{
    (void)pid;
    log_printf("abort: signal %d", signal_number);
    sys_exit(128U + (uint64_t)(uint32_t)signal_number);
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    out->tv_sec = (time_t)time_wall_s();
    out->tv_usec = 0;
    return 0;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
