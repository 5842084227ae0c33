/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Blocks of any size, or bytes, in and out of the page cache. */
#include "servers/fs/iochannel.h"

#include <stdlib.h>
#include <string.h>

static struct {
    struct cache *cache; /* borrowed: outlives the mount */
    err_t last_error;
} io;

/* libext2fs counts blocks, or bytes when negative. */
static uint64_t io_bytes(io_channel channel, int count)
{
    if (count < 0) return (uint64_t) - (int64_t)count;
    return (uint64_t)count * (uint64_t)channel->block_size;
}

static errcode_t io_note(err_t err, errcode_t code)
{
    if (err == OK) return 0;
    io.last_error = err;
    return code;
}

static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count, void *data)
{
    uint64_t offset = 0;
    if (__builtin_mul_overflow((uint64_t)block, (uint64_t)channel->block_size, &offset)) {
        return EXT2_ET_SHORT_READ;
    }
    return io_note(cache_read(io.cache, offset, io_bytes(channel, count), data),
                   EXT2_ET_SHORT_READ);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
                                const void *data)
{
    uint64_t offset = 0;
    if (__builtin_mul_overflow((uint64_t)block, (uint64_t)channel->block_size, &offset)) {
        return EXT2_ET_SHORT_WRITE;
    }
    return io_note(cache_write(io.cache, offset, io_bytes(channel, count), data),
                   EXT2_ET_SHORT_WRITE);
}

static errcode_t io_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
    return io_read_blk64(channel, block, count, data);
}

static errcode_t io_write_blk(io_channel channel, unsigned long block, int count, const void *data)
{
    return io_write_blk64(channel, block, count, data);
}

static errcode_t io_write_byte(io_channel channel, unsigned long offset, int count,
                               const void *data)
{
    (void)channel;
    if (count < 0) return EXT2_ET_INVALID_ARGUMENT;
    return io_note(cache_write(io.cache, offset, (uint64_t)count, data), EXT2_ET_SHORT_WRITE);
}

/* Order on the medium is the volume's business: it flushes the cache when it means it. */
static errcode_t io_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

static errcode_t io_set_blksize(io_channel channel, int block_size)
{
    channel->block_size = block_size;
    return 0;
}

static errcode_t io_close(io_channel channel)
{
    if (--channel->refcount > 0) return 0;
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t io_set_option(io_channel channel, const char *option, const char *argument)
{
    (void)channel;
    (void)option;
    (void)argument;
    return EXT2_ET_INVALID_ARGUMENT;
}

static errcode_t io_zeroout(io_channel channel, unsigned long long block, unsigned long long count)
{
    uint64_t offset = 0, bytes = 0;
    if (__builtin_mul_overflow((uint64_t)block, (uint64_t)channel->block_size, &offset) ||
        __builtin_mul_overflow((uint64_t)count, (uint64_t)channel->block_size, &bytes)) {
        return EXT2_ET_SHORT_WRITE;
    }
    return io_note(cache_zero(io.cache, offset, bytes), EXT2_ET_SHORT_WRITE);
}

static errcode_t io_open(const char *name, int flags, io_channel *out);

static struct struct_io_manager io_cache_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "page cache",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read_blk,
    .write_blk = io_write_blk,
    .flush = io_flush,
    .write_byte = io_write_byte,
    .set_option = io_set_option,
    .read_blk64 = io_read_blk64,
    .write_blk64 = io_write_blk64,
    .zeroout = io_zeroout,
};

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
    (void)flags;
    io_channel channel = calloc(1, sizeof(*channel));
    char *copy = strdup(name);
    if (!channel || !copy) {
        free(channel);
        free(copy);
        return EXT2_ET_NO_MEMORY;
    }
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &io_cache_manager;
    channel->name = copy;
    channel->block_size = 1024;
    channel->refcount = 1;
    *out = channel;
    return 0;
}

io_manager iochannel_manager(struct cache *cache)
{
    io.cache = cache;
    io.last_error = OK;
    return &io_cache_manager;
}

err_t iochannel_take_error(void)
{
    err_t err = io.last_error;
    io.last_error = OK;
    return err;
}
