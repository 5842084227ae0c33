# SPDX-License-Identifier: AGPL-3.0-or-later
"""One ZerOS machine in QEMU: boot, type, expect, QMP, look at memory. Every wait has a deadline; QEMU's stderr is kept."""
import atexit
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import variants

ROOT = variants.ROOT
PROMPT = "zeros:/> "
SCALE = float(os.environ.get("ZEROS_TIMEOUT_SCALE", "1"))  # slow hosts
BOOT_S = 90
CMD_S = 60
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]")
TMP = tempfile.mkdtemp(prefix="zeros-test-")
atexit.register(shutil.rmtree, TMP, ignore_errors=True)
alive = []  # machines not yet ended: the fixture ends them


def end_with_parent():
    """In the child: QEMU ends when the test that started it does, however that happened."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class MachineError(AssertionError):
    """Something did not come in time or QEMU ended: carries the end of the serial log and QEMU's stderr."""


def disk_args(slot, path, nvme=False, fmt="raw", log=None):
    """
    The arguments that put the image at path (or the disk that a URL names) on PCI slot `slot`, as the manifest names it.
    log: a file that gets every write in order, for blklog.py.
    """
    drive = f"d{slot}"
    args = ["-drive", f"if=none,id={drive},file={path},format={fmt}"]
    if log:
        open(log, "wb").close()
        args = ["-blockdev", f"driver=blklogwrites,node-name={drive},log-sector-size=512,file.driver={fmt},file.file.driver=file,"
                             f"file.file.filename={path},log.driver=file,log.filename={log}"]
    if nvme:
        return args + ["-device", f"nvme,serial=zeros{slot},drive={drive},addr={slot}"]
    # A card goes to the first controller without one: controllers and cards take turns on the command line.
    return args + ["-device", f"sdhci-pci,id=sd{slot},addr={slot}", "-device", f"sd-card,drive={drive}"]


class Machine:
    """A running QEMU. Use boot() below."""

    def __init__(self, argv, log_name="serial"):
        self.dir = tempfile.mkdtemp(prefix="m-", dir=TMP)
        self.text = ""      # all of the serial output so far, escape sequences removed
        self.mark = 0       # what expect() has not consumed yet starts here
        self._raw_tail = ""
        self.argv = list(argv)
        self.stderr_path = os.path.join(self.dir, "stderr")
        ser, ser_child = socket.socketpair()
        qmp, qmp_child = socket.socketpair()
        full = self.argv + [
            "-chardev", f"socket,id=ser0,fd={ser_child.fileno()}", "-serial", "chardev:ser0",
            "-chardev", f"socket,id=qmp0,fd={qmp_child.fileno()}", "-mon", "chardev=qmp0,mode=control"]
        with open(self.stderr_path, "wb") as err:
            self.proc = subprocess.Popen(full, preexec_fn=end_with_parent, stdin=subprocess.DEVNULL, stdout=err, stderr=err, cwd=self.dir,
                                         pass_fds=(ser_child.fileno(), qmp_child.fileno()))
        ser_child.close()
        qmp_child.close()
        self.ser, self.qmp_sock, self._qmp_buf = ser, qmp, b""
        self.ser.setblocking(False)
        alive.append(self)
        self._qmp_read(lambda m: "QMP" in m, 60)
        self.qmp("qmp_capabilities")

    # serial line ---------------------------------------------------------------------------------------------------
    def _pump(self, timeout):
        """Reads what the serial line has, waiting at most timeout. False at its end."""
        if not select.select([self.ser], [], [], timeout)[0]:
            return True
        try:
            data = self.ser.recv(65536)
        except (BlockingIOError, InterruptedError):
            return True
        except ConnectionResetError:
            return False
        if not data:
            return False
        raw = self._raw_tail + data.decode("utf-8", "replace")
        cut = raw.rfind("\x1b")
        if cut >= 0 and not ANSI.match(raw, cut) and len(raw) - cut < 16:
            raw, self._raw_tail = raw[:cut], raw[cut:]
        else:
            self._raw_tail = ""
        self.text += ANSI.sub("", raw).replace("\r", "")
        return True

    def fail(self, why):
        err = self.stderr()
        tail = self.text[-3000:]
        raise MachineError(f"{why}\n--- serial, last part ---\n{tail}\n--- QEMU's stderr ---\n{err[-1500:]}")

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def expect(self, pattern, timeout=CMD_S):
        """Waits for the regular expression in the output not consumed yet; returns the match and consumes up to its end."""
        regex = re.compile(pattern) if isinstance(pattern, str) else pattern
        end = time.monotonic() + timeout * SCALE
        open_ = True
        while True:
            m = regex.search(self.text, self.mark)
            if m:
                self.before = self.text[self.mark:m.start()]
                self.mark = m.end()
                return m
            left = end - time.monotonic()
            if left <= 0:
                self.fail(f"no /{regex.pattern}/ within {timeout} s")
            if not open_:
                self.fail(f"QEMU ended (code {self.proc.wait()}) before /{regex.pattern}/")
            open_ = self._pump(min(left, 1.0))

    def drain(self, seconds):
        """Reads the serial line for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._pump(end - time.monotonic()):
            pass

    def send(self, text):
        data = text.encode()
        while data:
            select.select([], [self.ser], [], 5)
            n = self.ser.send(data[:64])
            data = data[n:]

    def prompt(self, timeout=BOOT_S):
        self.expect(re.escape(PROMPT), timeout)

    def cmd(self, line, timeout=CMD_S):
        """Types a line at the prompt; returns what it printed, without the echo and the next prompt."""
        self.send(line + "\r")
        self.expect(re.escape(line) + r"\s*\n", timeout)
        self.expect(r"(?:^|(?<=\n))" + re.escape(PROMPT), timeout)
        return self.before

    # QMP -----------------------------------------------------------------------------------------------------------
    def _qmp_read(self, want, timeout):
        end = time.monotonic() + timeout * SCALE
        while True:
            while b"\n" in self._qmp_buf:
                line, self._qmp_buf = self._qmp_buf.split(b"\n", 1)
                if line.strip():
                    msg = json.loads(line)
                    if want(msg):
                        return msg
            left = end - time.monotonic()
            if left <= 0:
                self.fail("QMP: no answer")
            if select.select([self.qmp_sock], [], [], left)[0]:
                data = self.qmp_sock.recv(65536)
                if not data:
                    self.fail(f"QMP: QEMU ended (code {self.proc.wait()})")
                self._qmp_buf += data

    def qmp(self, command, timeout=60, **arguments):
        self.qmp_sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        msg = self._qmp_read(lambda m: "return" in m or "error" in m, timeout)
        if "error" in msg:
            self.fail(f"QMP {command}: {msg['error']}")
        return msg["return"]

    def hmp(self, line):
        return self.qmp("human-monitor-command", **{"command-line": line})

    def memory(self, start, size_bytes):
        """Physical memory [start, start + size_bytes) as bytes. Stop the machine first when it must stand still."""
        path = os.path.join(self.dir, "mem")
        self.qmp("pmemsave", val=start, size=size_bytes, filename=path)
        with open(path, "rb") as f:
            data = f.read()
        os.unlink(path)
        return data

    def stats(self):
        """EL2's counters (enum hyp_stat) out of memory: {interrupts, timer_writes, ...}. For a machine that is stopped."""
        names = ("interrupts", "timer_writes", "entries", "longest_ticks", "longest_syndrome", "dma_events", "switches", "boot_ticks")
        data = self.memory(variants.hyp_symbols()["hyp_stats"], 8 * len(names))
        return {n: int.from_bytes(data[8 * i:8 * i + 8], "little") for i, n in enumerate(names)}

    def screendump(self):
        path = os.path.join(self.dir, "screen.png")
        self.qmp("screendump", filename=path, format="png")
        return path

    # what the shell says -------------------------------------------------------------------------------------------
    def domains(self):
        """The table of `domains` as {name: {column in lower case: text}}."""
        return parse_table(self.cmd("domains"))

    def log(self):
        return self.cmd("log")

    def memory_map(self):
        """EL2's `mem: WHAT NAME 0xSTART 0xBYTES` lines as {"WHAT NAME": (start, bytes)}."""
        line = re.compile(r"mem: (\w+) (\S+) 0x([0-9a-f]+) 0x([0-9a-f]+)")
        found = line.findall(self.text if line.search(self.text) else self.log())
        assert found, "EL2's log does not say where things lie"
        return {f"{what} {name}": (int(start, 16), int(size, 16)) for what, name, start, size in found}

    # the end -------------------------------------------------------------------------------------------------------
    def poweroff(self, timeout=CMD_S):
        """Types poweroff and waits for QEMU to end by itself."""
        self.send("poweroff\r")
        self.wait_end(timeout)

    def wait_end(self, timeout=CMD_S):
        end = time.monotonic() + timeout * SCALE
        while self.proc.poll() is None:
            if time.monotonic() > end:
                self.fail(f"QEMU did not end within {timeout} s")
            if not self._pump(0.2):
                time.sleep(0.05)
        self.drain(0.2)
        if self in alive:
            alive.remove(self)
        if self.proc.returncode != 0:
            self.fail(f"QEMU ended with code {self.proc.returncode}")

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.ser.close()
        self.qmp_sock.close()
        if self in alive:
            alive.remove(self)
        keep = os.environ.get("ZEROS_KEEP_LOGS")
        if keep:
            os.makedirs(keep, exist_ok=True)
            with open(os.path.join(keep, os.path.basename(self.dir) + ".log"), "w", encoding="utf-8") as f:
                f.write(" ".join(self.argv) + "\n" + self.text + "\n--- stderr ---\n" + self.stderr())
        shutil.rmtree(self.dir, ignore_errors=True)


def parse_table(text):
    """A table with one header line and columns at least two spaces apart; keyed by its first column."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return {}
    heads = [(m.start(), m.group().lower()) for m in re.finditer(r"\S+(?: \S+)*", lines[0])]
    out = {}
    for line in lines[1:]:
        cells = re.findall(r"\S+(?: \S+)*", line)
        if len(cells) == len(heads):
            row = {h[1]: c for h, c in zip(heads, cells)}
        else:  # an empty cell: go by the columns' places
            row = {}
            for i, (at, name) in enumerate(heads):
                stop = heads[i + 1][0] if i + 1 < len(heads) else None
                row[name] = line[at:stop].strip()
        out[row[heads[0][1]]] = row
    return out


def boot(variant=None, disks=(), memory="1G", smp=1, extra=(), nvme=False, icount=False, wait=True, timeout=BOOT_S, blklog=None):
    """
    Boots a build variant (variants.get(...); None: the standard one) with disk images on slots 1, 2, ...
    blklog: a file for the first disk's writes (blklog.py).
    Returns the Machine, at its first prompt unless wait is False.
    """
    v = variant or variants.get()
    argv = variants.qemu_base(memory, smp) + ["-display", "none", "-kernel", v.image, "-initrd", v.pack]
    for i, path in enumerate(disks):
        argv += disk_args(i + 1, path, nvme=nvme, log=blklog if i == 0 else None)
    if icount:
        argv += ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm"]
    coverage = os.environ.get("ZEROS_COVERAGE")  # scripts/coverage.py: which code ran
    if coverage and "-d" not in extra:
        argv += ["-d", "in_asm", "-D", os.path.join(coverage, f"{os.getpid()}-{time.monotonic_ns()}.log")]
    m = Machine(argv + list(extra))
    if wait:
        m.prompt(timeout)
    return m


def run_autorun(variant, disks=(), timeout=120, memory="256M", seed=1, extra=(), nvme=False):
    """Runs a variant whose /autorun ends in poweroff under icount; returns (stdout bytes, stderr text, exit code)."""
    argv = variants.qemu_base(memory, 1) + [
        "-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel", variant.image, "-initrd", variant.pack,
        "-icount", "shift=0,sleep=off", "-seed", str(seed), "-rtc", "base=2026-01-01,clock=vm"]
    for i, path in enumerate(disks):
        argv += disk_args(i + 1, path, nvme=nvme)
    p = subprocess.run(argv + list(extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=timeout * SCALE, check=False)
    return p.stdout, p.stderr.decode(errors="replace"), p.returncode


def end_all():
    for m in list(alive):
        m.kill()
