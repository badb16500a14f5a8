//! A YAML document as a tree that remembers its lines.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::ConfigError;

/// Deeper than any configuration, and shallow enough for the stack.
const MAX_DEPTH: usize = 64;
/// An alias repeats what it names: bounds what a small file can grow to.
const MAX_NODES: usize = 100_000;

/// A node with the line it begins on.
#[derive(Debug, Clone)]
pub struct Node {
    /// Line, counted from 1.
    pub line: usize,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: an empty value, `null` or `~`.
    Null,
    /// Text, and whether it was quoted.
    Scalar(String, bool),
    /// A list.
    List(Vec<Node>),
    /// Keys, with their lines, and values in the order of the file.
    Mapping(Vec<(Node, Node)>),
}

/// Where a node stands does not matter to what it means.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// What it is, in words.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Scalar(text, _) => format!("{text:?}"),
            Value::List(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
        }
    }

    /// Its text, if it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }
}

/// Reads the first document of `text`; an empty one is [`Value::Null`].
///
/// # Errors
/// The text is not YAML, has a key twice in one mapping, or more than one document.
pub fn read(text: &str) -> Result<Node, ConfigError> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut document = None;
    while let Some((event, span)) = builder.next()? {
        match event {
            Event::DocumentStart(_)
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Nothing => {}
            _ if document.is_some() => {
                return Err(ConfigError::new(
                    span.start.line(),
                    "",
                    "expected one YAML document, found a second",
                ));
            }
            event => document = Some(builder.node(event, span, 0)?),
        }
    }
    Ok(document.unwrap_or(Node {
        line: 1,
        value: Value::Null,
    }))
}

struct Builder<'text> {
    parser: Parser<'text, saphyr_parser::StrInput<'text>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'text> Builder<'text> {
    fn next(&mut self) -> Result<Option<(Event<'text>, Span)>, ConfigError> {
        self.parser.next_event().transpose().map_err(|error: ScanError| {
            ConfigError::new(
                error.marker().line(),
                "",
                format!("not valid YAML: {}", error.info()),
            )
        })
    }

    fn expect_next(&mut self) -> Result<(Event<'text>, Span), ConfigError> {
        self.next()?
            .ok_or_else(|| ConfigError::new(0, "", "not valid YAML: it ends too early"))
    }

    fn node(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<Node, ConfigError> {
        let line = span.start.line();
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(ConfigError::new(line, "", "nested too deeply, or too large"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => {
                let named = self.anchors.get(&anchor).cloned();
                let node = named.ok_or_else(|| ConfigError::new(line, "", "an alias names nothing"))?;
                self.nodes += size(&node);
                return Ok(node);
            }
            other => {
                return Err(ConfigError::new(
                    line,
                    "",
                    format!("not expected here: {other:?}"),
                ));
            }
        };
        let node = Node { line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, ConfigError> {
        let mut items = Vec::new();
        loop {
            match self.expect_next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, ConfigError> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            let key = match self.expect_next()? {
                (Event::MappingEnd, _) => return Ok(Value::Mapping(entries)),
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let Some(name) = key.text() else {
                return Err(ConfigError::new(key.line, "", "expected a key that is text"));
            };
            let is_same = |other: &Node| other.text().is_some_and(|it| it.eq_ignore_ascii_case(name));
            if let Some((first, _)) = entries.iter().find(|(other, _)| is_same(other)) {
                let reason = format!("given twice: first on line {}", first.line);
                return Err(ConfigError::new(key.line, name, reason));
            }
            let (event, span) = self.expect_next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((key, value));
        }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar(..) => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
        text => Value::Scalar(text.to_owned(), !plain),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nodes_know_their_lines() {
        let node = read("a: 1\nb:\n  - x\n  - y: z\n").expect("valid");
        let Value::Mapping(entries) = &node.value else {
            panic!("a mapping")
        };
        assert_eq!(entries[1].0.line, 2);
        let Value::List(items) = &entries[1].1.value else {
            panic!("a list")
        };
        assert_eq!((items[0].line, items[1].line), (3, 4));
    }

    #[test]
    fn a_key_given_twice_is_an_error_whatever_its_case() {
        let error = read("port: 1\nPort: 2\n").expect_err("twice");
        assert_eq!(
            (error.line, error.to_string().as_str()),
            (2, "Port: given twice: first on line 1")
        );
    }

    #[test]
    fn what_is_not_yaml_names_its_line() {
        let error = read("a: 1\nb: [1, 2\n").expect_err("no yaml");
        assert!(error.line >= 2, "{error:?}");
        assert!(error.reason.starts_with("not valid YAML"), "{error}");
    }

    #[test]
    fn an_alias_repeats_its_anchor_within_bounds() {
        assert_eq!(read("a: &x [1]\nb: *x\n"), read("a: [1]\nb: [1]\n"));
        let bomb = (1..9).fold(
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
            |text, level| {
                let before = format!("*a{}, ", level - 1).repeat(10);
                format!("{text}a{level}: &a{level} [{before}]\n")
            },
        );
        assert!(read(&bomb).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-a-z:#&*\\[\\]{},'\" \n]{0,80}") {
            let _ = read(&text);
        }
    }
}
