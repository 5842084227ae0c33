# SPDX-License-Identifier: AGPL-3.0-or-later
"""gdb commands for EL2: domains, links, walk DOMAIN IPA. Loaded by zeros.gdb; EL2's structures are read by physical address, so they
work whatever exception level the core is at."""
import re
import subprocess

import gdb

ELF = "build/qemu-virt/hyp.elf"
LOAD = 0x40200000  # QEMU: RAM + 2 MiB, where hyp.elf's address 0 is


class Physical:
    """Memory accesses go around the MMU while this is open."""
    def __enter__(self):
        gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)

    def __exit__(self, *_):
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)


def el2(name):
    """A static variable of hyp.elf. Link-time optimisation drops its place from the debug information, so that comes from the symbols."""
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    table = subprocess.run(["aarch64-linux-gnu-nm", ELF], stdout=subprocess.PIPE, text=True, check=True).stdout
    offset = int(re.search(rf"^([0-9a-f]+) [bBdD] {name}$", table, re.M).group(1), 16)
    return gdb.Value(LOAD + offset).cast(symbol.type.pointer()).dereference()


def text(value):
    return value.string(errors="replace") if value.type.code == gdb.TYPE_CODE_ARRAY else str(value)


class Domains(gdb.Command):
    """domains: each domain, its state, generation, cause of the last death, and what its vCPUs do."""
    def __init__(self):
        super().__init__("domains", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        with Physical():
            table = el2("domains")
            for i in range(int(table["count"])):
                d = table["table"][i]
                print(f"{i} {text(d['name']):12} {d['state']} generation {d['generation']} deaths {d['deaths']} cause {d['death']['cause']}")
                for n in range(int(d["vcpu_count"])):
                    v = d["vcpu"][n]
                    print(f"    vcpu {n} core {v['core']} {v['state']} pc {int(v['regs']['pc']):#x}")


class Links(gdb.Command):
    """links: both ends of each link, Status, and the indices of its rings as EL2 last saw them."""
    def __init__(self):
        super().__init__("links", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        with Physical():
            table = el2("links")
            for i in range(int(table["count"])):
                l = table["all"][i]
                if not l["client"] or not l["server"]:
                    print(f"{i} absent")
                    continue
                print(f"{i} {text(l['conf']['name'])}: {text(l['client']['name'])} <- {text(l['server']['name'])} status {int(l['status']):#x} "
                      f"published {l['published']} served {l['served']} deadline {l['deadline_ticks']}")
                for q in range(int(l["conf"]["queue_count"])):
                    ring = l["queue"][q]
                    print(f"    queue {q} ready {ring['ready']} entries {ring['num']} done {ring['done']} avail {ring['avail_seen']}")


class Walk(gdb.Command):
    """walk DOMAIN IPA: what the domain's stage-2 tables say of an address, level by level."""
    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        name, address = gdb.string_to_argv(argument)
        ipa = int(gdb.parse_and_eval(address))
        with Physical():
            table = el2("domains")
            for i in range(int(table["count"])):
                d = table["table"][i]
                if name in (text(d["name"]), str(i)):
                    walk(int(d["s2"]["root_pa"]["raw"]), ipa)
                    return
        print(f"walk: there is no domain {name}: see domains")


def walk(root, ipa):
    for level in (1, 2, 3):
        shift = 12 + 9 * (3 - level)
        at = root + (ipa >> shift & 511) * 8
        desc = int.from_bytes(gdb.selected_inferior().read_memory(at, 8).tobytes(), "little")
        if not desc & 1:
            print(f"level {level} at {at:#x}: {desc:#x}: not mapped")
            return
        if level < 3 and desc & 2:
            print(f"level {level} at {at:#x}: {desc:#x}: table")
            root = desc & 0xfffffffff000
            continue
        base = desc & 0xfffffffff000 & ~((1 << shift) - 1)
        rights = ("r" if desc >> 6 & 1 else "-") + ("w" if desc >> 7 & 1 else "-") + ("-" if desc >> 54 & 1 else "x")
        kind = "normal" if desc >> 4 & 3 else "device"
        print(f"level {level} at {at:#x}: {desc:#x}: {base | ipa & ((1 << shift) - 1):#x} {rights} {kind}")
        return


Domains()
Links()
Walk()
