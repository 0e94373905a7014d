//! A broken rule, and who broke it: the rule is told of at once, who it was as soon as that is known.

use std::time::Duration;

use super::Then;
use crate::golang;
use crate::model::{Caller, Callers, SyscallNr, Timestamp, WorkloadId};

/// The kernel side tells of a call and of its stack one right after the other, each with a time of its own.
const MOMENT: Duration = Duration::from_millis(1);

/// A workload made more of a rule's calls than it tolerates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When it was noticed.
    pub time: Timestamp,
    /// Who.
    pub workload: WorkloadId,
    /// The rule's name.
    pub rule: String,
    /// The call.
    pub syscall: SyscallNr,
    /// How often it was made, so far as known, in this window and after the last report in those before.
    pub count: u64,
    /// More than so many is a violation.
    pub over: u64,
    /// In so much time.
    pub per: Duration,
    /// What follows.
    pub then: Then,
    /// Which part of the program makes the call, if that is known so far: [`Self::is_of_this_call`] says whether it is
    /// the very call that was told of.
    pub caller: Option<Caller>,
}

impl Violation {
    /// Takes in who makes the call, as far as that tells more than is known; says whether now more is known than that
    /// somebody does: who made the very call, or anybody at all.
    pub fn made_by(&mut self, callers: &Callers) -> bool {
        let known = (self.caller.is_some(), self.is_of_this_call());
        for caller in callers.iter() {
            if self.learns_from(caller) {
                self.caller = Some(golang::essence(caller));
            }
        }
        known != (self.caller.is_some(), self.is_of_this_call())
    }

    /// Whether a caller tells more than is known. The one of the very call tells most; else the last one does: stacks
    /// are taken ever more rarely, and of many calls the first say least. Who came after the call did not make it.
    pub fn learns_from(&self, caller: &Caller) -> bool {
        let is_later = |known: &Caller| caller.time > known.time;
        let is_better =
            !self.is_of_this_call() && (self.is_at(caller) || self.caller.as_ref().is_none_or(is_later));
        is_better && self.time.until(caller.time) <= MOMENT
    }

    /// Whether the caller's stack is that of the call that was told of, not of one before.
    pub fn is_of_this_call(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| self.is_at(caller))
    }

    /// Who made it, in one line.
    pub fn by(&self) -> Option<String> {
        golang::one_line(&self.caller.as_ref()?.frames)
    }

    fn is_at(&self, caller: &Caller) -> bool {
        self.time.until(caller.time) <= MOMENT && caller.time.until(self.time) <= MOMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Frame;

    fn caller(function: &str, nanoseconds: u64) -> Callers {
        let frame = Frame { function: function.into(), file: "x.go".into(), line: 1, is_inlined: false };
        let caller = Caller {
            frames: [frame].into(),
            goroutine: Some(7),
            time: Timestamp::from_unix_nanos(nanoseconds),
        };
        let mut callers = Callers::default();
        callers.add(caller);
        callers
    }

    fn violation() -> Violation {
        Violation {
            time: Timestamp::from_unix_nanos(1_000_000_000),
            workload: WorkloadId::Executable("/srv/web".into()),
            rule: "no-debugging".into(),
            syscall: SyscallNr::new(101).unwrap(),
            count: 1,
            over: 0,
            per: Duration::from_hours(1),
            then: Then::Report,
            caller: None,
        }
    }

    /// Check that the stack of the very call is believed before all others, and that none is of a later call.
    #[test]
    fn the_very_call_tells_most() {
        let by = |violation: &Violation| {
            violation.caller.clone().map(|caller| caller.frames[0].function.to_string())
        };
        let mut violation = violation();
        assert!(!violation.made_by(&Callers::default()));
        assert!(!violation.made_by(&caller("main.later", 1_002_000_000)), "it came after the call");
        assert!(violation.made_by(&caller("main.before", 5)));
        assert!(!violation.is_of_this_call());
        assert!(!violation.made_by(&caller("main.late", 7)), "nothing new but who");
        assert!(
            !violation.learns_from(caller("main.early", 6).first().unwrap()),
            "the last one stands for more"
        );
        assert_eq!(by(&violation).as_deref(), Some("main.late"));
        let mut several = caller("main.before", 5);
        several.absorb(caller("main.itself", 1_000_020_000));
        assert!(violation.made_by(&several));
        assert!(violation.is_of_this_call());
        assert!(!violation.made_by(&caller("main.other", 1_000_010_000)));
        assert_eq!(by(&violation).as_deref(), Some("main.itself"));
    }
}
