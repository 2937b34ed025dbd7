//! Named points at which a test can hold the host still, to kill it just there.
//!
//! `BOATSWAIN_FAILPOINT=run-committed` makes the thread that reaches that point say so on stderr and wait for ever.
//! In builds without debug assertions there is nothing of this.

/// The host has come to a named point.
#[inline]
pub fn reach(name: &str) {
    #[cfg(debug_assertions)]
    hold(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
fn hold(name: &str) {
    use std::io::Write;
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("BOATSWAIN_FAILPOINT").ok());
    if chosen.as_deref() == Some(name) {
        let _ = writeln!(std::io::stderr(), "failpoint: {name}");
        loop {
            std::thread::park();
        }
    }
}
