//! A program for seccomp(2), compiled by libseccomp as the container runtimes do.

use std::io::{self, Read};
use std::os::fd::AsFd;

use libseccomp::error::SeccompError;
use libseccomp::{ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};

use super::EmitError;
use crate::model::{Arch, SyscallNr};
use crate::policy::{Condition, Conjunction, DefaultAction, EPERM, Profile, Verdict};
use crate::syscalls;

/// From how many rules on a balanced tree is faster than a list: runc's own bound.
const TREE_FROM: usize = 32;

/// The profile as an array of `struct sock_filter` in this machine's byte order (`linux/filter.h`). Another
/// ABI, x32 included, kills the process.
pub fn bpf(profile: &Profile) -> Result<Vec<u8>, EmitError> {
    let compiler = Compiler { profile };
    let filter = compiler.filter()?;
    export(&filter).map_err(EmitError::Compile)
}

/// The names that the libseccomp of this machine does not know. A runtime that uses it ignores them.
pub fn unknown_to_libseccomp(profile: &Profile) -> Vec<String> {
    let arch = profile.arch();
    let names = profile.rules().keys().filter_map(|nr| syscalls::name(arch, *nr));
    let unknown = names.filter(|name| ScmpSyscall::from_name_by_arch(name, scmp_arch(arch)).is_err());
    unknown.map(str::to_owned).collect()
}

struct Compiler<'a> {
    profile: &'a Profile,
}

impl Compiler<'_> {
    fn filter(&self) -> Result<ScmpFilterContext, EmitError> {
        let mut filter = self.empty().map_err(|source| self.refused("the default action", source))?;
        let default = action(self.profile.default_action());
        for (nr, rule) in self.profile.rules() {
            match rule.verdict() {
                Verdict::Allow(Condition::Always) => self.add(&mut filter, *nr, ScmpAction::Allow, &[])?,
                Verdict::Allow(Condition::When(any)) => {
                    for one in any.iter() {
                        self.add(&mut filter, *nr, ScmpAction::Allow, &comparisons(one))?;
                    }
                    let (errno, others) = self.profile.others(any).unwrap_or((EPERM, Vec::new()));
                    for one in others {
                        let refusal = ScmpAction::Errno(errno.get().into());
                        self.add(&mut filter, *nr, refusal, &comparisons(&one))?;
                    }
                }
                Verdict::Errno(errno) => {
                    let refusal = ScmpAction::Errno(errno.get().into());
                    // libseccomp takes no rule that says what happens anyway.
                    if refusal != default {
                        self.add(&mut filter, *nr, refusal, &[])?;
                    }
                }
            }
        }
        Ok(filter)
    }

    fn empty(&self) -> Result<ScmpFilterContext, SeccompError> {
        let mut filter = ScmpFilterContext::new(action(self.profile.default_action()))?;
        if self.profile.arch() != Arch::NATIVE {
            filter.remove_arch(ScmpArch::Native)?;
            filter.add_arch(scmp_arch(self.profile.arch()))?;
        }
        filter.set_act_badarch(ScmpAction::KillProcess)?;
        if self.profile.rules().len() > TREE_FROM {
            filter.set_ctl_optimize(2)?;
        }
        Ok(filter)
    }

    fn add(
        &self,
        filter: &mut ScmpFilterContext,
        nr: SyscallNr,
        action: ScmpAction,
        comparisons: &[ScmpArgCompare],
    ) -> Result<(), EmitError> {
        let name = syscalls::display_name(self.profile.arch(), nr);
        let added = self.number(nr, &name).and_then(|number| match comparisons {
            [] => filter.add_rule(action, number).map(drop),
            some => filter.add_rule_conditional(action, number, some).map(drop),
        });
        added.map_err(|source| self.refused(&name, source))
    }

    /// libseccomp takes this machine's numbers as they are, also those newer than itself, and translates
    /// names for another architecture.
    fn number(&self, nr: SyscallNr, name: &str) -> Result<ScmpSyscall, SeccompError> {
        if self.profile.arch() == Arch::NATIVE {
            Ok(ScmpSyscall::from(i32::from(nr.get())))
        } else {
            ScmpSyscall::from_name(name)
        }
    }

    fn refused(&self, syscall: &str, source: SeccompError) -> EmitError {
        EmitError::Libseccomp { syscall: syscall.to_owned(), arch: self.profile.arch(), source }
    }
}

const fn scmp_arch(arch: Arch) -> ScmpArch {
    match arch {
        Arch::X86_64 => ScmpArch::X8664,
        Arch::Aarch64 => ScmpArch::Aarch64,
    }
}

fn action(default: DefaultAction) -> ScmpAction {
    match default {
        DefaultAction::Errno(errno) => ScmpAction::Errno(errno.get().into()),
        DefaultAction::KillProcess => ScmpAction::KillProcess,
        DefaultAction::Log => ScmpAction::Log,
    }
}

fn comparisons(conjunction: &Conjunction) -> Vec<ScmpArgCompare> {
    let comparison = conjunction.iter().map(|(index, masked)| {
        let operator = ScmpCompareOp::MaskedEqual(masked.mask());
        ScmpArgCompare::new(index.get().into(), operator, masked.value())
    });
    comparison.collect()
}

/// libseccomp before 2.6 writes to a file descriptor only. The other end is read at the same time, so that a
/// program of any size fits through the pipe.
fn export(filter: &ScmpFilterContext) -> io::Result<Vec<u8>> {
    let (mut reader, writer) = io::pipe()?;
    std::thread::scope(|scope| {
        let read = scope.spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        });
        let written = filter.export_bpf(writer.as_fd()).map_err(io::Error::other);
        // The reader ends only when the last writer is gone.
        drop(writer);
        let bytes = read.join().map_err(|_| io::Error::other("the reader of the program ended"))?;
        written.and(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ENOSYS;
    use crate::policy::testing::{ALWAYS, profile, sample};

    /// Check that a program is a whole number of instructions, and the same each time.
    #[test]
    fn the_same_profile_gives_the_same_program() {
        let program = bpf(&sample()).unwrap();
        assert!(!program.is_empty() && program.len().is_multiple_of(8), "{} bytes", program.len());
        assert_eq!(program, bpf(&sample()).unwrap());
    }

    /// Check that every call that is known, and one that is not, compiles on both architectures.
    #[test]
    fn whole_tables_compile() {
        for arch in Arch::ALL {
            // libseccomp translates only the names that it knows to another architecture.
            let known = |nr: &SyscallNr| arch == Arch::NATIVE || nr.get() <= 450;
            let numbers = syscalls::all(arch).map(|(nr, _)| nr).filter(known);
            let unnamed = SyscallNr::new(511).filter(|_| arch == Arch::NATIVE);
            let rules = numbers.chain(unnamed).map(|nr| (nr, crate::policy::testing::observed(ALWAYS)));
            let profile = Profile::new(arch, DefaultAction::KillProcess, rules.collect()).unwrap();
            let program = bpf(&profile);
            assert!(program.is_ok(), "{}: {:?}", arch.name(), program.err());
        }
    }

    /// Check that our names are libseccomp's own, because a runtime ignores others in silence.
    #[test]
    fn names_are_those_of_libseccomp() {
        for arch in Arch::ALL {
            // `uretprobe` (335, Linux 6.11) and `uprobe` (336) took numbers that had been free.
            let known = |(nr, name): &(SyscallNr, &str)| nr.get() <= 450 && !name.contains("probe");
            for (nr, name) in syscalls::all(arch).filter(known) {
                let theirs = ScmpSyscall::from_name_by_arch(name, scmp_arch(arch)).map(i32::from);
                assert_eq!(theirs.ok(), Some(i32::from(nr.get())), "{name} on {}", arch.name());
            }
        }
    }

    /// Check that an error that is also the default needs no rule.
    #[test]
    fn redundant_errors_are_left_out() {
        let rules = [("read", ALWAYS), ("clone3", Verdict::Errno(ENOSYS))];
        let same = bpf(&profile(DefaultAction::Errno(ENOSYS), &rules)).unwrap();
        let other = bpf(&profile(DefaultAction::Errno(EPERM), &rules)).unwrap();
        assert!(same.len() < other.len());
    }
}
