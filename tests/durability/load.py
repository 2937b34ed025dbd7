"""Clients that post callbacks as Twilio does, and write down what was acknowledged.

Each client is a process with many kept connections (lanes). In a round every lane sends one request, then every lane
reads its answer; so hundreds of requests are open at a time without a thread for each.

A message is a chain of statuses. The next one is posted after the one before was acknowledged, so their order is
known, except for the last two of some chains, which are posted at once. A request whose connection broke, or that was
answered 503, is posted again until it is acknowledged. Some requests are posted twice at once or again later; the
others are posted no more often than that, because a repetition would hide a loss.

What was acknowledged goes to a file: application, company, sid, status, step, when it was posted and when it was
answered (seconds of the machine's monotonic clock), and one of ACKNOWLEDGED, UNCLEAR (the client gave up asking) and
WRONG (an answer that may not be).
"""

import collections
import multiprocessing
import os
import random
import time
from dataclasses import dataclass

import twilio
from host import COMPANIES

ACKNOWLEDGED, UNCLEAR, WRONG = "acknowledged", "unclear", "wrong"
# How long clients go on asking about what is unclear, once the load has ended.
SETTLE = 60


def line(key, step, posted, outcome):
    """A line of a file of what was acknowledged, answered now."""
    return "\t".join((*key, f"{step}\t{posted:.6f}\t{time.monotonic():.6f}", outcome)) + "\n"


@dataclass
class Item:
    """One notification to post."""

    application: str
    company: str
    sid: str
    status: str
    step: int
    request: bytes
    is_repeat: bool = False
    posted: float = 0

    def line(self, outcome):
        key = (self.application, self.company, self.sid, self.status)
        return line(key, self.step, self.posted, outcome)

    def repeat(self):
        return Item(self.application, self.company, self.sid, self.status, self.step, self.request, is_repeat=True)


class Lane:
    """A connection, the chain that it works on, and repetitions that were handed to it."""

    def __init__(self):
        self.connection = None
        self.port = 0
        self.chain = collections.deque()
        self.handed = collections.deque()
        self.item = None
        self.is_sent = False

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Client:
    """One process of the load."""

    def __init__(self, load, index):
        self.load = load
        self.index = index
        self.random = random.Random(f"{load.seed} client {index}")
        self.lanes = [Lane() for _ in range(load.connections)]
        self.recent = collections.deque(maxlen=500)
        self.messages = 0
        self.sid = None
        self.counts = load.counts[index]
        self.log = None

    def run(self):
        """Posts until told to stop, then until nothing is unclear."""
        with open(self.load.log_file(self.index), "w", encoding="ascii") as self.log:
            began = time.monotonic()
            while not self.load.stopping.is_set():
                if os.getppid() != self.load.parent:
                    return  # the program was killed: nobody will ask
                self.round(fresh=True)
                self.keep_pace(began)
            deadline = time.monotonic() + SETTLE
            while any(lane.item or lane.handed for lane in self.lanes) and time.monotonic() < deadline:
                self.round(fresh=False)
            for lane in self.lanes:
                for item in [lane.item, *lane.handed]:
                    if item:
                        self.log.write(item.line(UNCLEAR))

    def keep_pace(self, began):
        rate = self.load.rate / self.load.processes
        while rate and self.counts.acknowledged > rate * (time.monotonic() - began) and not self.load.stopping.is_set():
            time.sleep(0.005)

    def round(self, fresh):
        """One request and one answer on every lane."""
        port = self.load.port.value
        if port == 0:
            time.sleep(0.002)
            return
        for index, lane in enumerate(self.lanes):
            if lane.item is None:
                lane.item = self.next_item(index, fresh)
            if lane.item:
                self.send(lane, port)
        unavailable = [self.receive(lane) for lane in self.lanes if lane.is_sent]
        if any(unavailable):
            time.sleep(0.02)

    def send(self, lane, port):
        try:
            if lane.connection is None or lane.port != port:
                lane.drop()
                lane.connection, lane.port = twilio.connect(port), port
            lane.item.posted = time.monotonic()
            lane.connection.sendall(lane.item.request)
            lane.is_sent = True
        except OSError:
            lane.drop()

    def receive(self, lane):
        """Reads a lane's answer; whether the host had no room."""
        lane.is_sent = False
        try:
            answer = twilio.read_answer(lane.connection)
        except twilio.Broken:
            self.counts.broken += 1
            lane.drop()
            return False
        item = lane.item
        if answer.is_acknowledgement:
            self.log.write(item.line(ACKNOWLEDGED))
            lane.item = None
            if item.is_repeat:
                self.counts.repeated += 1
            else:
                self.counts.acknowledged += 1
                self.recent.append(item)
            return False
        if answer.asks_to_come_back:
            self.counts.unavailable += 1
            return True
        self.log.write(item.line(f"{WRONG}: {answer.status}"))
        lane.item = None
        return False

    def next_item(self, index, fresh):
        """What a lane posts next, if anything."""
        lane = self.lanes[index]
        if lane.handed:
            return lane.handed.popleft()
        if not fresh:
            return None
        chance = self.random.random()
        if chance < 0.03 and self.recent:
            return self.random.choice(self.recent).repeat()
        if not lane.chain:
            lane.chain = self.new_chain()
        item = lane.chain.popleft()
        neighbour = self.lanes[(index + 1) % len(self.lanes)]
        if chance > 0.96:
            neighbour.handed.append(item.repeat())
        elif len(lane.chain) == 1 and lane.chain[0].step == item.step:
            neighbour.handed.append(lane.chain.popleft())
        return item

    def new_chain(self):
        """A message and its statuses, mostly in Twilio's order."""
        dice = self.random
        # Sometimes the same sid in another place: a notification of its own.
        if self.sid is None or dice.random() > 0.1:
            self.sid = f"SM{self.load.run:016x}{self.index:04x}{self.messages:012x}"
            self.messages += 1
            self.place = dice.randrange(len(self.load.places))
        else:
            self.place += 1
        application, company = self.load.places[self.place % len(self.load.places)]
        statuses = ["sent", "delivered", "read"][: dice.randint(1, 3)]
        if dice.random() < 0.3:
            dice.shuffle(statuses)
        steps = list(range(len(statuses)))
        if len(steps) > 1 and dice.random() < 0.2:
            steps[-1] = steps[-2]
        path = twilio.callback_path(application, company)
        return collections.deque(
            Item(application, company, self.sid, status, step,
                 twilio.callback(path, twilio.status_fields(self.sid, status)))
            for status, step in zip(statuses, steps)
        )


class Counts:
    """Figures of one client, readable while it runs."""

    NAMES = ("acknowledged", "repeated", "broken", "unavailable")

    def __init__(self):
        self.__dict__["shared"] = multiprocessing.RawArray("Q", len(self.NAMES))

    def __getattr__(self, name):
        return self.shared[self.NAMES.index(name)]

    def __setattr__(self, name, value):
        self.shared[self.NAMES.index(name)] = value


class Load:
    """Some client processes."""

    def __init__(self, host, *, seed, processes=2, connections=48, rate=0):
        self.seed = seed
        self.processes = processes
        self.connections = connections
        # Acknowledgements a second, all together; 0: as many as there can be.
        self.rate = rate
        self.port = host.port
        self.folder = host.folder
        self.places = [(application, company) for application in host.applications for company in COMPANIES]
        # Part of every sid, so that nothing of this run is taken for another's.
        self.run = random.Random(f"{seed} run").getrandbits(60)
        self.parent = os.getpid()
        self.stopping = multiprocessing.Event()
        self.counts = [Counts() for _ in range(processes)]
        self.clients = []
        self.began = 0

    def log_file(self, index):
        return self.folder / f"acknowledged-{index}.tsv"

    def start(self):
        """Forks the clients: before any other thread holds a lock."""
        self.began = time.monotonic()
        for index in range(self.processes):
            client = multiprocessing.get_context("fork").Process(target=Client(self, index).run, daemon=True)
            client.start()
            self.clients.append(client)

    def total(self, name):
        return sum(getattr(counts, name) for counts in self.counts)

    def stop(self):
        """Ends the load once nothing is unclear; gives the seconds that it ran."""
        seconds = time.monotonic() - self.began
        self.stopping.set()
        for client in self.clients:
            client.join(SETTLE + twilio.PATIENCE)
            if client.exitcode != 0:
                raise RuntimeError(f"a client ended with {client.exitcode}")
        return seconds

    def abandon(self):
        """Ends the clients at once, after an error."""
        for client in self.clients:
            client.kill()
            client.join()

    def logs(self):
        return [self.log_file(index) for index in range(self.processes)]
