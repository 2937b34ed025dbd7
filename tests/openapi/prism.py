#!/usr/bin/env python3
"""Sends the host's requests to a mock that is made from Twilio's own description of its API.

    npm install --prefix DIR --ignore-scripts @stoplight/prism-cli@5.14.2
    npm pack @twilio/cli-core@9.0.0
    python3 tests/openapi/prism.py PROGRAM DIR/node_modules/.bin/prism twilio-cli-core-9.0.0.tgz

Twilio publishes an OpenAPI description, and its package @twilio/cli-core carries it; Prism answers every request that
fits it with Twilio's example and every other one with 422 and what is wrong. Between the program and Prism stands a
recorder, which notes what was sent and answered and, for one message, swallows the answer, so that the host has to look
for it in the list. Nothing but loopback is used, and the mock sends nothing anywhere.

Prism passes over fields and parameters that the description does not name; here they must be named. Known faults of
Prism's: it reads one `MediaUrl` in a form as a text, and then asks for a list; and it finds Twilio's examples of pages
invalid, so it runs without `--errors`, which is about its answers: requests are always checked, as the controls show.

Prints one line for each check; the exit status is 0 if all passed, 1 if not, and 77 where Prism does not start.
"""

import base64
import http.client
import http.server
import json
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.parse

ACCOUNT = "AC" + "0" * 31 + "1"
SERVICE = "MG" + "0" * 31 + "1"
TEMPLATE = "HX" + "0" * 31 + "1"
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages"
DESCRIBED = "package/src/services/twilio-api/twilio_api_v2010.json"
LONGEST = "è" * 1600
# How long the slowest of machines may take for a start.
PATIENCE = 60

# What is sent: name, application, the message, fields of the form besides To and StatusCallback.
SENDS = [
    ("a text", "number", {"body": "Ciao + è & co. 😀\nhttps://example.com/?a=b"}, {"From", "Body"}),
    ("the longest text", "number", {"body": LONGEST}, {"From", "Body"}),
    ("a text of another sender", "number", {"body": "a", "from": "+14155550100"}, {"From", "Body"}),
    ("a text through a messaging service", "service", {"body": "a"}, {"MessagingServiceSid", "Body"}),
    ("a template", "number", {"contentSid": TEMPLATE}, {"From", "ContentSid"}),
    ("a template with variables", "number", {"contentSid": TEMPLATE, "contentVariables": {"1": "Ada", "2": "è & +"}},
     {"From", "ContentSid", "ContentVariables"}),
    ("a template through a messaging service", "service", {"contentSid": TEMPLATE, "contentVariables": {"1": "Ada"}},
     {"MessagingServiceSid", "ContentSid", "ContentVariables"}),
]
LOST = "the answer to this is lost"

failures = 0


def check(name, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed else f': {detail}'}")


def description(source):
    """The part of Twilio's description that is about messages."""
    if source.suffix == ".tgz":
        with tarfile.open(source) as archive:
            whole = json.load(archive.extractfile(DESCRIBED))
    else:
        whole = json.loads(source.read_text())
    whole["paths"] = {path: whole["paths"][path] for path in (f"{MESSAGES}.json", f"{MESSAGES}/{{Sid}}.json")}
    return whole


class Prism:
    """The mock's process."""

    def __init__(self, program, described, folder):
        (folder / "twilio.json").write_text(json.dumps(described))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "prism.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "mock", "--host", "127.0.0.1", "--port", str(self.port), folder / "twilio.json"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def starts(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if "Prism is listening" in self.log.read_text(errors="replace"):
                return True
            time.sleep(0.1)
        return False

    def ask(self, method, target, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Recorder(http.server.BaseHTTPRequestHandler):
    """Passes requests on to Prism and notes them, and what came back."""

    protocol_version = "HTTP/1.1"
    prism = None
    # (method, path, query as pairs, form as pairs, status, answer)
    seen = []

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        status, answer = self.prism.ask(self.command, self.path, headers, body)
        url = urllib.parse.urlsplit(self.path)
        query, form = (urllib.parse.parse_qsl(text, keep_blank_values=True) for text in (url.query, body.decode()))
        self.seen.append((self.command, url.path, query, form, status, answer.decode()))
        if ("Body", LOST) in form:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = pass_on

    def log_message(self, *_):
        pass


class Host:
    """A folder with applications that send to the recorder."""

    def __init__(self, program, folder, port):
        self.program, self.folder = program, folder
        params = '[host]\nlisten = "127.0.0.1:0"\npublic_url = "https://bots.example.com"\n'
        for name, sender in [
            ("number", 'from_phone_number = "+14155238886"'), ("service", f'messaging_service_id = "{SERVICE}"')
        ]:
            params += f"""
[applications.{name}.WHATSAPP]
environment = "production"
account_id = "{ACCOUNT}"
auth_key = "no-key-of-anybody"
{sender}
api_base_url = "http://127.0.0.1:{port}"
"""
            scripts = folder / "scripts" / name
            scripts.mkdir(parents=True)
            (scripts / "send.js").write_text("return utils.whatsapp.send(vo);")
        (folder / "app-params.toml").write_text(params)

    def send(self, application, message):
        """The outcome of a send."""
        done = subprocess.run(
            [self.program, "run", f"{application}/send", "--vo", "-"],
            input=json.dumps({"to": "+39 333 123 4567", **message}).encode(), cwd=self.folder, capture_output=True,
            timeout=PATIENCE, check=False,
        )
        if done.returncode != 0:
            sys.exit(f"error: `run` ended with {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def ask_until(self, happened):
        """Serves until Twilio was asked about messages, which are made due: the first question waits two minutes."""
        database = sqlite3.connect(self.folder / "data" / "host.db")
        with database:
            database.execute("UPDATE messages SET next_poll_at = created_at WHERE next_poll_at IS NOT NULL")
        database.close()
        with open(self.folder / "host.log", "wb") as log:
            host = subprocess.Popen(
                [self.program, "serve"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not happened() and time.monotonic() < deadline and host.poll() is None:
            time.sleep(0.1)
        host.terminate()
        check("the host stops", host.wait(PATIENCE) == 0, (self.folder / "host.log").read_text())


def complaints(answer):
    """What Prism says is wrong with a request."""
    return [f"{'.'.join(problem['location'])}: {problem['message']}" for problem in json.loads(answer)["validation"]]


def controls(prism):
    """Requests that must be refused: without them, that everything is accepted would mean nothing."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    key = {"Authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:a".encode()).decode()}
    messages = MESSAGES.format(AccountSid=ACCOUNT)
    to = "To=whatsapp%3A%2B393331234567"
    for name, expected, method, target, headers, body in [
        ("a good request is accepted", 201, "POST", f"{messages}.json", form | key, f"{to}&Body=a"),
        ("no recipient", 422, "POST", f"{messages}.json", form | key, "Body=a"),
        ("a template's id that is none", 422, "POST", f"{messages}.json", form | key, f"{to}&ContentSid=HX1"),
        ("a callback that is no URL", 422, "POST", f"{messages}.json", form | key, f"{to}&StatusCallback=a%20b"),
        ("no key", 401, "POST", f"{messages}.json", form, f"{to}&Body=a"),
        ("JSON instead of a form", 415, "POST", f"{messages}.json", {"Content-Type": "application/json"} | key, "{}"),
        ("a page that is too long", 422, "GET", f"{messages}.json?PageSize=1001", key, None),
        ("a message's id that is none", 422, "GET", f"{messages}/SM1.json", key, None),
        ("another path", 404, "GET", f"{messages}", key, None),
    ]:
        status, answer = prism.ask(method, target, headers, body)
        check(f"control: {name}: {expected}", status == expected, (status, answer))


def main(program, prism_program, source):
    program = pathlib.Path(program).resolve()
    described = description(pathlib.Path(source))
    listed = described["paths"][f"{MESSAGES}.json"]
    named = {parameter["name"] for parameter in listed["get"]["parameters"]}
    form = listed["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    known = set(form)
    messages = MESSAGES.format(AccountSid=ACCOUNT)
    with tempfile.TemporaryDirectory(prefix="boatswain-openapi-") as folder:
        folder = pathlib.Path(folder)
        try:
            prism = Recorder.prism = Prism(prism_program, described, folder)
        except OSError as error:
            print(f"Prism does not start: {error}")
            return 77
        try:
            if not prism.starts():
                print(prism.log.read_text(errors="replace"))
                print("Prism does not start")
                return 77
            controls(prism)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sends(Host(program, folder, server.server_port), messages, known, named)
            server.shutdown()
        finally:
            prism.stop()
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


def sends(host, messages, known, named):
    """Everything that the client asks of Twilio, and what came of it."""
    seen = Recorder.seen
    for name, application, message, fields in SENDS:
        outcome = host.send(application, message)
        method, path, query, form, status, answer = seen[-1]
        check(f"{name} is accepted", (method, path, status) == ("POST", f"{messages}.json", 201), (path, status, answer))
        names = [field for field, _ in form]
        check("  with its fields, once each", sorted(names) == sorted({"To", "StatusCallback"} | fields), names)
        check("  which are described", known.issuperset(names), set(names) - known)
        check("  and Twilio's example of an answer is understood",
              outcome["success"] and outcome["sid"] == json.loads(answer)["sid"] and outcome["status"] == "queued",
              outcome)
    check("each send is one request", len(seen) == len(SENDS), len(seen))

    picture = "https://example.com/a%20b.png?c=d&e"
    outcome = host.send("number", {"body": "a picture", "mediaUrl": picture})
    *_, form, status, answer = seen[-1]
    media = [value for field, value in form if field == "MediaUrl"]
    check("a picture's URL is sent once, as it is", media == [picture], media)
    said = complaints(answer) if status == 422 else status
    check("  in a field that is described", "MediaUrl" in known)
    check("  where Prism knows nothing but its own fault: it wants a list",
          said == ["body.MediaUrl: Request body property MediaUrl must be array"], said)
    check("  and its refusal is a failed send", (outcome["success"], outcome["status"]) == (False, "failed"), outcome)

    outcome = host.send("number", {"body": LOST})
    check("a send whose answer is lost is in doubt", outcome["errorCode"] == "SEND_IN_DOUBT", outcome)
    check("  and was accepted", seen[-1][4] == 201, seen[-1])

    asked = len(seen)

    def reads(pattern):
        return [entry for entry in seen[asked:] if re.fullmatch(pattern, entry[1])]

    one, many = rf"{messages}/SM[0-9a-f]{{32}}\.json", rf"{messages}\.json"
    host.ask_until(lambda: reads(one) and reads(many))
    for name, pattern in [("a message is read", one), ("the list is read", many)]:
        found = reads(pattern)
        check(f"{name}, and accepted", found and all(entry[0] == "GET" and entry[4] == 200 for entry in found), found)
        parameters = {parameter for entry in found for parameter, _ in entry[2]}
        check("  with parameters that are described", parameters <= named, parameters)
    searched = {parameter for entry in reads(many) for parameter, _ in entry[2]}
    check("  of which it uses the recipient and the size of a page", searched == {"To", "PageSize"}, searched)
    check("nothing else was asked", {entry[0] for entry in seen[asked:]} == {"GET"}, seen[asked:])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
