"""Runs a command on a pseudo terminal: `on_terminal.py TEXT KEYS COMMAND…`.

Waits until TEXT is on the screen, types KEYS, prints what was written to the terminal, and ends as the command did.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

DEADLINE = 60


def main():
    text, keys, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    written, typed, began = b"", False, time.monotonic()
    while time.monotonic() - began < DEADLINE:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                some = os.read(terminal, 65536)
            except OSError:
                break
            if not some:
                break
            written += some
        if not typed and text.encode() in written:
            os.write(terminal, keys.encode())
            typed = True
    else:
        os.kill(child, 9)
        sys.stdout.buffer.write(written)
        sys.exit(f"`{text}` was not shown, or the keys did not end it")
    sys.stdout.buffer.write(written)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
