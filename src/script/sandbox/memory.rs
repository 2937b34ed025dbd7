//! Counts the memory that a thread holds, so that a run can be stopped when it holds too much. The engine has no
//! limit of its own, and its values never leave their thread, so a thread's live bytes are its JavaScript heap.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

use super::tripwire;

/// The system's allocator with a count per thread: about a nanosecond an allocation. A program installs it with
/// `#[global_allocator]`; where none does, memory limits are the operating system's alone and peaks read 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

// SAFETY: every call goes to `System` with the arguments as they came. Counting does not allocate: it touches a
// constant-initialised thread-local of integers. Counting comes first, so that a process that may not have the
// memory ends before it asks for it.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        tripwire::count(size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        counted(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        tripwire::count(size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        counted(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        tripwire::count(-size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        tripwire::count(size(new_size) - size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        let new = unsafe { System.realloc(pointer, layout, new_size) };
        if new.is_null() {
            tripwire::count(size(layout.size()) - size(new_size));
            tripwire::allocation_failed();
        }
        new
    }
}

/// Takes back the count of an allocation that failed; in a worker, a run that cannot have more ends the process.
fn counted(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() {
        tripwire::count(-size(bytes));
        tripwire::allocation_failed();
    }
    pointer
}

/// So that the sandbox's memory limits can be tested.
#[cfg(test)]
#[global_allocator]
static IN_TESTS: CountingAllocator = CountingAllocator;
