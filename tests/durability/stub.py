"""A stand-in for Twilio's REST API that fails on purpose, and keeps outside the host what it has accepted.

It creates, reads and lists messages with Twilio's shapes, and reports their statuses in signed callbacks. What goes
wrong is drawn from the seed:

    answered       accepted and answered 201
    silent         accepted, and the connection closed without an answer
    failed late    accepted, and answered 500
    failed early   answered 500 and not accepted; reads meet this one, `reset`, `too many` and `gone` too
    reset          the connection reset before the request was read
    too many       429 with Retry-After: 0, not accepted
    refused        400, not accepted
    slow           accepted, and answered after the client has given up; at most twice
    gone           nothing listens for a moment, and every open connection breaks

Callbacks are lost, doubled, or overtake the answer of the create.
"""

import base64
import collections
import email.utils
import json
import queue
import random
import socket
import struct
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field

import twilio
from load import ACKNOWLEDGED, UNCLEAR, WRONG, line

# Part of every sid that this stand-in gives: the action tells callbacks of what it has sent by it.
SIDS = "SMee"
# A fault and how often it is drawn, in 1,000 requests. The rest is answered.
FAULTS = {
    "silent": 50, "failed late": 50, "failed early": 40, "reset": 30, "too many": 40, "refused": 30, "slow": 1, "gone": 2,
}
# Longer than the host's client waits for an answer.
SLOW = 16
SLOW_AT_MOST = 2
GONE = 0.3
LOST = 0.1
# Messages of which the host hears nothing.
UNREPORTED = 0.1
DOUBLED = 0.1
OVERTAKING = 0.15
# How often an undelivered callback is tried, as Twilio does when the URL asks for `rc=5`; the host may be restarting.
TRIES = 40
DELIVERERS = 4
PAGE_SIZE = 50
AUTHORIZATION = "Basic " + base64.b64encode(f"{twilio.ACCOUNT}:{twilio.TOKEN}".encode()).decode()
MESSAGES = f"/2010-04-01/Accounts/{twilio.ACCOUNT}/Messages"


@dataclass
class Message:
    """A message that was accepted."""

    sid: str
    to: str
    sender: str
    body: str
    callback: str
    created: float
    accepted: float
    fault: str
    status: str = "queued"
    reported: set = field(default_factory=set)

    @property
    def host_id(self):
        """The host's own id, which its callback URL carries."""
        return uuid.UUID(urllib.parse.parse_qs(urllib.parse.urlsplit(self.callback).query)["message"][0])

    @property
    def answer_was_lost(self):
        return self.fault != "answered"

    def resource(self):
        date = email.utils.formatdate(self.created).replace("-0000", "+0000")
        return {
            "account_sid": twilio.ACCOUNT, "api_version": "2010-04-01", "body": self.body, "date_created": date,
            "date_sent": None if self.status == "queued" else date, "date_updated": date,
            "direction": "outbound-api", "error_code": None, "error_message": None, "from": self.sender,
            "messaging_service_sid": None, "num_media": "0", "num_segments": "1", "price": None, "price_unit": None,
            "sid": self.sid, "status": self.status, "subresource_uris": {}, "to": self.to,
            "uri": f"{MESSAGES}/{self.sid}.json",
        }


class Twilio:
    """The stand-in."""

    def __init__(self, seed):
        self.random = random.Random(f"{seed} twilio")
        self.log_file = None
        self.log = None
        self.lock = threading.Lock()
        self.accepted = []
        self.by_sid = {}
        self.drawn = collections.Counter()
        self.connections = set()
        self.port_of_host = None
        self.deliveries = [queue.Queue() for _ in range(DELIVERERS)]
        self.deliverers = []
        # Bound to a port that was free a moment ago: only so can it stop listening and come back on the same one.
        probe = socket.create_server(("127.0.0.1", 0))
        self.port = probe.getsockname()[1]
        probe.close()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)

    def start(self, port_of_host, log_file):
        """`log_file` takes what was acknowledged, as the clients' files do."""
        self.port_of_host = port_of_host
        self.log_file = log_file
        self.log = open(self.log_file, "w", encoding="ascii", buffering=1)
        threading.Thread(target=self._listen, daemon=True).start()
        self.deliverers = [
            threading.Thread(target=self._deliver_all, args=(due,), daemon=True) for due in self.deliveries
        ]
        for deliverer in self.deliverers:
            deliverer.start()

    def finish_deliveries(self):
        """Waits until what is left of the callbacks was delivered or given up."""
        for due in self.deliveries:
            due.put(None)
        for deliverer in self.deliverers:
            deliverer.join()
        self.log.close()

    # ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────

    def _listen(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                time.sleep(0.005)  # not listening for a moment
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while self._serve_one(connection):
                pass
        except OSError:
            pass  # the host has gone, or this stand-in has
        with self.lock:
            self.connections.discard(connection)
        connection.close()

    def _serve_one(self, connection):
        """One request; False when the connection has ended."""
        if not connection.recv(1, socket.MSG_PEEK):
            return False
        fault = self._draw()
        if fault == "reset":
            self._count(fault)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        request = _read_request(connection)
        if request is None:
            return False
        method, target, headers, body = request
        if headers.get("authorization") != AUTHORIZATION:
            return _answer(connection, 401, {"code": 20003, "message": "Authenticate", "status": 401})
        path, _, query = target.partition("?")
        self._count(fault)
        if fault == "failed early":
            return _answer(connection, 500, {"code": 20500, "message": "Internal Server Error", "status": 500})
        if fault == "too many":
            return _answer(
                connection, 429, {"code": 20429, "message": "Too Many Requests", "status": 429}, "retry-after: 0\r\n"
            )
        if fault == "gone":
            return self._be_gone()
        if method == "POST" and path == f"{MESSAGES}.json":
            return self._create(connection, fault, dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True)))
        if method == "GET" and path == f"{MESSAGES}.json":
            return _answer(connection, 200, self._list(dict(urllib.parse.parse_qsl(query))))
        message = self.by_sid.get(path.removeprefix(f"{MESSAGES}/").removesuffix(".json"))
        if method == "GET" and message:
            return _answer(connection, 200, message.resource())
        return _answer(connection, 404, {"code": 20404, "message": "not found", "status": 404})

    def _draw(self):
        """What goes wrong with the next request."""
        with self.lock:
            dice = self.random.randrange(1000)
            for fault, share in FAULTS.items():
                if dice < share and not (fault == "slow" and self.drawn["slow"] >= SLOW_AT_MOST):
                    return fault
                dice -= share
            return "answered"

    def _count(self, fault):
        with self.lock:
            self.drawn[fault] += 1

    # ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, connection, fault, form):
        if fault == "refused":
            return _answer(connection, 400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400})
        message = self._accept(form, fault)
        plan = self._plan(message)
        if self.random.random() < OVERTAKING:
            self._deliver(*plan.pop(0))
        if fault == "slow":
            time.sleep(SLOW)
        if fault == "failed late":
            _answer(connection, 500, {"code": 20500, "message": "Internal Server Error", "status": 500})
        elif fault != "silent":
            _answer(connection, 201, message.resource())
        due = self.deliveries[int(message.sid[-8:], 16) % DELIVERERS]
        for delivery in plan:
            due.put(delivery)
        return fault != "silent"

    def _accept(self, form, fault):
        with self.lock:
            message = Message(
                sid=f"{SIDS}{len(self.accepted):030x}", to=form["To"], sender=form["From"], body=form["Body"],
                callback=form["StatusCallback"], created=time.time(),
                accepted=time.monotonic(), fault=fault,
            )
            self.accepted.append(message)
            self.by_sid[message.sid] = message
            return message

    def _plan(self, message):
        """The callbacks of a message: (message, status, step, times); lost ones have none."""
        plan = []
        lost = 1 if self.random.random() < UNREPORTED else LOST
        for step, status in enumerate(("sent", "delivered", "read")):
            dice = self.random.random()
            plan.append((message, status, step, 0 if dice < lost else 2 if dice < lost + DOUBLED else 1))
        return plan

    def _be_gone(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        with self.lock:
            broken = list(self.connections)
        for connection in broken:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself
        time.sleep(GONE)
        self.listener.listen(256)
        return False

    def _list(self, query):
        """A page of messages, newest first, with Twilio's filters."""
        with self.lock:
            found = self.accepted[::-1]
        if "To" in query:
            found = [message for message in found if message.to == query["To"]]
        if "From" in query:
            found = [message for message in found if message.sender == query["From"]]
        for name, keep in (("DateSent", str.__eq__), ("DateSent<", str.__le__), ("DateSent>", str.__ge__)):
            if name in query:
                day = query[name][:10]
                found = [message for message in found if message.status != "queued" and keep(_day(message.created), day)]
        size = min(int(query.get("PageSize", PAGE_SIZE)), 1000)
        page = int(query.get("Page", 0))
        rest = found[page * size :]
        following = urllib.parse.urlencode({**query, "Page": page + 1})
        return {
            "messages": [message.resource() for message in rest[:size]],
            "next_page_uri": f"{MESSAGES}.json?{following}" if len(rest) > size else None,
            "page": page, "page_size": size,
        }

    # ── Callbacks ────────────────────────────────────────────────────────────────────────────────────────────────

    def _deliver_all(self, due):
        while delivery := due.get():
            self._deliver(*delivery)

    def _deliver(self, message, status, step, times):
        """Posts one callback so often, each until it is acknowledged; writes down whether it was."""
        message.status = status
        url = urllib.parse.urlsplit(message.callback)
        _, _, application, company = url.path.strip("/").split("/")
        fields = {**twilio.status_fields(message.sid, status), "To": message.to}
        request = twilio.callback(f"{url.path}?{url.query}", fields)
        for _ in range(times):
            posted, outcome = self._post(request)
            with self.lock:
                self.log.write(line((application, company, message.sid, status), step, posted, outcome))
                if outcome == ACKNOWLEDGED:
                    message.reported.add(status)

    def _post(self, request):
        """When it was posted for the last time, and what came of it."""
        posted = 0
        for _ in range(TRIES):
            try:
                with twilio.connect(self.port_of_host.value or 1) as connection:
                    posted = time.monotonic()
                    connection.sendall(request)
                    answer = twilio.read_answer(connection)
                if answer.is_acknowledgement:
                    return posted, ACKNOWLEDGED
                if not answer.asks_to_come_back:
                    return posted, f"{WRONG}: {answer.status}"
            except (OSError, twilio.Broken):
                pass
            time.sleep(0.1)
        return posted, UNCLEAR


def _day(moment):
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _read_request(connection):
    """Method, target, headers and body; None when the connection has ended."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    method, target, _ = first.split(" ")
    return method, target, headers, body


def _answer(connection, status, value, more_headers=""):
    body = json.dumps(value).encode()
    connection.sendall(
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more_headers}content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return True
