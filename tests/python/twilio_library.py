#!/usr/bin/env python3
"""Drives a stand-in for Twilio with Twilio's own Python library, unchanged.

    pip install twilio
    python3 tests/python/twilio_library.py BASE_URL ACCOUNT_SID AUTH_TOKEN [FROM]

BASE_URL is where the stand-in listens, FROM one of the account's WhatsApp senders (+14155238886 if not given).
Sends, reads, lists, cancels, deletes, provokes errors, and receives callbacks whose signatures the library's
RequestValidator must accept. Prints one line for each check; the exit status is 0 if all passed, else 1. Talks to
loopback only.
"""

import datetime
import http.server
import queue
import sys
import threading
import urllib.parse

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

TO = "whatsapp:+393331234567"
OTHER_TO = "whatsapp:+393337654321"


class Redirected(TwilioHttpClient):
    """Sends what is meant for Twilio's API to the stand-in."""

    def __init__(self, base_url):
        super().__init__(timeout=10)
        self.base_url = base_url.rstrip("/")
        self.session.trust_env = False  # no proxy

    def request(self, method, url, **rest):
        return super().request(method, url.replace("https://api.twilio.com", self.base_url), **rest)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes callbacks and queues them for the checks."""

    received = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        url = f"http://{self.headers['Host']}{self.path}"
        self.received.put((url, fields, self.headers["X-Twilio-Signature"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


failures = 0


def check(name, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed else f': {detail}'}")


def check_error(name, code, status, call):
    try:
        call()
        check(name, False, "no error came")
    except TwilioRestException as error:
        check(name, (error.code, error.status) == (code, status), f"{error.status} {error.code} {error.msg}")


def main(base_url, account, token, sender="+14155238886"):
    sender = f"whatsapp:{sender}"
    client = Client(account, token, http_client=Redirected(base_url))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{server.server_port}/callback/demo?message=1"

    text = client.messages.create(
        to=TO, from_=sender, body="Ciao + è & co.", status_callback=callback + "#rc=2&rp=all"
    )
    check("a text is created", text.sid.startswith("SM") and text.status == "queued", (text.sid, text.status))
    check("its fields are read", (text.to, text.from_, text.body) == (TO, sender, "Ciao + è & co."), vars(text))
    check("its dates are dates", isinstance(text.date_created, datetime.datetime), text.date_created)
    check("it has no error", text.error_code is None and text.error_message is None, text.error_code)
    media = client.messages.create(to=OTHER_TO, from_=sender, media_url=["https://example.com/a.png"])
    check("media is created", media.sid.startswith("MM") and media.num_media == "1", (media.sid, media.num_media))

    validator = RequestValidator(token)
    for expected in ("sent", "delivered", "read"):
        url, fields, signature = Receiver.received.get(timeout=10)
        check(f"the callback is {expected}", fields["MessageStatus"] == expected, fields)
        check("  and of this message", (fields["MessageSid"], fields["AccountSid"]) == (text.sid, account), fields)
        check("  its URL has no fragment", url == callback, url)
        check("  its signature is valid", validator.validate(url, fields, signature), signature)
        forged = {**fields, "MessageStatus": "failed"}
        check("  and no other", not validator.validate(url, forged, signature), signature)

    fetched = client.messages(text.sid).fetch()
    check("it is fetched", (fetched.sid, fetched.status) == (text.sid, "read"), (fetched.sid, fetched.status))
    check("it was sent", isinstance(fetched.date_sent, datetime.datetime), fetched.date_sent)

    sids = [message.sid for message in client.messages.list()]
    check("the list is newest first", sids[:2] == [media.sid, text.sid], sids)
    to = client.messages.list(to=OTHER_TO, from_=sender)
    check("it is filtered by recipient", media.sid in [m.sid for m in to] and text.sid not in [m.sid for m in to], to)
    today = datetime.datetime.now(datetime.timezone.utc)
    recent = client.messages.list(date_sent_after=today - datetime.timedelta(hours=1))
    check("it is filtered by date", text.sid in [m.sid for m in recent], recent)
    old = client.messages.list(date_sent_before=today - datetime.timedelta(days=2))
    check("  from both sides", old == [], old)
    paged = [message.sid for message in client.messages.list(page_size=1)]
    check("its pages follow each other", paged == sids, (paged, sids))

    later = client.messages.create(
        to=TO,
        messaging_service_sid="MG" + "0" * 32,
        body="Tomorrow",
        schedule_type="fixed",
        send_at=today + datetime.timedelta(days=1),
    )
    check("a message is scheduled", later.status == "scheduled", later.status)
    check("and called off", client.messages(later.sid).update(status="canceled").status == "canceled")
    check("a text is redacted", client.messages(text.sid).update(body="").body == "")

    check("a message is deleted", client.messages(text.sid).delete())
    check_error("what was deleted is gone", 20404, 404, lambda: client.messages(text.sid).fetch())

    create = client.messages.create
    check_error("a bad recipient", 21211, 400, lambda: create(to="whatsapp:+12", from_=sender, body="a"))
    check_error("a sender without channel", 63007, 400, lambda: create(to=TO, from_=sender[9:], body="a"))
    check_error("no content", 21619, 400, lambda: create(to=TO, from_=sender))
    check_error("a long text", 21617, 400, lambda: create(to=TO, from_=sender, body="a" * 1601))
    check_error("no sender", 21603, 400, lambda: create(to=TO, body="a"))
    stranger = Client(account, "wrong", http_client=Redirected(base_url))
    stranger_create = stranger.messages.create
    check_error("a wrong key", 20003, 401, lambda: stranger_create(to=TO, from_=sender, body="a"))

    server.shutdown()
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
