"""The judge of sends: compares what the stand-in for Twilio has accepted with what the host says of it.

    at most once         no text was accepted twice
    nothing forgotten    each accepted message is in the host's ledger, with its sid or shown as `unknown`
    no false word        what the ledger or the action calls failed was not accepted; what it calls sent was
    one outcome          each notification whose action ended well has recorded one outcome of its send
    nothing left open    no message stays `sending`
"""

import collections
import json
import sqlite3
import uuid

from stub import SIDS

# Sends, and in one of sixteen runs fails after it once: a retry must not send again. The attempts are counted by a
# statement that stays although the run fails.
ACTION = f"""
utils.executeSql("INSERT INTO effects(company, sid, status) VALUES (:COMPANY_ID, :MESSAGE_SID, :MESSAGE_STATUS)", null, false, true);
utils.executeSql("UPDATE counter SET n = n + 1 WHERE company = :COMPANY_ID", null, false, true);
if (vo.MessageSid.startsWith("{SIDS}")) return "a message of this application's own";
const body = `${{companyId}} ${{vo.MessageSid}} ${{vo.MessageStatus}}`;
const outcome = utils.whatsapp.send({{ to: vo.To, body }});
utils.executeSql("INSERT INTO sends(body, sid, status) VALUES (?, ?, ?)", null, false, true, body, outcome.sid, outcome.status);
utils.executeSql("INSERT INTO attempts(body) VALUES (?)", null, true, true, body);
const [{{ n }}] = JSON.parse(utils.executeQuery("SELECT count(*) AS n FROM attempts WHERE body = ?", null, body));
if (n === 1 && vo.MessageSid.endsWith("f")) throw new Error("the first attempt fails after its send");
"""

# Repeats a send whose outcome is unknown, which the host never does.
CARELESS_ACTION = ACTION.replace(
    "const outcome = utils.whatsapp.send({ to: vo.To, body });",
    "let outcome; do outcome = utils.whatsapp.send({ to: vo.To, body }); while (outcome.status === \"unknown\");",
)


def judge(host, twilio, verdict, cuts=()):
    """Adds violations and figures to the verdict. Messages that left while the power went do not count: a machine without
    power sends nothing, and what its disk said in that moment is no word of honour (see `oracle`)."""
    application = host.applications[0]
    accepted = [
        message for message in twilio.accepted
        if not any(cut.began < message.accepted < cut.host_killed for cut in cuts)
    ]
    while_cut = {message.body for message in twilio.accepted} - {message.body for message in accepted}
    bodies = collections.Counter(message.body for message in accepted)
    verdict.violation("SENT TWICE", [(body, f"{times} times") for body, times in bodies.items() if times > 1])
    verdict.sent_twice = sum(times - 1 for times in bodies.values())

    ledger = {
        uuid.UUID(bytes=row[0]): row[1:]
        for row in host.rows("SELECT id, sid, status, error_code FROM messages")
    }
    known = {message.host_id: message for message in accepted}
    ever = {message.host_id for message in twilio.accepted}
    verdict.violation("accepted and not in the LEDGER", [
        (message.body, message.sid) for message in accepted if message.host_id not in ledger
    ])
    verdict.violation("accepted and called something else by the ledger", [
        (message.body, message.sid, message.fault, *ledger[identity])
        for identity, message in known.items()
        if identity in ledger and not (ledger[identity][0] == message.sid
                                       or ledger[identity][0] is None and ledger[identity][1] == "unknown")
    ])
    verdict.violation("sent in the ledger and never accepted", [
        (identity, *row) for identity, row in ledger.items()
        if row[0] and identity not in ever
    ])
    verdict.violation("still open in the ledger", [
        (identity, *row) for identity, row in ledger.items() if row[1] == "sending"
    ])
    in_doubt = [identity for identity, row in ledger.items() if row[1] == "unknown"]
    shown = host.command("messages", "list", "--status", "unknown", "--limit", "10000", "--json").splitlines()
    if {uuid.UUID(json.loads(line)["id"]) for line in shown} != set(in_doubt):
        verdict.add(f"{len(in_doubt)} in doubt, and `messages list` shows {len(shown)}")

    app = sqlite3.connect(f"file:{host.application_db(application)}?mode=ro", uri=True)
    outcomes = app.execute("SELECT body, sid, status, count(*) FROM sends GROUP BY body").fetchall()
    verdict.violation("outcomes recorded twice", [row for row in outcomes if row[3] > 1])
    by_body = {message.body: message for message in twilio.accepted}
    verdict.violation("outcomes that are not true", [
        row for row in outcomes
        if row[0] not in while_cut
        and (row[1] and (row[0] not in by_body or by_body[row[0]].sid != row[1])
             or row[2] == "failed" and row[0] in by_body)
    ])
    dead = host.rows("SELECT count(*) FROM notifications WHERE state = 'dead'")[0][0]
    without = app.execute(
        f"""SELECT company, sid, status FROM effects WHERE sid NOT LIKE '{SIDS}%'
            AND company || ' ' || sid || ' ' || status NOT IN (SELECT body FROM sends)"""
    ).fetchall()
    app.close()
    if len(without) > dead:  # a run that was given up after its send has recorded no outcome
        verdict.violation("without an outcome", without)

    told_unknown = {row[0] for row in outcomes if row[2] == "unknown"}
    lost = [
        message for message in accepted
        if (message.answer_was_lost or message.body in told_unknown) and ledger.get(message.host_id, [None])[0]
    ]
    by_callback = sum(bool(message.reported) for message in lost)
    verdict.figures = {
        "messages accepted": len(accepted), **({"and while the power went": len(while_cut)} if cuts else {}),
        "sent twice": verdict.sent_twice,
        "refused or not sent": sum(row[2] == "failed" for row in outcomes),
        "doubts resolved by callback": by_callback,
        "doubts resolved by list": len(lost) - by_callback,
        "doubts shown": len(in_doubt),
        "of these accepted": sum(identity in known for identity in in_doubt),
        "requests": dict(sorted(twilio.drawn.items())),
    }
