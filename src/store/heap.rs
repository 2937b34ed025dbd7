//! What one SQL statement may hold in memory.
//!
//! SQLite's own limits of its heap count for the whole process: a statement that reached one would take the memory from
//! `host.db` and from other applications' databases. So SQLite's allocator is wrapped, once, before the first
//! connection, and counts what the calling *thread* takes while an [`Allowance`] is in force on it. Beyond the
//! allowance an allocation fails, which SQLite makes `SQLITE_NOMEM` of, for that statement alone: it undoes the
//! statement or the transaction, and the connection works on (<https://sqlite.org/malloc.html>).
//!
//! What SQLite asks of the allocator by itself, while its memory is read out or a value is bound, is outside: there
//! rusqlite takes a null pointer for a bug of SQLite's and panics.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use rusqlite::ffi;

/// SQLite's own allocator, which the wrapped one hands everything on to.
#[derive(Clone, Copy)]
struct System {
    allocate: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    resize: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

static SYSTEM: OnceLock<System> = OnceLock::new();

/// What the calling thread may take, and has. Plain cells, so that nothing is made on the first access and nothing is
/// run at the thread's end: an allocator may be called at any time.
struct Meter {
    /// `None`: nothing is counted.
    limit: Cell<Option<i64>>,
    held: Cell<i64>,
    refused: Cell<bool>,
}

thread_local! {
    static METER: Meter =
        const { Meter { limit: Cell::new(None), held: Cell::new(0), refused: Cell::new(false) } };
}

impl Meter {
    fn allows(&self, more: i64) -> bool {
        let allowed = self.limit.get().is_none_or(|limit| self.held.get() + more <= limit);
        if !allowed {
            self.refused.set(true);
        }
        allowed
    }

    fn add(&self, bytes: i64) {
        if self.limit.get().is_some() {
            self.held.set(self.held.get() + bytes);
        }
    }
}

/// What a statement may hold beyond what was held before it.
pub(super) struct Allowance {
    limit: i64,
    held: Cell<i64>,
    refused: Cell<bool>,
}

impl Allowance {
    /// Of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let limit = i64::try_from(bytes).unwrap_or(i64::MAX);
        Self { limit, held: Cell::new(0), refused: Cell::new(false) }
    }

    /// Does a piece of the statement's work under the allowance. Not within itself.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Takes the thread's meter back, also when the work panics.
        struct InForce<'a>(&'a Allowance);
        impl Drop for InForce<'_> {
            fn drop(&mut self) {
                METER.with(|meter| {
                    meter.limit.set(None);
                    self.0.held.set(meter.held.get());
                    self.0.refused.set(meter.refused.get());
                });
            }
        }
        METER.with(|meter| {
            meter.held.set(self.held.get());
            meter.refused.set(self.refused.get());
            meter.limit.set(Some(self.limit));
        });
        let _in_force = InForce(self);
        work()
    }

    /// Whether something was refused.
    pub(super) fn was_exceeded(&self) -> bool {
        self.refused.get()
    }

    /// What is held now, in bytes; negative when more was given back than taken.
    pub(super) fn held(&self) -> i64 {
        self.held.get()
    }
}

/// Does something that must not fail for want of memory, in the midst of a statement; it is counted all the same.
pub(super) fn beyond_allowance<T>(work: impl FnOnce() -> T) -> T {
    struct Lifted(Option<i64>);
    impl Drop for Lifted {
        fn drop(&mut self) {
            METER.with(|meter| meter.limit.set(self.0));
        }
    }
    let _lifted = METER.with(|meter| Lifted(meter.limit.replace(meter.limit.get().and(Some(i64::MAX)))));
    work()
}

/// Wraps SQLite's allocator, if nobody in this process has used SQLite before; says whether it is wrapped. Called
/// before each connection of the host's is opened; after the first time it is a look at a flag.
pub(super) fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    // SAFETY: the lock lets one thread in, once.
    *INSTALLED.get_or_init(|| unsafe { wrap() })
}

/// # Safety
/// Not by two threads at a time. Beyond that:
///
/// * `sqlite3_config` wants that nobody uses SQLite meanwhile. Where it has been initialised it says so and changes
///   nothing. Threads of an embedder may be initialising it at this moment: that reads the methods under SQLite's main
///   mutex, which is held here. One that has just let go of it may go on with either the old methods or the new ones,
///   function by function, and both are right for every block, because the new ones hand on to the old ones and add
///   nothing to a block.
/// * The pointers that are handed over are those of `extern "C"` functions that live as long as the process, with the
///   types that SQLite declares.
unsafe fn wrap() -> bool {
    let mut methods = ffi::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: ptr::null_mut(),
    };
    // SAFETY: a static mutex may be asked for before SQLite is initialised; `methods` outlives the calls, which copy.
    unsafe {
        let main = ffi::sqlite3_mutex_alloc(ffi::SQLITE_MUTEX_STATIC_MAIN);
        ffi::sqlite3_mutex_enter(main);
        let found = ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, ptr::from_mut(&mut methods));
        let system = match methods {
            ffi::sqlite3_mem_methods {
                xMalloc: Some(allocate),
                xFree: Some(free),
                xRealloc: Some(resize),
                xSize: Some(size),
                ..
            } if found == ffi::SQLITE_OK => Some(System { allocate, free, resize, size }),
            _ => None,
        };
        let wrapped = system.is_some_and(|system| {
            SYSTEM.get_or_init(|| system);
            methods.xMalloc = Some(allocate);
            methods.xFree = Some(free);
            methods.xRealloc = Some(resize);
            ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, ptr::from_ref(&methods)) == ffi::SQLITE_OK
        });
        ffi::sqlite3_mutex_leave(main);
        wrapped
    }
}

/// `xMalloc`. SQLite asks for more than nothing, and takes null for a failure.
unsafe extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    let Some(system) = SYSTEM.get() else { return ptr::null_mut() };
    METER.with(|meter| {
        if !meter.allows(i64::from(bytes)) {
            return ptr::null_mut();
        }
        // SAFETY: SQLite's own function, called as SQLite calls this one; a block of its making.
        unsafe {
            let block = (system.allocate)(bytes);
            if !block.is_null() {
                meter.add(i64::from((system.size)(block)));
            }
            block
        }
    })
}

/// `xFree`, never of null.
unsafe extern "C" fn free(block: *mut c_void) {
    let Some(system) = SYSTEM.get() else { return };
    METER.with(|meter| {
        // SAFETY: as above; the size is asked for before the block is gone.
        unsafe {
            meter.add(-i64::from((system.size)(block)));
            (system.free)(block);
        }
    });
}

/// `xRealloc`, never of null nor to nothing; after a failure the old block is as it was.
unsafe extern "C" fn resize(block: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(system) = SYSTEM.get() else { return ptr::null_mut() };
    METER.with(|meter| {
        // SAFETY: as above; the old block is not looked at after it was resized.
        unsafe {
            let before = i64::from((system.size)(block));
            if i64::from(bytes) > before && !meter.allows(i64::from(bytes) - before) {
                return ptr::null_mut();
            }
            let resized = (system.resize)(block, bytes);
            if !resized.is_null() {
                meter.add(i64::from((system.size)(resized)) - before);
            }
            resized
        }
    })
}
