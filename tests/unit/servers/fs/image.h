/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An ext4 image in a temporary file: made by the host's mkfs.ext4, used by our code, judged by the host's e2fsck. */
#pragma once
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"
#include "servers/fs/dir.h"

#define IMAGE_PATH_BYTES 64
#define IMAGE_BYTES      MIB(32)

static struct {
    char path[IMAGE_PATH_BYTES];
    int fd;
    bool fails_writes; /* the disk refuses them */
} image;
static struct blk image_blk;
static struct cache image_cache;
static struct volume volume;
static struct node_table nodes;

static err_t image_io(const struct blk_io *io)
{
    for (uint32_t done = 0; done < io->sector_count;) {
        uint32_t count = MIN(8U, io->sector_count - done);
        off_t offset = (off_t)(io->lba + done) * 512;
        size_t bytes = (size_t)count * 512;
        if (io->op == BLK_WRITE && image.fails_writes) return ERR_IO;
        ssize_t moved = io->op == BLK_WRITE ? pwrite(image.fd, io->pages[done / 8], bytes, offset)
                                            : pread(image.fd, io->pages[done / 8], bytes, offset);
        if (moved != (ssize_t)bytes) return ERR_IO;
        done += count;
    }
    return OK;
}

err_t blk_batch(struct blk *b, struct blk_io *ios, uint32_t count)
{
    err_t first = OK;
    (void)b;
    for (uint32_t i = 0; i < count; i++) {
        ios[i].result = image_io(&ios[i]);
        if (first == OK) first = ios[i].result;
    }
    return first;
}

err_t blk_flush(struct blk *b)
{
    (void)b;
    return OK;
}

uint64_t time_wall_s(void)
{
    return 1790000000;
}

void log_printf(const char *fmt, ...)
{
    (void)fmt;
}

/* The checksums that third_party/e2fsprogs/crc.c has for AArch64 only, bit by bit. */
uint32_t ext2fs_crc32c_le(uint32_t crc, unsigned char const *p, size_t bytes)
{
    while (bytes--) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
    }
    return crc;
}

uint32_t ext2fs_crc32_be(uint32_t crc, unsigned char const *p, size_t bytes)
{
    while (bytes--) {
        crc ^= (uint32_t)*p++ << 24;
        for (int i = 0; i < 8; i++) crc = crc >> 31 ? crc << 1 ^ 0x04c11db7U : crc << 1;
    }
    return crc;
}

uint16_t ext2fs_crc16(uint16_t crc, const void *data, unsigned int bytes)
{
    const uint8_t *p = data;
    while (bytes--) {
        crc ^= *p++;
        for (int i = 0; i < 8; i++) crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
    }
    return crc;
}

static int image_run(const char *fmt, ...)
{
    char command[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    return system(command);
}

/* Starts cache and volume on the image as it is. */
static void image_mount(uint32_t cache_pages)
{
    struct stat st;
    image.fd = open(image.path, O_RDWR);
    EXPECT_EQ(0, fstat(image.fd, &st));
    memset(&nodes, 0, sizeof(nodes));
    image_blk.sector_count = (uint64_t)st.st_size / 512;
    image_blk.io_sectors = BLK_IO_SECTORS_MAX;
    image_blk.has_flush = true;
    EXPECT_EQ(OK, cache_start(&image_cache, &image_blk, cache_pages));
    volume_mount(&volume, &image_cache);
}

/* A fresh file system made with mkfs options, not mounted. */
static void image_make(const char *options)
{
    memset(&image_blk, 0, sizeof(image_blk));
    image.fails_writes = false;
    strcpy(image.path, "/tmp/zeros-ext4-XXXXXX");
    int fd = mkstemp(image.path);
    EXPECT_EQ(0, ftruncate(fd, IMAGE_BYTES));
    close(fd);
    EXPECT_EQ(0, image_run("PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -F %s %s >/dev/null 2>&1",
                           options, image.path));
}

static void image_close(void)
{
    if (volume.fs) ext2fs_free(volume.fs);
    volume.fs = NULL;
    free(image_cache.page);
    free(image_cache.data);
    free(image_cache.hash);
    free(image_cache.order);
    memset(&image_cache, 0, sizeof(image_cache));
    close(image.fd);
}

/* 0: e2fsck has nothing to say. */
static int image_e2fsck(void)
{
    return image_run("PATH=$PATH:/sbin:/usr/sbin e2fsck -fn %s >/dev/null 2>&1", image.path);
}

static void image_end(void)
{
    image_close();
    unlink(image.path);
}
