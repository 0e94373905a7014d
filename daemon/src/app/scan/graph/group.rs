//! From ways and origins to nodes and edges.

use std::collections::{BTreeMap, BTreeSet};

use super::keep::{self, Group};
use super::owner::{Owner, module_of};
use super::{Column, Edge, Graph, MOST_NODES, Node, OPTIONAL, Role};
use crate::golang::scan::{Condition, Gate, Origin, Path, Paths, Reach, Scan};
use crate::model::SyscallNr;
use crate::syscalls::{display_name, kind};

/// Packages of the standard library with a node of their own, and one for the others.
const MOST_STANDARD: usize = 9;
/// Nodes of the first column: more are no longer read.
const MOST_FROM: usize = 13;

/// Roles with the calls between them, before they are nodes.
#[derive(Default)]
struct Parts {
    groups: BTreeMap<Role, Group>,
    edges: BTreeMap<(Role, Role), Calls>,
}

/// The calls of an edge: those that are made anyway, and those for options.
#[derive(Default, Clone)]
struct Calls {
    plain: BTreeSet<SyscallNr>,
    optional: BTreeSet<SyscallNr>,
}

pub(super) fn group(program: &str, scan: &Scan, paths: &Paths) -> Graph {
    let mut parts = Parts::default();
    let owner = Owner::new(scan.go.as_ref());
    for (path, calls) in &paths.paths {
        parts.take_in_path(&owner, scan, path, calls);
    }
    for (&nr, reach) in &scan.syscalls {
        parts.take_in_origins(scan, nr, reach);
    }
    let nodes = parts.shown();
    let from_go = scan.syscalls.values().filter(|reach| is_from_go(reach)).count();
    let mut gaps: Vec<String> = scan.gaps.iter().cloned().collect();
    if paths.is_shortened {
        gaps.push("there are too many packages to tell all of them apart".to_owned());
    }
    let mut graph = Graph {
        program: program.to_owned(),
        arch: scan.arch,
        toolchain: scan.go.as_ref().map(|go| go.toolchain.clone()),
        package: scan.go.as_ref().and_then(|go| go.path.clone()),
        syscalls: scan.syscalls.len(),
        from_go,
        unresolved: scan.unresolved.len(),
        gaps,
        nodes: Vec::new(),
        edges: Vec::new(),
    };
    parts.finish(&nodes, &owner, scan, &mut graph);
    graph
}

fn is_from_go(reach: &Reach) -> bool {
    reach.origins.contains(&Origin::Go)
}

/// The node of the last column that a call is in.
fn target(scan: &Scan, nr: SyscallNr) -> Role {
    if scan.syscalls.get(&nr).is_some_and(|reach| reach.is_optional) {
        return Role::Optional;
    }
    kind(&display_name(scan.arch, nr)).map_or(Role::Unnamed, Role::Kind)
}

impl Parts {
    fn take_in_path(&mut self, owner: &Owner, scan: &Scan, path: &Path, calls: &BTreeSet<SyscallNr>) {
        let through = match &path.gate {
            Gate::Package(package) => Role::Standard(package.clone()),
            Gate::Own => Role::Assembly,
        };
        let member = match &path.gate {
            Gate::Package(package) => Some(package.as_str()),
            Gate::Own => None,
        };
        self.add(&through, member, calls);
        if let Some(package) = &path.from {
            let package = owner.path(package);
            let from = if owner.owns(package) {
                Role::Own(package.to_owned())
            } else {
                Role::Module(module_of(package).to_owned())
            };
            self.add(&from, Some(package), calls);
            self.link(from, through.clone(), path.condition, calls);
        }
        for &nr in calls {
            self.link(through.clone(), target(scan, nr), path.condition, &[nr].into());
        }
    }

    /// What is not Go's code leads to calls as well.
    fn take_in_origins(&mut self, scan: &Scan, nr: SyscallNr, reach: &Reach) {
        for &origin in &reach.origins {
            let through = match origin {
                Origin::Go => continue,
                Origin::Program => Role::Foreign,
                Origin::Libc => Role::Libraries,
                Origin::Loader => Role::Loader,
                Origin::Always => Role::Kernel,
            };
            self.add(&through, None, &[nr].into());
            let sites = reach.sites.iter().filter(|site| site.origin == origin);
            let libraries = sites.filter_map(|site| site.library.clone());
            self.groups.entry(through.clone()).or_default().members.extend(libraries);
            self.link(through, target(scan, nr), Condition::Plain, &[nr].into());
        }
        let to = self.groups.entry(target(scan, nr)).or_default();
        to.syscalls.insert(nr);
    }

    fn add(&mut self, role: &Role, member: Option<&str>, calls: &BTreeSet<SyscallNr>) {
        let group = self.groups.entry(role.clone()).or_default();
        group.members.extend(member.map(str::to_owned));
        group.syscalls.extend(calls);
    }

    fn link(&mut self, from: Role, to: Role, condition: Condition, calls: &BTreeSet<SyscallNr>) {
        let known = self.edges.entry((from, to)).or_default();
        match condition {
            Condition::Plain => known.plain.extend(calls),
            Condition::Options => known.optional.extend(calls),
        }
    }

    /// What each role is shown as, so that there are few enough.
    fn shown(&self) -> BTreeMap<Role, Role> {
        let of = |wanted: &dyn Fn(&Role) -> bool| -> BTreeMap<Role, Group> {
            let groups = self.groups.iter().filter(|(role, _)| wanted(role));
            let copy = |group: &Group| Group { syscalls: group.syscalls.clone(), ..Group::default() };
            groups.map(|(role, group)| (role.clone(), copy(group))).collect()
        };
        let mut shown = keep::shown(&of(&|role| matches!(role, Role::Standard(_))), MOST_STANDARD);
        let fixed = of(&|role| !matches!(role, Role::Standard(_)) && role.column() != Column::From);
        let different: BTreeSet<&Role> = shown.values().chain(fixed.keys()).collect();
        let most = MOST_FROM.min(MOST_NODES.saturating_sub(different.len()));
        shown.extend(keep::shown(&of(&|role| role.column() == Column::From), most));
        shown.extend(fixed.into_keys().map(|role| (role.clone(), role)));
        shown
    }

    fn finish(self, shown: &BTreeMap<Role, Role>, owner: &Owner, scan: &Scan, graph: &mut Graph) {
        let mut joined = BTreeMap::<Role, (Group, usize)>::new();
        for (role, group) in self.groups {
            let (all, count) = joined.entry(shown[&role].clone()).or_default();
            all.members.extend(group.members);
            all.syscalls.extend(group.syscalls);
            *count += 1;
        }
        for (role, (group, count)) in joined {
            graph.nodes.push(node(role, group, count, owner, scan));
        }
        // Kinds stand in their own order, the others by their size.
        graph.nodes.sort_by_cached_key(|node| {
            let column = node.role.column();
            let size = if column == Column::To { 0 } else { node.syscalls.len() };
            (column, std::cmp::Reverse(size), node.role.clone())
        });
        let places: BTreeMap<&Role, usize> =
            graph.nodes.iter().enumerate().map(|(place, node)| (&node.role, place)).collect();
        let mut edges = BTreeMap::<(usize, usize), Calls>::new();
        for ((from, to), calls) in self.edges {
            let all = edges.entry((places[&shown[&from]], places[&shown[&to]])).or_default();
            all.plain.extend(calls.plain);
            all.optional.extend(calls.optional);
        }
        graph.edges = edges.into_iter().map(|((from, to), calls)| edge(from, to, calls)).collect();
    }
}

fn edge(from: usize, to: usize, calls: Calls) -> Edge {
    let optional = &calls.optional - &calls.plain;
    Edge { from, to, syscalls: calls.plain, optional }
}

fn node(role: Role, group: Group, joined: usize, owner: &Owner, scan: &Scan) -> Node {
    let is_not_from_go = |nr: &&SyscallNr| scan.syscalls.get(nr).is_none_or(|reach| !is_from_go(reach));
    let not_from_go = match role.column() {
        Column::To => group.syscalls.iter().filter(is_not_from_go).copied().collect(),
        _ => BTreeSet::new(),
    };
    let label = label(&role, joined, owner);
    Node { role, label, members: group.members.into_iter().collect(), syscalls: group.syscalls, not_from_go }
}

fn label(role: &Role, joined: usize, owner: &Owner) -> String {
    match role {
        Role::Own(path) => owner.short(path).to_owned(),
        Role::OtherOwn => format!("{joined} other packages of the program"),
        Role::Module(name) | Role::Standard(name) => name.clone(),
        Role::OtherModules => format!("{joined} other modules"),
        Role::OtherStandard => format!("{joined} other standard packages"),
        Role::Assembly => "their own machine code".to_owned(),
        Role::Foreign => "C code in the program".to_owned(),
        Role::Libraries => "C library and others".to_owned(),
        Role::Loader => "dynamic linker (ld.so)".to_owned(),
        Role::Kernel => "its starter, and the kernel".to_owned(),
        Role::Kind(kind) => kind.title().to_owned(),
        Role::Unnamed => "newer than seccinch".to_owned(),
        Role::Optional => OPTIONAL.to_owned(),
    }
}
