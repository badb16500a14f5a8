//! The lines by which two texts differ.

use std::fmt::Write;

/// Every line that only one of the texts has: `-12 text` for `expected`, `+12 text` for `seen`, in
/// order and with the number it has there.
pub fn lines(expected: &str, seen: &str) -> String {
    let old: Vec<&str> = expected.split('\n').collect();
    let new: Vec<&str> = seen.split('\n').collect();
    let common = longest_common(&old, &new);
    let (mut at_old, mut at_new) = (0, 0);
    let mut text = String::new();
    while at_old < old.len() || at_new < new.len() {
        if at_old < old.len() && at_new < new.len() && old[at_old] == new[at_new] {
            at_old += 1;
            at_new += 1;
        } else if at_old < old.len()
            && (at_new == new.len() || common[at_old + 1][at_new] >= common[at_old][at_new + 1])
        {
            let _ = writeln!(text, "-{} {}", at_old + 1, old[at_old]);
            at_old += 1;
        } else {
            let _ = writeln!(text, "+{} {}", at_new + 1, new[at_new]);
            at_new += 1;
        }
    }
    text
}

/// How many lines `old[i..]` and `new[j..]` can have in common, for every `[i][j]`.
fn longest_common(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    common
}

#[test]
fn only_lines_that_differ_are_told() {
    assert_eq!(lines("a\nb\nc\n", "a\nb\nc\n"), "");
    assert_eq!(lines("a\nb\nc\n", "a\nx\nc\nd\n"), "-2 b\n+2 x\n+4 d\n");
    assert_eq!(lines("", "a\n"), "+1 a\n");
    assert_eq!(lines("a\nb\n", "b\n"), "-1 a\n");
    assert_eq!(lines("a\n", "a"), "-2 \n", "the end of the last line");
}
