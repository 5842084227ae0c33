/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device register access: single base-register loads and stores, so that a trap decodes them (ISV = 1). */
#pragma once
#include "lib/base.h"

#if defined(__aarch64__)
static inline uint8_t mmio_read8(const volatile void *reg)
{
    uint32_t value;
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(reg) : "memory");
    return (uint8_t)value;
}
static inline uint16_t mmio_read16(const volatile void *reg)
{
    uint32_t value;
    __asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(reg) : "memory");
    return (uint16_t)value;
}
static inline uint32_t mmio_read32(const volatile void *reg)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(reg) : "memory");
    return value;
}
static inline uint64_t mmio_read64(const volatile void *reg)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(reg) : "memory");
    return value;
}
static inline void mmio_write8(volatile void *reg, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(reg) : "memory");
}
static inline void mmio_write16(volatile void *reg, uint16_t value)
{
    __asm__ volatile("strh %w0, [%1]" ::"r"(value), "r"(reg) : "memory");
}
static inline void mmio_write32(volatile void *reg, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(reg) : "memory");
}
static inline void mmio_write64(volatile void *reg, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(reg) : "memory");
}
/* Orders earlier writes to memory before a later device access (and the reverse): pairs with the device's reads. */
static inline void mmio_barrier(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}
#else /* host tests: the test provides a register model */
uint8_t mmio_read8(const volatile void *reg);
uint16_t mmio_read16(const volatile void *reg);
uint32_t mmio_read32(const volatile void *reg);
uint64_t mmio_read64(const volatile void *reg);
void mmio_write8(volatile void *reg, uint8_t value);
void mmio_write16(volatile void *reg, uint16_t value);
void mmio_write32(volatile void *reg, uint32_t value);
void mmio_write64(volatile void *reg, uint64_t value);
void mmio_barrier(void);
#endif
