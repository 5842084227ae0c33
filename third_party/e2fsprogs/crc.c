/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The checksums of ext4, in place of upstream's crc16.c and crc32c.c, which are GPL-2.0 only.
 * Reflected CRC-32C uses the CRC instructions of ARMv8; the other two are rare and go by nibbles.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint32_t ext2fs_crc32c_le(uint32_t crc, const unsigned char *data, size_t size_bytes);
uint32_t ext2fs_crc32_be(uint32_t crc, const unsigned char *data, size_t size_bytes);
uint16_t ext2fs_crc16(uint16_t crc, const void *data, unsigned int size_bytes);

uint32_t ext2fs_crc32c_le(uint32_t crc, const unsigned char *data, size_t size_bytes)
{
    for (; size_bytes >= 8; size_bytes -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, sizeof(word));
        crc = __builtin_aarch64_crc32cx(crc, word);
    }
    for (; size_bytes > 0; size_bytes--) crc = __builtin_aarch64_crc32cb(crc, *data++);
    return crc;
}

/* Polynomial 0x04c11db7, most significant bit first. */
uint32_t ext2fs_crc32_be(uint32_t crc, const unsigned char *data, size_t size_bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b,
        0x1a864db2, 0x1e475005, 0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61,
        0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd,
    };
    for (; size_bytes > 0; size_bytes--) {
        crc ^= (uint32_t)*data++ << 24;
        crc = (crc << 4) ^ table[crc >> 28];
        crc = (crc << 4) ^ table[crc >> 28];
    }
    return crc;
}

/* Polynomial 0x8005, reflected (0xa001). */
uint16_t ext2fs_crc16(uint16_t crc, const void *data, unsigned int size_bytes)
{
    static const uint16_t table[16] = {
        0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
        0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400,
    };
    for (const unsigned char *byte = data; size_bytes > 0; size_bytes--) {
        crc ^= *byte++;
        crc = (uint16_t)((crc >> 4) ^ table[crc & 15]);
        crc = (uint16_t)((crc >> 4) ^ table[crc & 15]);
    }
    return crc;
}
