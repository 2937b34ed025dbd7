#!/usr/bin/env python3
"""Drives the simulator with Twilio's own Python library, unchanged.

    pip install twilio
    python3 tests/python/twilio_library.py BASE_URL ACCOUNT_SID AUTH_TOKEN [FROM]

BASE_URL is where the simulator listens, FROM one of the account's WhatsApp senders (+14155238886 if not given).
Sends, reads, lists, cancels, redacts, deletes, takes media, provokes errors, and receives callbacks and an incoming
message whose signatures the library's RequestValidator must accept. tests/node/twilio_library.mjs does the same with the
library for Node.js. Prints one line for each check; the exit status is 0 if all passed, else 1. Talks to loopback only.
"""

import base64
import datetime
import http.server
import json
import queue
import sys
import threading
import urllib.parse
import urllib.request

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.messaging_response import MessagingResponse

TO = "whatsapp:+393331234567"
OTHER_TO = "whatsapp:+393337654321"
SERVICE = "MG" + "0" * 31 + "7"
TEMPLATE = "HX" + "0" * 31 + "7"
PICTURE = b"\x89PNG\r\n\x1a\n a picture"


class Redirected(TwilioHttpClient):
    """Sends what is meant for Twilio's API to the simulator."""

    def __init__(self, base_url):
        super().__init__(timeout=10)
        self.base_url = base_url.rstrip("/")
        self.session.trust_env = False  # no proxy

    def request(self, method, url, **rest):
        for name in ("api", "messaging"):
            url = url.replace(f"https://{name}.twilio.com", self.base_url)
        return super().request(method, url, **rest)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes callbacks and queues them for the checks; answers incoming messages with TwiML."""

    received = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        url = f"http://{self.headers['Host']}{self.path}"
        self.received.put((url, fields, self.headers["X-Twilio-Signature"]))
        answer = b""
        if "SmsMessageSid" in fields:
            twiml = MessagingResponse()
            twiml.message("Grazie & a presto")
            answer = str(twiml).encode()
        self.send_response(200 if answer else 204)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


failures = 0


def check(name, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed else f': {detail}'}")


def check_error(name, code, status, attempt):
    try:
        attempt()
    except TwilioRestException as error:
        check(name, (error.code, error.status) == (code, status), f"{error.status} {error.code} {error.msg}")
    else:
        check(name, False, "no error")


def control(base_url, path, body):
    """A request of the simulator's own interface."""
    request = urllib.request.Request(
        f"{base_url}/simulator/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.loads(answer.read() or "null")


def main(base_url, account, token, sender="+14155238886"):
    base_url = base_url.rstrip("/")
    control(base_url, "accounts", {
        "sid": account,
        "auth_tokens": [token],
        "messaging_services": [{"sid": SERVICE, "senders": [sender]}],
        "templates": [{"sid": TEMPLATE, "text": "Ciao {{1}}, il tuo ordine {{2}} è partito."}],
    })
    sender = f"whatsapp:{sender}"
    client = Client(account, token, http_client=Redirected(base_url))
    create = client.messages.create
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{server.server_port}/callback/demo?message=1"
    today = datetime.datetime.now(datetime.timezone.utc)

    text = create(to=TO, from_=sender, body="Ciao + è & co.", status_callback=callback + "#rc=2&rp=all")
    check("a text is created", text.sid.startswith("SM") and text.status == "queued", (text.sid, text.status))
    check("its fields are read", (text.to, text.from_, text.body) == (TO, sender, "Ciao + è & co."), vars(text))
    check("its dates are dates", isinstance(text.date_created, datetime.datetime), text.date_created)
    check("it has no error", text.error_code is None and text.error_message is None, text.error_code)
    check("it costs nothing yet", text.price is None and text.direction == "outbound-api", (text.price, text.direction))

    validator = RequestValidator(token)
    for expected in ("sent", "delivered", "read"):
        url, fields, signature = Receiver.received.get(timeout=10)
        check(f"the callback is {expected}", fields["MessageStatus"] == expected, fields)
        check("  and of this message", (fields["MessageSid"], fields["AccountSid"]) == (text.sid, account), fields)
        check("  its URL has no fragment", url == callback, url)
        check("  its signature is valid", validator.validate(url, fields, signature), signature)
        forged = {**fields, "MessageStatus": "failed"}
        check("  and no other", not validator.validate(url, forged, signature), signature)

    media = create(to=OTHER_TO, from_=sender, media_url=["https://example.com/a.png"])
    check("media is created", media.sid.startswith("MM") and media.num_media == "1", (media.sid, media.num_media))
    listed = client.messages(media.sid).media.list()
    check("its media are listed", [medium.parent_sid for medium in listed] == [media.sid], listed)
    medium = client.messages(media.sid).media(listed[0].sid).fetch()
    check("a medium is fetched", (medium.sid, medium.account_sid) == (listed[0].sid, account), vars(medium))
    check("a medium is deleted", client.messages(media.sid).media(medium.sid).delete())
    check("  and gone", client.messages(media.sid).media.list() == [])

    variables = json.dumps({"1": "Anna", "2": "A-7"})
    template = create(to=TO, from_=sender, content_sid=TEMPLATE, content_variables=variables)
    check("a template is created", template.body == "Ciao Anna, il tuo ordine A-7 è partito.", template.body)
    served = create(to=TO, messaging_service_sid=SERVICE, body="a")
    check("a service is taken", (served.status, served.from_) == ("accepted", None), (served.status, served.from_))
    check("  with its id", served.messaging_service_sid == SERVICE, served.messaging_service_sid)
    every = create(
        to=TO, from_=sender, body="a", attempt=1, max_price=0.1, provide_feedback=False, smart_encoded=True,
        validity_period=60, persistent_action=["geo:45.46,9.19|Milano"], send_as_mms=False,
    )
    check("whatever else is asked for is taken", every.status == "queued", every.status)

    fetched = client.messages(text.sid).fetch()
    check("it is fetched", (fetched.sid, fetched.status) == (text.sid, "read"), (fetched.sid, fetched.status))
    check("it was sent", isinstance(fetched.date_sent, datetime.datetime), fetched.date_sent)

    sids = [message.sid for message in client.messages.list()]
    newest = [every.sid, served.sid, template.sid, media.sid, text.sid]
    check("the list is newest first", sids[:5] == newest, sids)
    to = [message.sid for message in client.messages.list(to=OTHER_TO, from_=sender)]
    check("it is filtered by recipient", media.sid in to and text.sid not in to, to)
    recent = client.messages.list(date_sent_after=today - datetime.timedelta(hours=1))
    check("it is filtered by date", text.sid in [m.sid for m in recent], recent)
    old = client.messages.list(date_sent_before=today - datetime.timedelta(days=2))
    check("  from both sides", old == [], old)
    check("  and by the day", client.messages.list(date_sent=today - datetime.timedelta(days=3)) == [])
    paged = [message.sid for message in client.messages.list(page_size=2)]
    check("its pages follow each other", paged == sids, (paged, sids))
    check("it is limited", [m.sid for m in client.messages.list(limit=2)] == sids[:2])
    page = client.messages.page(page_size=1)
    check("a page leads to the next", [m.sid for m in page.next_page()] == sids[1:2])

    itself = client.api.v2010.accounts(account).fetch()
    check("the account is fetched", (itself.sid, itself.status, itself.type) == (account, "active", "Full"), vars(itself))
    senders = [(one.sender_id, one.status) for one in client.messaging.v2.channels_senders.list(channel="whatsapp", page_size=1)]
    check("its senders are listed", (sender, "ONLINE") in senders, senders)
    service = client.messaging.v1.services(SERVICE).fetch()
    check("a service is fetched", (service.sid, service.sticky_sender) == (SERVICE, True), vars(service))
    check_error("  and none that is not there", 20404, 404, client.messaging.v1.services("MG" + "9" * 32).fetch)

    def scheduled(after, **more):
        return lambda: create(to=TO, body="Later", schedule_type="fixed", send_at=today + after, **more)

    later = scheduled(datetime.timedelta(days=1), messaging_service_sid=SERVICE)()
    check("a message is scheduled", later.status == "scheduled", later.status)
    check("and called off", client.messages(later.sid).update(status="canceled").status == "canceled")
    check("a text is redacted", client.messages(text.sid).update(body="").body == "")

    told = control(base_url, "incoming", {
        "account_sid": account, "from": OTHER_TO, "to": sender, "body": "Ecco + è", "profile_name": "Anna",
        "media": [{"content_type": "image/png", "base64": base64.b64encode(PICTURE).decode()}],
        "url": f"http://127.0.0.1:{server.server_port}/incoming",
    })
    url, fields, signature = Receiver.received.get(timeout=10)
    check("a message comes in", (fields["Body"], fields["NumMedia"], fields["ProfileName"]) == ("Ecco + è", "1", "Anna"))
    check("  its signature is valid", validator.validate(url, fields, signature), signature)
    inbound = client.messages(told["sid"]).fetch()
    check("  it is in the log", (inbound.direction, inbound.status) == ("inbound", "received"), vars(inbound))
    address = fields["MediaUrl0"].replace(base_url, "https://api.twilio.com")
    taken = client.request("GET", address, allow_redirects=False)
    check("  its medium leads on", taken.status_code == 307, taken.status_code)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.parse.urljoin(base_url, taken.headers["Location"]), timeout=10) as answer:
        check("  to the bytes", (answer.read(), answer.headers["Content-Type"]) == (PICTURE, "image/png"))
    reply = client.messages(told["replies"][0]).fetch()
    check("its answer is sent", (reply.body, reply.direction, reply.to) == ("Grazie & a presto", "outbound-reply", OTHER_TO))

    check("a message is deleted", client.messages(text.sid).delete())
    check_error("what was deleted is gone", 20404, 404, lambda: client.messages(text.sid).fetch())

    soon, minutes = {"messaging_service_sid": SERVICE}, datetime.timedelta(minutes=1)
    for name, code, status, attempt in [
        ("a bad recipient", 21211, 400, lambda: create(to="whatsapp:+12", from_=sender, body="a")),
        ("no recipient", 21604, 400, lambda: create(to="", from_=sender, body="a")),
        ("a bad sender", 21212, 400, lambda: create(to=TO, from_="whatsapp:nobody", body="a")),
        ("a sender without channel", 63007, 400, lambda: create(to=TO, from_=sender[9:], body="a")),
        ("a recipient without channel", 21910, 400, lambda: create(to=TO[9:], from_=sender, body="a")),
        ("no content", 21619, 400, lambda: create(to=TO, from_=sender)),
        ("a long text", 21617, 400, lambda: create(to=TO, from_=sender, body="a" * 1601)),
        ("no sender", 21603, 400, lambda: create(to=TO, body="a")),
        ("a bad callback", 21609, 400, lambda: create(to=TO, from_=sender, body="a", status_callback="here")),
        ("a bad medium", 21620, 400, lambda: create(to=TO, from_=sender, media_url=["a.png"])),
        ("an unknown service", 21701, 400, lambda: create(to=TO, messaging_service_sid="MG" + "9" * 32, body="a")),
        ("a bad template", 21655, 400, lambda: create(to=TO, from_=sender, content_sid="HX1")),
        ("bad variables", 21656, 400,
         lambda: create(to=TO, from_=sender, content_sid=TEMPLATE, content_variables="Anna")),
        ("a bad validity", 90007, 400, lambda: create(to=TO, from_=sender, body="a", validity_period=36001)),
        ("a schedule without service", 35118, 400, scheduled(minutes, from_=sender)),
        ("a schedule too soon", 35114, 400, scheduled(minutes, **soon)),
        ("what was called off already", 30409, 409, lambda: client.messages(later.sid).update(status="canceled")),
        ("a limit of requests", 20429, 429, lambda: create(to="whatsapp:+393990120429", from_=sender, body="a")),
    ]:
        check_error(name, code, status, attempt)
    stranger = Client(account, "wrong", http_client=Redirected(base_url))
    check_error("a wrong key", 20003, 401, lambda: stranger.messages.create(to=TO, from_=sender, body="a"))

    server.shutdown()
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
