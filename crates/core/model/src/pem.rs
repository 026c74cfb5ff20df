//! What keys and certificates share as text.

/// Base64 in lines of so many characters: 64 by RFC 7468, 70 as OpenSSH writes its keys.
pub(crate) fn lines(mut encoded: &str, width: usize) -> String {
    let mut lines = String::new();
    while !encoded.is_empty() {
        let (line, more) = encoded.split_at(encoded.len().min(width));
        lines = lines + line + "\n";
        encoded = more;
    }
    lines
}
