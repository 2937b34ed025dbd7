//! Dates are what Node.js makes of them, in each time zone: `tests/data/dates/` holds its answers.

use std::collections::BTreeMap;

use boatswain::base::TimeZone;
use boatswain::script::Worker;
use boatswain::script::protocol::{Returned, Start, ToWorker, Vo};
use serde_json::Value;

use crate::bench::{Bench, value};
use crate::support::{command, listen, run, start};

const TEXTS: &str = include_str!("../data/dates/texts.tsv");
const CLOCKS: &str = include_str!("../data/dates/clocks.tsv");

/// The rows of a file, by their zones; without the zone.
fn rows(file: &str) -> BTreeMap<String, Vec<Vec<Value>>> {
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for line in file.lines() {
        let mut cells = line.split('\t').map(|cell| serde_json::from_str::<Value>(cell).expect("JSON"));
        let zone = cells.next().and_then(|zone| zone.as_str().map(str::to_owned)).expect("a zone");
        rows.entry(zone).or_default().push(cells.collect());
    }
    rows
}

/// What `action` returns for `vo`, in a time zone.
fn returned(action: &str, vo: &Value, zone: &str) -> Value {
    let mut start: Start = start(&[("x.js", action)]);
    start.limits.cpu_ms = 10_000;
    start.time_zone = TimeZone::parse(zone).expect("a zone");
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    let mut request = run(1, "x");
    request.vo = Vo::Json(vo.to_string());
    worker.queue(&ToWorker::Run(request)).expect("short");
    match listen(&mut worker).ended.expect("alive").result {
        Ok(Returned::Json(json)) => serde_json::from_str(&json).expect("JSON"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_the_moment_that_node_reads_in_it() {
    // Where a text means the same in every zone, it stands in the file once, for UTC.
    let rows = rows(TEXTS);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for zone in ["UTC", "Europe/Rome", "America/New_York", "Australia/Lord_Howe"] {
        let mut expected: BTreeMap<&str, &Value> = BTreeMap::new();
        for row in rows["UTC"].iter().chain(rows.get(zone).into_iter().flatten()) {
            expected.insert(row[0].as_str().expect("a text"), &row[1]);
        }
        let action = "return vo.map((text) => [text, Date.parse(text), new Date(text).getTime()])";
        let read = returned(action, &Value::from(expected.keys().copied().collect::<Vec<_>>()), zone);
        for row in read.as_array().expect("a list") {
            let text = row[0].as_str().expect("a text");
            compared += 1;
            if row[1] != *expected[text] || row[2] != *expected[text] {
                wrong.push(format!("{zone} {text:?}: {} {}, in Node {}", row[1], row[2], expected[text]));
            }
        }
    }
    assert!(compared > 4 * 150, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn local_time_is_node_s_beside_every_change_of_the_clocks() {
    let action = "
        return vo.map((time) => {
          const date = new Date(time);
          const shown = new Date(time - date.getTimezoneOffset() * 60_000);
          const parts = [shown.getUTCFullYear(), shown.getUTCMonth(), shown.getUTCDate(), shown.getUTCHours(), shown.getUTCMinutes(),
            shown.getUTCSeconds(), shown.getUTCMilliseconds()];
          const after = (change) => { const changed = new Date(time); change(changed); return changed.getTime() };
          return [time, date.toString(), date.toTimeString(), date.getTimezoneOffset(), date.getHours(), date.getDay(),
            new Date(...parts).getTime(), new Date(...parts.with(3, parts[3] + 1)).getTime(),
            after((d) => d.setHours(2, 30)), after((d) => d.setMinutes(45, 1)), after((d) => d.setSeconds(3, 4)),
            after((d) => d.setMilliseconds(5)), after((d) => d.setDate(1)), after((d) => d.setMonth(2, 29)),
            after((d) => d.setFullYear(2027, 9, 31)), after((d) => d.setYear(99)), after((d) => d.setHours(NaN))]
        })";
    let mut compared = 0;
    for (zone, rows) in rows(CLOCKS) {
        let times: Vec<Value> = rows.iter().map(|row| row[0].clone()).collect();
        let computed = returned(action, &Value::from(times), &zone);
        for (computed, expected) in computed.as_array().expect("a list").iter().zip(&rows) {
            assert_eq!(computed.as_array(), Some(expected), "{zone} {}", expected[1]);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn temporal_and_the_constructor_are_in_the_applications_zone() {
    let action = "
        class Appointment extends Date { day() { return this.getDate() } }
        const date = new Appointment(2026, 10, 28, 0, 30);
        return [Temporal.Now.timeZoneId(), Temporal.Now.plainDateTimeISO().toString(), Temporal.Now.plainTimeISO('UTC').toString(),
          Temporal.Now.zonedDateTimeISO().offset, Temporal.Now.plainDateISO().toString(), date.day(), date.toISOString(),
          date instanceof Date, date.constructor === Appointment, new Date(0).constructor === Date, Date.name, Date.length,
          Date() === new Date().toString(), typeof Date(), new Date(date).getTime() === date.getTime(), Object.isFrozen(Date),
          new Date(2026, 10).toISOString(), new Date(NaN).toString(), `${new Date('x')}`, JSON.stringify(new Date(2026, 0, 1)),
          date.toLocaleString(), date.toLocaleDateString('it-IT'), date.toLocaleTimeString(undefined, { timeZone: 'Asia/Tokyo' }),
          Object.keys(Date), new Date('2026-11-28 20:00') - new Date(2026, 10, 28, 20)]";
    let expected = serde_json::json!([
        "Europe/Rome",
        "2023-11-14T23:13:20",
        "22:13:20",
        "+01:00",
        "2023-11-14",
        28,
        "2026-11-27T23:30:00.000Z",
        true,
        true,
        true,
        "Date",
        7,
        true,
        "string",
        true,
        true,
        "2026-10-31T23:00:00.000Z",
        "Invalid Date",
        "Invalid Date",
        "\"2025-12-31T23:00:00.000Z\"",
        "2026-11-28 00:30:00",
        "2026-11-28",
        "08:30:00",
        [],
        0
    ]);
    assert_eq!(returned(action, &Value::Null, "Europe/Rome"), expected);
}

#[test]
fn the_parameters_time_zone_is_the_scripts() {
    let script =
        "return [Temporal.Now.timeZoneId(), new Date(0).getHours(), new Date(2026, 6, 1).toISOString()]";
    let more = "[applications.app]\ntime_zone = \"europe/rome\"\n";
    let bench = Bench::with("cpu_ms = 5000", more, &[("zone", script)]);
    let expected = serde_json::json!(["Europe/Rome", 1, "2026-06-30T22:00:00.000Z"]);
    assert_eq!(value(&bench.run("zone", serde_json::json!({}))), expected);
    bench.stop();
}
