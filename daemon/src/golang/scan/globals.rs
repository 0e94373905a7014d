//! Numbers that lie in variables, and functions that lie in memory as values.

use std::collections::{BTreeMap, BTreeSet};

use super::ir::{Op, Operand, Place};
use super::resolve::{Budget, Lost, Origins};
use super::returns::Returns;
use super::text::{FunctionId, Text};
use crate::golang::symbols;

/// What a variable holds when the program starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    Value(u64),
    /// Its address is none of the program's.
    Outside,
}

/// Something that changes a variable, or may do so.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) variable: u64,
    pub(super) function: FunctionId,
    /// What is stored.
    pub(super) origins: Origins,
    /// Its address is taken: anything may be stored.
    pub(super) is_address: bool,
}

impl Store {
    /// Whether what is stored is what a function's callers hand over, or zero, and nothing else.
    pub(super) fn is_argument(&self) -> bool {
        let Origins { constants, arguments, globals, pointed_to, frames, lost } = &self.origins;
        let are_plain = arguments.iter().all(|place| !matches!(place, Place::Behind { .. }));
        let is_known = globals.is_empty() && pointed_to.is_empty() && frames.is_empty() && lost.is_empty();
        !self.is_address && is_known && are_plain && constants.iter().all(|&constant| constant == 0)
    }
}

/// What counts of a number: the kernel looks at no more of the register.
pub(super) const NUMBER_BYTES: u64 = 4;
/// What counts of a pointer.
pub(super) const POINTER_BYTES: u64 = 8;
/// Stores that are kept, and what all of them may hold; beyond that, anything may be stored.
const MOST_STORES: usize = 1 << 16;
const MOST_STORED: usize = 1 << 20;

/// The widest store: a vector register.
const WIDEST: u64 = 64;

/// What the variable at this address holds at first. What is not in the file begins as zero.
pub(super) fn value(text: &Text<'_>, address: u64) -> Global {
    if let Some(word) = text.image().word(address) {
        return Global::Value(word);
    }
    let segments = text.image().segments();
    let follows =
        segments.iter().map(|segment| segment.range().end).filter(|&end| end <= address.saturating_add(8));
    if follows.max().is_some() { Global::Value(0) } else { Global::Outside }
}

/// Everything in the program that stores to one of these variables, of which so many bytes count.
pub(super) fn stores(
    text: &Text<'_>,
    (variables, length): (&BTreeSet<u64>, u64),
    returns: &mut Returns,
    budget: &mut Budget,
) -> Vec<Store> {
    let (Some(&first), Some(&last)) = (variables.first(), variables.last()) else { return Vec::new() };
    let near = first.saturating_sub(WIDEST)..=last.saturating_add(8);
    // Looking through all code is not for nothing.
    let functions = text.functions().iter();
    let all = functions
        .map(|function| function.range.end.saturating_sub(function.range.start))
        .fold(0, u64::saturating_add);
    if !budget.take(all / 16) {
        return too_much(variables);
    }
    let blocks = Blocks::around(variables);
    let is_near = |to| blocks.may_hold(to) && near.contains(&to);
    let referring =
        text.referring(|to| is_near(to) && covered((variables, length), to, WIDEST).next().is_some());
    let mut stores = Vec::new();
    let mut held = 0;
    for function in referring {
        if stores.len() > MOST_STORES || held > MOST_STORED {
            return too_much(variables);
        }
        let Some(flow) = text.flow(function, budget) else { return too_much(variables) };
        for (step, op) in flow.ops() {
            match op {
                Op::Address { address, .. } if variables.contains(&address) => {
                    let origins = Origins::default();
                    stores.push(Store { variable: address, function, origins, is_address: true });
                }
                Op::StoreGlobal { address, size, value } => {
                    for &variable in covered((variables, length), address, size.into()) {
                        if stores.len() > MOST_STORES || held > MOST_STORED {
                            return too_much(variables);
                        }
                        let origins = match value {
                            Operand::Constant(constant) if address == variable => Origins::constant(constant),
                            Operand::Register(register) if address == variable => {
                                let from = (step, Place::Register(register));
                                returns.origins(text, function, &flow, from, budget)
                            }
                            _ => lost(flow.address(step), Lost::Memory),
                        };
                        held += origins.len();
                        stores.push(Store { variable, function, origins, is_address: false });
                    }
                }
                _ => {}
            }
        }
    }
    stores
}

/// Blocks of memory from which a store may reach a variable, by a hash: code is full of what could be an address.
struct Blocks(Vec<u64>);

impl Blocks {
    const BITS: u64 = 1 << 20;

    fn around(variables: &BTreeSet<u64>) -> Self {
        let mut bits = vec![0; usize::try_from(Self::BITS / 64).unwrap_or_default()];
        for &variable in variables {
            for address in [variable.saturating_sub(WIDEST), variable, variable.saturating_add(7)] {
                let (word, bit) = Self::place(address);
                bits[word] |= bit;
            }
        }
        Self(bits)
    }

    fn may_hold(&self, address: u64) -> bool {
        let (word, bit) = Self::place(address);
        self.0[word] & bit != 0
    }

    /// Where the bit of an address' block is.
    fn place(address: u64) -> (usize, u64) {
        let block = address / WIDEST % Self::BITS;
        (usize::try_from(block / 64).unwrap_or_default(), 1 << (block % 64))
    }
}

/// Where not all code can be looked through, anything may be stored in each of them.
fn too_much(variables: &BTreeSet<u64>) -> Vec<Store> {
    let store = |&variable| Store {
        variable,
        function: 0,
        origins: lost(variable, Lost::TooMuch),
        is_address: false,
    };
    variables.iter().map(store).collect()
}

/// The variables that so many bytes at an address have a part in.
fn covered(
    (variables, length): (&BTreeSet<u64>, u64),
    address: u64,
    size: u64,
) -> impl Iterator<Item = &u64> {
    let first = address.saturating_sub(length - 1);
    variables.range(first..address.saturating_add(size).max(first))
}

fn lost(address: u64, why: Lost) -> Origins {
    Origins { lost: [(address, why)].into(), ..Origins::default() }
}

/// The words in memory that are the address of one of these functions, as (place, address), but for what is beyond
/// `most`.
pub(super) fn values_used<V>(
    text: &Text<'_>,
    functions: &BTreeMap<u64, V>,
    most: usize,
) -> BTreeSet<(u64, u64)> {
    let (Some((&first, _)), Some((&last, _))) = (functions.first_key_value(), functions.last_key_value())
    else {
        return BTreeSet::new();
    };
    let is_one = |word: u64| (first..=last).contains(&word) && functions.contains_key(&word);
    let mut used = BTreeSet::new();
    // The table of dynamic symbols has addresses of functions too, which nobody calls by them.
    let symbols = symbols::table(text.image()).unwrap_or_default();
    for segment in text.image().segments() {
        let misaligned = usize::try_from(segment.address.wrapping_neg() & 7).unwrap_or_default();
        let words = segment.bytes.get(misaligned..).unwrap_or_default().chunks_exact(8);
        let first = segment.address.wrapping_add(misaligned as u64);
        for (word, number) in words.zip(0_u64..) {
            let place = first.wrapping_add(8 * number);
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            if is_one(word) && !symbols.contains(&place) && used.len() < most {
                used.insert((place, word));
            }
        }
    }
    used.extend(text.image().relocated_words().filter(|&(_, word)| is_one(word)).take(most));
    used
}
