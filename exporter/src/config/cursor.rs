//! Walking through a document with typed questions whose errors say where.

use std::path::PathBuf;
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::document::{Node, Value};
use super::{ConfigError, duration};

/// A place in the document, which may hold nothing.
#[derive(Debug, Clone)]
pub struct Cursor<'n> {
    node: Option<&'n Node>,
    path: String,
}

impl<'n> Cursor<'n> {
    /// The root of a document.
    pub fn root(node: &'n Node) -> Self {
        Self {
            node: Some(node),
            path: String::new(),
        }
        .without_null()
    }

    /// The place below `key`, whatever its case.
    ///
    /// # Errors
    /// This is something other than a mapping.
    pub fn at(&self, key: &str) -> Result<Self, ConfigError> {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        let node = match self.node.map(|node| &node.value) {
            None => None,
            Some(Value::Mapping(entries)) => entries
                .iter()
                .find(|(name, _)| name.text().is_some_and(|it| it.eq_ignore_ascii_case(key)))
                .map(|(_, value)| value),
            Some(_) => return Err(self.expected("a mapping")),
        };
        Ok(Self { node, path }.without_null())
    }

    /// The places of a list; `None` where there is nothing.
    ///
    /// # Errors
    /// This is something other than a list.
    pub fn items(&self) -> Result<Option<Vec<Self>>, ConfigError> {
        match self.node.map(|node| &node.value) {
            None => Ok(None),
            Some(Value::List(items)) => Ok(Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(at, node)| Self {
                        node: Some(node),
                        path: format!("{}[{at}]", self.path),
                    })
                    .collect(),
            )),
            Some(_) => Err(self.expected("a list")),
        }
    }

    /// `true` if there is something.
    pub fn is_some(&self) -> bool {
        self.node.is_some()
    }

    /// `true` if there is text.
    pub fn is_text(&self) -> bool {
        self.node.is_some_and(|node| node.text().is_some())
    }

    /// The node, if there is one.
    pub fn node(&self) -> Option<&'n Node> {
        self.node
    }

    /// The line of what is here; 0 where there is nothing.
    pub fn line(&self) -> usize {
        self.node.map_or(0, |node| node.line)
    }

    /// The path of keys that leads here.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error at this place.
    pub fn error(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::new(self.line(), self.path.clone(), reason)
    }

    /// The error that something else was expected here.
    pub fn expected(&self, what: &str) -> ConfigError {
        let found = self.node.map_or_else(|| "nothing".into(), Node::describe);
        self.error(format!("expected {what}, found {found}"))
    }

    /// Text, also where it looks like a number.
    ///
    /// # Errors
    /// This is a list or a mapping.
    pub fn text(&self) -> Result<Option<&'n str>, ConfigError> {
        self.typed("text", Node::text)
    }

    /// A path.
    ///
    /// # Errors
    /// This is a list or a mapping.
    pub fn path_buf(&self) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text()?.map(PathBuf::from))
    }

    /// `true` or `false`, also quoted, as templates write it.
    ///
    /// # Errors
    /// This is anything else.
    pub fn boolean(&self) -> Result<Option<bool>, ConfigError> {
        self.typed("true or false", |node| match node.text()? {
            text if text.eq_ignore_ascii_case("true") => Some(true),
            text if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }

    /// A whole number from `range`.
    ///
    /// # Errors
    /// This is anything else.
    pub fn integer(&self, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let what = format!("a whole number from {} to {}", range.start(), range.end());
        self.typed(&what, |node| {
            node.text()?.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// A duration up to `most`.
    ///
    /// # Errors
    /// This is anything else.
    pub fn duration(&self, most: Duration) -> Result<Option<Duration>, ConfigError> {
        let what = format!(
            "a duration such as 5s, 500ms or 1m, or a number of seconds, of at most {}",
            duration::format(most)
        );
        self.typed(&what, |node| {
            duration::parse(node.text()?).filter(|it| *it <= most)
        })
    }

    /// A list of patterns with `*`, `?` and `[..]`.
    ///
    /// # Errors
    /// This is anything else, or one is no pattern.
    pub fn patterns(&self) -> Result<Option<GlobSet>, ConfigError> {
        let Some(items) = self.items()? else {
            return Ok(None);
        };
        let mut set = GlobSetBuilder::new();
        for item in items {
            let text = item.text()?.ok_or_else(|| item.expected("a pattern"))?;
            set.add(Glob::new(text).map_err(|error| item.error(format!("no pattern: {}", error.kind())))?);
        }
        set.build()
            .map(Some)
            .map_err(|error| self.error(error.to_string()))
    }

    /// A list of words, each of which must be one of `known`; their places in it.
    ///
    /// # Errors
    /// This is anything else, or a word is not known.
    pub fn choices(&self, known: &[&str]) -> Result<Option<Vec<usize>>, ConfigError> {
        let Some(items) = self.items()? else {
            return Ok(None);
        };
        let expected = format!("one of {}", known.join(", "));
        let choice = |item: &Cursor<'_>| {
            let text = item.text()?;
            let place = text.and_then(|text| known.iter().position(|it| *it == text));
            place.ok_or_else(|| item.expected(&expected))
        };
        let chosen: Result<Vec<usize>, ConfigError> = items.iter().map(choice).collect();
        chosen.map(Some)
    }

    fn typed<T>(
        &self,
        what: &str,
        read: impl FnOnce(&'n Node) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        match self.node {
            None => Ok(None),
            Some(node) => read(node).map(Some).ok_or_else(|| self.expected(what)),
        }
    }

    /// For lists that ACK Net Exporter took for "the default" when they were empty.
    #[must_use]
    pub fn without_empty_list(mut self) -> Self {
        self.node = self.node.filter(|node| node.value != Value::List(Vec::new()));
        self
    }

    /// A key without a value is a key that is not there.
    fn without_null(mut self) -> Self {
        self.node = self.node.filter(|node| node.value != Value::Null);
        self
    }
}

/// What a probe was told under `args`.
#[derive(Debug, Clone, Default)]
pub struct Args {
    node: Option<Node>,
    path: String,
}

/// Where they stand in the file does not matter to what they mean.
impl PartialEq for Args {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Args {
    /// What stands at `cursor`.
    pub fn of(cursor: &Cursor<'_>) -> Self {
        Self {
            node: cursor.node.cloned(),
            path: cursor.path.clone(),
        }
    }

    /// The place below `key`.
    ///
    /// # Errors
    /// The arguments are something other than a mapping.
    pub fn at(&self, key: &str) -> Result<Cursor<'_>, ConfigError> {
        Cursor {
            node: self.node.as_ref(),
            path: self.path.clone(),
        }
        .at(key)
    }

    /// The document below `args`, if there is one.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }
}
