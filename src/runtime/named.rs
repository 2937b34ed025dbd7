//! The actions that parameters name, and those of them that scripts do not have.

use std::path::Path;

use crate::base::{ActionId, Diagnostic, nearest};
use crate::config::Application;
use crate::script::catalogue;
use crate::script::protocol::Bundle;

/// The actions that an application's parameters name, with their keys.
pub(super) fn actions(application: &Application) -> Vec<(&'static str, &ActionId)> {
    let whatsapp = &application.whatsapp;
    let named = [
        ("whatsapp_callback", &whatsapp.whatsapp_callback),
        ("incoming_message", &whatsapp.incoming_message),
    ];
    named.into_iter().filter_map(|(key, action)| Some((key, action.as_ref()?))).collect()
}

/// The problems with those that a bundle has not; the key of each comes along, for its place. `scripts` is the folder of all
/// applications.
#[must_use]
pub fn unknown_actions(
    application: &Application,
    bundle: &Bundle,
    scripts: &Path,
) -> Vec<(&'static str, Diagnostic)> {
    let known = || catalogue::actions(bundle);
    let unknown =
        actions(application).into_iter().filter(|(_, action)| !known().any(|one| one == action.as_str()));
    unknown.map(|(key, action)| (key, unknown_action(application, bundle, scripts, key, action))).collect()
}

/// An action that is named and is not there.
pub(super) fn unknown_action(
    application: &Application,
    bundle: &Bundle,
    scripts: &Path,
    key: &str,
    action: &ActionId,
) -> Diagnostic {
    let app = &application.id;
    // What the other key names is another thing: who followed that would hand statuses to the action of incoming messages.
    let named = actions(application);
    let is_of_another = |known: &str| named.iter().any(|(_, action)| action.as_str() == known);
    let free = catalogue::actions(bundle).filter(|known| !is_of_another(known));
    let help = nearest(action.as_str(), free).map_or_else(
        || {
            let file = scripts.join(app.as_str()).join(format!("{action}.js"));
            format!("write {} or put it back, or delete the line", file.display())
        },
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error("UNKNOWN_ACTION", format!("{key} of `{app}` names `{action}`, which does not exist"))
        .help(help)
}
