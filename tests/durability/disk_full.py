#!/usr/bin/env python3
"""Fills the disk under load, and proves that the host says so, loses nothing, and comes back by itself.

The data folder is on a small tmpfs, the applications' databases on another. In turn, while callbacks come and actions
run, the host's disk is filled, the application's, and both:

    the host's          callbacks are answered 503 with Retry-After, never 204 for something that is lost
    the application's   callbacks are acknowledged all the same; their actions wait
    afterwards          the host is still there, and acknowledges again without being touched

In the end every acknowledged notification must have taken effect exactly once. With --sends every notification's action
sends a message through a stand-in for Twilio that fails on purpose: no message may be accepted twice, and none may be
forgotten.

Exit status: 0 proven; 1 violated; 77 skipped, because this machine cannot mount a tmpfs.
"""

import argparse
import random
import sys
import time

import mounts
import scene
from host import HostFailed, clean_up_when_terminated

HOST_MIB = 192
APPLICATION_MIB = 96
# A tmpfs has room for so many: what the load leaves free is filled by the ballast.
RATE = 400
SENDS_RATE = 100
# How long the host may take to acknowledge again.
PATIENCE = 15
# A run takes a moment, so that some are open when the disk is full.
WORK = """
const end = Date.now() + 1;
for (let i = 0; Date.now() < end && i < 20000; i++);
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    scene.add_options(parser, "target/release/boatswain")
    parser.add_argument("--rounds", type=int, default=3, help="how often a disk is filled (default: %(default)s)")
    parser.add_argument("--full", type=float, default=2, help="seconds that it stays full (default: %(default)s)")
    return parser.parse_args()


def main():
    chosen = options()
    clean_up_when_terminated()
    disks = []
    try:
        mounts.require("mount", "umount")
        mounts.remove_stale()
        disks.append(mounts.Tmpfs(HOST_MIB))
        data = disks[0].point / "data"
        disks.append(mounts.Tmpfs(APPLICATION_MIB, data / "apps"))
        play = scene.Scene(chosen, rate=SENDS_RATE if chosen.sends else RATE, data=data, more_action=WORK)
        return play.run(lambda play: prove(play, disks))
    except mounts.Missing as why:
        return mounts.skipped(why)
    finally:
        for disk in disks[::-1]:
            disk.close()


def prove(play, disks):
    chosen, host, load = play.chosen, play.host, play.load
    dice = random.Random(f"{chosen.seed} disk")
    violations = []
    open_runs = 0
    host.start()
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
        if disks[0] not in full and (refused > 0 or acknowledged == 0):
            violations.append(f"round {number}: {refused} were answered 503, {acknowledged} acknowledged, while only the "
                              "application's disk was full")
        for disk in full:
            disk.make_room()
        before = load.total("acknowledged")
        if not host.until(lambda before=before: load.total("acknowledged") > before, PATIENCE):
            violations.append(f"round {number}: nothing is acknowledged {PATIENCE} s after there was room again")
    verdict = play.finish()
    verdict.violations += violations
    # Not in every round: SQLite goes on for a while in the space that its log already has.
    if load.total("unavailable") == 0:
        verdict.add("nothing was answered 503 while the host's disk was full")
    verdict.print_violations()
    status = 1 if verdict.violations else 0
    print(f"{('proven', 'VIOLATED')[status]}: disk filled {chosen.rounds} times, runs open then {open_runs}, "
          f"{play.figures(verdict)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
