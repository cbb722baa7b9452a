"""What the process that runs somebody's SQL can no longer do: open, connect, start anything, or grow without end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import sys
from pathlib import Path

CPU_S = 12
"""The parent ends the process by the clock; this ends one whose parent is gone."""
ADDRESS_SPACE = 1_300_000_000
"""Bytes. DuckDB's own limit is far below; the rest is the interpreter, its libraries and the answer."""
OPEN_FILES = 32
NICENESS = 10

# Numbers on x86_64 and on aarch64, which lacks the oldest ones.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # any other file than those that are open
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mount": (165, 40),
    # any network, and any socket of this machine
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "io_uring_setup": (425, 425),
    # any other process
    "clone": (56, 220),
    "clone3": (435, 435),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
}
_MACHINES = {"x86_64": (0xC000003E, 0, 317), "aarch64": (0xC00000B7, 1, 277)}
"""What the kernel calls it, which of the numbers holds, and the number of seccomp itself."""

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _IS, _IS_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of a filter's instructions
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the latter with EPERM
_OTHER_ABI = 0x40000000  # x32: the same calls by other numbers


def limit() -> None:
    """At the start, before anything is read. Whoever collects and serves comes first, in computing and in memory."""
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    for what, most in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(what, most)


def shut() -> bool:
    """Once everything is open that is needed, for good. False where the kernel has no such filter."""
    _lower(resource.RLIMIT_NPROC, 0)  # no further thread; the system does not hold root to it
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    architecture, column, seccomp = machine
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    program = _program(architecture, [pair[column] for pair in _DENIED.values()])
    return bool(libc.syscall(seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) == 0)


def _lower(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has no address space to limit; DuckDB's own limits hold
        resource.setrlimit(what, (most, most))


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction))]


def _program(architecture: int, denied: list[int | None]) -> _Program:
    """Refuses the denied calls, and every call that is made by the rules of another architecture."""
    numbers = [number for number in denied if number is not None]
    left = len(numbers)
    lines = [
        (_LOAD, 0, 0, 4),
        (_IS, 0, left + 2, architecture),  # else to the refusal at the end
        (_LOAD, 0, 0, 0),
        (_IS_AT_LEAST, left + 1, 0, _OTHER_ABI),
        *((_IS, left - at, 0, number) for at, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    instructions = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
    return _Program(len(lines), ctypes.cast(instructions, ctypes.POINTER(_Instruction)))
