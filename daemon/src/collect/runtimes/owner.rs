//! What owns a pod, from the pod's name.
//!
//! A heuristic: the runtime's state names the pod, not its owner, and the API server is not asked. A pod that is
//! named by hand in the form of a generated name is taken for one of an owner's.

/// What Kubernetes makes random names of (`k8s.io/apimachinery/pkg/util/rand`: no vowels, nothing that looks like
/// another character).
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
/// A template's hash is a decimal number, each digit written in [`RANDOM`] (`rand.SafeEncodeString`): only these
/// ten characters come of it.
const HASH: &str = "456789bcdf";
/// A hash of 32 bits has at most ten digits, and hardly ever fewer than six.
const HASH_LENGTHS: std::ops::RangeInclusive<usize> = 6..=10;
/// A cron job's jobs are named by the minute since 1970 that they are for: eight digits until 2160.
const MINUTE_DIGITS: usize = 8;
const RANDOM_LENGTH: usize = 5;
/// Nobody runs ten thousand replicas of a stateful set.
const MOST_ORDINAL_DIGITS: usize = 4;

/// Kind and name of the owner.
pub(super) fn of_pod(pod: &str) -> (&'static str, &str) {
    let Some((rest, last)) = split(pod) else { return ("Pod", pod) };
    if last.len() == RANDOM_LENGTH && consists_of(last, RANDOM) {
        return match split(rest) {
            Some((owner, hash)) if HASH_LENGTHS.contains(&hash.len()) && consists_of(hash, HASH) => {
                ("Deployment", owner)
            }
            Some((owner, minute)) if minute.len() == MINUTE_DIGITS && is_number(minute) => ("CronJob", owner),
            _ => ("DaemonSet", rest),
        };
    }
    let is_ordinal =
        last.len() <= MOST_ORDINAL_DIGITS && is_number(last) && (last == "0" || !last.starts_with('0'));
    if is_ordinal { ("StatefulSet", rest) } else { ("Pod", pod) }
}

fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(rest, last)| !rest.is_empty() && !last.is_empty())
}

fn consists_of(text: &str, alphabet: &str) -> bool {
    text.chars().all(|character| alphabet.contains(character))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that each kind of generated name leads to its owner, and that others stay what they are.
    #[test]
    fn owners_are_found_in_names() {
        for (pod, expected) in [
            ("web-7d4b9c8f6d-x2x5k", ("Deployment", "web")),
            ("kube-dns-66b6c48dd5-zvh9n", ("Deployment", "kube-dns")),
            ("db-0", ("StatefulSet", "db")),
            ("db-12", ("StatefulSet", "db")),
            ("node-exporter-x2x5k", ("DaemonSet", "node-exporter")),
            ("backup-29112340-x2x5k", ("CronJob", "backup")),
            ("kube-apiserver-control", ("Pod", "kube-apiserver-control")),
            ("alone", ("Pod", "alone")),
            ("-x2x5k", ("Pod", "-x2x5k")),
            ("db-00", ("Pod", "db-00")),
            ("", ("Pod", "")),
        ] {
            assert_eq!(of_pod(pod), expected, "{pod}");
        }
    }
}
