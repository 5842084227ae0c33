# SPDX-License-Identifier: AGPL-3.0-or-later
# EL0 programs: each is servers/NAME plus the libraries named in NAME_LIBS.
SERVERS := init supervisor console fs shell

servers_rt_SRCS := servers/rt/crt0.S servers/rt/ipc.S servers/rt/rt.c servers/rt/log.c \
    servers/rt/time.c servers/rt/heap.c servers/rt/lock.c servers/rt/posix.c servers/rt/elf.c \
    servers/rt/spawn.c
servers_fsclient_SRCS := servers/fsclient/fsclient.c servers/fsclient/path.c \
    servers/fsclient/query.c

-include $(wildcard servers/*/module.mk)
