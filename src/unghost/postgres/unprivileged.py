"""Runs a program of PostgreSQL without root's powers, bound to the life of the process that asked for it (spec R40).

A script of its own, started by `embedded`; it imports the standard library only, so that it starts at once:
`python -I -S unprivileged.py <parent pid> <uid> <gid> <program> <argument>…`
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

MARK = "unghost: "
"""Begins the one line which this script writes to stderr when it gives up."""

# linux/prctl.h, linux/securebits.h and linux/capability.h
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CLONE_NEWUSER = 0x10000000


def main(arguments: list[str]) -> NoReturn:
    """Become the account, then the program."""
    parent, uid, gid = (int(number) for number in arguments[:3])
    program, linux = arguments[3:], sys.platform == "linux"
    os.umask(0o077)
    if os.geteuid() == 0:
        _leave_root(uid, gid, linux)
    if program[0].endswith("initdb"):
        _have_a_name()
    if linux:
        _libc().prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
    if os.getppid() != parent:
        _give_up("the program that started PostgreSQL is gone: start it again")
    try:
        os.execv(program[0], program)
    except OSError as error:
        _give_up(f"{program[0]} cannot be run ({error.strerror}): install unghost again where user {uid} may run it")


def _leave_root(uid: int, gid: int, linux: bool) -> None:
    """PostgreSQL refuses to run as root; what is kept is the right to pass through root's private directories."""
    if linux:
        _libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # Without this access(2), with which PostgreSQL looks for its own files, takes no notice of the capability.
        _libc().prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        _give_up(
            f"root may not become user {uid} here ({error.strerror}), and PostgreSQL refuses to run as root: "
            "run unghost as a normal user or give UNGHOST_DATABASE_URL"
        )
    if not linux:
        return
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    kept = 1 << CAP_DAC_OVERRIDE
    # Twice effective, permitted, inheritable: the lower and the upper 32 capabilities.
    sets = (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    libc = _libc()
    if libc.capset(header, sets) or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0):
        _give_up(
            f"root lacks the capability CAP_DAC_OVERRIDE here ({os.strerror(ctypes.get_errno())}), so user {uid}, as "
            "whom PostgreSQL runs, cannot reach root's directories: allow it, run unghost as a normal user or give "
            "UNGHOST_DATABASE_URL"
        )


def _have_a_name() -> None:
    """Let initdb find an account: it looks its user up in /etc/passwd, where a container's user often is missing."""
    import pwd  # only where it is needed: the server itself asks for no name

    uid, gid = os.getuid(), os.getgid()
    try:
        pwd.getpwuid(uid)
        return
    except KeyError:
        pass
    names = [account for account in pwd.getpwall() if account.pw_uid]
    # In a user namespace of its own this process is called by the first account, while its files stay the user's.
    if sys.platform != "linux" or not names or _libc().unshare(CLONE_NEWUSER):
        _give_up(
            f"user {uid} has no entry in /etc/passwd, which PostgreSQL's initdb needs: add one or give "
            "UNGHOST_DATABASE_URL"
        )
    for name, line in (
        ("uid_map", f"{names[0].pw_uid} {uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{names[0].pw_gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 (pathlib would double the start-up time)
            file.write(line)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _give_up(sentence: str) -> NoReturn:
    sys.stderr.write(f"{MARK}{sentence}\n")
    sys.stderr.flush()
    os._exit(3)


if __name__ == "__main__":
    main(sys.argv[1:])
