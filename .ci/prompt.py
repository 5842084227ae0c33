#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs a command on a terminal of its own, waits for ZerOS's prompt, looks at the disk, powers off: prompt.py COMMAND ARG..."""
import os
import pty
import select
import sys
import time

PROMPT = b"zeros:/> "
DIALOGUE = [(PROMPT, b"ls\r"), (b"welcome.txt", b""), (PROMPT, b"poweroff\r")]
TIMEOUT_S = 600


def read_until(terminal, wanted, seen, deadline):
    """Reads until `wanted` came; returns what came after it. None at the end of output or when time is up."""
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return None
        try:
            data = os.read(terminal, 4096)
        except OSError:
            return None
        if not data:
            return None
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        seen += data
    return seen.split(wanted, 1)[1]


def main(argv):
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(argv[0], argv)
    deadline, seen = time.monotonic() + TIMEOUT_S, b""
    for wanted, answer in DIALOGUE:
        seen = read_until(terminal, wanted, seen, deadline)
        if seen is None:
            print(f"\nprompt: {wanted.decode()!r} did not come", file=sys.stderr)
            os.kill(child, 15)
            return 1
        if answer:
            os.write(terminal, answer)
    read_until(terminal, b"\0never", seen, min(deadline, time.monotonic() + 60))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
