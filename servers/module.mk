# SPDX-License-Identifier: AGPL-3.0-or-later
# EL0 programs: all of servers/NAME and servers/rt, plus the folders of servers/ and the libraries in NAME_LIBS.
# burn and hostile-client are programs of the tests.
SERVERS := init supervisor console fs shell burn hostile-client crashlog random

server_rt_SRCS := $(wildcard servers/rt/*.c servers/rt/*.S)

fs_LIBS    := blk ext2fs
shell_LIBS := fsclient
crashlog_LIBS := fsclient
init_SRCS := $(wildcard servers/init/*.c)
# The serial line's driver is a part of the console.
console_SRCS := $(wildcard servers/console/*.c) $(wildcard drivers/uart/*.c)
# In the place of the shell: threads on all cores.
burn_SRCS := tests/smp/burn.c
# Of the hostile suite: in the place of fs, it checks and measures.
hostile-client_SRCS := tests/hostile/client.c
hostile-client_LIBS := blk
