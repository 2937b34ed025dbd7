"""File systems that a test may break: an ext4 image whose power can be cut, and a small tmpfs.

Needs root. Whatever happens, a mount is taken away again; what a killed run has left is taken away by the next one.
"""

import fcntl
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

# The folders of mounts carry their process in the name, so that stale ones are known.
PREFIX = "boatswain-mount-"
# _IOR('X', 125, __u32), and EXT4_GOING_FLAGS_NOLOGFLUSH (linux/ext4.h): what is not on the device is gone.
EXT4_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
SKIPPED = 77


class Missing(Exception):
    """This machine cannot make such a file system."""


def require(*programs):
    """Root and some programs, or Missing."""
    if os.geteuid() != 0:
        raise Missing("only root may mount")
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")


def skipped(why):
    """Says so; gives the exit status."""
    print(f"SKIPPED: {why}", file=sys.stderr)
    return SKIPPED


def remove_stale():
    """Takes away what runs have left that were killed."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines()[::-1]:
        point = pathlib.Path(line.split()[1])
        owner = re.search(rf"/{PREFIX}(\d+)-", str(point))
        if owner and not pathlib.Path("/proc", owner[1]).exists():
            _unmount(point)
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", folder.name)
        if owner and not pathlib.Path("/proc", owner[1]).exists():
            shutil.rmtree(folder)


class Tmpfs:
    """A tmpfs of some MiB, mounted at a folder of its own or at one that is given."""

    def __init__(self, mib, point=None):
        self.folder = None if point else _new_folder()
        self.point = pathlib.Path(point or self.folder / "mount")
        self.point.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={mib}m,mode=700", "boatswain", self.point)
        self.ballast = self.point / "ballast"

    def fill(self):
        """Fills what is free, to the last byte that can be had; whether there was any."""
        written = 0
        with open(self.ballast, "ab", buffering=0) as ballast:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        written += ballast.write(bytes(size))
                except OSError:
                    pass  # no space left for this size
        return written > 0

    def make_room(self):
        self.ballast.unlink()

    def close(self):
        _unmount(self.point)
        if self.folder:
            shutil.rmtree(self.folder)


class Ext4:
    """An ext4 file system in a file, mounted through a loop device, whose power can be cut."""

    def __init__(self, mib):
        self.folder = _new_folder()
        self.image = self.folder / "image"
        self.point = self.folder / "mount"
        self.point.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(mib << 20)
        _run(["mkfs.ext4", "-q", "-F", self.image])
        self._attach()

    def _attach(self):
        # The loop device goes when it is unmounted.
        _mount("-o", "loop", self.image, self.point)

    def cut_power(self):
        """What was not written to the device is lost, and nothing more can be written."""
        point = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(point, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(point)

    def power_up(self):
        """Mounts again, which replays the journal; gives what e2fsck says afterwards, 0 for a sound file system."""
        _unmount(self.point)
        self._attach()
        _unmount(self.point)
        status = subprocess.run(["e2fsck", "-fn", self.image], capture_output=True, check=False).returncode
        self._attach()
        return status

    def close(self):
        _unmount(self.point)
        shutil.rmtree(self.folder)


def _new_folder():
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def _mount(*arguments):
    _run(["mount", *arguments])


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(map(str, command))}: {done.stderr.strip()}")


def _unmount(point):
    """A process that was killed may hold it for a moment."""
    deadline = time.monotonic() + 10
    while subprocess.run(["umount", point], capture_output=True, check=False).returncode != 0:
        if not os.path.ismount(point):
            return
        if time.monotonic() > deadline:
            subprocess.run(["umount", "--lazy", point], check=False)
            return
        time.sleep(0.05)
