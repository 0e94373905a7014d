//! Diagnostics on standard error: for a terminal, a file, or the journal.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How much is said, unless `SECCINCH_LOG` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// What a command's user has to know.
    Warnings,
    /// What a service did.
    Service,
}

/// Begins to write events. `init` also takes over the `log` records of aya and of the kernel side.
pub(super) fn start(verbosity: Verbosity) {
    let usual = match verbosity {
        Verbosity::Warnings => "warn",
        Verbosity::Service => "warn,seccinch=info",
    };
    let filter = EnvFilter::try_from_env("SECCINCH_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    let events =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    if is_journal() {
        // Escape sequences make a line a blob to the journal, which then can't be searched or shown.
        events.with_ansi(false).event_format(Journal).init();
    } else {
        let ansi = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        events.with_ansi(ansi).init();
    }
}

/// Whether standard error is the journal's: `JOURNAL_STREAM` in `systemd.exec(5)`.
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let here = fs::metadata("/proc/self/fd/2");
    here.is_ok_and(|here| stream == format!("{}:{}", here.dev(), here.ino()))
}

/// One line an event, with its level as the journal reads it (`sd-daemon(3)`): it has the time and the name
/// already, and no use for colours.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
