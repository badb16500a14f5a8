//! Label sets as the formats have them, made once an entity and collection.

use super::{protobuf, text};

/// A label set being written, in every format at once.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct LabelSet {
    text: String,
    pairs: Vec<u8>,
}

impl LabelSet {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a label in place.
    pub fn push(&mut self, name: &str, value: &str) {
        text::push_label(&mut self.text, name, value);
        protobuf::push_label(&mut self.pairs, name, value);
    }

    /// What stands between the braces of a sample in the text format: `a="1",b="2"`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fields `label` of a message `Metric` in the protobuf format.
    pub fn as_protobuf(&self) -> &[u8] {
        &self.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_in_text_and_raw_in_protobuf() {
        let set = LabelSet::new()
            .with("a", "x\\y\"z\n")
            .with("b", "ü")
            .with("c", "");
        assert_eq!(set.as_str(), r#"a="x\\y\"z\n",b="ü",c="""#);
        let pairs = [
            &b"\x0a\x0b\x0a\x01a\x12\x06x\\y\"z\n"[..],
            "\x0a\x07\x0a\x01b\x12\x02ü".as_bytes(),
            b"\x0a\x05\x0a\x01c\x12\x00",
        ];
        assert_eq!(set.as_protobuf(), pairs.concat());
    }

    #[test]
    fn no_labels_are_nothing() {
        let set = LabelSet::new();
        assert_eq!((set.as_str(), set.as_protobuf()), ("", &[][..]));
    }
}
