//! Label sets as they stand between the braces of a sample, made once an entity and collection.

use std::fmt::Write;

/// A label set being written: `a="1",b="2"`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct LabelSet {
    text: String,
}

impl LabelSet {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, its value escaped as the text format asks for.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a label in place.
    pub fn push(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let _ = write!(self.text, "{name}=\"");
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }

    /// What stands between the braces.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let set = LabelSet::new().with("a", "x\\y\"z\n").with("b", "ü");
        assert_eq!(set.as_str(), r#"a="x\\y\"z\n",b="ü""#);
    }
}
