//! The attempts. Each is a few system calls, made as code that an attacker has brought would make them, and says whether
//! they did what they were for.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use boatswain::script::confine::Layer;

use crate::victim::Victim;

/// Exit statuses of the process that tries.
pub const MADE: i32 = 10;
pub const REFUSED: i32 = 11;
pub const NOT_GRANTED: i32 = 12;

/// An attempt.
pub struct Attempt {
    pub name: &'static str,
    /// What is in force also where it must succeed.
    pub under: &'static [Layer],
    /// The layers each of which must stop it alone.
    pub stopped_by: &'static [Layer],
    pub make: fn(&Victim) -> bool,
}

use Layer::{Landlock, Network, NoNewPrivileges, ResourceLimits, Seccomp, User};

const fn attempt(name: &'static str, stopped_by: &'static [Layer], make: fn(&Victim) -> bool) -> Attempt {
    Attempt { name, under: &[], stopped_by, make }
}

pub const ATTEMPTS: &[Attempt] = &[
    attempt("to read a file", &[Landlock, Seccomp], |victim| reads(&victim.folder.join("public"))),
    attempt("to read a file of the host's", &[Landlock, User, Seccomp], |victim| {
        reads(&victim.folder.join("secret"))
    }),
    attempt("to read the system's files", &[Landlock, Seccomp], |_| reads(Path::new("/etc/passwd"))),
    attempt("to read the environment of the host", &[Landlock, User, Seccomp], |victim| {
        reads(Path::new(&format!("/proc/{}/environ", victim.pid)))
    }),
    attempt("to read the memory of the host", &[Landlock, User, Seccomp], |victim| {
        File::open(format!("/proc/{}/mem", victim.pid)).is_ok()
    }),
    attempt("to list a folder", &[Landlock, Seccomp], |_| std::fs::read_dir("/proc").is_ok()),
    attempt("to write a file", &[Landlock, ResourceLimits, Seccomp], |victim| {
        let name = victim.folder.join(format!("made by {}", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(name);
        file.and_then(|mut file| file.write_all(b"x")).is_ok()
    }),
    attempt("to delete a file", &[Landlock, Seccomp], |victim| {
        let name = victim.folder.join(format!("link {}", std::process::id()));
        std::os::unix::fs::symlink("public", &name).and_then(|()| std::fs::remove_file(&name)).is_ok()
    }),
    attempt("to connect to the host", &[Network, Landlock, Seccomp], |victim| {
        TcpStream::connect(("127.0.0.1", victim.port)).is_ok()
    }),
    attempt("to listen", &[Landlock, Seccomp], |_| std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
    attempt("to send a datagram", &[Network, Seccomp], |victim| {
        let socket = UdpSocket::bind("127.0.0.1:0");
        socket.and_then(|socket| socket.send_to(b"x", ("127.0.0.1", victim.port))).is_ok()
    }),
    attempt("to open a socket of any kind", &[Seccomp], |_| {
        // SAFETY: takes integers.
        unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) >= 0 }
    }),
    attempt("to fork", &[Seccomp], |_| forks()),
    // The number of processes is not limited for root.
    Attempt {
        name: "to fork as nobody",
        under: &[User],
        stopped_by: &[ResourceLimits, Seccomp],
        make: |_| forks(),
    },
    attempt("to start a program", &[Landlock, Seccomp], |_| starts(Path::new("/bin/true"), &[])),
    Attempt {
        name: "to gain rights through a program",
        under: &[User],
        stopped_by: &[NoNewPrivileges],
        make: |victim| {
            let arguments = ["attempt", "to be root", "[]", "/", "0", "0"];
            starts(&victim.folder.join("owners"), &arguments)
        },
    },
    attempt("to be root", &[User], |_| {
        // SAFETY: takes nothing.
        unsafe { libc::geteuid() == 0 }
    }),
    attempt("to trace the host", &[Landlock, User, Seccomp], |victim| {
        // SAFETY: takes integers, and pointers that these requests do not use.
        unsafe {
            let nothing = std::ptr::null_mut::<libc::c_void>();
            if libc::ptrace(libc::PTRACE_ATTACH, victim.pid, nothing, nothing) != 0 {
                return false;
            }
            libc::waitpid(victim.pid, std::ptr::null_mut(), 0);
            libc::ptrace(libc::PTRACE_DETACH, victim.pid, nothing, nothing);
            true
        }
    }),
    attempt("to reach into the host's memory", &[Landlock, User, Seccomp], |victim| {
        let (mut here, there) = ([0_u8; 1], libc::iovec { iov_base: 0x1000 as *mut _, iov_len: 1 });
        let local = libc::iovec { iov_base: here.as_mut_ptr().cast(), iov_len: 1 };
        // SAFETY: the records outlive the call; a wrong address in the other process is an error of the call.
        let read = unsafe { libc::process_vm_readv(victim.pid, &raw const local, 1, &raw const there, 1, 0) };
        // An address that is not there means that the right to look was given.
        read >= 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    }),
    attempt("to signal the host", &[Landlock, User, Seccomp], |victim| {
        // SAFETY: takes integers. A signal that nobody minds.
        unsafe { libc::kill(victim.pid, libc::SIGURG) == 0 }
    }),
    attempt("to map memory that can be executed", &[Seccomp], |_| {
        maps(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, 4096)
    }),
    attempt("to make memory executable", &[Seccomp], |_| {
        // SAFETY: the mapping is new and nothing else uses it.
        unsafe {
            let (bits, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let page = libc::mmap(std::ptr::null_mut(), 4096, bits, flags, -1, 0);
            libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC) == 0
        }
    }),
    attempt("to take a lot of memory", &[ResourceLimits], |_| {
        maps(libc::PROT_READ | libc::PROT_WRITE, 8 << 30)
    }),
    attempt("to open many descriptors", &[ResourceLimits, Seccomp], |_| {
        // SAFETY: takes integers.
        (0..64).all(|_| unsafe { libc::dup(0) >= 0 })
    }),
    attempt("to raise its limits", &[Seccomp], |_| {
        let limit = libc::rlimit { rlim_cur: 9, rlim_max: 9 };
        // SAFETY: `limit` outlives the call.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0 }
    }),
    attempt("to leave its namespaces", &[Seccomp], |_| {
        // SAFETY: takes an integer.
        unsafe { libc::unshare(libc::CLONE_NEWUSER) == 0 }
    }),
    attempt("to set up a ring of system calls", &[Seccomp], |_| {
        let mut parameters = [0_u8; 120];
        // SAFETY: the record has the size that the call fills and outlives it.
        unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) >= 0 }
    }),
    attempt("to know the kernel", &[Seccomp], |_| {
        let mut name = std::mem::MaybeUninit::<libc::utsname>::uninit();
        // SAFETY: the record is a place for the answer and outlives the call.
        unsafe { libc::uname(name.as_mut_ptr()) == 0 }
    }),
];

fn reads(file: &Path) -> bool {
    let mut byte = [0; 1];
    File::open(file).and_then(|mut file| file.read_exact(&mut byte)).is_ok()
}

fn maps(bits: libc::c_int, bytes: usize) -> bool {
    // SAFETY: a new mapping that nothing else uses.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(std::ptr::null_mut(), bytes, bits, flags, -1, 0) != libc::MAP_FAILED
    }
}

fn forks() -> bool {
    // SAFETY: the child does nothing but end.
    unsafe {
        match libc::fork() {
            -1 => false,
            0 => libc::_exit(0),
            child => libc::waitpid(child, std::ptr::null_mut(), 0) == child,
        }
    }
}

/// Becomes a program; what follows is its own to say. `true` ends with 0, which is told as made by a process between.
fn starts(program: &Path, arguments: &[&str]) -> bool {
    let program = CString::new(program.as_os_str().as_bytes()).unwrap();
    let arguments: Vec<_> = arguments.iter().map(|argument| CString::new(*argument).unwrap()).collect();
    let mut pointers = vec![program.as_ptr()];
    pointers.extend(arguments.iter().map(|argument| argument.as_ptr()));
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null()];
    // SAFETY: the lists end with null and outlive the calls; the child only becomes the program or ends.
    unsafe {
        match libc::fork() {
            -1 => false,
            0 => {
                libc::execve(program.as_ptr(), pointers.as_ptr(), environment.as_ptr());
                libc::_exit(REFUSED)
            }
            child => {
                let mut status = 0;
                libc::waitpid(child, &raw mut status, 0);
                libc::WIFEXITED(status) && matches!(libc::WEXITSTATUS(status), 0 | MADE)
            }
        }
    }
}
