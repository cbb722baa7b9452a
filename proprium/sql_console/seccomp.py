"""Sandbox of the SQL child process: resource limits and a seccomp filter of system calls.

The filter denies opening files, networking and starting processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import sys
from pathlib import Path

MAX_CPU_S = 12
"""The parent enforces the wall-clock timeout; this limit ends a process whose parent has died."""
MAX_ADDRESS_SPACE_BYTES = 1_300_000_000
"""DuckDB's own memory limit is far below; the rest is for the interpreter, its libraries and the result."""
MAX_OPEN_FILES = 32
NICENESS = 10

# System call numbers on x86_64 and on aarch64, which lacks the oldest calls.
_DENIED_SYSCALLS: dict[str, tuple[int | None, int | None]] = {
    # file access beyond the open file descriptors
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
    # network and local sockets
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "io_uring_setup": (425, 425),
    # processes
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
_ARCHITECTURES = {"x86_64": (0xC000003E, 0, 317), "aarch64": (0xC00000B7, 1, 277)}
"""Per machine: AUDIT_ARCH constant, column in _DENIED_SYSCALLS, and the number of seccomp(2)."""

_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _IS, _IS_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF instruction codes
_ALLOW, _DENY = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_OTHER_ABI = 0x40000000  # x32 ABI: the same calls by other numbers


def apply_limits() -> None:
    """Applies resource limits and the lowest priority; call it at start-up, before reading anything.

    The collector and the web server have priority for CPU (niceness) and memory (OOM score).
    """
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    for limit_kind, maximum in (
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_AS, MAX_ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower_limit(limit_kind, maximum)


def install_filter() -> bool:
    """Installs the seccomp filter, irrevocably. Returns False if the system does not support it.

    Call it once all needed files are open.
    """
    _lower_limit(resource.RLIMIT_NPROC, 0)  # no new threads; Linux does not enforce this for root
    architecture_info = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture_info is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    architecture, column, seccomp_number = architecture_info
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    program = _filter_program(architecture, [syscall_numbers[column] for syscall_numbers in _DENIED_SYSCALLS.values()])
    return bool(libc.syscall(seccomp_number, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) == 0)


def _lower_limit(limit_kind: int, maximum: int) -> None:
    _, hard_limit = resource.getrlimit(limit_kind)
    maximum = maximum if hard_limit == resource.RLIM_INFINITY else min(maximum, hard_limit)
    with contextlib.suppress(ValueError, OSError):  # macOS cannot limit the address space; DuckDB's own limits remain
        resource.setrlimit(limit_kind, (maximum, maximum))


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction))]


def _filter_program(architecture: int, denied_syscalls: list[int | None]) -> _Program:
    """Builds the BPF program that denies these calls and all calls of other architectures and ABIs."""
    syscall_numbers = [syscall_number for syscall_number in denied_syscalls if syscall_number is not None]
    syscall_count = len(syscall_numbers)
    lines = [
        (_LOAD, 0, 0, 4),
        (_IS, 0, syscall_count + 2, architecture),  # else jump to the final _DENY
        (_LOAD, 0, 0, 0),
        (_IS_AT_LEAST, syscall_count + 1, 0, _OTHER_ABI),
        *((_IS, syscall_count - index, 0, syscall_number) for index, syscall_number in enumerate(syscall_numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    instructions = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
    return _Program(len(lines), ctypes.cast(instructions, ctypes.POINTER(_Instruction)))
