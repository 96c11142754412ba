"""A disk under SQLite that counts its syncs and fails when told to.

``Disk`` puts itself between SQLite and the file system (a VFS of its own, the default one while it
stands), so that everything above it is real: connections, transactions, the log. Files that are opened
within ``with Disk() as disk:`` write through it::

    disk.full = True            # writes fail as on a full disk
    disk.failing_syncs = 1      # the next sync fails, after the writes before it
    disk.syncs                  # how many there were
"""

from __future__ import annotations

import _sqlite3  # pyright: ignore[reportMissingModuleSource, reportPrivateUsage]
import ctypes
import sqlite3
from typing import Any, Self

SQLITE_OK = 0
_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)


def _pointers(*names: str) -> list[tuple[str, Any]]:
    return [(name, ctypes.c_void_p) for name in names]


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("xOpen", ctypes.c_void_p),
        *_pointers("xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym"),
        *_pointers("xDlClose", "xRandomness", "xSleep", "xCurrentTime", "xGetLastError"),
        *_pointers("xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall", "xNextSystemCall"),
    )


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        *_pointers("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize", "xLock"),
        *_pointers("xUnlock", "xCheckReservedLock", "xFileControl", "xSectorSize"),
        *_pointers("xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap"),
        *_pointers("xFetch", "xUnfetch"),
    )


class _File(ctypes.Structure):
    _fields_ = (("pMethods", ctypes.c_void_p),)


class Disk:
    """One at a time; close what was opened within before it goes."""

    def __init__(self) -> None:
        self.full = False
        self.read_only = False
        self.failing_syncs = 0
        self.syncs = 0
        self._library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        self._library.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), ctypes.c_int]
        self._library.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(_Vfs)]
        self._real = self._library.sqlite3_vfs_find(None)
        self._own = _Vfs.from_buffer_copy(self._real.contents)
        self._own.zName = b"tokenhouse-faulty"
        self._real_open = _OPEN(self._real.contents.xOpen)
        self._callbacks: list[object] = [_OPEN(self._open)]
        self._own.xOpen = ctypes.cast(self._callbacks[0], ctypes.c_void_p)  # type: ignore[arg-type]
        self._methods: dict[int, _Methods] = {}

    def __enter__(self) -> Self:
        assert self._library.sqlite3_vfs_register(ctypes.byref(self._own), 1) == SQLITE_OK
        return self

    def __exit__(self, *_: object) -> None:
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._own))
        self._library.sqlite3_vfs_register(self._real, 1)

    def _open(self, vfs: int, name: int, file: int, flags: int, out_flags: object) -> int:
        del vfs
        result = self._real_open(
            ctypes.cast(self._real, ctypes.c_void_p).value, name, file, flags, out_flags
        )
        opened = _File.from_address(file)
        if result == SQLITE_OK and opened.pMethods:
            real: int = opened.pMethods
            if real not in self._methods:
                self._methods[real] = self._wrapped(real)
            opened.pMethods = ctypes.addressof(self._methods[real])
        return int(result)

    def _wrapped(self, real: int) -> _Methods:
        own = _Methods.from_buffer_copy(_Methods.from_address(real))
        real_write, real_sync = _WRITE(own.xWrite), _SYNC(own.xSync)

        def write(file: int, data: int, amount: int, offset: int) -> int:
            if self.full:
                return sqlite3.SQLITE_FULL
            if self.read_only:
                return sqlite3.SQLITE_READONLY
            return int(real_write(file, data, amount, offset))

        def sync(file: int, flags: int) -> int:
            self.syncs += 1
            if self.failing_syncs:
                self.failing_syncs -= 1
                return sqlite3.SQLITE_IOERR_FSYNC
            return int(real_sync(file, flags))

        kept = (_WRITE(write), _SYNC(sync), real_write, real_sync)
        self._callbacks += kept
        own.xWrite = ctypes.cast(kept[0], ctypes.c_void_p)
        own.xSync = ctypes.cast(kept[1], ctypes.c_void_p)
        return own
