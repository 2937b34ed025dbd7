"""What every program here sets up and takes down: a host, its load, with sends a stand-in for Twilio, and the judges."""

import random
import sys
import time

import oracle
import sends
import stub
from host import CARELESS_EFFECT, EFFECT, Host, HostFailed
from load import Load

# Connections of a client with sends: few, so that their requests are spread over the time.
SENDS_CONNECTIONS = 4
# Runs open at once with sends: most of them wait for an answer.
SENDS_WORKERS = 16


def add_options(parser, binary):
    """The options that all programs have."""
    parser.add_argument("--binary", default=binary, help="the program (default: %(default)s)")
    parser.add_argument("--sends", action="store_true", help="each notification sends a message")
    parser.add_argument("--drain", type=float, default=60, help="the longest that the rest may take at the end, seconds")
    parser.add_argument("--settle", type=float, default=0,
                        help="with --sends: the longest to wait for doubts to be resolved, seconds (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="repeats the choices of an earlier run")


class Scene:
    """A host under load."""

    def __init__(self, chosen, *, rate, data=None, environment=None, careless=False, more_action="",
                 processes=2, connections=48):
        self.chosen = chosen
        self.twilio = None
        self.seconds = 0
        more = {"data": data, "environment": environment}
        if chosen.sends:
            self.twilio = stub.Twilio(chosen.seed)
            more |= {
                "applications": ("first",), "limits": f"workers = {SENDS_WORKERS}",
                "whatsapp": f'api_base_url = "http://127.0.0.1:{self.twilio.port}"',
            }
            action = sends.CARELESS_ACTION if careless else sends.ACTION
            connections = SENDS_CONNECTIONS
        else:
            action = (CARELESS_EFFECT if careless else EFFECT) + more_action
        self.host = Host(chosen.binary, action=action, **more)
        self.load = Load(self.host, seed=chosen.seed, rate=rate, processes=processes, connections=connections)

    def start(self):
        """The load, and Twilio; the host is the program's to start."""
        print(f"seed {self.chosen.seed}", flush=True)
        self.load.start()  # forks: before there are threads
        if self.twilio:
            self.twilio.start(self.host.port, self.host.folder / "acknowledged-sent.tsv")

    def finish(self, *, workers_killed=False, cuts=()):
        """Ends the load, lets the host do the rest and stop, and judges: the verdict."""
        host, twilio = self.host, self.twilio
        self.seconds = self.load.stop()
        logs = self.load.logs()
        host.drain(self.chosen.drain)
        if twilio:
            settled = time.monotonic() + self.chosen.settle
            while time.monotonic() < settled and host.rows("SELECT 1 FROM messages WHERE status = 'unknown' LIMIT 1"):
                time.sleep(0.2)
            twilio.finish_deliveries()
            host.drain(self.chosen.drain)
            logs.append(twilio.log_file)
        listed = host.command("notifications", "list", "--status", "waiting", "--json").splitlines()
        host.stop()
        verdict = oracle.judge(host, logs, workers_killed=workers_killed, sends=self.chosen.sends, cuts=cuts)
        if listed:
            verdict.add(f"`notifications list` shows {len(listed)} that wait")
        if twilio:
            sends.judge(host, twilio, verdict, cuts)
        return verdict

    def figures(self, verdict):
        """What was measured, in a line."""
        load = self.load
        figures = {
            "acknowledged": verdict.acknowledged, "lost": verdict.lost, "twice": verdict.twice, "dead": verdict.dead,
            "broken off and asked again": load.total("broken"), "503 and asked again": load.total("unavailable"),
            "repeated": load.total("repeated"), "acknowledged/s": round(load.total("acknowledged") / self.seconds),
            "seconds": round(self.seconds), **verdict.figures,
        }
        return ", ".join(f"{name} {value}" for name, value in figures.items())

    def run(self, prove):
        """`prove(scene)` gives the exit status. Afterwards nothing is left, but for the folder of a violation."""
        status = None
        try:
            self.start()
            status = prove(self)
        except HostFailed as error:
            print(f"VIOLATED: {error}")
            status = 1
        finally:
            self.load.abandon()
            if status == 1:
                self.host.end()
                print(f"what the host said is kept in {self.host.folder}", file=sys.stderr)
            else:
                self.host.remove()
        return status
