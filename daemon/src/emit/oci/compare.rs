//! The specification's comparisons as masks: every range of numbers is a few blocks whose upper bits are
//! equal, as an IP range is a few prefixes.

use super::ArgFile;
use crate::policy::{Alternatives, ArgIndex, ConditionError, Conjunction, Masked};

/// What a rule's `args` allow. runc takes several conditions on one argument as alternatives
/// (`libcontainer/seccomp/seccomp_linux.go`, `hasMultipleArgs`), and so does this.
pub(super) fn alternatives(args: &[ArgFile]) -> Result<Alternatives, String> {
    let text = |error: ConditionError| error.to_string();
    let mut conditions = Vec::new();
    for arg in args {
        conditions.push((ArgIndex::new(arg.index).map_err(text)?, masks(arg)?));
    }
    let mut indexes: Vec<ArgIndex> = conditions.iter().map(|(index, _)| *index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    let lists = if indexes.len() == conditions.len() { product(&conditions) } else { each(&conditions) };
    let conjunctions =
        lists.into_iter().map(Conjunction::new).collect::<Result<Vec<_>, _>>().map_err(text)?;
    Alternatives::new(conjunctions).map_err(text)
}

type Conditions = Vec<(ArgIndex, Masked)>;

/// Every way to meet all the conditions at once.
fn product(conditions: &[(ArgIndex, Vec<Masked>)]) -> Vec<Conditions> {
    conditions.iter().fold(vec![Conditions::new()], |lists, (index, masks)| {
        let with =
            |list: &Conditions, masked: Masked| list.iter().copied().chain([(*index, masked)]).collect();
        lists.iter().flat_map(|list| masks.iter().map(move |masked| with(list, *masked))).collect()
    })
}

/// Every way to meet one of them.
fn each(conditions: &[(ArgIndex, Vec<Masked>)]) -> Vec<Conditions> {
    let single = |(index, masks): &(ArgIndex, Vec<Masked>)| {
        masks.iter().map(|masked| vec![(*index, *masked)]).collect::<Vec<_>>()
    };
    conditions.iter().flat_map(single).collect()
}

fn masks(arg: &ArgFile) -> Result<Vec<Masked>, String> {
    let value = arg.value;
    let below = value.checked_sub(1);
    let above = value.checked_add(1);
    let ranges: Vec<(u64, u64)> = match arg.op.as_str() {
        "SCMP_CMP_MASKED_EQ" => {
            let masked = Masked::new(value, arg.value_two.unwrap_or_default());
            return Ok(vec![masked.map_err(|error| error.to_string())?]);
        }
        "SCMP_CMP_EQ" => vec![(value, value)],
        "SCMP_CMP_LT" => below.map(|top| (0, top)).into_iter().collect(),
        "SCMP_CMP_LE" => vec![(0, value)],
        "SCMP_CMP_GT" => above.map(|low| (low, u64::MAX)).into_iter().collect(),
        "SCMP_CMP_GE" => vec![(value, u64::MAX)],
        "SCMP_CMP_NE" => {
            below.map(|top| (0, top)).into_iter().chain(above.map(|low| (low, u64::MAX))).collect()
        }
        other => return Err(format!("there is no comparison {other}")),
    };
    let blocks = ranges.into_iter().flat_map(|(low, high)| blocks(low, high));
    let masked = blocks.map(|(mask, value)| Masked::new(mask, value));
    let masked = masked.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    if masked.is_empty() { Err("its comparison holds for no value".to_owned()) } else { Ok(masked) }
}

/// The aligned blocks that cover `low` to `high`, each as a mask and a value.
fn blocks(mut low: u64, high: u64) -> Vec<(u64, u64)> {
    let mut blocks = Vec::new();
    loop {
        let fits = |bits: &u32| {
            let size = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
            low & size == 0 && low.checked_add(size).is_some_and(|end| end <= high)
        };
        let bits = (0..=64).rev().find(fits).unwrap_or(0);
        let size = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        blocks.push((!size, low));
        match low.checked_add(size).and_then(|end| end.checked_add(1)) {
            Some(next) if next <= high => low = next,
            _ => return blocks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arg(op: &str, value: u64) -> ArgFile {
        ArgFile { index: 0, value, value_two: None, op: op.into() }
    }

    fn holds(masks: &[Masked], value: u64) -> bool {
        masks.iter().any(|masked| value & masked.mask() == masked.value())
    }

    proptest! {
        /// Check that each comparison allows exactly the values that it says.
        #[test]
        fn comparisons_are_exact(bound in prop_oneof![0..200u64, any::<u64>()], near in -2..3i64, any in any::<u64>()) {
            for value in [bound.wrapping_add_signed(near), any] {
                let cases = [
                    ("SCMP_CMP_EQ", value == bound),
                    ("SCMP_CMP_NE", value != bound),
                    ("SCMP_CMP_LT", value < bound),
                    ("SCMP_CMP_LE", value <= bound),
                    ("SCMP_CMP_GT", value > bound),
                    ("SCMP_CMP_GE", value >= bound),
                ];
                for (op, expected) in cases {
                    // A comparison that always or never holds is refused instead.
                    if let Ok(masks) = masks(&arg(op, bound)) {
                        prop_assert_eq!(holds(&masks, value), expected, "{} {} with {}", op, bound, value);
                    }
                }
            }
        }
    }

    /// Check that two arguments are met together, and two conditions on one argument either way.
    #[test]
    fn conditions_are_combined_as_runc_does() {
        let second = ArgFile { index: 1, ..arg("SCMP_CMP_LT", 3) };
        let text = |args: &[ArgFile]| crate::policy::Condition::When(alternatives(args).unwrap()).to_string();
        assert_eq!(
            text(&[arg("SCMP_CMP_EQ", 7), second]),
            "when arg0 == 7 and arg1 & 0xfffffffffffffffe == 0x0, or arg0 == 7 and arg1 == 2"
        );
        assert_eq!(text(&[arg("SCMP_CMP_EQ", 7), arg("SCMP_CMP_EQ", 9)]), "when arg0 == 7, or arg0 == 9");
        assert!(alternatives(&[arg("SCMP_CMP_GE", 0)]).is_err());
    }
}
