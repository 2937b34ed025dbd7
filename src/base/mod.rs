//! Base types: words of the field that every layer shares, and nothing that does I/O.
//!
//! An id, a phone number or a secret is never a bare `String`: each has a type here that can only hold a
//! valid value. Time and randomness come from here too, so that a test, a simulation or a replayed run can
//! decide what they are. This module knows no other module of the crate.

mod clock;
mod code_frame;
mod debug;
mod diagnostic;
mod exposure;
mod ids;
pub mod mask;
mod phone;
mod price;
pub mod schedule;
mod secret;
mod seed;
pub mod stage;
mod status;
mod template;
mod text;
mod time_zone;
mod window;

pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use code_frame::code_frame;
pub(crate) use debug::debug_only;
pub use diagnostic::{Diagnostic, Place, Severity, nearest};
pub use exposure::Exposure;
pub use ids::{
    AccountSid, ActionId, AppId, CompanyId, ContentSid, InvalidId, MessageId, MessageSid, NotificationId,
    RunId,
};
pub use phone::{CountryPrefix, InvalidPhoneNumber, PhoneNumber};
pub use price::{Decimal, Price};
pub use secret::Secret;
pub use seed::Seed;
pub use status::MessageStatus;
pub use template::{InvalidTemplate, TemplateText};
pub use text::{cut, indented, shell_word, shown, shown_as_laid_out, shown_json, shown_lines};
pub use time_zone::{TimeZone, UnknownTimeZone};
pub use window::Window;
