# SPDX-License-Identifier: AGPL-3.0-or-later
# gdb-multiarch -x scripts/gdb/zeros.gdb, from the root, beside a running `make gdb`.
# hyp.elf is linked at 0 and runs where QEMU put the Image; kernel and domains run where they are linked.
set architecture aarch64
set pagination off
set max-value-size unlimited
add-symbol-file build/qemu-virt/hyp.elf -o 0x40200000
add-symbol-file build/qemu-virt/kernel.elf
target remote build/gdb.sock

define el
  printf "EL%d\n", ($cpsr >> 2) & 3
end
document el
Exception level of the core that gdb looks at.
end

define domain-symbols
  add-symbol-file build/qemu-virt/domains/$arg0.elf
end
document domain-symbols
domain-symbols NAME: symbols of a driver domain; its addresses are those inside the domain.
end

define server-symbols
  add-symbol-file build/qemu-virt/servers/$arg0.elf
end
document server-symbols
server-symbols NAME: symbols of an EL0 program; every one of them is linked at the same address, so load one at a time.
end
source scripts/gdb/zeros.py
