#!/usr/bin/env python3
"""Kills the host and its workers at random under load, and proves that nothing is lost and nothing done twice.

Clients post signed callbacks; the host, or a worker, or both are killed with SIGKILL at random moments, also while the
host starts, and the host is started again. In the end every acknowledged notification must have taken effect exactly
once in the application's database, in order. With --sends every notification's action sends a message through a
stand-in for Twilio that fails on purpose: no message may be accepted twice, and none may be forgotten.

With --control the action is careless: its effect stays although its run fails and is repeated, or it repeats a send that
is in doubt. Then something MUST be done twice, or this test would prove nothing.

Exit status: 0 proven (with --control: something was done twice); 1 violated, with what was lost or doubled (with
--control: nothing was); 2 the run was too short to prove what was asked for.
"""

import argparse
import random
import sys
import time

import scene
from host import HostFailed, clean_up_when_terminated

# Notifications a second with --sends: each costs a send, and some three more notifications.
SENDS_RATE = 100


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    scene.add_options(parser, "target/release/boatswain")
    parser.add_argument("--kills", type=int, default=20, help="at least so many kills (default: %(default)s)")
    parser.add_argument("--acknowledged", type=int, default=20_000,
                        help="at least so many acknowledged notifications (default: %(default)s)")
    parser.add_argument("--target", choices=("host", "worker", "both"), default="both",
                        help="who is killed (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=1,
                        help="seconds between kills, on average (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="the longest that the load runs (default: %(default)s)")
    parser.add_argument("--control", action="store_true", help="a careless action: expect something done twice")
    parser.add_argument("--rate", type=float, default=None,
                        help=f"notifications a second; 0: as many as possible (default: 0, with --sends {SENDS_RATE})")
    parser.add_argument("--processes", type=int, default=2, help="client processes (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=48,
                        help="connections of each, without --sends (default: %(default)s)")
    chosen = parser.parse_args()
    if chosen.rate is None:
        chosen.rate = SENDS_RATE if chosen.sends else 0
    return chosen


class Killer:
    """Kills, and starts again."""

    def __init__(self, host, target, interval, seed):
        self.host = host
        self.target = target
        self.interval = interval
        self.random = random.Random(f"{seed} killer")
        self.kills = {"host": 0, "worker": 0}
        self.orphans = []

    @property
    def total(self):
        return sum(self.kills.values())

    def strike(self):
        """Waits a random time, and kills."""
        time.sleep(min(self.random.expovariate(1 / self.interval), 4 * self.interval))
        if not self.host.is_alive():
            raise HostFailed(f"the host died by itself: {self.host.log_tail()}")
        chosen = self.random.choice(("host", "worker", "worker and host")) if self.target == "both" else self.target
        if "worker" in chosen and self.host.kill_worker(self.random):
            self.kills["worker"] += 1
        if "host" in chosen:
            self._kill_host()
            # Some starts do not come to their end either.
            while self.random.random() < 0.2:
                self.host.start(wait=False)
                time.sleep(self.random.uniform(0, 0.08))
                self._kill_host()
            self.host.start()

    def _kill_host(self):
        self.orphans += self.host.kill()
        self.kills["host"] += 1


def main():
    chosen = options()
    clean_up_when_terminated()
    play = scene.Scene(chosen, rate=chosen.rate, careless=chosen.control, processes=chosen.processes,
                       connections=chosen.connections)
    return play.run(prove)


def prove(play):
    chosen, load = play.chosen, play.load
    play.host.start()
    killer = Killer(play.host, chosen.target, chosen.interval, chosen.seed)
    deadline = time.monotonic() + chosen.seconds

    def is_enough():
        return killer.total >= chosen.kills and load.total("acknowledged") >= chosen.acknowledged

    while not is_enough() and time.monotonic() < deadline:
        killer.strike()
    verdict = play.finish(workers_killed=chosen.target != "host")
    if killer.orphans:
        verdict.add(f"{len(killer.orphans)} workers outlived their host")
    if chosen.control:
        status = 0 if verdict.twice + verdict.sent_twice else 1
        result = "VIOLATED: the control did nothing twice" if status else "the control does things twice, as it must"
    else:
        verdict.print_violations()
        status = 1 if verdict.violations else 0 if is_enough() else 2
        result = ("proven", "VIOLATED", "NOT ENOUGH")[status]
    print(f"{result}: hosts killed {killer.kills['host']}, workers killed {killer.kills['worker']}, {play.figures(verdict)}")
    return status


if __name__ == "__main__":
    sys.exit(main())
