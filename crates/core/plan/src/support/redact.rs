//! What must not leave the node: known secrets by their value, and all that looks like one by its form. Too much is taken out rather than too little.

mod form;

use form::{cloud_config, crypt, keyed, pem, scheme, url};

/// What stands in the place of a secret.
pub const TAKEN_OUT: &str = "[redacted]";

/// Shorter values of known secrets are not looked for by themselves: they would be found in ordinary words. Where their key stands beside them
/// they go in any case.
const SHORTEST: usize = 5;

/// The text without secrets. `known` are values that this node has as secrets; of those with several lines, such as private keys, each line counts.
pub fn redact(text: &str, known: &[String]) -> String {
    // Blocks first: what is in them is not to be looked at line by line.
    let text = pem(text);
    let text = cloud_config(&text);
    let text = without_known(text, known);
    let text = crypt(&text);
    let text = url(&text);
    let text = scheme(&text);
    keyed(&text)
}

fn without_known(mut text: String, known: &[String]) -> String {
    let lines = known.iter().flat_map(|value| value.lines());
    let mut values: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST && !line.starts_with("-----") && !TAKEN_OUT.contains(line))
        .collect();
    // One may be the beginning of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        for form in [value.to_owned(), escaped(value)] {
            if text.contains(&form) {
                text = text.replace(&form, TAKEN_OUT);
            }
        }
    }
    text
}

/// As XML writes it (XML 1.0, section 2.4).
fn escaped(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    value.replace('\'', "&apos;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
