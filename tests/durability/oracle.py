"""The judge: compares what was acknowledged with what the application's own tables say.

    acknowledged exactly once     each acknowledged notification has one row in `effects`
    nothing else                  each row was acknowledged, unless the host itself asked for that status
    counted once                  `counter` has counted as many as there are rows
    in order                      rows of one message stand in the order of acknowledgement, where it is known
    nothing dead                  unless its worker was killed from outside three times; then it is shown, with no effect

It works on files, after the host has stopped.

A power cut is a time in between: what was answered before it must be there; what was posted before it and answered after
it may be there or not, because a machine without power answers nobody (an fsync that is under way when ext4 is shut down
can return success and keep nothing); what was posted after it must not have been acknowledged.
"""

import sqlite3
from dataclasses import dataclass, field

from load import ACKNOWLEDGED, UNCLEAR

# How many examples of one violation are printed.
EXAMPLES = 10


@dataclass
class Cut:
    """A power cut, in seconds of the monotonic clock."""

    began: float
    ended: float
    host_killed: float


@dataclass
class Verdict:
    """What was found."""

    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    dead: int = 0
    sent_twice: int = 0
    # Answered while the power went: may be there or not.
    between: int = 0
    violations: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)

    def violation(self, what, found):
        """Notes rows that may not be."""
        if found:
            self.violations.append(f"{len(found)} {what}")
            self.violations += [f"    {' '.join(map(str, row))}" for row in found[:EXAMPLES]]

    def add(self, what):
        self.violations.append(what)

    def print_violations(self):
        for line in self.violations:
            print(line)


def judge(host, logs, *, workers_killed=False, sends=False, cuts=()):
    """Compares; `logs` are the clients' files. Actions that send leave an effect behind also when they are given up."""
    verdict = Verdict()
    db = sqlite3.connect(f"file:{host.folder / 'oracle.db'}", uri=True, isolation_level=None)
    db.executescript(
        """PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;
           CREATE TABLE acknowledged (application TEXT, company TEXT, sid TEXT, status TEXT, step INTEGER,
                                      PRIMARY KEY (application, company, sid, status)) WITHOUT ROWID;
           CREATE TABLE unclear (application TEXT, company TEXT, sid TEXT, status TEXT);
           CREATE TABLE polled (application TEXT, company TEXT, sid TEXT, status TEXT,
                                PRIMARY KEY (application, company, sid, status)) WITHOUT ROWID;
           CREATE TABLE dead (application TEXT, company TEXT, sid TEXT, status TEXT, kills INTEGER);
           BEGIN"""
    )
    for log in logs:
        _read(db, log, cuts, verdict)
    db.execute("COMMIT")
    db.executemany(
        "INSERT INTO dead VALUES (?, ?, ?, ?, ?)",
        host.rows("SELECT app, company, message_sid, status, kills FROM notifications WHERE state = 'dead'"),
    )
    db.executemany(
        "INSERT OR IGNORE INTO polled VALUES (?, ?, ?, ?)",
        host.rows("SELECT app, company, message_sid, status FROM notifications WHERE source = 'poll'"),
    )
    verdict.acknowledged = db.execute("SELECT count(*) FROM acknowledged").fetchone()[0]
    for application in host.applications:
        db.execute("ATTACH ? AS app", [f"file:{host.application_db(application)}?mode=ro"])
        _judge_application(db, application, verdict, workers_killed, sends)
        db.execute("DETACH app")
    waiting = host.rows("SELECT app, company, message_sid, status FROM notifications WHERE state = 'waiting'")
    verdict.violation("still wait", waiting)
    db.close()
    return verdict


def _read(db, log, cuts, verdict):
    beyond = []
    with open(log, encoding="ascii") as lines:
        for line in lines:
            *key, step, posted, answered, outcome = line.rstrip("\n").split("\t")
            cut = next((cut for cut in cuts if cut.began < float(answered) < cut.host_killed), None)
            if outcome == ACKNOWLEDGED and cut is None:
                db.execute("INSERT OR IGNORE INTO acknowledged VALUES (?, ?, ?, ?, ?)", [*key, int(step)])
            elif outcome in (ACKNOWLEDGED, UNCLEAR):
                db.execute("INSERT INTO unclear VALUES (?, ?, ?, ?)", key)
                if cut and outcome == ACKNOWLEDGED:
                    verdict.between += 1
                    if float(posted) > cut.ended:
                        beyond.append(key)
            else:
                verdict.add(f"an answer that may not be, to {' '.join(key)}: {outcome}")
    verdict.violation("acknowledged after the power cut", beyond)


def _judge_application(db, application, verdict, workers_killed, sends):
    def rows(sql):
        return db.execute(sql, {"application": application}).fetchall()

    db.execute("DROP TABLE IF EXISTS temp.done")
    db.execute(
        """CREATE TEMP TABLE done AS SELECT company, sid, status, count(*) AS times, min(rowid) AS row
           FROM app.effects GROUP BY company, sid, status"""
    )
    db.execute("CREATE UNIQUE INDEX temp.done_key ON done(company, sid, status)")
    excused = (
        "AND NOT EXISTS (SELECT 1 FROM dead e WHERE (e.application, e.company, e.sid, e.status) "
        "= (a.application, a.company, a.sid, a.status) AND e.kills >= 3)"
        if workers_killed
        else ""
    )
    lost = rows(
        f"""SELECT a.application, a.company, a.sid, a.status FROM acknowledged a
            LEFT JOIN done d USING (company, sid, status)
            WHERE a.application = :application AND d.sid IS NULL {excused}"""
    )
    verdict.lost += len(lost)
    verdict.violation("acknowledged and LOST", lost)
    twice = rows("SELECT :application, company, sid, status, times || ' times' FROM done WHERE times > 1")
    verdict.twice += len(twice)
    verdict.violation("done TWICE", twice)
    verdict.violation("done and never acknowledged", rows(
        """SELECT :application, company, sid, status FROM done d WHERE NOT EXISTS
           (SELECT 1 FROM acknowledged a WHERE (a.application, a.company, a.sid, a.status)
             = (:application, d.company, d.sid, d.status)) AND NOT EXISTS
           (SELECT 1 FROM unclear u WHERE (u.application, u.company, u.sid, u.status)
             = (:application, d.company, d.sid, d.status)) AND NOT EXISTS
           (SELECT 1 FROM polled p WHERE (p.application, p.company, p.sid, p.status)
             = (:application, d.company, d.sid, d.status))"""
    ))
    verdict.violation("companies whose counter has counted wrongly", rows(
        """SELECT :application, c.company, c.n || ' counted', count(e.sid) || ' rows'
           FROM app.counter c LEFT JOIN app.effects e USING (company) GROUP BY c.company HAVING c.n <> count(e.sid)"""
    ))
    verdict.violation("out of ORDER", rows(
        """SELECT :application, company, sid, status, 'before an earlier one' FROM
           (SELECT d.*, a.step, max(a.step) OVER (PARTITION BY company, sid ORDER BY row) AS latest
            FROM done d JOIN acknowledged a USING (company, sid, status)
            LEFT JOIN polled p USING (application, company, sid, status)
            WHERE a.application = :application AND p.sid IS NULL)
           WHERE step < latest"""
    ))
    dead = rows("SELECT * FROM dead WHERE application = :application")
    verdict.dead += len(dead)
    verdict.violation("dead", [row for row in dead if not (workers_killed and row[-1] >= 3)])
    if not sends:
        verdict.violation("dead and done all the same", rows(
            "SELECT e.* FROM dead e JOIN done d USING (company, sid, status) WHERE e.application = :application"
        ))
