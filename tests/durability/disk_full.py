#!/usr/bin/env python3
"""Fills the disk under load, and proves that the host says so, loses nothing, and comes back by itself.

The data folder is on a small tmpfs, the applications' databases on another. In turn, while callbacks come and actions
run, the host's disk is filled, the application's, and both:

    the host's          callbacks are answered 503 with Retry-After, never 204 for something that is lost
    the application's   callbacks are acknowledged all the same; their actions wait
    afterwards          the host is still there, and acknowledges again without being touched

In the end every acknowledged notification must have taken effect exactly once.

Exit status: 0 proven; 1 violated; 77 skipped, because this machine cannot mount a tmpfs.
"""

import argparse
import random
import sys
import time

import mounts
import oracle
from host import EFFECT, Host, HostFailed, clean_up_when_terminated
from load import Load

HOST_MIB = 192
APPLICATION_MIB = 96
# A tmpfs has room for so many: what the load leaves free is filled by the ballast.
RATE = 400
# How long the host may take to notice either way.
PATIENCE = 15
# A run takes a moment, so that some are open when the disk is full.
ACTION = EFFECT + """
const end = Date.now() + 1;
for (let i = 0; Date.now() < end && i < 20000; i++);
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/boatswain", help="the program (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often a disk is filled (default: %(default)s)")
    parser.add_argument("--full", type=float, default=2, help="seconds that it stays full (default: %(default)s)")
    parser.add_argument("--drain", type=float, default=60, help="the longest that the rest may take, seconds")
    parser.add_argument("--seed", type=int, default=None, help="repeats the choices of an earlier run")
    chosen = parser.parse_args()
    if chosen.seed is None:
        chosen.seed = random.randrange(1 << 32)
    return chosen


def main():
    chosen = options()
    clean_up_when_terminated()
    opened = []
    host = load = None
    try:
        mounts.require("mount", "umount")
        mounts.remove_stale()
        opened.append(mounts.Tmpfs(HOST_MIB))
        data = opened[0].point / "data"
        opened.append(mounts.Tmpfs(APPLICATION_MIB, data / "apps"))
        print(f"seed {chosen.seed}", flush=True)
        host = Host(chosen.binary, action=ACTION, applications=("first",), data=data)
        load = Load(host, seed=chosen.seed, rate=RATE)
        load.start()
        host.start()
        return prove(chosen, opened, host, load)
    except mounts.Missing as why:
        return mounts.skipped(why)
    except HostFailed as error:
        print(f"VIOLATED: {error}")
        return 1
    finally:
        if load:
            load.abandon()
        if host:
            host.remove()
        for mount in opened[::-1]:
            mount.close()


def prove(chosen, disks, host, load):
    dice = random.Random(f"{chosen.seed} disk")
    violations = []
    open_runs = 0
    host.until(lambda: load.total("acknowledged") > 0, PATIENCE)
    for number in range(chosen.rounds):
        time.sleep(dice.uniform(0.2, 1))
        full = [disks[:1], disks[1:], disks][number % 3]
        open_runs += host.waiting()
        refused, acknowledged = load.total("unavailable"), load.total("acknowledged")
        # Whatever becomes free is taken at once: SQLite gives the space of its log back now and then.
        until = time.monotonic() + chosen.full
        while time.monotonic() < until:
            for disk in full:
                disk.fill()
            time.sleep(0.01)
        refused = load.total("unavailable") - refused
        acknowledged = load.total("acknowledged") - acknowledged
        if not host.is_alive():
            raise HostFailed(f"the host died of a full disk: {host.log_tail()}")
        if disks[0] in full and refused == 0:
            violations.append(f"round {number}: nothing was answered 503 while the host's disk was full")
        if disks[0] not in full and (refused > 0 or acknowledged == 0):
            violations.append(f"round {number}: {refused} were answered 503, {acknowledged} acknowledged, while only the "
                              "application's disk was full")
        for disk in full:
            disk.make_room()
        before = load.total("acknowledged")
        if not host.until(lambda before=before: load.total("acknowledged") > before, PATIENCE):
            violations.append(f"round {number}: nothing is acknowledged {PATIENCE} s after there was room again")
    seconds = load.stop()
    host.drain(chosen.drain)
    host.stop()
    verdict = oracle.judge(host, load.logs())
    verdict.violations += violations
    for line in verdict.violations:
        print(line)
    print(f"{'VIOLATED' if verdict.violations else 'proven'}: a disk full {chosen.rounds} times, {verdict.acknowledged} "
          f"acknowledged, {verdict.lost} lost, {verdict.twice} twice, {verdict.dead} dead; {load.total('unavailable')} "
          f"answered 503 and asked again, {open_runs} runs open when it filled; {seconds:.0f} s")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
