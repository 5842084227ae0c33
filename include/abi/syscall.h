/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* EL0 -> EL1: `svc #0`, x8 = number, x0..x7 (and x9..x15 where said) arguments. Returns x0 = err_t, results from x1 on; every other
 * register is kept. Times are absolute CNTVCT_EL0 ticks; deadline 0 = for ever, 1 = do not wait. */
#pragma once

enum syscall_number {
    SYS_NULL = 0, /* nothing */

    SYS_HANDLE_CLOSE, /* x0 handle */
    SYS_HANDLE_DUP,   /* x0 handle, x1 rights mask (subset) -> x1 new handle. Needs RIGHT_DUP */
    SYS_HANDLE_LIST, /* x0 process (0 self), x1 start -> x1 handle, x2 type, x3 rights, x4 object id, x5 next start; ERR_NO_ENTRY at the end */

    SYS_ENDPOINT_CREATE, /* -> x1 */
    SYS_ENDPOINT_MINT, /* x0 endpoint, x1 badge (not 0), x2 rights -> x1 handle whose calls carry the badge. Needs RIGHT_MANAGE */
    SYS_CALL,          /* see below */
    SYS_REPLY_RECV,    /* see below */

    SYS_NOTIFICATION_CREATE, /* -> x1 */
    SYS_NOTIFICATION_SIGNAL, /* x0 notification, x1 bits */
    SYS_NOTIFICATION_WAIT, /* x0 notification, x1 mask, x2 deadline -> x1 bits taken and cleared; ERR_TIMEOUT */
    SYS_NOTIFICATION_BIND, /* x0 notification (0: unbind): the calling thread's SYS_REPLY_RECV also ends for its bits */

    SYS_VMO_CREATE, /* x0 size_bytes -> x1. Pages come zeroed at first touch */
    SYS_VMO_INFO, /* x0 vmo -> x1 size_bytes, x2 bytes of memory it holds, x3 1 = device memory, x4 guest-physical base of device and window VMOs (else 0) */
    SYS_VMO_MAP, /* x0 process (0 self), x1 vmo, x2 offset, x3 size_bytes, x4 PROT_*, x5 address (0: any) -> x1 address. Never W and X */
    SYS_VMO_UNMAP, /* x0 process, x1 address, x2 size_bytes: exactly one earlier mapping */

    SYS_PROCESS_CREATE, /* x0..x3 name, 32 bytes -> x1 */
    SYS_PROCESS_GRANT,  /* x0 process, x1 handle, x2 rights mask -> x1 its number in the child */
    SYS_PROCESS_START, /* x0 process, x1 entry, x2 stack pointer, x3 value of x0 at entry: makes its first thread */
    SYS_PROCESS_KILL, /* x0 process, x1 exit code */
    SYS_PROCESS_INFO, /* x0 process -> x1 state (0 new, 1 runs, 2 ended), x2 exit code, x3 run ticks, x4 memory bytes, x5 object id, x6 cause (0 exit, 1 killed, 2 fault) */
    SYS_PROCESS_WATCH, /* x0 process, x1 notification, x2 bits: signalled when it ends (at once when it has) */
    SYS_PROCESS_FAULTS, /* x0 process, x1 endpoint: its faults become calls there (struct fault_message words), else it ends */
    SYS_PROCESS_LIST, /* x0 system, x1 index -> x1 object id, x2 state, x3 run ticks, x4 memory bytes, x5 threads, x6 handles, x9..x12 name; ERR_NO_ENTRY */

    SYS_THREAD_CREATE, /* x0 entry, x1 stack pointer, x2 value of x0 at entry, x3 TPIDR_EL0 -> x1 */
    SYS_THREAD_EXIT,
    SYS_EXIT, /* x0 exit code: the process ends */
    SYS_YIELD,
    SYS_SLEEP, /* x0 deadline */

    SYS_IRQ_BIND, /* x0 interrupt, x1 notification, x2 bits: signalled and masked at each occurrence */
    SYS_IRQ_ACK,      /* x0 interrupt: unmask */
    SYS_TIMER_CREATE, /* -> x1 */
    SYS_TIMER_SET,    /* x0 timer, x1 deadline (0: disarm), x2 notification, x3 bits */

    SYS_LINK_INFO, /* x0 link -> x1 virtio device id, x2 window bytes, x3 queue count, x4 queue size, x5 client IPA of the window, x6 peer domain */
    SYS_LINK_OPEN, /* x0 link -> x1 VMO of the register page (device), x2 VMO of the window, x3 interrupt */
    SYS_LINK_KICK, /* x0 link, x1 queue: doorbell, and unmasks the link's interrupt -> x1 InterruptStatus, its used-buffer bit cleared by it */

    SYS_DOMAIN_CALL, /* x0 domain control, x1 HVC_DOMAIN_* or HVC_STATS, x2..x6 -> x1..x6 as that hypercall's x1..x6 */
    SYS_LOG_READ,   /* x0 log, x1 position -> x1 next position, x2 count, x3..x6 bytes */
    SYS_LOG_WRITE,  /* x0 log, x1 count <= 40, x2..x6 bytes */
    SYS_TRACE_READ, /* x0 log, x1 sequence -> as HVC_TRACE_READ */
    SYS_SYSTEM,     /* x0 system, x1 SYSTEM_* */
    SYS_COUNT
};

#define PROT_READ   1U
#define PROT_WRITE  2U
#define PROT_EXEC   4U
#define PROT_DEVICE 8U /* must be said for device VMOs, refused for others */

#define SYSTEM_POWEROFF 0
#define SYSTEM_REBOOT   1

/*
 * IPC. A message is a tag, six words and up to four handles. Handles move: they leave the sender's table
 * (needs RIGHT_GRANT on each); dup first to keep one.
 *
 * SYS_CALL        in:  x0 endpoint (RIGHT_WRITE), x1 tag, x2..x7 words, x9..x12 handles, x13 deadline
 *                 out: x0 err, x1 tag, x2..x7 words, x9..x12 handles
 *                 ERR_DEAD: the server ended (at once). ERR_TIMEOUT: the server may still have done it.
 * SYS_REPLY_RECV  in:  x0 endpoint to receive from (RIGHT_READ; 0: reply only), x14 reply handle to answer (0: none),
 *                      x1 tag, x2..x7 words, x9..x12 handles of the answer, x13 deadline of the wait
 *                 out: x0 err, x1 tag, x2..x7 words, x9..x12 handles, x14 reply handle, x15 badge
 *                 A caller that died or timed out is no error: the answer is dropped.
 *                 With a bound notification: x1 = TAG_NOTIFICATION, x2 = bits, x14 = 0.
 * A reply handle may be kept while other calls are served, closed (the caller gets ERR_CANCELLED) or moved to another process.
 */
#define TAG_HANDLES(n)        ((uint64_t)(n)&7)
#define TAG_HANDLE_COUNT(tag) ((tag)&7)
#define TAG_NOTIFICATION      (1UL << 32)
#define TAG_FAULT \
    (1UL          \
     << 33) /* words: object id of the process, ESR, FAR, PC, SP, LR; answered with word 0: 0 = end it, 1 = go on */

#define IPC_WORDS      6
#define IPC_HANDLES    4
#define DEADLINE_NEVER 0UL
#define DEADLINE_NOW   1UL
