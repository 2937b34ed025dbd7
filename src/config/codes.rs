//! The codes of the problems that a parameter file can have. They are stable: `boatswain explain` knows each.

/// The file can't be read, is too large or is not UTF-8.
pub const PARAMS_UNREADABLE: &str = "PARAMS_UNREADABLE";
/// Nothing stands in the file, and whoever reads it needs what stood there.
pub const PARAMS_BLANK: &str = "PARAMS_BLANK";
/// The file breaks a rule of TOML.
pub const PARAMS_SYNTAX: &str = "PARAMS_SYNTAX";
/// A key or section that does not exist.
pub const UNKNOWN_KEY: &str = "UNKNOWN_KEY";
/// A key that exists, in a section where it has no effect.
pub const MISPLACED_KEY: &str = "MISPLACED_KEY";
/// A key that must be there, or that another key needs.
pub const MISSING_KEY: &str = "MISSING_KEY";
/// A number where a text belongs, and the like.
pub const WRONG_TYPE: &str = "WRONG_TYPE";
/// A value outside the range or shape of its key.
pub const INVALID_VALUE: &str = "INVALID_VALUE";
/// Two keys that contradict each other.
pub const CONFLICTING_KEYS: &str = "CONFLICTING_KEYS";
/// A secret that is to come from a variable or a file, which is missing, unreadable or empty.
pub const SECRET_UNAVAILABLE: &str = "SECRET_UNAVAILABLE";
/// Warning: a secret stands in a file that other users of the computer can read.
pub const SECRET_EXPOSED: &str = "SECRET_EXPOSED";
/// Warning: a secret that can hardly be the one that is wanted.
pub const SECRET_DOUBTFUL: &str = "SECRET_DOUBTFUL";
/// Warning: other computers can reach the simulator.
pub const SIMULATOR_EXPOSED: &str = "SIMULATOR_EXPOSED";
/// Warning: Twilio can't reach the public URL, or only without encryption.
pub const PUBLIC_URL_UNREACHABLE: &str = "PUBLIC_URL_UNREACHABLE";
/// Warning: the file has no application.
pub const NO_APPLICATIONS: &str = "NO_APPLICATIONS";

/// Every code above.
pub const ALL: &[&str] = &[
    PARAMS_UNREADABLE,
    PARAMS_BLANK,
    PARAMS_SYNTAX,
    UNKNOWN_KEY,
    MISPLACED_KEY,
    MISSING_KEY,
    WRONG_TYPE,
    INVALID_VALUE,
    CONFLICTING_KEYS,
    SECRET_UNAVAILABLE,
    SECRET_EXPOSED,
    SECRET_DOUBTFUL,
    SIMULATOR_EXPOSED,
    PUBLIC_URL_UNREACHABLE,
    NO_APPLICATIONS,
];
