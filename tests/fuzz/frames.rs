//! Frames between host and worker: what was written is read back, anything else is refused, and neither takes more memory
//! than it is worth. A worker in which an attacker has taken over says what it likes.

use boatswain::base::{Seed, TimeZone};
use boatswain::script::confine::{Confinement, Layer};
use boatswain::script::frame::{Decoder, encode};
use boatswain::script::protocol::{
    Answer, AsyncExport, Bundle, CallShape, Cause, Ended, ErrorKind, Failure, Finding, Frame, FromWorker,
    FunctionSpec, Imported, Linted, LoadProblem, LogLevel, MAX_FRAME, NativeFrame, Reason, Relation,
    Returned, Role, Rule, RunRequest, SandboxLimits, Scope, SourceFile, Start, Thrown, ToWorker, Value, Vo,
    Vocabulary, WrittenSql,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::allocations::measured;
use crate::cases::{edits, one_in, spoil};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => ".{0,12}", 1 => (0..20_000_usize).prop_map(|times| "è".repeat(times))]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(Value::Number),
        select(vec![f64::NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 2.0]).prop_map(Value::Number),
        text().prop_map(Value::String),
        text().prop_map(Value::BigInt),
        text().prop_map(Value::Json),
        text().prop_map(Value::Opaque),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let reason =
        select(vec![Reason::Thrown, Reason::CpuLimit, Reason::MemoryLimit, Reason::Killed, Reason::Syntax]);
    let frame = || {
        (text(), text(), any::<u32>(), any::<u32>()).prop_map(|(function, file, line, column)| Frame {
            function,
            file,
            line,
            column,
        })
    };
    let frames = prop::collection::vec(frame(), 0..4);
    let native = (text(), any::<u32>()).prop_map(|(function, inside)| NativeFrame { function, inside });
    let relation = select(vec![Relation::Cause, Relation::Member]);
    let cause = (relation, text(), prop::option::of(text()), prop::option::of(frame()))
        .prop_map(|(relation, message, code, place)| Cause { relation, message, code, place });
    let around = (prop::collection::vec(native, 0..4), prop::collection::vec(cause, 0..4));
    let code = prop::option::of(text());
    ((reason, text(), code, frames), around, prop::option::of(text())).prop_map(
        |((reason, message, code, frames), (native, causes), help)| Failure {
            reason,
            message,
            code,
            frames,
            native,
            causes,
            help,
        },
    )
}

fn confinement() -> impl Strategy<Value = Confinement> {
    let layer = || select(vec![Layer::Network, Layer::Landlock, Layer::Seccomp]);
    let missing = prop::collection::vec((layer(), text()), 0..4);
    (prop::collection::vec(layer(), 0..4), missing)
        .prop_map(|(in_force, missing)| Confinement { in_force, missing })
}

fn async_exports() -> impl Strategy<Value = Vec<AsyncExport>> {
    let export = (text(), any::<bool>()).prop_map(|(name, waits)| AsyncExport { name, waits });
    prop::collection::vec(export, 0..3)
}

fn linted() -> impl Strategy<Value = Linted> {
    let rule = select(vec![Rule::UnknownName, Rule::VoField, Rule::NotAwaited]);
    let finding = (rule, any::<bool>(), text(), text(), any::<(u32, u32)>()).prop_map(
        |(rule, is_error, message, help, (line, column))| Finding {
            rule,
            is_error,
            message,
            help,
            line,
            column,
        },
    );
    let findings = prop::collection::vec(finding, 0..4);
    let statement =
        (text(), any::<(bool, u32, u32, bool)>()).prop_map(|(sql, (is_whole, line, column, is_sure))| {
            WrittenSql { sql, is_whole, line, column, is_sure }
        });
    let statements = prop::collection::vec(statement, 0..3);
    (findings, prop::collection::vec(text(), 0..4), any::<bool>(), async_exports(), statements).prop_map(
        |(findings, required, requires_any, asynchronous, statements)| Linted {
            findings,
            required,
            requires_any,
            asynchronous,
            statements,
        },
    )
}

fn load_problem() -> impl Strategy<Value = LoadProblem> {
    (text(), prop::option::of(any::<(u32, u32)>()), prop::option::of(text()))
        .prop_map(|(message, position, help)| LoadProblem { message, position, help })
}

fn from_worker() -> impl Strategy<Value = FromWorker> {
    let returned = prop_oneof![
        Just(Returned::Undefined),
        text().prop_map(Returned::String),
        text().prop_map(Returned::Json),
    ];
    let result = prop_oneof![returned.prop_map(Ok), failure().prop_map(Err)];
    let level = select(vec![LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error]);
    prop_oneof![
        confinement().prop_map(|confinement| FromWorker::Ready { confinement }),
        prop::option::of(load_problem()).prop_map(|problem| FromWorker::Judged { problem }),
        linted().prop_map(FromWorker::Linted),
        (any::<u32>(), any::<u16>(), prop::collection::vec(value(), 0..6))
            .prop_map(|(ticket, function, arguments)| FromWorker::Call { ticket, function, arguments }),
        (any::<u32>(), level, text()).prop_map(|(ticket, level, text)| FromWorker::Log {
            ticket,
            level,
            text
        }),
        (any::<u32>(), result, any::<u64>(), any::<u64>()).prop_map(
            |(ticket, result, cpu_us, peak_memory_bytes)| {
                FromWorker::Ended(Ended { ticket, result, cpu_us, peak_memory_bytes })
            }
        ),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    let file = (text(), text(), prop_oneof![text().prop_map(Ok), text().prop_map(Err)])
        .prop_map(|(path, shown, text)| SourceFile { path, shown, text });
    let bundle =
        (text(), prop::collection::vec(file, 0..3)).prop_map(|(version, files)| Bundle { version, files });
    let function = (
        text(),
        prop::collection::vec(text(), 0..3),
        select(vec![Scope::Utils, Scope::Global, Scope::Hidden]),
        any::<bool>(),
    )
        .prop_map(|(name, parameters, scope, returns_object)| FunctionSpec {
            name,
            parameters,
            scope,
            returns_object,
        });
    let limits =
        (any::<(u64, u64)>(), any::<(u32, u32, u32, u32, u32)>()).prop_map(|((cpu_ms, wall_ms), rest)| {
            SandboxLimits {
                cpu_ms,
                wall_ms,
                memory_mb: rest.0,
                runs_per_context: rest.1,
                max_result_bytes: rest.2,
                max_log_lines: rest.3,
                max_log_line_bytes: rest.4,
            }
        });
    let time_zone = select(vec!["UTC", "Europe/Rome", "Australia/Lord_Howe"])
        .prop_map(|name| TimeZone::parse(name).expect("known"));
    (text(), bundle, prop::collection::vec(function, 0..3), limits, time_zone).prop_map(
        |(app_id, bundle, functions, limits, time_zone)| Start {
            app_id,
            bundle,
            functions,
            limits,
            prelude: None,
            time_zone,
        },
    )
}

fn to_worker() -> impl Strategy<Value = ToWorker> {
    let vo = prop_oneof![
        prop::collection::vec((text(), text()), 0..6).prop_map(Vo::Form),
        text().prop_map(Vo::Json),
    ];
    let request = (
        (any::<u32>(), text(), text(), vo),
        (any::<i64>(), any::<[u8; 32]>().prop_map(Seed), any::<Option<u16>>()),
    )
        .prop_map(|((ticket, action, company, vo), (started, seed, reply))| RunRequest {
            ticket,
            action,
            company,
            vo,
            started,
            seed,
            reply,
        });
    let kind = select(vec![ErrorKind::Error, ErrorKind::TypeError, ErrorKind::RangeError]);
    let thrown = (kind, text(), prop::option::of(text())).prop_map(|(kind, message, code)| Thrown {
        kind,
        message,
        code,
    });
    let names = prop::collection::vec(text(), 0..3);
    let shape = (any::<(u16, bool, bool)>(), names, prop::collection::vec((text(), text()), 0..3)).prop_map(
        |((required, returns_json, takes_sql), members, aliases)| CallShape {
            required,
            returns_json,
            takes_sql,
            members,
            aliases,
        },
    );
    let vocabulary = (start(), prop::collection::vec(shape, 0..3))
        .prop_map(|(start, shapes)| ToWorker::Vocabulary(Box::new(Vocabulary { start, shapes })));
    let role = prop_oneof![
        prop::collection::vec(text(), 0..3).prop_map(|vo| Role::Action { vo }),
        Just(Role::Module),
        Just(Role::Test),
    ];
    let import = (text(), async_exports()).prop_map(|(path, exports)| Imported { path, exports });
    let imports = prop::collection::vec(import, 0..3);
    let lint = (text(), text(), text(), role, imports).prop_map(|(path, shown, text, role, imports)| {
        ToWorker::Lint { file: SourceFile { path, shown, text: Ok(text) }, role, imports }
    });
    prop_oneof![
        start().prop_map(ToWorker::Start),
        vocabulary,
        lint,
        request.prop_map(ToWorker::Run),
        (value(), any::<u64>())
            .prop_map(|(value, advance_ms)| ToWorker::Answer(Answer::Return { value, advance_ms })),
        thrown.prop_map(|thrown| ToWorker::Answer(Answer::Throw(thrown))),
    ]
}

fn written(frame: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(frame, &mut bytes).unwrap();
    bytes
}

/// Everything that can be read of `bytes`, which arrive in pieces.
fn read<T: DeserializeOwned>(bytes: &[u8], piece: usize) -> Vec<T> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while decoder.fill(&mut piece).unwrap() > 0 {}
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames, // of no use any more
            }
        }
    }
    frames
}

/// The most memory that reading so many bytes may take: the buffer, which doubles as it grows, what is made of them, and
/// as much for a list that grows, whose elements are larger than what they are written as.
fn worth(bytes: usize) -> usize {
    8 * bytes + (12 << 20)
}

proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn what_a_worker_says_is_read_back(frames in prop::collection::vec(from_worker(), 1..4), piece in 1..70_000_usize) {
        let bytes: Vec<u8> = frames.iter().flat_map(written).collect();
        let read: Vec<FromWorker> = read(&bytes, piece);
        // Not the frames, because NaN is not equal to itself.
        prop_assert_eq!(read.iter().flat_map(written).collect::<Vec<_>>(), bytes);
        prop_assert_eq!(read.len(), frames.len());
    }

    #[test]
    fn what_the_host_says_is_read_back(frame in to_worker(), piece in 1..70_000_usize) {
        let bytes = written(&frame);
        let read: Vec<ToWorker> = read(&bytes, piece);
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(written(&read[0]), bytes);
    }

    #[test]
    fn what_is_cut_off_waits_and_says_nothing(frame in from_worker(), at in any::<Index>(), piece in 1..70_000_usize) {
        let bytes = written(&frame);
        prop_assert!(read::<FromWorker>(&bytes[..at.index(bytes.len())], piece).is_empty());
    }

    #[test]
    fn whatever_a_worker_says_takes_no_more_memory_than_it_is_worth(
        frame in from_worker(),
        edits in edits(&["\0\0\0\0", "\u{7f}\u{7f}\u{7f}\u{7f}\0", "\u{1}", "\0\0\u{10}\0"]),
        lie in prop::option::of(prop_oneof![0..64_u32, any::<u32>(), Just(u32::try_from(MAX_FRAME).unwrap())]),
        piece in 1..70_000_usize,
    ) {
        let mut bytes = written(&frame);
        spoil(&mut bytes, &edits);
        if let (Some(lie), Some(prefix)) = (lie, bytes.first_chunk_mut::<4>()) {
            *prefix = lie.to_le_bytes();
        }
        let (_, held) = measured(|| read::<FromWorker>(&bytes, piece));
        prop_assert!(held <= worth(bytes.len()), "{} bytes took {}", bytes.len(), held);
        let _ = read::<ToWorker>(&bytes, piece);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000), length in any::<bool>(), piece in 1..3000_usize) {
        let mut framed = u32::try_from(bytes.len()).unwrap().to_le_bytes().to_vec();
        framed.extend(&bytes);
        let bytes = if length { framed } else { bytes };
        let (_, held) = measured(|| read::<FromWorker>(&bytes, piece));
        prop_assert!(held <= worth(bytes.len()), "{} bytes took {}", bytes.len(), held);
        let _ = read::<ToWorker>(&bytes, piece);
    }
}

/// A frame of `tag`, and then as many of the smallest elements as fit, under a length that is true or a lie.
fn swollen(tag: &[u8], element: u8, length: usize) -> Vec<u8> {
    let mut frame = tag.to_vec();
    let mut rest = length;
    while rest > 0x7f {
        frame.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    frame.push(u8::try_from(rest).unwrap());
    frame.resize(MAX_FRAME, element);
    let mut bytes = u32::try_from(frame.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(frame);
    bytes
}

/// Elements of a byte each in a frame of eight million would be a quarter of a gigabyte in memory.
#[test]
fn a_frame_full_of_nothing_takes_no_more_memory_than_it_is_worth() {
    let ready = [0];
    let call = [1, 0, 0];
    let ended = [3, 0, 1, 0, 0, 0]; // ticket, failed, thrown, no message, no code; then its frames
    let native = [3, 0, 1, 0, 0, 0, 0]; // … no frames; then its native functions
    let causes = [3, 0, 1, 0, 0, 0, 0, 0]; // … and none of these; then its causes
    let (findings, required) = ([5], [5, 0]);
    for (what, tag) in [
        ("Ready", &ready[..]),
        ("Call", &call),
        ("Ended", &ended),
        ("native", &native),
        ("causes", &causes),
        ("Linted, mistakes", &findings),
        ("Linted, required", &required),
    ] {
        for length in [MAX_FRAME, MAX_FRAME - 100, MAX_FRAME / 4, usize::MAX, usize::MAX >> 8, 1 << 32] {
            let bytes = swollen(tag, 0, length);
            let (frames, held) = measured(|| read::<FromWorker>(&bytes, bytes.len()));
            assert!(frames.is_empty(), "{what}");
            assert!(held <= worth(bytes.len()), "{what} of {length}: {} bytes took {held}", bytes.len());
        }
    }
}
