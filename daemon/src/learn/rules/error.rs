//! What can be wrong with a rule.

use crate::model::PatternError;

/// Why a rule can't be.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// A name that no architecture has.
    #[error("rule `{rule}` names the unknown system call `{name}`{}", suggestion(*nearest))]
    UnknownSyscall {
        /// The rule.
        rule: String,
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A group that there is not.
    #[error("rule `{rule}` names the unknown group `@{name}`: the groups are {known}")]
    UnknownGroup {
        /// The rule.
        rule: String,
        /// The group.
        name: String,
        /// All there are.
        known: String,
    },
    /// No calls.
    #[error("rule `{0}` names no system call")]
    NoSyscalls(String),
    /// No workloads.
    #[error("rule `{0}` is for no workload: leave `workloads` out, or write [\"*\"], for all")]
    NoWorkloads(String),
    /// A name that can't be a label or a reason.
    #[error("`{0}` is no name for a rule: 1 to 64 letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// Two rules of one name.
    #[error("there are two rules `{0}`: give one another name")]
    Twice(String),
    /// No time.
    #[error(
        "rule `{rule}` has `per = \"{text}\"`, which is no time: write it as 30s, 5m or 1h, and more than nothing"
    )]
    Per {
        /// The rule.
        rule: String,
        /// What stands there.
        text: String,
    },
    /// A pattern that is none.
    #[error("rule `{rule}`, `workloads`")]
    Pattern {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        #[source]
        source: PatternError,
    },
    /// Bits that are none.
    #[error(
        "rule `{rule}` has `any_of = {text}`, which is no set of bits: write a number above 0, or \"0x10000000\""
    )]
    Bits {
        /// The rule.
        rule: String,
        /// What stands there.
        text: String,
    },
    /// An argument that is not learned.
    #[error("rule `{rule}` tests argument {index} of `{syscall}`, which is not learned: {learned}")]
    Argument {
        /// The rule.
        rule: String,
        /// The call.
        syscall: String,
        /// The position.
        index: u64,
        /// Which are.
        learned: String,
    },
    /// A call without arguments to narrow.
    #[error(
        "rule `{rule}` narrows `{syscall}`, whose arguments are not learned; those that can be narrowed are {known}"
    )]
    NotNarrowable {
        /// The rule.
        rule: String,
        /// The call.
        syscall: String,
        /// Those that can be.
        known: String,
    },
    /// Refusing a call for one of its arguments.
    #[error(
        "rule `{0}` would refuse the whole call for some of its arguments: write `then = \"narrow\"` to refuse \
         those alone, or leave `argument` out"
    )]
    DenyByArgument(String),
    /// A file of this program that it can't use itself.
    #[error("reading the built-in file `{file}`")]
    Builtin {
        /// Which.
        file: &'static str,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
}

fn suggestion(name: Option<&'static str>) -> String {
    name.map_or_else(String::new, |name| format!("; the nearest name is `{name}`"))
}
