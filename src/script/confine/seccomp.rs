//! The filter of system calls (<https://docs.kernel.org/userspace-api/seccomp_filter.html>): what the engine needs once it
//! is warm, and nothing else. What is not on the list kills the process, for nothing that a worker ought to do is missing.
//!
//! The list was taken from a worker under all of the tests: reading and writing its pipes, memory, locks, clocks, random
//! numbers, and what an abort and an end take. There is no call on it that opens, names or starts anything.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::Refusal;

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[libc::c_long] = &[
    // The pipes.
    libc::SYS_read,
    libc::SYS_write,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    // Memory; `mmap` and `mprotect` are below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Locks, clocks, random numbers.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    // Signals that come, and the end.
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls that are answered with an error and do not kill: the C library's allocator makes them, when it gives memory back
/// or counts processors, and goes on without.
const DENIED: &[libc::c_long] = &[libc::SYS_openat, libc::SYS_sched_getaffinity];

/// Puts the filter in force for all threads of the process.
pub(super) fn filter() -> Result<(), Refusal> {
    let missing = |error: &dyn std::fmt::Display| Refusal::Missing(error.to_string());
    // Of several filters the strictest answer counts.
    for program in [denials(), allowances()] {
        let program = program.map_err(|error| missing(&error))?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| missing(&error))?;
    }
    Ok(())
}

fn denials() -> Result<BpfProgram, seccompiler::BackendError> {
    let denied = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let rules = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?.try_into()
}

fn allowances() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<libc::c_long, Vec<SeccompRule>> =
        ALLOWED.iter().chain(DENIED).map(|call| (*call, Vec::new())).collect();
    // Memory that can be executed is what an attacker's code would need.
    let not_executable = only_if(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC.unsigned_abs().into()), 0)?;
    rules.insert(libc::SYS_mmap, vec![not_executable.clone()]);
    rules.insert(libc::SYS_mprotect, vec![not_executable]);
    // An abort signals its own process.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![only_if(0, SeccompCmpOp::Eq, own)?]);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    filter.try_into()
}

/// A rule for calls whose argument `index` is `value`, seen through `operator`.
fn only_if(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)?])
}
