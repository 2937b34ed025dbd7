#!/usr/bin/env python3
"""Compares the program's signed URLs with those of Google's own Python library.

    pip install google-cloud-storage
    python3 tests/python/google_signed_urls.py PROGRAM

An action of an application in a temporary folder asks `utils.getSignedUrl` for URLs of objects with difficult names.
Each says when it was signed; the library signs the same object with the same key for the same lifetime at that moment,
and the two URLs must be equal, byte for byte: RSA signatures of this kind hold nothing random. The lifetimes are the
shortest and the longest that the parameters allow, 1 minute and 7 days, and the default.

Prints one line for each check; the exit status is 0 if all passed, 1 if not, and 77 where the library is missing. Uses
no network.
"""

import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest.mock
import urllib.parse

try:
    import google.cloud.storage
    from google.oauth2 import service_account
except ImportError as error:
    print(f"the Python package google-cloud-storage is missing: {error}")
    sys.exit(77)

KEY = pathlib.Path(__file__).parent.parent / "data" / "test_only_service_account.json"
GOOGLE = "https://storage.googleapis.com"

# Application, minutes, endpoint.
APPLICATIONS = [
    ("minute", 1, GOOGLE),
    ("hour", 60, GOOGLE),
    ("week", 7 * 24 * 60, GOOGLE),
    ("elsewhere", 60, "https://storage.example.com"),
    ("emulator", 60, "http://127.0.0.1:9023"),
]
BUCKETS = ["my-bucket", "b_1.example.com"]
OBJECTS = [
    "a",
    "a/b/c.png",
    "/a",
    "a/",
    "a//b",
    "...",
    "..a/b..",
    ".hidden",
    "Buon giorno.png",
    "  two  spaces  ",
    "perché/è così.pdf",
    "e\u0301 is not \u00e9",
    "日本語/写真.jpg",
    "😀/👩‍👩‍👧.webp",
    "עברית ‏.txt",
    "a+b&c=d",
    "a+b c%2Bd%20e",
    "~user/~",
    "#1",
    "a?b=c&d#e",
    "100%",
    "%",
    "%2e%2e/a",
    "%2F",
    "it's \"quoted\" `here`",
    "a\\..\\b",
    "[1] {2} (3) <4> |5| ^6^",
    "a;b:c,d@e!f$g*h",
    "X-Goog-Signature=00&X-Goog-Expires=1",
    "http://example.com/a?b",
    "a\u00a0b\u2028c",
    "n" * 1024,
    "è" * 512,
    *(f"a{chr(code)}z" for code in range(0x20, 0x7F)),
]
ACTION = """
return vo.names.map(([bucket, object]) => {
  try { return utils.getSignedUrl(bucket, object); } catch (error) { return `${error.code}: ${error.message}`; }
});
"""

failures = 0


def check(name, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {name}{'' if passed else f': {detail}'}")


def random_names(number):
    """Names of characters from all over Unicode, the same in every run."""
    dice = random.Random(1)
    ranges = [(0x21, 0x7E), (0xA1, 0x24F), (0x370, 0x52F), (0x4E00, 0x9FFF), (0x1F300, 0x1F64F)]
    for _ in range(number):
        parts = ["".join(chr(dice.randint(*dice.choice(ranges))) for _ in range(dice.randint(1, 12))) for _ in range(3)]
        if not any(part in (".", "..") for part in "/".join(parts).split("/")):
            yield "/".join(parts)


def folder_of(parent):
    """The parameters and the action of each application."""
    params = ""
    for name, minutes, endpoint in APPLICATIONS:
        params += f"""
[applications.{name}.WHATSAPP]
environment = "simulator"
[applications.{name}.GOOGLE_CLOUD_STORAGE]
credentials_file = "key.json"
signed_url_minutes = {minutes}
endpoint = "{endpoint}"
"""
        scripts = parent / "scripts" / name
        scripts.mkdir(parents=True)
        (scripts / "urls.js").write_text(ACTION)
    (parent / "app-params.toml").write_text(params)
    (parent / "key.json").write_bytes(KEY.read_bytes())
    (parent / "key.json").chmod(0o600)
    return parent


def of_the_program(program, folder, application, names):
    """What `getSignedUrl` returns for each bucket and object."""
    done = subprocess.run(
        [program, "run", f"{application}/urls", "--vo", "-"],
        input=json.dumps({"names": names}).encode(), cwd=folder, capture_output=True, timeout=60, check=False,
    )
    if done.returncode != 0:
        sys.exit(f"error: `run` ended with {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def of_the_library(client, bucket, name, minutes, endpoint, moment):
    """The URL that Google's library makes at a moment."""
    # Of an endpoint with a port this library signs the port too. Google's conformance vectors leave it out ("Simple GET
    # with non-default hostname"), and so does Google's Rust library.
    parts = urllib.parse.urlsplit(endpoint)
    headers = {"Host": parts.hostname} if parts.port else None
    with unittest.mock.patch("google.cloud.storage._signing._NOW", lambda *_: moment):
        return client.bucket(bucket).blob(name).generate_signed_url(
            version="v4", method="GET", expiration=datetime.timedelta(minutes=minutes), api_access_endpoint=endpoint,
            headers=headers,
        )


def signed_at(url):
    """The moment that a signed URL names."""
    date = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["X-Goog-Date"][0]
    return datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def main(program):
    program = pathlib.Path(program).resolve()
    credentials = service_account.Credentials.from_service_account_info(json.loads(KEY.read_text()))
    client = google.cloud.storage.Client(project="test-only", credentials=credentials)
    names = [[bucket, name] for bucket in BUCKETS for name in OBJECTS]
    names += [["my-bucket", name] for name in random_names(200)]
    print(f"google-cloud-storage {google.cloud.storage.__version__}, {len(names)} objects")
    with tempfile.TemporaryDirectory(prefix="boatswain-signed-") as parent:
        folder = folder_of(pathlib.Path(parent))
        for application, minutes, endpoint in APPLICATIONS:
            urls = of_the_program(program, folder, application, names)
            check(f"{application}: a URL for each object", len(urls) == len(names), len(urls))
            equal = 0
            for (bucket, name), url in zip(names, urls):
                expected = "no signed URL"
                if url.startswith(endpoint):
                    expected = of_the_library(client, bucket, name, minutes, endpoint, signed_at(url))
                equal += url == expected
                if url != expected:
                    check(f"{application}: {bucket}, {name!r}", False, f"\n  ours    {url}\n  library {expected}")
            check(f"{application}: {equal} URLs of {minutes} min at {endpoint} equal the library's", equal == len(names))
        # The comparison itself: it must tell URLs apart that differ in anything that is signed.
        url, moment = urls[0], signed_at(urls[0])
        second = datetime.timedelta(seconds=1)
        others = {
            "moment": of_the_library(client, *names[0], minutes, endpoint, moment + second),
            "lifetime": of_the_library(client, *names[0], minutes + 1, endpoint, moment),
            "object": of_the_library(client, names[0][0], "b", minutes, endpoint, moment),
        }
        for what, other in others.items():
            check(f"another {what} is another signature", other[-512:] != url[-512:], other)
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
