/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Process from ELF: load, grant, start. */
#include "servers/rt/spawn.h"

#include <string.h>

#include "servers/rt/elf.h"

#define SPAWN_STACK_TOP   UINT64_C(0x7ff0000000) /* child: stack below it, */
#define SPAWN_STARTUP_AT  UINT64_C(0x7ff0001000) /* a hole of one page, then the startup block */
#define SPAWN_BLOCK_BYTES ALIGN_UP(sizeof(struct startup), PAGE_SIZE)

static err_t spawn_load_segment(handle_t process, const struct elf_segment *seg, const void *elf)
{
    handle_t vmo = HANDLE_NONE;
    uint64_t at = 0;
    err_t err = sys_vmo_create(seg->size_bytes, &vmo);
    if (err != OK) return err;
    if (seg->file_bytes) {
        err = sys_vmo_map(HANDLE_SELF, vmo, 0, seg->size_bytes, PROT_READ | PROT_WRITE, 0, &at);
        if (err == OK) {
            memcpy((uint8_t *)at + seg->lead_bytes, (const uint8_t *)elf + seg->file_offset,
                   seg->file_bytes);
            err = sys_vmo_unmap(HANDLE_SELF, at, seg->size_bytes);
        }
    }
    if (err == OK) {
        err = sys_vmo_map(process, vmo, 0, seg->size_bytes, seg->prot, seg->address, &at);
    }
    (void)sys_handle_close(vmo);
    return err;
}

static err_t spawn_make_block(struct spawn *s, const char *name)
{
    uint64_t at = 0;
    err_t err = sys_vmo_create(SPAWN_BLOCK_BYTES, &s->startup_vmo);
    if (err != OK) return err;
    err = sys_vmo_map(HANDLE_SELF, s->startup_vmo, 0, SPAWN_BLOCK_BYTES, PROT_READ | PROT_WRITE, 0,
                      &at);
    if (err != OK) return err;
    s->block = (struct startup *)at;
    s->block->magic = STARTUP_MAGIC;
    strncpy(s->block->name, name, sizeof(s->block->name) - 1);
    return OK;
}

err_t spawn_begin(struct spawn *s, const char *name, const void *elf, uint64_t elf_bytes)
{
    struct elf_plan plan;
    char padded[32] = { 0 };
    *s = (struct spawn){ 0 };
    if (strnlen(name, sizeof(padded)) >= sizeof(padded)) return ERR_NAME;
    memcpy(padded, name, strlen(name));
    err_t err = elf_plan_make(elf, elf_bytes, &plan);
    if (err != OK) return err;
    s->entry = plan.entry;
    err = sys_process_create(padded, &s->process);
    for (uint32_t i = 0; err == OK && i < plan.segment_count; i++) {
        err = spawn_load_segment(s->process, &plan.segment[i], elf);
    }
    if (err == OK) err = spawn_make_block(s, name);
    if (err != OK) spawn_abort(s);
    return err;
}

err_t spawn_handle(struct spawn *s, const char *name, handle_t h, uint32_t rights)
{
    struct startup *block = s->block;
    handle_t in_child = HANDLE_NONE;
    if (strnlen(name, STARTUP_NAME_MAX) >= STARTUP_NAME_MAX) return ERR_NAME;
    if (block->handle_count == STARTUP_HANDLE_MAX) return ERR_NO_SPACE;
    err_t err = sys_process_grant(s->process, h, rights, &in_child);
    if (err != OK) return err;
    struct startup_handle *entry = &block->handle[block->handle_count++];
    memcpy(entry->name, name, strlen(name) + 1);
    entry->handle = in_child;
    return OK;
}

err_t spawn_arg(struct spawn *s, const char *arg)
{
    size_t arg_bytes = strnlen(arg, STARTUP_ARGS_MAX) + 1;
    if (arg_bytes > STARTUP_ARGS_MAX - s->args_used) return ERR_NO_SPACE;
    memcpy(s->block->args + s->args_used, arg, arg_bytes);
    s->args_used += (uint32_t)arg_bytes;
    s->block->arg_count++;
    return OK;
}

/* Unmaps and closes what only the parent needs. */
static void spawn_release(struct spawn *s)
{
    if (s->block) (void)sys_vmo_unmap(HANDLE_SELF, (uint64_t)s->block, SPAWN_BLOCK_BYTES);
    if (s->startup_vmo != HANDLE_NONE) (void)sys_handle_close(s->startup_vmo);
    s->block = NULL;
    s->startup_vmo = HANDLE_NONE;
}

err_t spawn_start(struct spawn *s, uint64_t stack_bytes)
{
    handle_t stack = HANDLE_NONE;
    stack_bytes = ALIGN_UP(stack_bytes ? stack_bytes : SPAWN_STACK_BYTES, PAGE_SIZE);
    err_t err = sys_vmo_create(stack_bytes, &stack);
    if (err == OK) {
        err = sys_vmo_map(s->process, stack, 0, stack_bytes, PROT_READ | PROT_WRITE,
                          SPAWN_STACK_TOP - stack_bytes, NULL);
        (void)sys_handle_close(stack);
    }
    if (err == OK) {
        err = sys_vmo_map(s->process, s->startup_vmo, 0, SPAWN_BLOCK_BYTES, PROT_READ,
                          SPAWN_STARTUP_AT, NULL);
    }
    if (err == OK) err = sys_process_start(s->process, s->entry, SPAWN_STACK_TOP, SPAWN_STARTUP_AT);
    if (err != OK) {
        spawn_abort(s);
        return err;
    }
    spawn_release(s);
    return OK;
}

void spawn_abort(struct spawn *s)
{
    spawn_release(s);
    if (s->process != HANDLE_NONE) {
        (void)sys_process_kill(s->process, 0);
        (void)sys_handle_close(s->process);
    }
    s->process = HANDLE_NONE;
}
