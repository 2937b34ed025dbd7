//! How a run failed, for its author: what happened, the code, the stack, the causes, what it got and how to run it again.

use serde_json::Value;

use crate::base::{shown, shown_json, shown_lines};
use crate::pipeline::RecordedFailure;

/// What is shown of a failure.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct View<'a> {
    /// With functions of the engine and the host.
    pub(super) full_stack: bool,
    /// What the action got, where the reader has not just typed it.
    pub(super) vo: Option<&'a Value>,
    /// The command that runs it again.
    pub(super) run_again: Option<&'a str>,
}

/// The form of the contract: `error[CODE]: what happened`, where, `help: …`; and between them what there is to see. What
/// others wrote begins no line.
pub(super) fn told(recorded: &RecordedFailure, view: View<'_>) -> String {
    let RecordedFailure { failure, evidence } = recorded;
    let code = failure.code.as_deref().unwrap_or(failure.reason.as_str());
    let mut told = format!("error[{}]: {}", shown(&code.to_uppercase()), shown_lines(&failure.message));
    let mut line = |text: String| {
        told.push('\n');
        told.push_str(&text);
    };
    if let Some(place) = failure.frames.first() {
        let function = &place.function;
        let function = if function.is_empty() { String::new() } else { format!(" ({})", shown(function)) };
        line(format!("  --> {}{function}", shown(&place.place())));
    }
    if let Some(frame) = &evidence.code_frame {
        line(frame.clone());
    }
    for entry in failure.stack(view.full_stack).iter().flat_map(|stack| stack.lines()) {
        line(format!("    {}", shown(entry)));
    }
    for cause in &failure.causes {
        let code = cause.code.as_ref().map(|code| format!(" [{}]", shown(code))).unwrap_or_default();
        line(format!("{}: {}{code}", cause.relation.as_str(), shown_lines(&cause.message)));
        if let Some(place) = &cause.place {
            line(format!("  --> {}", shown(&place.place())));
        }
    }
    if let Some(help) = failure.remedy() {
        line(format!("help: {}", shown_lines(help)));
    }
    if let Some(vo) = view.vo {
        line(format!("vo: {}", shown_json(&vo.to_string())));
    }
    if let Some(command) = view.run_again {
        line(format!("run again: {}", shown(command)));
    }
    told
}
