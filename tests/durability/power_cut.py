#!/usr/bin/env python3
"""Cuts the power under load, and proves that what was acknowledged is on the disk.

The data folder is on an ext4 file system in a file. While callbacks are acknowledged, the file system is shut down as
a power cut would do it: what the kernel has not written to the device is lost. The host is killed, the file system
mounted again, and the host started. In the end every acknowledged notification must have taken effect exactly once.

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
from host import Host, HostFailed, clean_up_when_terminated
from load import Load

IMAGE_MIB = 1024
# How long the host may take to its first acknowledgement.
PATIENCE = 30


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/debug/boatswain", help="the program (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="power cuts (default: %(default)s)")
    parser.add_argument("--control", action="store_true", help="run without waiting for the disk, and expect a loss")
    parser.add_argument("--drain", type=float, default=60, help="the longest that the rest may take, seconds")
    parser.add_argument("--seed", type=int, default=None, help="repeats the choices of an earlier run")
    chosen = parser.parse_args()
    if chosen.seed is None:
        chosen.seed = random.randrange(1 << 32)
    return chosen


def main():
    chosen = options()
    clean_up_when_terminated()
    try:
        mounts.require("mount", "umount", "mkfs.ext4", "e2fsck")
        mounts.remove_stale()
        disk = mounts.Ext4(IMAGE_MIB)
    except mounts.Missing as why:
        return mounts.skipped(why)
    print(f"seed {chosen.seed}", flush=True)
    environment = {"BOATSWAIN_SYNCHRONOUS": "NORMAL"} if chosen.control else {}
    host = Host(chosen.binary, data=disk.point / "data", environment=environment)
    load = Load(host, seed=chosen.seed)
    try:
        load.start()
        return prove(chosen, disk, host, load)
    except HostFailed as error:
        print(f"VIOLATED: {error}")
        return 1
    finally:
        load.abandon()
        host.remove()
        disk.close()


def prove(chosen, disk, host, load):
    dice = random.Random(f"{chosen.seed} power")
    unsound = []
    for _ in range(chosen.rounds):
        host.start()
        before = load.total("acknowledged")
        if not host.until(lambda before=before: load.total("acknowledged") > before, PATIENCE):
            raise HostFailed(f"nothing was acknowledged within {PATIENCE} s of a start: {host.log_tail()}")
        time.sleep(dice.uniform(0.5, 3))
        disk.cut_power()
        # The host lives on for a moment with a disk that fails: it may acknowledge nothing more.
        time.sleep(dice.uniform(0, 0.1))
        if not host.is_alive():
            raise HostFailed(f"the host died by itself: {host.log_tail()}")
        host.kill()
        if status := disk.power_up():
            unsound.append(status)
    host.start()
    seconds = load.stop()
    host.drain(chosen.drain)
    host.stop()
    verdict = oracle.judge(host, load.logs())
    if unsound and not chosen.control:
        verdict.add(f"e2fsck found fault with the file system: {unsound}")
    failed = (verdict.lost == 0) if chosen.control else bool(verdict.violations)
    if not chosen.control:
        for line in verdict.violations:
            print(line)
    result = {
        (False, False): "proven", (False, True): "VIOLATED",
        (True, False): "the control loses, as it must", (True, True): "VIOLATED: the control lost nothing",
    }[chosen.control, failed]
    print(f"{result}: {chosen.rounds} power cuts, {verdict.acknowledged} acknowledged, {verdict.lost} lost, "
          f"{verdict.twice} twice, {verdict.dead} dead; {load.total('broken')} unclear and "
          f"{load.total('unavailable')} answered 503, asked again; {seconds:.0f} s; e2fsck "
          + ("sound every time" if not unsound else f"{unsound}"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
