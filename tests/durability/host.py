"""The program under test: its folder, its process, and what its databases say.

Databases are only read, and only with SQLite's own rules; what is promised is never taken from the host's own words
where the application's table can be asked instead.
"""

import collections
import multiprocessing
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from twilio import ACCOUNT, PUBLIC_URL, SENDER, TOKEN

COMPANIES = ("ACME", "BETA", "NODEFINED")
# How long a start or a stop may take.
PATIENCE = 60

# No UNIQUE anywhere: what is done twice must show.
MIGRATION = """
CREATE TABLE effects (company TEXT, sid TEXT, status TEXT);
CREATE TABLE counter (company TEXT, n INTEGER);
INSERT INTO counter VALUES ('ACME', 0), ('BETA', 0), ('NODEFINED', 0);
CREATE TABLE sends (body TEXT, sid TEXT, status TEXT);
CREATE TABLE attempts (body TEXT);
"""

# One row and one count for each notification.
EFFECT = """
utils.executeSql("INSERT INTO effects(company, sid, status) VALUES (:COMPANY_ID, :MESSAGE_SID, :MESSAGE_STATUS)", null, false, true);
utils.executeSql("UPDATE counter SET n = n + 1 WHERE company = :COMPANY_ID", null, false, true);
"""

# The same with statements that stay although their run fails, in runs some of which fail at first: repeated in the retry.
CARELESS_EFFECT = EFFECT.replace("null, false, true", "null, true, true") + """
if (vo.MessageSid.endsWith("f")) {
  const body = `${companyId} ${vo.MessageSid} ${vo.MessageStatus}`;
  utils.executeSql("INSERT INTO attempts(body) VALUES (?)", null, true, true, body);
  const [{ n }] = JSON.parse(utils.executeQuery("SELECT count(*) AS n FROM attempts WHERE body = ?", null, body));
  if (n === 1) throw new Error("the first attempt fails");
}
"""


class HostFailed(Exception):
    """The host did not start, died by itself, or did not stop."""


class Host:
    """A folder with applications, and the process that serves it."""

    def __init__(self, binary, *, action=EFFECT, applications=("first", "second"), whatsapp="", limits="", data=None,
                 environment=None):
        self.binary = pathlib.Path(binary).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="boatswain-durability-"))
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.applications = applications
        self.environment = environment or {}
        self.process = None
        self.starts = 0
        self._said = collections.deque(maxlen=100)
        self._started = threading.Event()
        # Where it listens, for the clients' processes too; 0 while it is down.
        self.port = multiprocessing.Value("i", 0)
        params = f'[host]\npublic_url = "{PUBLIC_URL}"\n'
        for application in applications:
            params += f"""
[applications.{application}.WHATSAPP]
environment = "production"
account_id = "{ACCOUNT}"
auth_key = "{TOKEN}"
from_phone_number = "{SENDER}"
whatsapp_callback = "onStatus"
{whatsapp}
[applications.{application}.limits]
messages_per_minute = 1000000
{limits}
"""
            scripts = self.folder / "scripts" / application
            (scripts / "migrations").mkdir(parents=True)
            (scripts / "onStatus.js").write_text(action)
            (scripts / "migrations" / "001.sql").write_text(MIGRATION)
        (self.folder / "app-params.toml").write_text(params)

    def start(self, wait=True):
        """Starts the process; with `wait`, until it is ready."""
        self.starts += 1
        self._started = threading.Event()
        # Opened anew for each start: what was said last stays readable after a kill.
        with open(self.folder / "host.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--listen", "127.0.0.1:0", "--data", self.data],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )
        threading.Thread(target=self._listen, args=(self.process, self._started), daemon=True).start()
        if wait:
            self.wait_until_ready()

    def _listen(self, process, started):
        """Reads the banner of one start; the port is known once it is ready."""
        port = 0
        with process.stdout:
            for line in process.stdout:
                words = line.decode(errors="replace").split()
                self._said.append(" ".join(words))
                if words[:1] == ["listening"]:
                    port = int(words[-1].rsplit(":", 1)[1])
                elif words == ["ready"]:
                    self.port.value = port
                    started.set()
        if process is self.process:
            self.port.value = 0

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while not self._started.wait(0.05):
            if self.process.poll() is not None:
                raise HostFailed(f"the host ended with {self.process.returncode} while starting: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise HostFailed(f"the host was not ready within {PATIENCE} s: {self.log_tail()}")

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def workers(self):
        """The process ids of its children."""
        children = []
        for thread in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            try:
                children += map(int, thread.read_text().split())
            except OSError:
                pass  # the thread has just ended
        return children

    def kill(self):
        """SIGKILL. Gives the workers that are still there 5 s later: there must be none."""
        workers = self.workers()
        self.port.value = 0
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + 5
        while (left := [pid for pid in workers if _runs(pid)]) and time.monotonic() < deadline:
            time.sleep(0.01)
        return left

    def kill_worker(self, random):
        """SIGKILL for one worker; False when there is none."""
        workers = self.workers()
        if not workers:
            return False
        try:
            os.kill(random.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def stop(self):
        """SIGTERM: it must end by itself, with status 0."""
        self.port.value = 0
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise HostFailed(f"the host did not stop within {PATIENCE} s: {self.log_tail()}") from None
        if status != 0:
            raise HostFailed(f"the host stopped with status {status}: {self.log_tail()}")

    def log_tail(self):
        said = (self.folder / "host.log").read_text(errors="replace").splitlines()
        return "\n".join([*self._said, *said[-20:]])

    def command(self, *arguments):
        """Runs another command of the program beside the host; gives its stdout."""
        done = subprocess.run(
            [self.binary, *arguments, "--data", self.data], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )
        if done.returncode != 0:
            raise HostFailed(f"`{' '.join(arguments)}` ended with {done.returncode}: {done.stderr}")
        return done.stdout

    @property
    def ledger(self):
        return self.data / "host.db"

    def application_db(self, application):
        return self.data / "apps" / f"{application}.db"

    def rows(self, sql):
        """Rows of `host.db`."""
        connection = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def waiting(self):
        """How many notifications have not come to their end."""
        # Asked often, and under load: each half has a partial index.
        half = "SELECT count(*) FROM notifications WHERE state = 'waiting' AND next_attempt_at IS"
        return self.rows(f"SELECT ({half} NULL) + ({half} NOT NULL)")[0][0]

    def until(self, happened, seconds):
        """Waits for something that must come while the host is up; whether it came in time."""
        deadline = time.monotonic() + seconds
        while not happened():
            if not self.is_alive():
                raise HostFailed(f"the host died by itself: {self.log_tail()}")
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def drain(self, seconds):
        """Waits until nothing waits, or the time is over: then the judge will find what still does."""
        self.until(lambda: self.waiting() == 0, seconds)

    def end(self):
        """Ends the process, if it is there."""
        if self.is_alive():
            self.kill()

    def remove(self):
        """Ends the process and deletes the folder."""
        self.end()
        shutil.rmtree(self.folder)


def clean_up_when_terminated():
    """Lets `finally` run when somebody ends this process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _runs(pid):
    """Whether a process runs; one that is dead and not yet reaped by its parent does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
