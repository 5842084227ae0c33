#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The oracle of lost, wrong and repeated writes: reads what reached a disk, in order, and judges numbered sectors (abi/stamp.h).

QEMU's blklogwrites keeps every write in Linux's dm-log-writes format: a superblock, then for each write a header sector and its data.
By hand: blklog.py LOG prints how many writes and numbered sectors there are, and what is wrong with them."""
import collections
import struct
import sys

SECTOR = 512
MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
STAMP_MAGIC = 0x31504d4154535a5a
STAMP_HEAD = struct.Struct("<5Q")
FILL_WORDS = 59
MASK = (1 << 64) - 1

Stamp = collections.namedtuple("Stamp", "file block seq sector")


def entries(path):
    """Every entry in order: (flags, first sector, bytes)."""
    with open(path, "rb") as f:
        magic, version, count, sector_bytes = struct.unpack("<QQQI", f.read(28))
        assert magic == MAGIC and version == 1 and sector_bytes == SECTOR, "this is no log of blklogwrites"
        f.seek(SECTOR)
        for _ in range(count):
            head = f.read(SECTOR)
            if len(head) < SECTOR:
                return
            sector, sectors, flags = struct.unpack_from("<3Q", head)
            if flags & DISCARD:
                yield flags, sector, b""
                continue
            yield flags, sector, f.read(sectors * SECTOR)


def stamp_of(sector):
    """The stamp in 512 bytes; None: there is none. An AssertionError: it is torn."""
    magic, file, block, seq, part = STAMP_HEAD.unpack_from(sector)
    if magic != STAMP_MAGIC:
        return None
    fill = (seq * 0x9e3779b97f4a7c15 ^ block * 0xc2b2ae3d27d4eb4f ^ file << 32 ^ part << 56) & MASK
    assert sector[40:] == struct.pack("<Q", fill) * FILL_WORDS, f"a torn sector: file {file}, block {block}, sector {part}, number {seq}"
    return Stamp(file, block, seq, part)


class Judge:
    """Takes writes in the order in which they reached the medium and finds what is lost, wrong or done twice."""

    def __init__(self):
        self.at = {}                                     # disk sector -> its newest stamp
        self.seen = collections.defaultdict(set)         # (file, block, sector) -> numbers
        self.home = {}                                   # (file, block, sector) -> disk sector
        self.wrong = []                                  # sentences
        self.writes = self.stamps = self.again = self.flushes = 0

    def write(self, sector, data):
        self.writes += 1
        for i in range(0, len(data), SECTOR):
            try:
                stamp = stamp_of(data[i:i + SECTOR])
            except AssertionError as e:
                self.wrong.append(f"write {self.writes}: {e}")
                continue
            if stamp is not None:
                self._stamp(sector + i // SECTOR, stamp)

    def _stamp(self, lba, stamp):
        self.stamps += 1
        key = stamp.file, stamp.block, stamp.sector
        old = self.at.get(lba)
        if old is not None and old[:2] + old[3:] != (stamp.file, stamp.block, stamp.sector):
            self.wrong.append(f"write {self.writes}: sector {lba} belongs to {old}, and got {stamp}")
        if self.home.setdefault(key, lba) != lba:
            self.wrong.append(f"write {self.writes}: {stamp} went to sector {lba}, not {self.home[key]}")
        if old is not None and stamp.seq < old.seq:
            self.wrong.append(f"write {self.writes}: sector {lba} falls from number {old.seq} to {stamp.seq}")
        self.again += old is not None and stamp.seq == old.seq
        self.at[lba] = stamp
        self.seen[key].add(stamp.seq)

    def lost(self, file, rounds, stride=2):
        """Sentences for every number in 1..rounds of `file` that never reached the medium (stamp's sync was answered for each)."""
        out = []
        for (number, block, sector), seqs in sorted(self.seen.items()):
            if number != file:
                continue
            want = set(range(1, rounds + 1)) if block % stride == 0 else {1}
            if want - seqs:
                out.append(f"file {file} block {block} sector {sector}: numbers {sorted(want - seqs)[:5]} never reached the disk")
        return out


def judge(path):
    j = Judge()
    for flags, sector, data in entries(path):
        j.flushes += bool(flags & FLUSH)
        if data:
            j.write(sector, data)
    return j


def check(path, file=None, rounds=None, blocks=None):
    """The whole oracle on one log. Returns the Judge; AssertionError with the first sentences when anything is wrong."""
    j = judge(path)
    bad = list(j.wrong)
    if file is not None:
        bad += j.lost(file, rounds)
        have = {key for key in j.seen if key[0] == file}
        if len(have) != blocks * 2 * 8:
            bad.append(f"file {file}: {len(have)} numbered sectors on the disk, {blocks * 2 * 8} were written")
    assert not bad, f"{len(bad)} faults in the order of writes: " + "; ".join(bad[:5])
    return j


if __name__ == "__main__":
    result = judge(sys.argv[1])
    print(f"{result.writes} writes, {result.flushes} flushes, {result.stamps} numbered sectors, {result.again} of them again")
    print("\n".join(result.wrong) or "no number falls")
    sys.exit(1 if result.wrong else 0)
