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

import oracle
import sends
import stub
from host import CARELESS_EFFECT, EFFECT, Host, HostFailed, clean_up_when_terminated
from load import Load

# Notifications a second with --sends: each costs a send, and three more notifications.
SENDS_RATE = 100
CONNECTIONS = 48
# Few, so that their requests are spread over the time.
SENDS_CONNECTIONS = 4


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/boatswain", help="the program (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="at least so many kills (default: %(default)s)")
    parser.add_argument("--acknowledged", type=int, default=20_000,
                        help="at least so many acknowledged notifications (default: %(default)s)")
    parser.add_argument("--target", choices=("host", "worker", "both"), default="both", help="who is killed")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between kills, on average")
    parser.add_argument("--seconds", type=float, default=60, help="the longest that the load runs")
    parser.add_argument("--drain", type=float, default=60, help="the longest that the rest may take afterwards, seconds")
    parser.add_argument("--sends", action="store_true", help="each notification sends a message")
    parser.add_argument("--settle", type=float, default=0,
                        help="with --sends: the longest to wait for doubts to be resolved, seconds (default: %(default)s)")
    parser.add_argument("--control", action="store_true", help="a careless action: expect something done twice")
    parser.add_argument("--rate", type=float, default=None,
                        help=f"notifications a second; 0: as many as possible (default: 0, with --sends {SENDS_RATE})")
    parser.add_argument("--processes", type=int, default=2, help="client processes (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=None,
                        help=f"connections of each (default: {CONNECTIONS}, with --sends {SENDS_CONNECTIONS})")
    parser.add_argument("--seed", type=int, default=None, help="repeats the choices of an earlier run")
    chosen = parser.parse_args()
    if chosen.rate is None:
        chosen.rate = SENDS_RATE if chosen.sends else 0
    if chosen.connections is None:
        chosen.connections = SENDS_CONNECTIONS if chosen.sends else CONNECTIONS
    if chosen.seed is None:
        chosen.seed = random.randrange(1 << 32)
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
    print(f"seed {chosen.seed}", flush=True)
    twilio = None
    if chosen.sends:
        # Made here for its port; its threads come after the clients' processes.
        twilio = stub.Twilio(chosen.seed, None)
        action = sends.CARELESS_ACTION if chosen.control else sends.ACTION
        host = Host(chosen.binary, action=action, applications=("first",), limits="workers = 16",
                    whatsapp=f'api_base_url = "http://127.0.0.1:{twilio.port}"')
        twilio.log_file = host.folder / "acknowledged-sent.tsv"
    else:
        host = Host(chosen.binary, action=CARELESS_EFFECT if chosen.control else EFFECT)
    load = Load(host, seed=chosen.seed, processes=chosen.processes, connections=chosen.connections, rate=chosen.rate)
    try:
        load.start()
        if twilio:
            twilio.start(host.port)
        host.start()
        status = prove(chosen, host, load, twilio)
    except HostFailed as error:
        load.abandon()
        print(f"VIOLATED: {error}\nseed {chosen.seed}; everything is kept in {host.folder}")
        return 1
    except BaseException:
        load.abandon()
        host.remove()
        raise
    if status == 1:
        print(f"seed {chosen.seed}; everything is kept in {host.folder}")
    else:
        host.remove()
    return status


def prove(chosen, host, load, twilio):
    killer = Killer(host, chosen.target, chosen.interval, chosen.seed)
    deadline = time.monotonic() + chosen.seconds
    while (killer.total < chosen.kills or load.total("acknowledged") < chosen.acknowledged) and time.monotonic() < deadline:
        killer.strike()
    seconds = load.stop()
    logs = load.logs()
    drained = time.monotonic()
    host.drain(chosen.drain)
    if twilio:
        settled = time.monotonic() + chosen.settle
        while time.monotonic() < settled and host.rows("SELECT 1 FROM messages WHERE status = 'unknown' LIMIT 1"):
            time.sleep(0.2)
        twilio.finish_deliveries()
        host.drain(chosen.drain)
        logs.append(twilio.log_file)
    drained = time.monotonic() - drained
    listed = host.command("notifications", "list", "--status", "waiting", "--json").splitlines()
    host.stop()

    verdict = oracle.judge(host, logs, workers_killed=chosen.target != "host", sends=chosen.sends)
    if listed:
        verdict.add(f"`notifications list` shows {len(listed)} that wait")
    if killer.orphans:
        verdict.add(f"{len(killer.orphans)} workers outlived their host")
    figures = sends.judge(host, twilio, verdict) if twilio else {}
    enough = killer.total >= chosen.kills and load.total("acknowledged") >= chosen.acknowledged
    if chosen.control:
        status = 0 if verdict.twice + verdict.sent_twice else 1
        result = "VIOLATED: the control did nothing twice" if status else "the control does things twice, as it must"
    else:
        for line in verdict.violations:
            print(line)
        status = 1 if verdict.violations else 0 if enough else 2
        result = ("proven", "VIOLATED", "NOT ENOUGH")[status]
    acknowledged = load.total("acknowledged")
    print(f"{result}: {verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.twice} twice, {verdict.dead} dead; "
          f"{killer.kills['host']} hosts and {killer.kills['worker']} workers killed; {load.total('broken')} unclear and "
          f"asked again, {load.total('repeated')} repeated; {acknowledged / seconds:.0f} acknowledged/s over "
          f"{seconds:.0f} s, the rest done {drained:.0f} s later"
          + "".join(f"; {name}: {value}" for name, value in figures.items()))
    return status


if __name__ == "__main__":
    sys.exit(main())
