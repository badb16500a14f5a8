//! Expressions: where they stand, and what they are made of.

use std::time::Duration;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, AggregateExpr, Expr, VectorSelector};

/// What Grafana puts in for its variables of time. No range of our own is as odd.
pub const RATE_INTERVAL: Duration = Duration::from_mins(61);
pub const RANGE: Duration = Duration::from_mins(62);

/// What an expression is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    Alert,
    /// A record, by its name.
    Record(String),
    /// A panel, of the dashboard with this uid.
    Panel(String),
    Variable,
    Annotation,
    Runbook,
}

impl Home {
    pub fn is_rule(&self) -> bool {
        matches!(self, Self::Alert | Self::Record(_))
    }

    /// Whether Grafana asks it, with its variables.
    pub fn is_of_dashboard(&self) -> bool {
        matches!(self, Self::Panel(_) | Self::Variable | Self::Annotation)
    }
}

/// An expression of the mixin.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it stands: the file, and the rule or panel.
    pub place: String,
    pub home: Home,
    pub text: String,
    /// Labels that are shown of its result, and those a rule adds.
    pub shown: Vec<String>,
    pub added: Vec<String>,
    pub expr: Expr,
}

impl Query {
    /// # Errors
    /// It does not parse.
    pub fn parse(place: &str, home: Home, text: &str) -> Result<Self, String> {
        let expr = parser::parse(&substituted(text)).map_err(|error| format!("{place}: {error}: {text}"))?;
        Ok(Self {
            place: place.to_owned(),
            home,
            text: text.to_owned(),
            shown: Vec::new(),
            added: Vec::new(),
            expr,
        })
    }

    /// Every selector, with the aggregations around it.
    pub fn selectors(&self) -> Vec<Selector<'_>> {
        let mut found = Vec::new();
        collect(&self.expr, &mut Vec::new(), &mut found);
        found
    }

    /// A finding in it.
    pub fn finding(&self, what: &str) -> String {
        format!(
            "{}: {what}: {}",
            self.place,
            self.text.split_whitespace().collect::<Vec<_>>().join(" ")
        )
    }
}

/// A query as Prometheus is asked it: variables of time replaced. Those of labels stand in strings and may stay.
pub fn substituted(text: &str) -> String {
    let minutes = |range: Duration| format!("{}m", range.as_secs() / 60);
    text.replace("$__rate_interval", &minutes(RATE_INTERVAL))
        .replace("${__range}", &minutes(RANGE))
        .replace("$__range", &minutes(RANGE))
}

/// A selector of series, and where in an expression it stands.
#[derive(Debug)]
pub struct Selector<'a> {
    pub name: &'a str,
    pub matchers: &'a [Matcher],
    pub range: Option<Duration>,
    /// Aggregations around it, the outermost first.
    pub around: Vec<&'a AggregateExpr>,
}

impl Selector<'_> {
    /// Whether it has exactly this matcher of equality.
    pub fn has(&self, label: &str, value: &str) -> bool {
        self.of(label)
            .any(|it| it.op == MatchOp::Equal && it.value == value)
    }

    /// Whether a regular expression matches this label with this value.
    pub fn has_pattern(&self, label: &str, pattern: &str) -> bool {
        self.of(label)
            .any(|it| matches!(&it.op, MatchOp::Re(_)) && it.value == pattern)
    }

    pub fn of<'b>(&'b self, label: &'b str) -> impl Iterator<Item = &'b Matcher> {
        self.matchers.iter().filter(move |it| it.name == label)
    }
}

fn collect<'a>(expr: &'a Expr, around: &mut Vec<&'a AggregateExpr>, found: &mut Vec<Selector<'a>>) {
    match expr {
        Expr::VectorSelector(selector) => found.push(selected(selector, None, around)),
        Expr::MatrixSelector(matrix) => found.push(selected(&matrix.vs, Some(matrix.range), around)),
        Expr::Aggregate(aggregate) => {
            around.push(aggregate);
            collect(&aggregate.expr, around, found);
            around.pop();
        }
        _ => parts(expr)
            .into_iter()
            .for_each(|part| collect(part, around, found)),
    }
}

fn selected<'a>(
    selector: &'a VectorSelector,
    range: Option<Duration>,
    around: &[&'a AggregateExpr],
) -> Selector<'a> {
    Selector {
        name: selector.name.as_deref().unwrap_or_default(),
        matchers: &selector.matchers.matchers,
        range,
        around: around.to_vec(),
    }
}

/// The expressions an expression is made of.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(it) => it.param.iter().map(AsRef::as_ref).chain([&*it.expr]).collect(),
        Expr::Binary(it) => vec![&it.lhs, &it.rhs],
        Expr::Unary(it) => vec![&it.expr],
        Expr::Paren(it) => vec![&it.expr],
        Expr::Subquery(it) => vec![&it.expr],
        Expr::Call(it) => it.args.args.iter().map(AsRef::as_ref).collect(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}
