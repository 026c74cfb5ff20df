//! One line of Prometheus' text format, as collectd's write_prometheus writes it.

/// A figure with its labels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    /// As they were written: what was escaped still is.
    labels: Vec<(&'a str, &'a str)>,
    pub(super) value: &'a str,
}

impl<'a> Sample<'a> {
    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        self.labels
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| *value)
    }
}

/// `None` for comments, and for a line that is no sample.
pub(super) fn sample(line: &str) -> Option<Sample<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), rest),
    };
    // Behind the value stands when it was taken.
    let value = rest.split_ascii_whitespace().next()?;
    (!name.is_empty()).then_some(Sample { name, labels, value })
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

/// Up to the closing brace, and what stands behind it.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((found, rest));
        }
        let (name, value) = rest.split_once("=\"")?;
        let mut escaped = false;
        let end = value.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let (value, after) = value.split_at(end);
        found.push((name, value));
        rest = after.strip_prefix('"')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_collectd_are_read() {
        let read = sample("collectd_cpu_total{cpu=\"0\",type=\"idle\",instance=\"vm\"} 1661374 1795704564447")
            .expect("a sample");
        assert_eq!((read.name, read.value), ("collectd_cpu_total", "1661374"));
        assert_eq!((read.label("type"), read.label("x")), (Some("idle"), None));
        let read = sample("a{b=\"x\\\"},y\\\\\"} 1").expect("a sample");
        assert_eq!(read.label("b"), Some("x\\\"},y\\\\"));
        assert_eq!(sample("a 1.5").expect("a sample").value, "1.5");
        for none in ["", "# TYPE a counter", "a", "a{b=\"c", "a{b} 1", "{} 1", "a{b=\"c\"}"] {
            assert_eq!(sample(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in "\\PC{0,60}", near in "[a{}=\",\\\\ 1]{0,30}") {
            let _ = (sample(&line), sample(&near));
        }
    }
}
