"""What Twilio says: signed status callbacks, as bytes on a socket.

Nothing here is taken from the program under test: signature and form are written down again from Twilio's
documentation (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
"""

import base64
import hmac
import socket
import urllib.parse
from dataclasses import dataclass

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "durability-auth-token"
SENDER = "+14155238886"
# The host as Twilio knows it. Its port changes with every start, so signatures cover this name instead.
PUBLIC_URL = "https://boatswain.test"
# How long an answer may take before the connection counts as broken; Twilio's limit is 15 s.
PATIENCE = 15


def sign(url, fields):
    """The signature of a form."""
    text = url + "".join(name + value for name, value in sorted(fields.items()))
    return base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha1")).decode()


def status_fields(sid, status):
    """The form of a status callback."""
    return {
        "AccountSid": ACCOUNT,
        "ApiVersion": "2010-04-01",
        "ChannelPrefix": "whatsapp",
        "From": f"whatsapp:{SENDER}",
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": recipient(sid),
    }


def recipient(sid):
    """The phone of a message: its own, so that a send in doubt can be told from others in Twilio's log."""
    return f"whatsapp:+39333{int(sid[-8:], 16) % 10_000_000:07}"


def callback_path(application, company):
    return f"/whatsapp/callback/{application}/{company}"


def callback(path, fields):
    """A signed POST, ready for a socket."""
    body = urllib.parse.urlencode(fields)
    return (
        f"POST {path} HTTP/1.1\r\nhost: boatswain.test\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        f"x-twilio-signature: {sign(PUBLIC_URL + path, fields)}\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


@dataclass
class Answer:
    """An HTTP answer, as far as Twilio looks at it."""

    status: int
    head: bytes

    @property
    def is_acknowledgement(self):
        return 200 <= self.status < 300

    @property
    def asks_to_come_back(self):
        """A 503 that says when."""
        return self.status == 503 and b"\r\nretry-after:" in self.head.lower()


class Broken(Exception):
    """The connection ended before the answer: nobody knows whether the request was served."""


def connect(port):
    """A connection to the host; raises OSError when there is none."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_answer(connection):
    """The next answer of a connection; raises Broken."""
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= _body_length(head):
            return Answer(int(head[9:12]), head)
        try:
            more = connection.recv(65536)
        except OSError as error:
            raise Broken from error
        if not more:
            raise Broken
        received += more


def _body_length(head):
    """Bytes that follow a head; a 204 has none and says nothing of it."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0
