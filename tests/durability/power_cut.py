#!/usr/bin/env python3
"""Cuts the power under load, and proves that what was acknowledged is on the disk.

The data folder is on an ext4 file system in a file. While callbacks are acknowledged, the file system is shut down as
a power cut would do it: what the kernel has not written to the device is lost. The host is killed, the file system
mounted again, and the host started. In the end every acknowledged notification must have taken effect exactly once.
With --sends every notification's action sends a message through a stand-in for Twilio that fails on purpose: no message
may be accepted twice, and none may be forgotten.

With --control the host runs with `synchronous=NORMAL`, which does not wait for the disk: then something MUST be lost,
or this test would prove nothing. That switch exists in debug builds only.

Exit status: 0 proven (with --control: something was lost); 1 violated (with --control: nothing was lost);
77 skipped, because this machine cannot mount an image.
"""

import argparse
import random
import sys
import time

import mounts
import oracle
import scene
from host import HostFailed, clean_up_when_terminated

IMAGE_MIB = 1024
# How long the host may take to its first acknowledgement.
PATIENCE = 30
# Notifications a second with --sends.
SENDS_RATE = 60


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    scene.add_options(parser, "target/debug/boatswain")
    parser.add_argument("--rounds", type=int, default=3, help="power cuts (default: %(default)s)")
    parser.add_argument("--control", action="store_true", help="run without waiting for the disk, and expect a loss")
    return parser.parse_args()


def main():
    chosen = options()
    clean_up_when_terminated()
    try:
        mounts.require("mount", "umount", "mkfs.ext4", "e2fsck")
        mounts.remove_stale()
        disk = mounts.Ext4(IMAGE_MIB)
    except mounts.Missing as why:
        return mounts.skipped(why)
    try:
        environment = {"BOATSWAIN_SYNCHRONOUS": "NORMAL"} if chosen.control else {}
        play = scene.Scene(chosen, rate=SENDS_RATE if chosen.sends else 0, data=disk.point / "data",
                           environment=environment)
        return play.run(lambda play: prove(play, disk))
    finally:
        disk.close()


def prove(play, disk):
    chosen, host, load = play.chosen, play.host, play.load
    dice = random.Random(f"{chosen.seed} power")
    unsound = []
    cuts = []
    for _ in range(chosen.rounds):
        host.start()
        before = load.total("acknowledged")
        if not host.until(lambda before=before: load.total("acknowledged") > before, PATIENCE):
            raise HostFailed(f"nothing was acknowledged within {PATIENCE} s of a start: {host.log_tail()}")
        time.sleep(dice.uniform(0.5, 3))
        began = time.monotonic()
        disk.cut_power()
        ended = time.monotonic()
        # The host lives on for a moment with a disk that fails: it may acknowledge nothing that comes now.
        time.sleep(dice.uniform(0, 0.3))
        if not host.is_alive():
            raise HostFailed(f"the host died by itself: {host.log_tail()}")
        host.kill()
        cuts.append(oracle.Cut(began, ended, time.monotonic()))
        if status := disk.power_up():
            unsound.append(status)
    host.start()
    verdict = play.finish(cuts=cuts)
    if chosen.control:
        status = 0 if verdict.lost else 1
        result = "VIOLATED: the control lost nothing" if status else "the control loses, as it must"
    else:
        if unsound:
            verdict.add(f"e2fsck found fault with the file system: {unsound}")
        verdict.print_violations()
        status = 1 if verdict.violations else 0
        result = ("proven", "VIOLATED")[status]
    print(f"{result}: power cuts {chosen.rounds}, file systems unsound {len(unsound)}, answered while the power went "
          f"{verdict.between}, {play.figures(verdict)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
