//! Landlock (<https://docs.kernel.org/userspace-api/landlock.html>): no file may be opened, changed or executed, no TCP port
//! bound or connected to, no signal sent to a process outside, no abstract socket connected to. What the kernel does not
//! know of these is left out; what it does know is refused, without exception.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus, Scope,
};

use super::Refusal;

/// The newest version that is asked for; older kernels do what they can.
const NEWEST: ABI = ABI::V6;

pub(super) fn restrict() -> Result<(), Refusal> {
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            Err(Refusal::Missing("the kernel does not have it".to_owned()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::Missing(error.to_string())),
    }
}
