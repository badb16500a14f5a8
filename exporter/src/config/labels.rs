//! Labels that a user adds to the series of pods.

use std::collections::BTreeMap;

/// A label and how its value is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdditionalLabel {
    /// Its name.
    pub name: String,
    /// Its value, part by part.
    pub parts: Vec<LabelPart>,
}

/// A part of the value of an additional label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelPart {
    /// As it stands.
    Text(String),
    /// The value of a label of the pod; empty where the pod lacks it.
    PodLabel(String),
}

/// Names that the exporter's own metrics use.
const RESERVED: [&str; 13] = [
    "netns",
    "pod_ip",
    "pod_uid",
    "host_network",
    "reason",
    "type",
    "le",
    "quantile",
    "device",
    "port",
    "probe",
    "softirq_type",
    "state",
];

impl AdditionalLabel {
    /// Reads `label=expr`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, expression) = text
            .split_once('=')
            .ok_or_else(|| format!("expected label=expression, found {text:?}"))?;
        let name = name.trim();
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            parts: parts(expression.trim())?,
        })
    }

    /// The value for a pod with these labels.
    pub fn value(&self, pod_labels: Option<&BTreeMap<String, String>>) -> String {
        let of_pod = |label: &String| {
            pod_labels
                .and_then(|labels| labels.get(label))
                .map_or("", String::as_str)
        };
        self.parts
            .iter()
            .map(|part| match part {
                LabelPart::Text(text) => text.as_str(),
                LabelPart::PodLabel(label) => of_pod(label),
            })
            .collect()
    }
}

impl std::fmt::Display for AdditionalLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=", self.name)?;
        self.parts.iter().try_for_each(|part| match part {
            LabelPart::Text(text) => f.write_str(text),
            LabelPart::PodLabel(label) => write!(f, "${{labels:{label}}}"),
        })
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_name = !name.is_empty()
        && !name.starts_with(|it: char| it.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return Err(format!(
            "{name:?} is no label name: expected letters, digits and underscores"
        ));
    }
    if name.starts_with("k8s_") || name.starts_with("__") || RESERVED.contains(&name) {
        return Err(format!("the label name {name:?} is reserved"));
    }
    Ok(())
}

fn parts(mut expression: &str) -> Result<Vec<LabelPart>, String> {
    const OPEN: &str = "${";
    let mut parts = Vec::new();
    while let Some(start) = expression.find(OPEN) {
        if start > 0 {
            parts.push(LabelPart::Text(expression[..start].to_owned()));
        }
        let inner = &expression[start + OPEN.len()..];
        let end = inner.find('}').ok_or("a \"${\" without its \"}\"")?;
        let label = inner[..end]
            .strip_prefix("labels:")
            .filter(|label| !label.is_empty())
            .ok_or_else(|| format!("expected ${{labels:<pod label>}}, found ${{{}}}", &inner[..end]))?;
        parts.push(LabelPart::PodLabel(label.to_owned()));
        expression = &inner[end + 1..];
    }
    if !expression.is_empty() {
        parts.push(LabelPart::Text(expression.to_owned()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_may_hold_several_pod_labels() {
        let label =
            AdditionalLabel::parse("app=${labels:app}-${labels:app.kubernetes.io/version}!").expect("valid");
        let pod = [("app".to_owned(), "web".to_owned())].into_iter().collect();
        assert_eq!(label.value(Some(&pod)), "web-!");
        assert_eq!(label.value(None), "-!");
        assert_eq!(
            label.to_string(),
            "app=${labels:app}-${labels:app.kubernetes.io/version}!"
        );
    }

    #[test]
    fn what_cannot_be_a_label_says_why() {
        for (text, reason) in [
            ("app", "expected label=expression"),
            ("1x=a", "no label name"),
            ("a-b=c", "no label name"),
            ("k8s_pod=x", "reserved"),
            ("le=x", "reserved"),
            ("a=${labels:x", "without its"),
            ("a=${name}", "expected ${labels:"),
        ] {
            let error = AdditionalLabel::parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
