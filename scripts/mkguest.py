# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a stock guest finds in its RAM at entry: device tree, arm64 Image, initramfs, as one bundle that EL2 copies as it is.

The device tree is made from the manifest: nothing in it is chosen by hand. Addresses come from include/abi/domain.h.
"""
import gzip
import os
import re
import struct
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FDT_BEGIN_NODE, FDT_END_NODE, FDT_PROP, FDT_NOP, FDT_END = 1, 2, 3, 4, 9
IMAGE_MAGIC = b"ARM\x64"
BLOCK = 2 << 20
PAGE = 4096
UART_HZ = 24000000


class Refused(Exception):
    """A guest that cannot be built; str() is one line for the user."""


def constants():
    """The numbers of include/abi/domain.h, by name."""
    with open(os.path.join(ROOT, "include", "abi", "domain.h"), encoding="utf-8") as f:
        found = re.findall(r"^#define\s+((?:DOMAIN|GUEST)_\w+)\s+(\w+)", f.read(), re.M)
    number = {}
    for name, value in found:
        number[name] = number[value] if value in number else int(value.rstrip("UL"), 0)
    return number


def tree_of(dtb):
    """A compiled device tree as nested {"props": {name: bytes}, "nodes": {name: ...}}."""
    _, _, at, strings = struct.unpack_from(">4I", dtb)
    root = {"props": {}, "nodes": {}}
    stack = [root]
    while True:
        token = struct.unpack_from(">I", dtb, at)[0]
        at += 4
        if token == FDT_BEGIN_NODE:
            end = dtb.index(b"\0", at)
            name = dtb[at:end].decode()
            at = (end + 4) & ~3
            if name:
                node = {"props": {}, "nodes": {}}
                stack[-1]["nodes"][name] = node
                stack.append(node)
        elif token == FDT_END_NODE:
            if len(stack) > 1:
                stack.pop()
        elif token == FDT_PROP:
            size, name_at = struct.unpack_from(">2I", dtb, at)
            at += 8
            name = dtb[strings + name_at:dtb.index(b"\0", strings + name_at)].decode()
            stack[-1]["props"][name] = dtb[at:at + size]
            at = (at + size + 3) & ~3
        elif token == FDT_END:
            return root
        elif token != FDT_NOP:
            raise Refused("dtc gave a tree this script cannot read")


def text(node, name, default=""):
    return node["props"].get(name, default.encode() + b"\0").rstrip(b"\0").decode()


def number(node, name, default=0):
    value = node["props"].get(name)
    return int.from_bytes(value, "big") if value else default


def guests(tree):
    """Names of the stock guests."""
    return [name for name, node in tree["nodes"]["domains"]["nodes"].items() if text(node, "kind") == "guest"]


def links_of(tree, guest):
    """(number among the domain's links, node) of each link that the guest uses, in the order in which EL2 numbers them."""
    links = tree["nodes"].get("links", {"nodes": {}})["nodes"].values()
    return list(enumerate(node for node in links if text(node, "client") == guest))


def cells(value):
    return f"0x{value >> 32:x} 0x{value & 0xffffffff:x}"


def link_nodes(n, k, node, reserved, memory):
    """Device node of one link; a window is a pool of its own, and the only memory its DMA may touch."""
    at, line, extra = n["DOMAIN_LINK_IPA"] + k * PAGE, n["DOMAIN_LINK_INTID"] + k - 32, ""
    if text(node, "window") != "client-memory":
        window, size = n["GUEST_WINDOW_IPA"] + k * n["DOMAIN_WINDOW_STEP"], number(node, "window")
        memory.append((window, size))
        reserved.append(f"pool{k}: pool@{window:x} {{ compatible = \"restricted-dma-pool\"; reg = <{cells(window)} {cells(size)}>; }};")
        extra = f" memory-region = <&pool{k}>;"
    return (f"virtio_mmio@{at:x} {{ compatible = \"virtio,mmio\"; reg = <{cells(at)} 0 0x1000>; "
            f"interrupts = <0 {line} 1>; dma-coherent;{extra} }};")


def tree_source(tree, guest, initrd):
    """Source of the guest's device tree; initrd: (start, end) or None."""
    n, node = constants(), tree["nodes"]["domains"]["nodes"][guest]
    cpus, memory = number(node, "vcpus", 1), [(n["DOMAIN_RAM_IPA"], number(node, "memory"))]
    reserved = []
    devices = [link_nodes(n, k, link, reserved, memory) for k, link in links_of(tree, guest)]
    uart, line = n["GUEST_UART_IPA"], n["GUEST_UART_INTID"] - 32
    bootargs = text(node, "params").replace("\\", "\\\\").replace("\"", "\\\"")
    chosen = f"bootargs = \"{bootargs}\"; stdout-path = \"/pl011@{uart:x}\";"
    if initrd:
        chosen += f" linux,initrd-start = <{cells(initrd[0])}>; linux,initrd-end = <{cells(initrd[1])}>;"
    cpu_nodes = "\n".join(f"cpu@{i:x} {{ device_type = \"cpu\"; compatible = \"arm,armv8\"; reg = <{i}>; enable-method = \"psci\"; }};"
                          for i in range(cpus))
    memory_nodes = "\n".join(f"memory@{at:x} {{ device_type = \"memory\"; reg = <{cells(at)} {cells(size)}>; }};"
                             for at, size in memory)
    pools = ("reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;\n" + "\n".join(reserved) + "\n};") if reserved else ""
    return f"""/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    compatible = "zeros,guest"; model = "ZerOS guest {guest}";
    chosen {{ {chosen} }};
    {memory_nodes}
    {pools}
    cpus {{ #address-cells = <1>; #size-cells = <0>;
    {cpu_nodes}
    }};
    psci {{ compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; }};
    gic: intc@{n["DOMAIN_GICD_IPA"]:x} {{ compatible = "arm,gic-v3"; #interrupt-cells = <3>; interrupt-controller;
        reg = <{cells(n["DOMAIN_GICD_IPA"])} 0 0x10000>, <{cells(n["DOMAIN_GICR_IPA"])} {cells(cpus * 0x20000)}>; }};
    timer {{ compatible = "arm,armv8-timer"; interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>; }};
    uartclk: uartclk {{ compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <{UART_HZ}>; }};
    pl011@{uart:x} {{ compatible = "arm,pl011", "arm,primecell"; reg = <{cells(uart)} 0 0x1000>; interrupts = <0 {line} 4>;
        clocks = <&uartclk>, <&uartclk>; clock-names = "uartclk", "apb_pclk"; }};
    {" ".join(devices)}
}};
"""


def compile_tree(source):
    p = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "-"], input=source.encode(), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=False)
    if p.returncode != 0:
        raise Refused(f"dtc: {p.stderr.decode(errors='replace').strip()}")
    return p.stdout


def kernel_of(guest, image):
    """The flat Image, unpacked, and its (text_offset, image_size): Linux's Documentation/arch/arm64/booting.rst."""
    if image[:2] == b"\x1f\x8b":
        image = gzip.decompress(image)
    if len(image) < 64 or image[56:60] != IMAGE_MAGIC:
        raise Refused(f"{guest}: its image is no arm64 Image: the magic ARM\\x64 is not at offset 56")
    offset, size = struct.unpack_from("<2Q", image, 8)
    if size == 0:  # before Linux 3.17
        offset, size = 0x80000, len(image)
    if offset % 4 or offset >= BLOCK or size > 1 << 32:
        raise Refused(f"{guest}: its image has an impossible text_offset or image_size")
    return image, offset, max(size, len(image))


def branch(distance):
    return struct.pack("<I", 0x14000000 | distance // 4)


def bundle(tree, guest, image, initrd):
    """All that EL2 copies to the start of the guest's RAM. initrd: bytes or None."""
    n, ram = constants(), number(tree["nodes"]["domains"]["nodes"][guest], "memory")
    image, offset, size = kernel_of(guest, image)
    kernel_at = n["GUEST_IMAGE_IPA"] - n["DOMAIN_RAM_IPA"]
    initrd_at = -(-(kernel_at + offset + size) // BLOCK) * BLOCK
    end = initrd_at + len(initrd) if initrd else kernel_at + offset + size
    if end > ram:
        raise Refused(f"{guest}: memory = {ram >> 20} MiB holds not even its image and initramfs ({-(-end >> 20)} MiB)")
    where = (n["DOMAIN_RAM_IPA"] + initrd_at, n["DOMAIN_RAM_IPA"] + initrd_at + len(initrd)) if initrd else None
    dtb = compile_tree(tree_source(tree, guest, where))
    out = bytearray(dtb + b"\0" * (kernel_at - len(dtb)))
    if offset:
        out += branch(offset) + b"\0" * (offset - 4)  # the entry is always GUEST_IMAGE_IPA
    out += image
    if initrd:
        out += b"\0" * (initrd_at - len(out)) + initrd
    return bytes(out)
