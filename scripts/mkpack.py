#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a bootable system out of built programs: the manifest with hashes, the system pack and the Image.

  mkpack.py --hyp hyp.elf --dts system.dts [--define NAME=VALUE]... --images DIR... --out DIR
            [--autorun FILE] [--image NAME=FILE]... [--stale NAME=FILE]... --manifest TOOL [--facts FIRMWARE.dtb] [--pack-name NAME]

The manifest names images (`image = "storage"`); NAME.img is looked for in the folders of --images. Of a stock guest's image
and NAME.initrd, when there is one, a bundle is made for each guest (scripts/mkguest.py). --image puts another file in the place of one before hashes are taken, --stale after: EL2 must refuse that one. TOOL (scripts/manifest.c) compiles
the manifest into the struct that EL2 reads, and judges it against --facts. It is the pack's first file, so that EL2 finds
it without looking. Same input, same bytes out.
"""
import argparse
import hashlib
import os
import re
import struct
import subprocess
import sys
import tempfile

import mkguest

HASH_BYTES = 32
CPIO_HEADER_BYTES = 110
DATA_ALIGN = 8


class Refused(Exception):
    """The input is wrong; str() is one line for the user."""


def run(argv, stdin=None):
    p = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if p.returncode != 0:
        raise Refused(f"{os.path.basename(argv[0])}: {(p.stderr + p.stdout).decode(errors='replace').strip()}")
    return p.stdout


def preprocess(dts, defines):
    argv = ["cpp", "-nostdinc", "-undef", "-P", "-x", "assembler-with-cpp", "-I", os.path.dirname(dts) or "."]
    return run(argv + [f"-D{d}" for d in defines] + [dts])


def compile_dts(source):
    return run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "-"], source)


MANIFEST = "manifest"
STT_FUNC = 2
DOMAIN_RAM = 0x10000000  # where driver domains are linked: include/abi/domain.h
SYMBOLS_MAGIC = 0x314d59535f4f525a
MANIFEST_AT = 128  # MANIFEST_PACK_OFFSET


def image_nodes(tree):
    """[path, file name] of every node with an `image` property, in tree order."""
    found, waiting = [], [([], tree)]
    while waiting:
        path, node = waiting.pop(0)
        if "image" in node["props"]:
            found.append([path, mkguest.text(node, "image")])
        waiting = [(path + [name], child) for name, child in node["nodes"].items()] + waiting
    return found


def bundle_guests(tree, nodes, files, folders):
    """In nodes and files, puts GUEST-bundle in the place of each stock guest's image."""
    for name in mkguest.guests(tree):
        node = next(n for n in nodes if n[0] == ["domains", name])
        initrds = [os.path.join(d, node[1] + ".initrd") for d in folders]
        path = next((p for p in initrds if os.path.isfile(p)), None)
        initrd = None
        if path:
            with open(path, "rb") as f:
                initrd = f.read()
        files[name + "-bundle"] = mkguest.bundle(tree, name, files[node[1]], initrd)
        node[1] = name + "-bundle"
    for image in set(files) - {image for _, image in nodes}:
        del files[image]


def file_fragment(nodes, digests, places):
    """A piece of dts that says of every image its hash, and where in the pack it is."""
    lines = []
    for path, image in nodes:
        opening = " ".join(f"{part} {{" for part in path)
        where = " ".join(str(n) for n in places[image])
        lines.append(f"/ {{ {opening} image = \"{image}\"; image-hash = [{digests[image]}]; image-place = <{where}>; {'}; ' * len(path)}}};")
    return "\n".join(lines).encode()


def load_images(names, folders, replaced):
    files = {}
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise Refused(f"image \"{name}\": not a file name")
        candidates = [replaced[name]] if name in replaced else [os.path.join(d, name + ".img") for d in folders]
        path = next((c for c in candidates if os.path.isfile(c)), None)
        if path is None:
            raise Refused(f"image \"{name}\" is named by the manifest and not built (looked for {' '.join(candidates)})")
        with open(path, "rb") as f:
            files[name] = f.read()
    return files


def symbol_file(elf, image):
    """Function names of a driver domain for the supervisor's backtraces (servers/supervisor/symbols.h); None: linked elsewhere."""
    found, base = {}, None
    for name, value, kind, load in symbols_of(elf):
        base = load
        if kind == STT_FUNC and value not in found:
            found[value] = name
    if base != DOMAIN_RAM or not found:
        return None
    names, entries = b"", b""
    for value in sorted(found):
        entries += struct.pack("<2I", value, len(names))
        names += found[value] + b"\0"
    return struct.pack("<Q2I", SYMBOLS_MAGIC, len(found), len(names)) + hashlib.sha256(image).digest() + entries + names


def load_symbols(files, folders, replaced):
    """NAME.sym for every domain image that was linked here. An image put in another's place has none."""
    out = {}
    for name in sorted(set(files) - set(replaced)):
        for folder in folders:
            path = os.path.join(folder, name + ".elf")
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    data = symbol_file(f.read(), files[name])
                if data is not None:
                    out[name + ".sym"] = data
    return out


def cpio(files):
    """newc archive of {name: bytes}, and where the data of each lies, {name: (offset, bytes)}: the manifest first, then sorted, no times or owners; data starts
    at multiples of 8, the manifest's at MANIFEST_AT."""
    out, places = bytearray(), {}

    def entry(name, data, mode, inode):
        padded = name.encode() + b"\0"
        while (len(out) + CPIO_HEADER_BYTES + len(padded)) % DATA_ALIGN or (not out and CPIO_HEADER_BYTES + len(padded) < MANIFEST_AT):
            padded += b"\0"
        fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(padded), 0]
        out.extend(b"070701" + b"".join(b"%08X" % f for f in fields) + padded)
        places[name] = (len(out), len(data))
        out.extend(data + b"\0" * (-len(data) % 4))

    for inode, name in enumerate(sorted(files, key=lambda name: (name != MANIFEST, name)), 1):
        entry(name, files[name], 0o100444, inode)
    entry("TRAILER!!!", b"", 0, 0)
    out.extend(b"\0" * (-len(out) % 512))
    return bytes(out), places


def compile_manifest(args, source, nodes, files, digests):
    """The struct that EL2 reads. Where the files lie depends on its size alone, so it is put in twice."""
    size = int(run([args.manifest, "--bytes"]))
    _, places = cpio({**files, MANIFEST: bytes(size)})
    dtb = compile_dts(source + b"\n" + file_fragment(nodes, digests, places))
    with tempfile.TemporaryDirectory() as folder:
        tree, out = os.path.join(folder, "system.dtb"), os.path.join(folder, MANIFEST)
        write(tree, dtb)
        run([args.manifest, tree, out] + ([args.facts] if args.facts else []))
        with open(out, "rb") as f:
            return f.read()


def symbols_of(elf):
    """(name, value, type, lowest physical load address) of every symbol of a 64-bit little-endian ELF."""
    phoff, shoff = struct.unpack_from("<QQ", elf, 32)
    phentsize, phnum, shentsize, shnum = struct.unpack_from("<4H", elf, 54)
    loads = [struct.unpack_from("<IIQQQQ", elf, phoff + i * phentsize) for i in range(phnum)]
    base = min(p[4] for p in loads if p[0] == 1)
    for i in range(shnum):
        _, kind, _, _, at, size, link, _, _, entsize = struct.unpack_from("<IIQQQQIIQQ", elf, shoff + i * shentsize)
        if kind != 2:
            continue
        strings = struct.unpack_from("<Q", elf, shoff + link * shentsize + 24)[0]
        for sym in range(at, at + size, entsize):
            name, info, _, _, value, _ = struct.unpack_from("<IBBHQQ", elf, sym)
            start = strings + name
            yield elf[start:elf.index(b"\0", start)], value, info & 15, base


def symbol_value(elf, wanted):
    """Value of a symbol and the lowest physical load address."""
    for name, value, _, base in symbols_of(elf):
        if name == wanted:
            return value, base
    raise Refused(f"hyp.elf has no symbol {wanted.decode()}")


def make_image(hyp, digest):
    """hyp as a flat binary with the manifest's hash patched in."""
    with open(hyp, "rb") as f:
        value, base = symbol_value(f.read(), b"manifest_hash")
    with tempfile.NamedTemporaryFile() as flat:
        run(["aarch64-linux-gnu-objcopy", "-O", "binary", hyp, flat.name])
        with open(flat.name, "rb") as f:
            image = bytearray(f.read())
    offset = value - base
    if offset + HASH_BYTES > len(image):
        raise Refused("manifest_hash lies outside the image: it must not be in .bss")
    image[offset:offset + HASH_BYTES] = digest
    return bytes(image)


def write(path, data):
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as f:
        f.write(data)
    os.rename(part, path)


def pairs(items):
    return dict(item.split("=", 1) for item in items)


def build(args):
    source = preprocess(args.dts, args.define)
    tree = mkguest.tree_of(compile_dts(source))
    nodes = image_nodes(tree)
    files = load_images(sorted({image for _, image in nodes}), args.images, pairs(args.image))
    bundle_guests(tree, nodes, files, args.images)
    for name, path in pairs(args.image).items():
        if name not in files:
            with open(path, "rb") as f:
                files[name] = f.read()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files.update(load_symbols(files, args.images, pairs(args.image)))
    for name, path in pairs(args.stale).items():
        with open(path, "rb") as f:
            files[name] = f.read()
    if args.autorun:
        with open(args.autorun, "rb") as f:
            files["autorun"] = f.read()
    files[MANIFEST] = compile_manifest(args, source, nodes, files, digests)
    pack, places = cpio(files)
    if places[MANIFEST][0] != MANIFEST_AT:
        raise Refused(f"the manifest lies at {places[MANIFEST][0]} of the pack, EL2 reads it at {MANIFEST_AT}")
    os.makedirs(args.out, exist_ok=True)
    write(os.path.join(args.out, MANIFEST), files[MANIFEST])
    image = make_image(args.hyp, hashlib.sha256(files[MANIFEST]).digest())
    write(os.path.join(args.out, args.pack_name), pack)
    write(os.path.join(args.out, "Image"), image)


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--hyp", required=True)
    p.add_argument("--dts", required=True)
    p.add_argument("--define", action="append", default=[])
    p.add_argument("--images", nargs="+", action="extend", default=[])
    p.add_argument("--image", action="append", default=[], metavar="NAME=FILE")
    p.add_argument("--stale", action="append", default=[], metavar="NAME=FILE")
    p.add_argument("--autorun")
    p.add_argument("--manifest", required=True, metavar="TOOL")
    p.add_argument("--facts", metavar="DTB")
    p.add_argument("--pack-name", default="system.pack")
    p.add_argument("--out", required=True)
    return p.parse_args(argv)


def main(argv):
    try:
        build(parse(argv))
    except (Refused, mkguest.Refused, OSError) as e:
        print(f"mkpack: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
