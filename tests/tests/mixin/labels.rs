//! Which labels the result of an expression has.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::MatchOp;
use promql_parser::parser::{AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality};

use crate::catalogue::Catalogue;
use crate::queries::{Home, Query, parts};

/// Labels that a scrape adds.
const OF_SCRAPES: [&str; 3] = ["cluster", "instance", "job"];
/// Labels that Prometheus gives an alert beside those of its series.
const OF_ALERTS: [&str; 3] = ["alertname", "alertstate", "severity"];

pub type Names = BTreeSet<String>;

/// What gives labels: the exporter, scrapes, and records.
#[derive(Debug)]
pub struct Labels {
    catalogue: Catalogue,
    records: BTreeMap<String, Names>,
    /// Whether histograms are native, so that their names have nothing behind them.
    native: bool,
}

impl Labels {
    /// Those of these queries, of which the records may be made of one another.
    pub fn new(catalogue: Catalogue, queries: &[Query], native: bool) -> Self {
        let mut labels = Self {
            catalogue,
            records: BTreeMap::new(),
            native,
        };
        let records = || {
            queries.iter().filter_map(|query| match &query.home {
                Home::Record(name) => Some((name, query)),
                _ => None,
            })
        };
        // As long as a record may be behind the records that it is made of.
        for _ in records() {
            for (name, query) in records() {
                let mut of_one = labels.of(&query.expr);
                of_one.extend(query.added.iter().cloned());
                labels.records.entry(name.clone()).or_default().extend(of_one);
            }
        }
        labels
    }

    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Labels of the series of this name; none if there is no such name.
    pub fn of_series(&self, name: &str) -> Option<Names> {
        if let Some(labels) = self.records.get(name) {
            return Some(labels.clone());
        }
        let mut labels: Names = OF_SCRAPES.map(str::to_owned).into();
        if name == "up" {
            return Some(labels);
        }
        if name == "ALERTS" || name == "ALERTS_FOR_STATE" {
            labels.extend(OF_ALERTS.map(str::to_owned));
            labels.extend(self.catalogue.all_labels());
            labels.insert("netns".to_owned());
            return Some(labels);
        }
        let (metric, suffix) = self.catalogue.find(name)?;
        if metric.is_histogram() && suffix.is_empty() != self.native {
            return None;
        }
        labels.extend(metric.labels.iter().cloned());
        if metric.is_of_namespaces() {
            labels.insert("netns".to_owned());
        }
        if suffix == "bucket" {
            labels.insert("le".to_owned());
        }
        Some(labels)
    }

    /// Labels of a result. What does not exist has none.
    pub fn of(&self, expr: &Expr) -> Names {
        match expr {
            Expr::VectorSelector(it) => self.of_name(it.name.as_deref()),
            Expr::MatrixSelector(it) => self.of_name(it.vs.name.as_deref()),
            Expr::Aggregate(it) => self.of_aggregate(it),
            Expr::Binary(it) => self.of_binary(it),
            Expr::Call(it) => self.of_call(it),
            other => parts(other).into_iter().flat_map(|it| self.of(it)).collect(),
        }
    }

    fn of_name(&self, name: Option<&str>) -> Names {
        name.and_then(|it| self.of_series(it)).unwrap_or_default()
    }

    fn of_aggregate(&self, aggregate: &AggregateExpr) -> Names {
        let inner = self.of(&aggregate.expr);
        let op = aggregate.op.to_string();
        if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&op.as_str()) {
            return inner;
        }
        let mut kept = match &aggregate.modifier {
            None => Names::new(),
            Some(LabelModifier::Include(by)) => &inner & &names(&by.labels),
            Some(LabelModifier::Exclude(without)) => &inner - &names(&without.labels),
        };
        if op == "count_values"
            && let Some(Expr::StringLiteral(label)) = aggregate.param.as_deref()
        {
            kept.insert(label.val.clone());
        }
        kept
    }

    fn of_binary(&self, binary: &BinaryExpr) -> Names {
        let (left, right) = (self.of(&binary.lhs), self.of(&binary.rhs));
        if is_number(&binary.lhs) {
            return right;
        }
        if is_number(&binary.rhs) {
            return left;
        }
        match binary.op.to_string().as_str() {
            "or" => return &left | &right,
            "and" | "unless" => return left,
            _ => {}
        }
        let Some(modifier) = &binary.modifier else {
            return left;
        };
        match (&modifier.card, &modifier.matching) {
            (VectorMatchCardinality::ManyToOne(more), _) => &left | &names(&more.labels),
            (VectorMatchCardinality::OneToMany(more), _) => &right | &names(&more.labels),
            (_, Some(LabelModifier::Include(on))) => &left & &names(&on.labels),
            (_, Some(LabelModifier::Exclude(ignored))) => &left - &names(&ignored.labels),
            (_, None) => left,
        }
    }

    fn of_call(&self, call: &Call) -> Names {
        let arguments = &call.args.args;
        let mut inner: Names = arguments.iter().flat_map(|it| self.of(it)).collect();
        match call.func.name {
            "absent" | "absent_over_time" => arguments.first().map(|it| equalities(it)).unwrap_or_default(),
            "scalar" | "time" | "vector" => Names::new(),
            "histogram_quantile" | "histogram_fraction" => {
                inner.remove("le");
                inner
            }
            "label_replace" | "label_join" => {
                if let Some(Expr::StringLiteral(label)) = arguments.get(1).map(AsRef::as_ref) {
                    inner.insert(label.val.clone());
                }
                inner
            }
            _ => inner,
        }
    }
}

/// What is certain of a series that is not there.
fn equalities(expr: &Expr) -> Names {
    let Expr::VectorSelector(selector) = expr else {
        return Names::new();
    };
    let matchers = selector.matchers.matchers.iter();
    let certain = matchers.filter(|it| it.op == MatchOp::Equal);
    certain.map(|it| it.name.clone()).collect()
}

/// Whether it is a number and no series, of which both sides of a comparison may be one.
fn is_number(expr: &Expr) -> bool {
    expr.value_type() == promql_parser::parser::value::ValueType::Scalar
}

pub fn names(labels: &[String]) -> Names {
    labels.iter().cloned().collect()
}
