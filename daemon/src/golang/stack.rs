//! From a stack as the kernel walked it to the functions that were under way.
//!
//! Go keeps frame pointers, so the kernel's walk is right but for four places: the innermost functions have none, and
//! their caller is missing; a new thread has the frame pointer of the one that made it; the scheduler's own stack leads
//! on into a goroutine that had stopped before; and a thread's outermost frame is followed by what happens to lie there.
//! Source: `src/runtime/asm_amd64.s` (`mcall`, `mstart`) and `src/runtime/traceback.go`, Go 1.19 to 1.27.

use super::image::{Access, Image};
use super::package::{is_standard_library, name_for_print, package_of};
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
/// Returns twice: in the new thread too, on its own stack.
const NEW_THREAD: &str = "runtime.clone";
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
    /// C called, and the addresses after the first are those of the goroutine that had called C.
    pub from_c: bool,
}

/// The functions that were under way, innermost first. What is no Go function is left out. C keeps no frame pointers:
/// what they led to from C is believed if it goes on to where a stack begins, as chance does not.
pub fn frames<'data>(image: &Image<'data>, table: &Table<'data>, stack: &Stack<'_>) -> Vec<Frame<'data>> {
    let bias = load_bias(image, stack.start_code);
    let linked = |address: u64| address.wrapping_sub(bias);
    let mut addresses: Vec<u64> = stack.addresses.iter().copied().map(linked).collect();
    match caller_of_innermost(image, table, &addresses, stack.top, bias) {
        Some(Origin::Caller(address)) if addresses.get(1) != Some(&address) => addresses.insert(1, address),
        Some(Origin::Nobody) => addresses.truncate(1),
        _ => {}
    }
    let is_led_by_c =
        !stack.from_c && addresses.first().is_some_and(|first| table.function_at(*first).is_none());
    let frames = down_to_the_end(table, &addresses);
    let is_believed = !is_led_by_c || frames.len() >= MOST_FRAMES || frames.last().is_some_and(is_outermost);
    if is_believed { frames } else { Vec::new() }
}

fn down_to_the_end<'data>(table: &Table<'data>, addresses: &[u64]) -> Vec<Frame<'data>> {
    let mut frames = Vec::new();
    for address in addresses {
        // All of them are return addresses: that of a system call is behind it too.
        frames.extend(table.frames(address.wrapping_sub(1)));
        let is_left = frames.last().is_some_and(|frame| frame.function == GROWING)
            && frames.iter().any(|frame| frame.function == SCHEDULER);
        if is_left || frames.last().is_some_and(is_outermost) || frames.len() >= MOST_FRAMES {
            break;
        }
    }
    frames.truncate(MOST_FRAMES);
    frames
}

fn is_outermost(frame: &Frame<'_>) -> bool {
    OUTERMOST.contains(&frame.function)
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

/// How the innermost function came to run.
enum Origin {
    Caller(u64),
    /// It is where a new thread begins, or a signal's handler ends: the frame pointer is another's.
    Nobody,
}

/// The caller of a function without a frame pointer: its return address lies where the stack was at its entry. Nothing
/// if that was not sent.
fn caller_of_innermost(
    image: &Image<'_>,
    table: &Table<'_>,
    addresses: &[u64],
    top: &[u64],
    bias: u64,
) -> Option<Origin> {
    let address = *addresses.first()?;
    let function = table.function_at(address)?;
    let delta = table.stack_delta(&function, address)?;
    let word = top.get(usize::try_from(delta / WORD).ok()?)?.wrapping_sub(bias);
    if table.function_at(word).is_some() {
        return Some(Origin::Caller(word));
    }
    // Words that could not be read are zeros, as those behind a new stack often are. C can call too.
    let is_telling = top.iter().any(|word| *word != 0) || function.name == NEW_THREAD;
    (is_telling && !image.is_executable(word)).then_some(Origin::Nobody)
}

/// The frame that answers "who?" in one line: the innermost one that is not of the standard library; else the
/// innermost one behind what only carries calls out; else the innermost one.
pub fn site(frames: &[model::Frame]) -> Option<&model::Frame> {
    let callers = || frames.iter().filter(|frame| !is_plumbing(&package_of(&frame.function)));
    let outside = callers().find(|frame| !is_standard_library(&package_of(&frame.function)));
    outside.or_else(|| callers().next()).or_else(|| frames.first())
}

/// Who called, in one line: `main.(*Server).run (server.go:12)`, the function as Go's own stack traces name it. Nothing
/// of a stack without frames.
pub fn one_line(frames: &[model::Frame]) -> Option<String> {
    let site = site(frames)?;
    let file = site.file.rsplit('/').next().unwrap_or_default();
    let function = name_for_print(&site.function);
    Some(if file.is_empty() { function.into_owned() } else { format!("{function} ({file}:{})", site.line) })
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
