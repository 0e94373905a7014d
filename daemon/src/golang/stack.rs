//! From a stack as the kernel walked it to the functions that were under way.
//!
//! Go keeps frame pointers, so the kernel's walk is right but for three places: the innermost functions have none, and
//! their caller is missing; the scheduler's own stack leads on into a goroutine that had stopped before; and a thread's
//! outermost frame is followed by what happens to lie there. Source: `src/runtime/asm_amd64.s` (`mcall`, `mstart`) and
//! `src/runtime/traceback.go`, Go 1.19 to 1.27.

use super::image::{Access, Image};
use super::package::{is_standard_library, package_of};
use super::pclntab::{Frame, Table};
use crate::model;

/// Frames that are told of, inlined ones included: real stacks are rarely half as deep.
pub const MOST_FRAMES: usize = 64;
/// Where a stack ends, whatever the walk found behind it.
const OUTERMOST: [&str; 4] = ["runtime.goexit", "runtime.mstart", "runtime.rt0_go", LEFT];
/// Where the runtime left the stack of a goroutine that has to stop, for its own.
const LEFT: &str = "runtime.mcall";
/// Likewise, but to give it a larger one and go on, unless it has to stop here too.
const GROWING: &str = "runtime.morestack";
/// Decides which goroutine is next.
const SCHEDULER: &str = "runtime.schedule";
const WORD: i32 = 8;

/// A stack, by addresses as they were in the process.
#[derive(Debug, Clone, Copy)]
pub struct Stack<'a> {
    /// The instruction pointer, and the return addresses from the innermost on.
    pub addresses: &'a [u64],
    /// The words at the stack pointer.
    pub top: &'a [u64],
    /// Where the executable's code was mapped (`mm_struct.start_code`).
    pub start_code: u64,
}

/// The functions that were under way, innermost first. What is no Go function is left out.
pub fn frames<'data>(image: &Image<'data>, table: &Table<'data>, stack: &Stack<'_>) -> Vec<Frame<'data>> {
    let bias = load_bias(image, stack.start_code);
    let linked = |address: u64| address.wrapping_sub(bias);
    let mut addresses: Vec<u64> = stack.addresses.iter().copied().map(linked).collect();
    if let Some(missing) = missing_caller(table, &addresses, stack.top, bias) {
        addresses.insert(1, missing);
    }
    let mut frames = Vec::new();
    for address in addresses {
        // All of them are return addresses: that of a system call is behind it too.
        let found = table.frames(address.wrapping_sub(1));
        let Some(outer) = found.last().map(|frame| frame.function) else { continue };
        frames.extend(found);
        let is_left = outer == GROWING && frames.iter().any(|frame| frame.function == SCHEDULER);
        if is_left || OUTERMOST.contains(&outer) || frames.len() >= MOST_FRAMES {
            break;
        }
    }
    frames.truncate(MOST_FRAMES);
    frames
}

/// Whether the scheduler called, which works for no goroutine: the one that it is about to run has not begun yet.
pub fn is_scheduler(frames: &[model::Frame]) -> bool {
    frames.iter().any(|frame| [SCHEDULER, LEFT].contains(&&*frame.function))
}

/// By how much the program was mapped above the addresses that it was linked for.
fn load_bias(image: &Image<'_>, start_code: u64) -> u64 {
    let code = image.segments().iter().filter(|segment| segment.access == Access::Executable);
    code.map(|segment| segment.range().start).min().map_or(0, |first| start_code.wrapping_sub(first))
}

/// The caller of a function without a frame pointer: its return address lies where the stack was at its entry.
fn missing_caller(table: &Table<'_>, addresses: &[u64], top: &[u64], bias: u64) -> Option<u64> {
    let address = *addresses.first()?;
    let function = table.function_at(address)?;
    let delta = table.stack_delta(&function, address)?;
    let word = top.get(usize::try_from(delta / WORD).ok()?)?.wrapping_sub(bias);
    let is_known = addresses.get(1) == Some(&word);
    table.function_at(word).filter(|_| !is_known).map(|_| word)
}

/// The frame that answers "who?" in one line: the innermost one that is not of the standard library; else the
/// innermost one behind what only carries calls out; else the innermost one.
pub fn site(frames: &[model::Frame]) -> Option<&model::Frame> {
    let callers = || frames.iter().filter(|frame| !is_plumbing(&package_of(&frame.function)));
    let outside = callers().find(|frame| !is_standard_library(&package_of(&frame.function)));
    outside.or_else(|| callers().next()).or_else(|| frames.first())
}

/// Of all who make a call, the one that says most: the first whose stack leads to the program's own code or a module's,
/// else the first.
pub fn telling(callers: &model::Callers) -> Option<&model::Caller> {
    let is_outside = |caller: &&model::Caller| {
        site(&caller.frames).is_some_and(|site| !is_standard_library(&package_of(&site.function)))
    };
    callers.iter().find(is_outside).or_else(|| callers.first())
}

/// The part of a stack that says who called and from where: up to the frame that answers "who?", and a few behind it.
pub fn essence(caller: &model::Caller) -> model::Caller {
    const BEHIND: usize = 3;
    let site = site(&caller.frames).and_then(|site| caller.frames.iter().position(|frame| frame == site));
    let frames = caller.frames.iter().take(site.map_or(0, |site| site + 1 + BEHIND));
    model::Caller { frames: frames.cloned().collect(), ..*caller }
}

/// Packages that make calls for others.
fn is_plumbing(package: &str) -> bool {
    matches!(package, "" | "syscall" | "internal/poll" | "golang.org/x/sys/unix") || {
        let within = |top: &str| package.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
        within("runtime/internal") || within("internal/runtime") || within("internal/syscall")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site_of(functions: &[&str]) -> Option<String> {
        let frame = |function: &&str| model::Frame {
            function: (*function).into(),
            file: "x.go".into(),
            line: 1,
            is_inlined: false,
        };
        let frames: Vec<_> = functions.iter().map(frame).collect();
        site(&frames).map(|frame| frame.function.to_string())
    }

    /// Check that the answer is the program's own function or a module's, and the runtime's only if there is no other.
    #[test]
    fn who_is_one_function() {
        let plumbing = ["internal/runtime/syscall/linux.Syscall6", "syscall.RawSyscall6", "syscall.openat"];
        let of = |more: &[&str]| site_of(&[&plumbing[..], more].concat());
        assert_eq!(
            of(&["os.OpenFile", "go.etcd.io/bbolt.Open", "main.main"]).unwrap(),
            "go.etcd.io/bbolt.Open"
        );
        assert_eq!(of(&["os.OpenFile", "main.main", "runtime.main"]).unwrap(), "main.main");
        assert_eq!(of(&["os.(*File).Read", "net/http.x", "runtime.goexit"]).unwrap(), "os.(*File).Read");
        assert_eq!(of(&["golang.org/x/sys/unix.Openat", "main.main"]).unwrap(), "main.main");
        assert_eq!(of(&[]).unwrap(), plumbing[0]);
        assert_eq!(site_of(&[]), None);
    }
}
