//! Who broke a rule, from when it is told to when that is known.

use super::{Host, PTRACE, Running};
use crate::collect::Called;
use crate::collect::testing::{number, slot, time};
use crate::kernel::Happening;
use crate::model::{Caller, Frame, Timestamp};

impl Running {
    fn alerts(&mut self, host: &Host, at: Timestamp) {
        let alert =
            Happening::Alert { time: at, slot: slot(1), tgid: 100, nr: number(PTRACE), arguments: [0; 6] };
        host.world.script.event(alert);
        self.daemon.take_events();
        self.daemon.show(at);
    }

    /// Who broke each rule, and whether by the call that was told of.
    fn culprits(&self) -> Vec<Option<(String, bool)>> {
        let view = self.daemon.views.borrow();
        let each = view.violations.iter();
        each.map(|one| Some((one.by()?, one.is_of_this_call()))).collect()
    }
}

fn called(host: &Host, nr: u16, function: &str, time: Timestamp) -> Called {
    let frame = Frame { function: function.into(), file: "/src/x.go".into(), line: 1, is_inlined: false };
    let caller = Caller { frames: [frame].into(), goroutine: Some(7), time };
    Called { workload: host.id.clone(), nr: number(nr), caller }
}

fn by(function: &str, this_call: bool) -> (String, bool) {
    (format!("{function} (x.go:1)"), this_call)
}

/// Check that a broken rule is told at once with nobody, then with who is found to have made such calls before, then
/// with who made that very call; and that others, and other calls, say nothing of it.
#[tokio::test]
async fn who_broke_a_rule_is_filled_in() {
    let host = Host::new();
    let mut running = host.start("one", None);
    running.alerts(&host, time(5));
    assert_eq!(running.culprits(), [None]);
    for (nr, function, at, expected) in [
        (0, "main.read", time(5), None),
        (PTRACE, "main.later", time(6), None),
        (PTRACE, "main.before", time(4), Some(by("main.before", false))),
        (PTRACE, "main.culprit", time(5), Some(by("main.culprit", true))),
        (PTRACE, "main.before", time(4), Some(by("main.culprit", true))),
    ] {
        running.daemon.called(&[called(&host, nr, function, at)]);
        running.daemon.show(at);
        assert_eq!(running.culprits(), [expected], "{function}");
    }
    let stranger = Called {
        workload: crate::model::WorkloadId::Executable("/srv/other".into()),
        ..called(&host, PTRACE, "main.stranger", time(5))
    };
    running.daemon.called(&[stranger]);
    assert_eq!(running.culprits(), [Some(by("main.culprit", true))]);
}
