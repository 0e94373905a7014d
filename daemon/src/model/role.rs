//! Which binary of a workload made a call, and when in its life.

/// Which binary inside the workload made a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The program that was recorded.
    Main,
    /// A program that the recorded one executed, by its file name.
    Child(String),
    /// A program that came in from outside (`kubectl exec`, `nsenter`, a probe, a debugger). It never
    /// teaches a profile unless that is asked for.
    Entered(String),
}

/// When in a target's life a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The first seconds after the program was executed.
    Startup,
    /// Everything between.
    Steady,
    /// After the first signal that asks the program to end.
    Shutdown,
}

impl Phase {
    /// Every phase, in the order in which they come.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Steady, Self::Shutdown];

    /// The word for this phase in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Steady => "steady",
            Self::Shutdown => "shutdown",
        }
    }
}
