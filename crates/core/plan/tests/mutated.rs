//! The document, fuzzed: the documents of all cases, broken in a few places as careless people, torn files and attackers break them. Whatever
//! comes out, nothing panics, a refusal is one line that points into the text, no secret is repeated, and no value leaves its line in a file of
//! another program. `PROPTEST_CASES=1000000 cargo test -p corbel-plan --release --test mutated` looks further than each build does.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use corbel_model::network::Interface;
use corbel_model::seed;
use corbel_plan::config::{NodeState, check, plan_change};
use corbel_plan::settle::{FILES, PREFIXES, Sources, plan_settle};
use proptest::prelude::*;

/// Every document that a case has or shall have, the refused ones too.
static DOCUMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut found = Vec::new();
    for (folder, names) in [
        ("change-cases", &["current.toml", "desired.toml"][..]),
        ("cases", &["corbel.toml"]),
    ] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut cases: Vec<_> = fs::read_dir(root)
            .expect("the cases")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        cases.sort();
        let files = cases.iter().flat_map(|case| names.iter().map(|name| case.join(name)));
        found.extend(files.filter_map(|file| fs::read_to_string(file).ok()));
    }
    found
});

/// A line of its own, wherever it comes to stand.
const INJECTED: &str = "Injected=1";
/// What breaks readers and writers of text.
const HOSTILE: [&str; 24] = [
    "\"",
    "'",
    "\\",
    "\\n",
    "\\nInjected=1\\n",
    "\\u0000",
    "\\u000A",
    "\n",
    "\n\n[",
    "]",
    "[[",
    "}",
    "{",
    "=",
    "#",
    ",",
    ".",
    "-",
    "0",
    "99999999999999999999",
    "-1",
    "1e400",
    "\u{202e}",
    "\u{feff}",
];

/// One way to break a text; places are parts of 65536 of it.
#[derive(Debug, Clone)]
enum Mutation {
    Insert {
        at: u16,
        what: usize,
    },
    Delete {
        at: u16,
        length: u8,
    },
    /// A line once more, somewhere.
    Copy {
        from: u16,
        to: u16,
    },
    /// A line of another document.
    Graft {
        document: usize,
        line: u16,
        to: u16,
    },
    /// What the key of a line has in another document.
    Swap {
        line: u16,
        which: usize,
    },
    /// What stands between the quotes of a line becomes another text.
    Value {
        line: u16,
        text: String,
    },
    Cut {
        at: u16,
    },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<u16>(), 0..HOSTILE.len()).prop_map(|(at, what)| Mutation::Insert { at, what }),
        (any::<u16>(), 1_u8..20).prop_map(|(at, length)| Mutation::Delete { at, length }),
        (any::<u16>(), any::<u16>()).prop_map(|(from, to)| Mutation::Copy { from, to }),
        (any::<usize>(), any::<u16>(), any::<u16>()).prop_map(|(document, line, to)| Mutation::Graft {
            document,
            line,
            to
        }),
        (
            any::<u16>(),
            "[a-z0-9 ]{0,6}(\\\\nInjected=1\\\\n|\\\\t|\\\\\"|%|\\$\\(id\\)|;|:)?[a-z0-9:.]{0,6}"
        )
            .prop_map(|(line, text)| Mutation::Value { line, text }),
        (any::<u16>(), any::<usize>()).prop_map(|(line, which)| Mutation::Swap { line, which }),
        (any::<u16>(), any::<usize>()).prop_map(|(line, which)| Mutation::Swap { line, which }),
        any::<u16>().prop_map(|at| Mutation::Cut { at }),
    ]
}

/// The place in a length that a part of 65536 means.
fn place(part: u16, length: usize) -> usize {
    usize::from(part) * length / 65536
}

fn mutated(text: &str, mutation: &Mutation) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let letter = |part| place(part, letters.len() + 1);
    let line = |part| place(part, lines.len() + 1);
    match mutation {
        Mutation::Insert { at, what } => {
            let at = letter(*at);
            letters.splice(at..at, HOSTILE[*what].chars());
        }
        Mutation::Delete { at, length } => {
            let at = letter(*at);
            letters.drain(at..(at + usize::from(*length)).min(letters.len()));
        }
        Mutation::Cut { at } => letters.truncate(letter(*at)),
        Mutation::Copy { from, to } => {
            let (from, to) = (line(*from), line(*to));
            if let Some(copy) = lines.get(from).cloned() {
                lines.insert(to, copy);
            }
            return lines.join("\n");
        }
        Mutation::Graft {
            document,
            line: from,
            to,
        } => {
            let other = &DOCUMENTS[document % DOCUMENTS.len()];
            let count = other.lines().count();
            let to = line(*to);
            lines.extend(other.lines().nth(place(*from, count)).map(str::to_owned));
            if let Some(graft) = lines.pop() {
                lines.insert(to.min(lines.len()), graft);
            }
            return lines.join("\n");
        }
        Mutation::Swap { line: at, which } => {
            let at = line(*at);
            let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
            if let Some(own) = lines.get(at).and_then(|line| key(line)) {
                let others: Vec<&str> = DOCUMENTS
                    .iter()
                    .flat_map(|document| document.lines())
                    .filter(|line| key(line).as_ref() == Some(&own))
                    .collect();
                lines[at] = others
                    .get(which % others.len().max(1))
                    .map_or(String::new(), |line| (*line).to_owned());
            }
            return lines.join("\n");
        }
        Mutation::Value { line: at, text } => {
            let at = line(*at);
            if let Some((before, (_, after))) = lines
                .get(at)
                .and_then(|line| line.split_once('"'))
                .and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
            {
                lines[at] = format!("{before}\"{text}\"{after}");
            }
            return lines.join("\n");
        }
    }
    letters.into_iter().collect()
}

fn interfaces() -> Vec<Interface> {
    let one = |name: &str, mac: &str| Interface {
        name: name.parse().expect("a name"),
        mac: Some(mac.parse().expect("a MAC")),
        carrier: true,
        physical: true,
        driver: None,
    };
    vec![one("eno1", "52:54:00:00:00:01"), one("eno2", "52:54:00:00:00:02")]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2048), ..ProptestConfig::default() })]
    #[test]
    fn a_broken_document_breaks_nothing_else(
        document in any::<usize>(),
        mutations in proptest::collection::vec(mutation(), 1..4),
    ) {
        let whole = &DOCUMENTS[document % DOCUMENTS.len()];
        let text = mutations.iter().fold(whole.clone(), |text, mutation| mutated(&text, mutation));
        let secrets = seed::take_secrets(whole).map(|(_, secrets)| secrets).unwrap_or_default();
        let hash = secrets.admin_password.as_ref().map(|hash| hash.expose());

        // For eyes, and for the disk.
        let shown = seed::without_secrets(&text);
        let kept = seed::take_secrets(&text);
        prop_assert_eq!(shown.is_ok(), kept.is_ok());

        let seed = match seed::parse(&text) {
            Err(error) => {
                let said = error.to_string();
                let lines = text.lines().count().max(1);
                prop_assert!((1..=lines + 1).contains(&error.line), "line {} of {lines}", error.line);
                prop_assert!(!said.contains('\n') && said.len() < 2000, "{said}");
                prop_assert!(hash.is_none_or(|hash| !said.contains(hash)), "{said}");
                return Ok(());
            }
            Ok(seed) => seed,
        };
        let (shown, _) = shown.expect("what is a document is TOML");
        prop_assert!(hash.is_none_or(|hash| !shown.contains(hash)), "{shown}");
        let rendered = seed::render(&seed);
        prop_assert_eq!(seed::parse(&rendered), Ok(seed.clone()), "{}", rendered);

        let problems = check(&seed, &interfaces());
        for problem in &problems {
            prop_assert!(!problem.to_string().contains('\n'), "{problem}");
        }
        let (kept, apart) = kept.expect("what is a document is TOML");
        if problems.is_empty() {
            let mut again = seed::parse(&kept).expect("it is one without its secrets too");
            again.fill_secrets(&apart);
            prop_assert_eq!(&again, &seed);
        }
        let state = |document: &str| {
            let document = Some(document.to_owned());
            plan_settle(&Sources { installed: true, document, ..Sources::default() }, &interfaces())
        };
        let plan = state(&text);
        for file in &plan.files {
            let known = FILES.contains(&file.path.as_str()) || PREFIXES.iter().any(|start| file.path.starts_with(start));
            prop_assert!(known && !file.path.contains(char::is_whitespace), "{}", file.path);
            // Texts of TOML and JSON have their own quotes.
            let quoted = file.path.ends_with(".toml") || file.path.ends_with(".json");
            let escaped = !quoted && file.content.lines().any(|line| line.trim() == INJECTED);
            prop_assert!(!escaped, "{}: {}", file.path, file.content);
        }
        let change = plan_change(&NodeState::wanted(&state(whole)), &NodeState::wanted(&plan));
        prop_assert!(!change.to_string().lines().any(|line| line.trim() == INJECTED), "{change}");
    }
}
