# SPDX-License-Identifier: AGPL-3.0-or-later
"""Disk images made and judged by the host: mke2fs, e2fsck, debugfs. Sparse, cached by what went into them."""
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import threading

import variants

CACHE = os.path.join(variants.ROOT, "build", "test-disks")
UUID = "5a65724f-5300-4000-8000-000000000001"
os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_lock = threading.Lock()


def pattern(size_bytes, seed=1):
    """Bytes that repeat nowhere and need no storing."""
    source, part = random.Random(seed), 32 << 20
    return b"".join(source.randbytes(min(part, size_bytes - at)) for at in range(0, size_bytes, part))


def sha256(path_or_bytes):
    h = hashlib.sha256()
    if isinstance(path_or_bytes, bytes):
        h.update(path_or_bytes)
    else:
        with open(path_or_bytes, "rb") as f:
            while chunk := f.read(1 << 20):
                h.update(chunk)
    return h.hexdigest()


def run(*argv, ok=(0,), timeout=120):
    env = dict(os.environ, E2FSPROGS_FAKE_TIME="1767225600")
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                       timeout=timeout, env=env, check=False)
    assert p.returncode in ok, f"{' '.join(argv)}: code {p.returncode}\n{p.stdout[-2000:]}"
    return p.stdout


def make(out, size="256M", files=None, features=(), block=4096):
    """
    Writes an ext4 image of the given size to `out` and returns it. files: {path: bytes or int (size of a pattern)}.
    The master copy is kept in the cache; `out` is a sparse copy that a test may spoil.
    """
    spec = json.dumps([size, {k: (v if isinstance(v, int) else sha256(v)) for k, v in (files or {}).items()},
                       list(features), block], sort_keys=True)
    master = os.path.join(CACHE, hashlib.sha256(spec.encode()).hexdigest()[:16] + ".img")
    with _lock:
        if not os.path.exists(master):
            os.makedirs(CACHE, exist_ok=True)
            part = f"{master}.{os.getpid()}"
            tree = part + ".d"
            os.makedirs(tree)
            try:
                for path, data in (files or {}).items():
                    full = os.path.join(tree, path.lstrip("/"))
                    os.makedirs(os.path.dirname(full), exist_ok=True)
                    with open(full, "wb") as f:
                        f.write(pattern(data) if isinstance(data, int) else data)
                extra = ["-O", ",".join(features)] if features else []
                run("mke2fs", "-q", "-F", "-t", "ext4", "-b", str(block), "-U", UUID, "-E", f"hash_seed={UUID},root_owner=0:0",
                    *extra, "-d", tree, part, size)
                os.replace(part, master)
            finally:
                shutil.rmtree(tree, ignore_errors=True)
    run("cp", "--sparse=always", master, out)
    return out


def zeros(out, size_bytes=256 << 20):
    with open(out, "wb") as f:
        f.truncate(size_bytes)
    return out


def fsck(image):
    """e2fsck -fn must find nothing. Its words come with the failure."""
    return run("e2fsck", "-fn", image)


def read(image, path):
    """The bytes of a file in the image, by debugfs."""
    out = f"{image}.{os.getpid()}.{threading.get_ident()}.out"
    try:
        text = run("debugfs", "-R", f"dump {path} {out}", image)
        assert os.path.exists(out) and "File not found" not in text, f"debugfs: {path} is not in the image: {text}"
        with open(out, "rb") as f:
            return f.read()
    finally:
        if os.path.exists(out):
            os.unlink(out)


def dump_tree(image, path, into):
    """Copies a directory of the image to the host folder `into`."""
    os.makedirs(into, exist_ok=True)
    return run("debugfs", "-R", f"rdump {path} {into}", image, ok=(0, 1))


def names(image, path="/"):
    text = run("debugfs", "-R", f"ls -p {path}", image)
    return sorted(line.split("/")[5] for line in text.splitlines() if re.match(r"/\d+/", line))
