//! Shows what seccinch does: records a real Go service, builds its profile, and runs the service under
//! it in runc.

mod container;
mod http;
mod profile;
mod recording;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use self::{container::Container, profile::Summary};
use crate::{
    build::build,
    project::Project,
    say,
    setup::{self, Set},
};

/// What Docker's default profile allows on amd64 without extra capabilities.
const DOCKER_DEFAULT: usize = 308;
/// How long the service may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(15);

/// The service of the demonstration: its program and where it listens.
#[derive(Debug)]
struct Service {
    program: PathBuf,
    address: SocketAddr,
}

impl Service {
    fn new(project: &Project) -> Result<Self> {
        let package = "prometheus-node-exporter";
        let program = setup::program(project, package, "usr/bin/prometheus-node-exporter");
        Ok(Self { program, address: free_address()? })
    }

    /// Collectors that only complain where there is no systemd and no udev are left out.
    fn arguments(&self) -> Vec<String> {
        let quiet = ["systemd", "textfile", "diskstats"].map(|name| format!("--no-collector.{name}"));
        let mut arguments = vec![format!("--web.listen-address={}", self.address)];
        arguments.push("--log.level=error".to_owned());
        arguments.extend(quiet);
        arguments
    }
}

/// Records, builds the profile, and runs the service under it. Files go to `.cache/demo/`.
pub(crate) fn demo(project: &Project) -> Result<()> {
    must_be_root()?;
    build(project, Set::Demo)?;
    let folder = project.cached("demo");
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let service = Service::new(project)?;

    say::step("1. Record a Go service while it works: Debian's prometheus-node-exporter");
    recording::record(project, &folder, &service)?;

    say::step("2. Build its seccomp profile");
    let profile = recording::build_profile(project, &folder)?;
    let summary = profile::summary(&profile)?;
    summary.print();

    say::step("3. Run it under that profile, in runc");
    run_confined(project, &folder, &service, &profile)?;
    conclude(&summary);
    Ok(())
}

fn run_confined(
    project: &Project,
    folder: &Path,
    service: &Service,
    profile: &serde_json::Value,
) -> Result<()> {
    let container = Container::start(project, folder, service, profile)?;
    let answer = http::get_within(service.address, "/metrics", PATIENCE)
        .with_context(|| format!("the service doesn't answer under its profile\n{}", container.log()))?;
    say::detail(&format!("GET /metrics answers {}, {} bytes, among them:", answer.status, answer.body.len()));
    for line in answer.body.lines().filter(|line| line.starts_with("node_load")) {
        say::detail(&format!("  {line}"));
    }
    let pid = container.pid()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("can't read /proc/{pid}/status: has the service ended?"))?;
    let of_interest = |line: &&str| line.starts_with("Seccomp:") || line.starts_with("NoNewPrivs:");
    let found: Vec<&str> = status.lines().filter(of_interest).collect();
    say::detail(&format!("/proc/{pid}/status says {}", found.join(", ").replace('\t', " ")));
    ensure!(found.contains(&"Seccomp:\t2"), "the service runs without a seccomp filter");
    Ok(())
}

fn conclude(summary: &Summary) {
    let allowed = summary.allowed();
    say::step(&format!("{allowed} system calls allowed; Docker's default profile allows {DOCKER_DEFAULT}"));
    say::detail("observations.json, profile.json and the bundle are in .cache/demo/");
}

/// The owner of this process' folder in /proc is its effective user.
fn must_be_root() -> Result<()> {
    let user = fs::metadata("/proc/self").context("can't read /proc/self: is /proc mounted?")?.uid();
    if user != 0 {
        bail!("the demonstration loads eBPF programs and starts a container: run it as root");
    }
    Ok(())
}

/// A loopback port that nobody listens on.
fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .context("can't find a free port on 127.0.0.1: is the loopback interface up?")
}
