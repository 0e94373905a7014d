//! Numbers that lie in variables, and functions that lie in memory as values.

use std::collections::{BTreeMap, BTreeSet};

use super::ir::{Op, Operand, Place};
use super::resolve::{self, Budget, Lost, Origins};
use super::text::{FunctionId, Text};

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

/// Everything in the program that stores to one of these variables.
pub(super) fn stores(text: &Text<'_>, variables: &BTreeSet<u64>, budget: &mut Budget) -> Vec<Store> {
    let (Some(&first), Some(&last)) = (variables.first(), variables.last()) else { return Vec::new() };
    let near = first.saturating_sub(WIDEST)..=last.saturating_add(8);
    // Looking through all code is not for nothing.
    let functions = text.functions().iter();
    let all = functions
        .map(|function| function.range.end.saturating_sub(function.range.start))
        .fold(0, u64::saturating_add);
    if !budget.take(all / 8) {
        return too_much(variables);
    }
    let referring =
        text.referring(|to| near.contains(&to) && covered(variables, to, WIDEST).next().is_some());
    let mut stores = Vec::new();
    for function in referring {
        let mut add = |variable, origins, is_address| {
            stores.push(Store { variable, function, origins, is_address });
        };
        let Some(flow) = text.flow(function, budget) else { return too_much(variables) };
        for (step, op) in flow.ops() {
            match op {
                Op::Address { address, .. } if variables.contains(&address) => {
                    add(address, Origins::default(), true);
                }
                Op::StoreGlobal { address, size, value } => {
                    for &variable in covered(variables, address, size.into()) {
                        let origins = match value {
                            Operand::Constant(constant) if address == variable => Origins::constant(constant),
                            Operand::Register(register) if address == variable => {
                                let from = (step, Place::Register(register));
                                resolve::origins(&flow, text.convention(function), from, budget)
                            }
                            _ => lost(flow.address(step), Lost::Memory),
                        };
                        add(variable, origins, false);
                    }
                }
                _ => {}
            }
        }
    }
    stores
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
fn covered(variables: &BTreeSet<u64>, address: u64, size: u64) -> impl Iterator<Item = &u64> {
    variables.range(address.saturating_sub(7)..address.saturating_add(size).max(address.saturating_sub(7)))
}

fn lost(address: u64, why: Lost) -> Origins {
    Origins { lost: [(address, why)].into(), ..Origins::default() }
}

/// The words in memory that are the address of one of these functions, as (place, address).
pub(super) fn values_used<V>(text: &Text<'_>, functions: &BTreeMap<u64, V>) -> BTreeSet<(u64, u64)> {
    let (Some((&first, _)), Some((&last, _))) = (functions.first_key_value(), functions.last_key_value())
    else {
        return BTreeSet::new();
    };
    let is_one = |word: u64| (first..=last).contains(&word) && functions.contains_key(&word);
    let mut used = BTreeSet::new();
    // The table of dynamic symbols has addresses of functions too, which nobody calls by them.
    let symbols = text.image().section(b".dynsym").unwrap_or_default();
    for segment in text.image().segments() {
        let misaligned = usize::try_from(segment.address.wrapping_neg() & 7).unwrap_or_default();
        let words = segment.bytes.get(misaligned..).unwrap_or_default().chunks_exact(8);
        let first = segment.address.wrapping_add(misaligned as u64);
        for (word, number) in words.zip(0_u64..) {
            let place = first.wrapping_add(8 * number);
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            if is_one(word) && !symbols.contains(&place) {
                used.insert((place, word));
            }
        }
    }
    used.extend(text.image().relocated_words().filter(|&(_, word)| is_one(word)));
    used
}
