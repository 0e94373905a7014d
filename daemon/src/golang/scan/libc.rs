//! The C side of a program: the libraries that it loads, and what of them it can reach.
//!
//! Roots are what the program imports, and every function whose address lies in a library's data. From there it goes on
//! by direct calls, addresses in the code, and the places that the dynamic linker fills in. The dynamic linker itself
//! counts whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::dynamic::Dynamic;
use super::ir::{Op, Place};
use super::resolve::Budget;
use super::text::{self, Function, FunctionId, Language, Text};
use super::wrappers::{self, Numbers};
use super::{Library, Part, amd64, unwind};
use crate::golang::image::Image;

/// The code that is decoded to find what is reachable, in bytes and steps; libc takes a thirtieth of it.
const MOST_STEPS: u64 = 30_000_000;

/// A library that was read.
pub(super) struct Object<'data> {
    pub(super) library: &'data Library,
    image: Image<'data>,
    pub(super) dynamic: Dynamic<'data>,
}

/// Functions that hand a number on and that other files can call, by name.
pub(super) type Shared<'data> = BTreeMap<&'data str, BTreeSet<Place>>;

impl<'data> Object<'data> {
    /// Reads the library's tables; nothing if they are damaged, or it is not one for the program's architecture.
    pub(super) fn read(library: &'data Library, program: &Image<'_>) -> Option<Self> {
        let bytes = library.bytes.as_deref()?;
        let image = Image::parse(bytes).ok().filter(|image| image.arch() == program.arch())?;
        let dynamic = Dynamic::read(&image)?;
        Some(Self { library, image, dynamic })
    }

    /// Its functions, by the tables for unwinding, by symbols, and what both leave over.
    pub(super) fn text(&'data self) -> Text<'data> {
        let mut ranges = foreign(&self.image, &self.dynamic);
        let symbols = self.dynamic.defined.iter().filter(|&(&start, &(_, size))| {
            size > 0 && self.image.is_executable(start) && !covers(&ranges, start)
        });
        let symbols: Vec<_> = symbols.map(|(&start, &(_, size))| start..start.saturating_add(size)).collect();
        ranges.extend(symbols);
        ranges.sort_by_key(|range| range.start);
        let rest = text::fill(&self.image, &mut ranges);
        ranges.extend(rest);
        let name = |start: u64| match self.dynamic.defined.get(&start) {
            Some((name, _)) => Cow::Borrowed(*name),
            None => Cow::Owned(format!("{start:#x}")),
        };
        let function = |range: Range<u64>| Function { name: name(range.start), range, language: Language::C };
        Text::new(&self.image, ranges.into_iter().map(function).collect())
    }
}

/// The functions of C in a file, each stub through which others are called as one. Sorted.
pub(super) fn foreign(image: &Image<'_>, dynamic: &Dynamic<'_>) -> Vec<Range<u64>> {
    let mut ranges = unwind::functions(image);
    // All stubs together are one function there.
    let of_stubs = |start: &u64| {
        dynamic.stubs.contains_key(start) || image.bytes_at(*start).is_some_and(amd64::is_shared_stub)
    };
    ranges.retain(|range| !of_stubs(&range.start));
    let stubs = dynamic.stubs.iter().map(|(&start, &end)| start..end);
    let stubs: Vec<_> = stubs.filter(|stub| !covers(&ranges, stub.start)).collect();
    ranges.extend(stubs);
    ranges.sort_by_key(|range| range.start);
    ranges
}

fn covers(ranges: &[Range<u64>], address: u64) -> bool {
    let after = ranges.partition_point(|range| range.start <= address);
    after.checked_sub(1).is_some_and(|at| ranges[at].contains(&address))
}

/// What each library can ask of the kernel, in their order, and the wrappers that they share. `program` is what the
/// program itself expects of them; where nothing is known of it, everything counts.
pub(super) fn numbers<'data>(
    objects: &[Object<'data>],
    texts: &[Text<'data>],
    program: &Dynamic<'_>,
) -> (Vec<Numbers>, Shared<'data>) {
    let live = Reachability::new(objects, texts).spread(program);
    let search = |number: usize, seeds: &[(FunctionId, Place)]| {
        wrappers::numbers(&texts[number], &|function| live.contains(&(number, function)), seeds)
    };
    let mut all: Vec<Numbers> = (0..texts.len()).map(|number| search(number, &[])).collect();
    let mut shared = Shared::new();
    for ((object, text), numbers) in objects.iter().zip(texts).zip(&all) {
        for &(function, place) in numbers.wrappers.keys() {
            if let Some((name, _)) = object.dynamic.defined.get(&text.function(function).range.start) {
                shared.entry(name).or_default().insert(place);
            }
        }
    }
    for (number, numbers) in all.iter_mut().enumerate() {
        let seeds = seeds(&objects[number].dynamic, &texts[number], &shared);
        if !seeds.is_empty() {
            *numbers = search(number, &seeds);
        }
        let defined = &objects[number].dynamic.defined;
        wrappers::uncalled(&texts[number], numbers, |start| defined.contains_key(&start));
    }
    (all, shared)
}

/// The stubs of a file through which it calls a wrapper of another one, `syscall(2)` above all.
pub(super) fn seeds(dynamic: &Dynamic<'_>, text: &Text<'_>, shared: &Shared<'_>) -> Vec<(FunctionId, Place)> {
    let mut seeds = Vec::new();
    let mut budget = Budget::new(MOST_STEPS);
    if shared.is_empty() {
        return seeds;
    }
    for &stub in dynamic.stubs.keys() {
        let Some(function) = text.beginning_at(stub) else { continue };
        let Some(flow) = text.flow(function, &mut budget) else { continue };
        let slots = flow.ops().filter_map(|(_, op)| match op {
            Op::LoadGlobal { address, .. } => dynamic.slots.get(&address),
            _ => None,
        });
        let slots = slots.filter(|name| budget.take(name.len() as u64 / 16));
        let places = slots.filter_map(|name| shared.get(name)).flatten();
        seeds.extend(places.map(|&place| (function, place)));
        if seeds.len() > wrappers::MOST_WRAPPERS {
            // That there are too many is told of by who follows them.
            break;
        }
    }
    seeds
}

/// A function of one of the libraries.
type Node = (usize, FunctionId);

struct Reachability<'a, 'data> {
    objects: &'a [Object<'data>],
    texts: &'a [Text<'data>],
    by_name: HashMap<&'data str, Vec<(usize, u64)>>,
    /// Where the names begin that were looked up: most are asked for again and again, and they can be long.
    asked: HashSet<*const u8>,
    live: BTreeSet<Node>,
    /// Libraries of which everything is in `live`.
    whole: BTreeSet<usize>,
    pending: Vec<Node>,
    budget: Budget,
}

impl<'a, 'data> Reachability<'a, 'data> {
    fn new(objects: &'a [Object<'data>], texts: &'a [Text<'data>]) -> Self {
        let mut by_name = HashMap::<_, Vec<_>>::new();
        for (number, object) in objects.iter().enumerate() {
            for (&address, &(name, _)) in &object.dynamic.defined {
                by_name.entry(name).or_default().push((number, address));
            }
        }
        let budget = Budget::new(MOST_STEPS);
        Self {
            objects,
            texts,
            by_name,
            asked: HashSet::new(),
            live: BTreeSet::new(),
            whole: BTreeSet::new(),
            pending: Vec::new(),
            budget,
        }
    }

    fn spread(mut self, program: &Dynamic<'_>) -> BTreeSet<Node> {
        for name in &program.imported {
            self.name(name);
        }
        for (number, object) in self.objects.iter().enumerate() {
            if program.imported.is_empty() || object.library.part == Part::Loader {
                self.everything_in(number);
            }
            let words = object.image.relocated_words().map(|(_, word)| word);
            let pointers: Vec<u64> = words.chain(object.dynamic.pointers.iter().copied()).collect();
            for pointer in pointers {
                self.address(number, pointer);
            }
            for name in &object.dynamic.pointed_to {
                self.name(name);
            }
        }
        while let Some(node) = self.pending.pop() {
            self.visit(node);
        }
        self.live
    }

    fn everything_in(&mut self, number: usize) {
        if !self.whole.insert(number) {
            return;
        }
        let functions = (0..).zip(self.texts[number].functions());
        let new = functions.map(|(function, _)| (number, function)).filter(|node| self.live.insert(*node));
        self.pending.extend(new);
    }

    fn name(&mut self, name: &str) {
        if !self.asked.insert(name.as_ptr()) {
            return;
        }
        for (number, address) in self.by_name.remove(name).unwrap_or_default() {
            self.address(number, address);
        }
    }

    fn address(&mut self, number: usize, address: u64) {
        if let Some(function) = self.texts[number].containing(address)
            && self.live.insert((number, function))
        {
            self.pending.push((number, function));
        }
    }

    fn visit(&mut self, (number, function): Node) {
        let Some(flow) = self.texts[number].flow(function, &mut self.budget) else {
            // What can't be followed may lead anywhere.
            return self.everything_in(number);
        };
        let dynamic = &self.objects[number].dynamic;
        for (_, op) in flow.ops() {
            match op {
                Op::Call { target: Some(to), .. }
                | Op::Jump { target: Some(to), .. }
                | Op::Branch { target: to, .. }
                | Op::Address { address: to, .. } => self.address(number, to),
                Op::LoadGlobal { address, .. } => {
                    if let Some(name) = dynamic.slots.get(&address) {
                        self.name(name);
                    }
                }
                _ => {}
            }
        }
    }
}
