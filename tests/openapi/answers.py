#!/usr/bin/env python3
"""Validates the simulator's answers against Twilio's own description of its API.

    pip install jsonschema
    npm pack @twilio/cli-core@9.0.0
    python3 tests/openapi/answers.py PROGRAM twilio-cli-core-9.0.0.tgz

Starts the simulator, asks it everything that the description says of messages and their media, and holds every answer
against the schema of its status: types, patterns, enumerations, dates; and every field that the description names is
there, and no other. Of errors the description says nothing; Twilio's documentation does, and they are held against that
(https://www.twilio.com/docs/usage/twilios-response). prism.py does the same for the host's requests.

Prints one line for each answer; the exit status is 0 if all passed, 1 if not.
"""

import base64
import email.utils
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse

import jsonschema

ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "simulator-auth-token"
FROM = "whatsapp:+14155238886"
TO = "whatsapp:+393331234567"
SERVICE = "MG" + "0" * 31 + "1"
TEMPLATE = "HX" + "0" * 31 + "1"
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages"
ACCOUNT_PATH = "/2010-04-01/Accounts/{Sid}.json"
SENDERS_PATH = "/v2/Channels/Senders"
SERVICE_PATH = "/v1/Services/{Sid}"
DESCRIBED = [f"package/src/services/twilio-api/twilio_{api}.json" for api in ("api_v2010", "messaging_v1", "messaging_v2")]
ERROR = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string", "minLength": 1},
        "more_info": {"type": "string", "pattern": "^https://www\\.twilio\\.com/docs/errors/[0-9]+$"},
        "status": {"type": "integer"},
    },
}
# How long the slowest of machines may take for a start.
PATIENCE = 60

failures = 0


def check(name, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed else f': {detail}'}")


class Description:
    """What Twilio says that it answers."""

    def __init__(self, source):
        if source.suffix == ".tgz":
            with tarfile.open(source) as archive:
                self.apis = [json.load(archive.extractfile(name)) for name in DESCRIBED]
        else:
            self.apis = [json.loads(source.read_text())]

    def api(self, path):
        """The description that has a path."""
        for api in self.apis:
            if path in api["paths"]:
                return api
        raise KeyError(path)

    def schema(self, path, method, status):
        """The schema of an answer; None where it has no body. KeyError where none is described."""
        api = self.api(path)
        content = api["paths"][path][method.lower()]["responses"][str(status)].get("content")
        return content and self.strict(content["application/json"]["schema"], api["components"]["schemas"])

    def strict(self, schema, named):
        """As JSON Schema has it, without what OpenAPI 3.0 does its own way; and with every field, and no other."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            return self.strict(named[name], named)
        kept = {key: schema[key] for key in ("type", "pattern", "minLength", "maxLength", "enum") if key in schema}
        if "properties" in schema:
            kept["properties"] = {name: self.strict(member, named) for name, member in schema["properties"].items()}
            kept["required"] = list(schema["properties"])
            kept["additionalProperties"] = False
        if "items" in schema:
            kept["items"] = self.strict(schema["items"], named)
        if schema.get("format") == "date-time-rfc-2822":
            kept["format"] = "date-time-rfc-2822"
        return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept


def formats():
    checker = jsonschema.FormatChecker(formats=())

    @checker.checks("date-time-rfc-2822", raises=ValueError)
    def is_date(text):
        return not isinstance(text, str) or email.utils.parsedate_to_datetime(text).tzinfo is not None

    return checker


class Simulator:
    def __init__(self, program, description, folder):
        self.description = description
        self.formats = formats()
        params = folder / "app-params.toml"
        params.write_text(f"""
            [applications.demo.WHATSAPP]
            environment = "simulator"
            account_id = "{ACCOUNT}"
            auth_key = "{TOKEN}"
            from_phone_number = "{FROM.removeprefix("whatsapp:")}"
            messaging_service_id = "{SERVICE}"
            [applications.demo.templates.hello]
            content_sid = "{TEMPLATE}"
            text = "Ciao {{{{1}}}}"
        """)
        self.process = subprocess.Popen(
            [program, "simulator", "--params", params, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        deadline = time.monotonic() + PATIENCE
        found = None
        for line in self.process.stdout:
            found = re.match(r"simulator +http://(\S+)", line)
            if found or time.monotonic() > deadline:
                break
        if not found:
            sys.exit("the simulator did not start")
        self.host = found[1]

    def ask(self, method, target, body=None, key=TOKEN, content_type="application/x-www-form-urlencoded"):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        credentials = base64.b64encode(f"{ACCOUNT}:{key}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": content_type}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def validated(self, name, method, path, status, form=None, query="", key=TOKEN, **sids):
        """Asks, and holds the answer against what is described for its path and status."""
        target = path.format(AccountSid=ACCOUNT, **sids) + query
        body = None if form is None else urllib.parse.urlencode(form, doseq=True)
        told, headers, answer = self.ask(method, target, body, key)
        problems = [] if told == status else [f"the status is {told}: {answer.decode()}"]
        if "Twilio-Request-Id" not in {header.title() for header in headers}:
            problems.append("Twilio-Request-Id is missing")
        schema = {**ERROR, "required": list(ERROR["properties"])}
        if told < 400:
            try:
                schema = self.description.schema(path, method, told)
            except KeyError:
                problems.append(f"{method} {path} with {told} is not described")
        if schema is None:
            problems += ["there is a body"] if answer else []
            value = None
        else:
            value = json.loads(answer)
            validator = jsonschema.Draft202012Validator(schema, format_checker=self.formats)
            problems += [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        check(f"{method} {path.removeprefix('/2010-04-01/Accounts/{AccountSid}/')}: {name}", not problems, problems)
        return value

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def controls(description):
    """The check finds what is wrong, or it would prove nothing."""
    schema = description.schema(f"{MESSAGES}/{{Sid}}.json", "GET", 200)
    example = next(iter(description.apis[0]["paths"][f"{MESSAGES}/{{Sid}}.json"]["get"]["responses"]["200"]["content"][
        "application/json"]["examples"].values()))["value"]
    validator = jsonschema.Draft202012Validator(schema, format_checker=formats())
    check("control: Twilio's own example is valid", validator.is_valid(example), list(validator.iter_errors(example)))
    for field, wrong in [("sid", "SM1"), ("status", "on its way"), ("error_code", "30007"), ("num_media", 0),
                         ("date_sent", "yesterday"), ("direction", "out"), ("color", "red")]:
        check(f"control: a wrong {field} is found", not validator.is_valid({**example, field: wrong}))
    check("control: a missing field is found", not validator.is_valid({k: v for k, v in example.items() if k != "to"}))


def drive(simulator):
    validated = simulator.validated
    text = {"To": TO, "From": FROM, "Body": "Ciao + è 😀"}

    def create(name, **more):
        return validated(name, "POST", f"{MESSAGES}.json", 201, {**text, **more})

    created = create("a text")
    media = create("media", MediaUrl=["https://shop.example/a.png", "https://shop.example/b.pdf"])
    create("a template", ContentSid=TEMPLATE, ContentVariables='{"1":"Ada"}')
    create("a messaging service", From="", MessagingServiceSid=SERVICE)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    later = create("a scheduled message", From="", MessagingServiceSid=SERVICE, ScheduleType="fixed", SendAt=moment)
    failing = create("one that fails", To="whatsapp:+393990363016")

    incoming = {"account_sid": ACCOUNT, "from": TO, "to": FROM, "body": "Ecco", "url": f"http://{simulator.host}/nobody",
                "media": [{"content_type": "image/png", "base64": base64.b64encode(b"picture").decode()}]}
    status, _, answer = simulator.ask("POST", "/simulator/incoming", json.dumps(incoming), content_type="application/json")
    check("a message comes in", status == 201, answer)
    came = json.loads(answer)["sid"]

    one = f"{MESSAGES}/{{Sid}}.json"
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        _, _, answer = simulator.ask("GET", one.format(AccountSid=ACCOUNT, Sid=failing["sid"]))
        if json.loads(answer)["status"] == "failed":
            break
        time.sleep(0.02)
    for name, sid in [("a text", created["sid"]), ("one that failed", failing["sid"]), ("one that came in", came)]:
        validated(name, "GET", one, 200, Sid=sid)

    page = validated("all", "GET", f"{MESSAGES}.json", 200)
    check("  all are there", len(page["messages"]) == 7, len(page["messages"]))
    page = validated("a page", "GET", f"{MESSAGES}.json", 200, query="?PageSize=3")
    while page and page["next_page_uri"]:
        query = "?" + page["next_page_uri"].partition("?")[2]
        page = validated("the page after", "GET", f"{MESSAGES}.json", 200, query=query)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for query in (f"?To={urllib.parse.quote(TO)}", "?From=nobody", f"?DateSent={today}", f"?DateSent%3E={today}",
                  f"?DateSent%3C={today}", "?Page=7"):
        validated(f"those of {query}", "GET", f"{MESSAGES}.json", 200, query=query)

    validated("called off", "POST", one, 200, {"Status": "canceled"}, Sid=later["sid"])
    validated("redacted", "POST", one, 200, {"Body": ""}, Sid=created["sid"])
    listed, medium = f"{MESSAGES}/{{MessageSid}}/Media.json", f"{MESSAGES}/{{MessageSid}}/Media/{{Sid}}.json"
    for name, sid in [("those that went out", media["sid"]), ("those that came in", came), ("none", created["sid"])]:
        found = validated(name, "GET", listed, 200, MessageSid=sid)
        for resource in found["media_list"]:
            validated("a medium", "GET", medium, 200, MessageSid=sid, Sid=resource["sid"])
    validated("a page of one", "GET", listed, 200, query="?PageSize=1", MessageSid=media["sid"])
    validated("a medium", "DELETE", medium, 204, MessageSid=media["sid"], Sid=first_medium(simulator, media))
    validated("a message", "DELETE", one, 204, Sid=created["sid"])

    validated("the account", "GET", ACCOUNT_PATH, 200, Sid=ACCOUNT)
    validated("a wrong key", "GET", ACCOUNT_PATH, 401, Sid=ACCOUNT, key="wrong")
    validated("its senders", "GET", SENDERS_PATH, 200, query="?Channel=whatsapp")
    validated("no senders", "GET", SENDERS_PATH, 200, query="?Channel=rcs")
    validated("no channel", "GET", SENDERS_PATH, 400)
    validated("a service", "GET", SERVICE_PATH, 200, Sid=SERVICE)

    validated("what is gone", "GET", one, 404, Sid=created["sid"])
    validated("what cannot be called off", "POST", one, 409, {"Status": "canceled"}, Sid=later["sid"])
    validated("without a recipient", "POST", f"{MESSAGES}.json", 400, {"From": FROM, "Body": "a"})
    validated("a wrong key", "POST", f"{MESSAGES}.json", 401, text, key="wrong")
    validated("too much at once", "POST", f"{MESSAGES}.json", 429, {**text, "To": "whatsapp:+393990120429"})
    validated("a method that is not there", "DELETE", f"{MESSAGES}.json", 405)
    validated("a medium that is not there", "GET", medium, 404, MessageSid=came, Sid="ME" + "0" * 32)


def first_medium(simulator, message):
    _, _, answer = simulator.ask("GET", message["subresource_uris"]["media"])
    return json.loads(answer)["media_list"][0]["sid"]


def main(program, source):
    description = Description(pathlib.Path(source))
    controls(description)
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator(program, description, pathlib.Path(folder))
        try:
            drive(simulator)
        finally:
            simulator.stop()
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
