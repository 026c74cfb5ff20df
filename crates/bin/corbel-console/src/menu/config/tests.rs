use corbel_node_api::ConfigStep;

use super::super::document::Step;
use super::*;

const DOCUMENT: &str = "version = 1\nhostname = \"one\"\n";

fn config(generation: u64, document: &str) -> Config {
    Config {
        generation,
        document: document.into(),
        password_set: true,
        kept: true,
        ..Config::default()
    }
}

fn applied(generation: u64, pending: Option<PendingConfig>) -> ConfigApplied {
    ConfigApplied {
        generation,
        plan: ConfigPlan {
            steps: vec![ConfigStep {
                kind: "write".into(),
                text: "write /etc/hostname".into(),
            }],
            network: pending.is_some(),
            warnings: vec![],
        },
        pending,
    }
}

fn pending(document: &str) -> PendingConfig {
    PendingConfig {
        seconds_left: 120,
        by: "the console".into(),
        document: document.into(),
    }
}

fn set(key: &str, value: &str) -> Change {
    Change::Set(vec![Step::Key(key.into())], value.into())
}

/// With the node's document, and the host name changed; gives the ticket of the question.
fn changed() -> (Configuration, u64) {
    let mut ours = Configuration::default();
    ours.on(Reply::Config(Ok(config(4, DOCUMENT))));
    let Some(Call::Plan(ticket, wanted)) = ours.change(set("hostname", "two")) else {
        panic!("{ours:?}");
    };
    assert!(
        wanted.document.0.contains("hostname = \"two\""),
        "{}",
        wanted.document.0
    );
    (ours, ticket)
}

/// Up to the plan on the screen.
fn planned() -> Configuration {
    let (mut ours, _) = changed();
    let Some(Call::Plan(ticket, wanted)) = ours.begin_save() else {
        panic!("{ours:?}");
    };
    assert_eq!(wanted.base, Some(4), "a save says what it was made from");
    ours.on(Reply::Plan(ticket, Ok(applied(4, None))));
    assert!(matches!(ours.save, Some(Save::Plan(_))), "{ours:?}");
    ours
}

#[test]
fn what_the_node_would_refuse_stands_by_the_page_and_a_late_answer_counts_for_nothing() {
    let (mut ours, old) = changed();
    let Some(Call::Plan(new, _)) = ours.change(set("hostname", "-")) else {
        panic!("{ours:?}");
    };
    let failure = |message: &str| Failure {
        field: None,
        message: message.into(),
    };
    ours.on(Reply::Plan(new, Err(failure("hostname: - is no name"))));
    ours.on(Reply::Plan(old, Ok(applied(4, None))));
    assert_eq!(
        ours.problem.as_ref().map(|problem| problem.message.as_str()),
        Some("hostname: - is no name")
    );
    ours.revert();
    assert!(!ours.is_changed() && ours.problem.is_none());
}

#[test]
fn nothing_is_done_before_enter_and_esc_keeps_what_was_typed() {
    let mut ours = planned();
    assert_eq!(ours.save_key(Key::Esc), None);
    assert!(ours.save.is_none() && ours.is_changed());
    let mut ours = planned();
    let Some(Call::Apply(wanted)) = ours.save_key(Key::Enter) else {
        panic!("{ours:?}");
    };
    assert_eq!(wanted.base, Some(4));
    assert_eq!(ours.save_key(Key::Esc), None, "what was sent goes on");
    assert_eq!(ours.save, Some(Save::Applying));
    assert_eq!(ours.on(Reply::Apply(Ok(applied(5, None)))), Some(Call::Config));
    ours.on(Reply::Config(Ok(config(5, "version = 1\nhostname = \"two\"\n"))));
    assert!(!ours.is_changed());
    assert_eq!(
        ours.notice.as_deref(),
        Some("Saved as generation 5, and the node is so.")
    );
}

#[test]
fn a_change_of_the_network_is_kept_or_taken_back() {
    let two = "version = 1\nhostname = \"two\"\n";
    for (generation, document, changed, said) in [
        (5, two, false, "Kept as generation 5."),
        (
            4,
            DOCUMENT,
            true,
            "The change was taken back; what was typed is still here.",
        ),
    ] {
        let mut ours = planned();
        ours.save_key(Key::Enter);
        ours.on(Reply::Apply(Ok(applied(4, Some(pending(two))))));
        assert!(ours.is_read_only(), "one at a time");
        ours.on_tick(true);
        assert_eq!(ours.pending().map(|pending| pending.seconds_left), Some(119));
        ours.on(Reply::Settled(Ok(config(generation, document))));
        assert!(ours.pending().is_none());
        assert_eq!((ours.is_changed(), ours.notice.as_deref()), (changed, Some(said)));
    }
}

const BERLIN: &str = "version = 1\nhostname = \"one\"\ntimezone = \"Europe/Berlin\"\n";

fn says_that_somebody_else_saved(ours: &Configuration) -> bool {
    let notice = ours.notice.as_deref();
    notice.is_some_and(|notice| notice.starts_with("Somebody else saved generation 5"))
}

#[test]
fn a_change_of_somebody_else_that_is_kept_takes_nothing_that_was_typed() {
    let admin = [Step::Key("admin".into())];
    let told = Config {
        pending: Some(pending(BERLIN)),
        ..config(4, DOCUMENT)
    };
    let (mut ours, _) = changed();
    ours.set_password(&admin, "plum-Tr3e".into());
    ours.on(Reply::Config(Ok(told.clone())));
    ours.on(Reply::Config(Ok(config(5, BERLIN))));
    assert!(says_that_somebody_else_saved(&ours), "{:?}", ours.notice);
    let text = ours.draft.as_ref().map(Document::text).unwrap_or_default();
    assert!(text.contains("Berlin") && text.contains("\"two\""), "{text}");
    assert_eq!(ours.password_word(&admin), "new, not saved yet");
    // Who kept it here, with nothing typed, is told that it is kept.
    let mut ours = Configuration::default();
    ours.on(Reply::Config(Ok(told)));
    ours.on(Reply::Settled(Ok(config(5, BERLIN))));
    assert_eq!(ours.notice.as_deref(), Some("Kept as generation 5."));
}

#[test]
fn a_change_that_was_taken_back_is_not_kept_because_somebody_else_saved() {
    let mut ours = planned();
    ours.set_password(&[Step::Key("admin".into())], "plum-Tr3e".into());
    ours.save_key(Key::Enter);
    ours.on(Reply::Apply(Ok(applied(
        4,
        Some(pending("version = 1\nhostname = \"two\"\n")),
    ))));
    ours.on(Reply::Config(Ok(config(5, BERLIN))));
    assert!(says_that_somebody_else_saved(&ours), "{:?}", ours.notice);
    let text = ours.draft.as_ref().map(Document::text).unwrap_or_default();
    assert!(text.contains("Berlin") && text.contains("\"two\""), "{text}");
    assert!(ours.passwords.admin.is_some());
}

/// The second of two who write is told, and loses nothing of what was typed.
#[test]
fn what_was_typed_goes_along_to_a_newer_document() {
    let mut ours = planned();
    ours.save_key(Key::Enter);
    let refused = Failure {
        field: None,
        message: "the configuration is another one by now".into(),
    };
    assert_eq!(ours.on(Reply::Apply(Err(refused))), Some(Call::Config));
    assert!(matches!(ours.save, Some(Save::Failed(_))));
    ours.on(Reply::Config(Ok(config(
        5,
        "version = 1\nhostname = \"one\"\ntimezone = \"Europe/Berlin\"\n",
    ))));
    assert!(
        ours.notice
            .as_deref()
            .is_some_and(|notice| notice.contains("generation 5"))
    );
    let text = ours.draft.as_ref().map(Document::text).unwrap_or_default();
    assert!(text.contains("Berlin") && text.contains("\"two\""), "{text}");
    let Some(Call::Plan(_, wanted)) = ours.begin_save() else {
        panic!("{ours:?}");
    };
    assert_eq!(wanted.base, Some(5));
}

#[test]
fn a_node_without_a_disk_shows_and_keeps_nothing() {
    let mut ours = Configuration::default();
    ours.on(Reply::Config(Ok(Config {
        kept: false,
        ..config(0, DOCUMENT)
    })));
    assert!(ours.is_read_only());
    assert!(ours.why_read_only().contains("from its medium"));
}

#[test]
fn a_password_belongs_to_the_user_whose_page_it_was_typed_on() {
    let at = |entry| vec![Step::Key("users".into()), Step::At(entry)];
    let mut ours = Configuration::default();
    let mut told = config(
        4,
        "version = 1\n[[users]]\nname = \"ada\"\nrole = \"viewer\"\n[[users]]\nrole = \"viewer\"\n",
    );
    told.user_passwords_set = vec!["ada".into()];
    ours.on(Reply::Config(Ok(told)));
    assert_eq!(ours.password_word(&at(0)), "set; it is never shown");
    assert_eq!(ours.password_word(&at(1)), "not set");
    // Nobody can have one yet.
    assert!(ours.set_password(&at(1), "plum-Tr3e".into()).is_none());
    assert!(
        ours.notice
            .as_ref()
            .is_some_and(|notice| notice.contains("a name first"))
    );
    assert!(!ours.is_changed());

    let Some(Call::Plan(_, wanted)) = ours.set_password(&at(0), "plum-Tr3e".into()) else {
        panic!("{ours:?}");
    };
    assert_eq!(ours.password_word(&at(0)), "new, not saved yet");
    assert_eq!(
        ours.password_word(&[Step::Key("admin".into())]),
        "set; it is never shown"
    );
    assert_eq!(wanted.passwords.users["ada"].0, "plum-Tr3e");
    assert_eq!(wanted.passwords.admin, None);
    assert!(!wanted.document.0.contains("plum"), "{}", wanted.document.0);

    // Who is called otherwise now is another, and needs one of its own.
    let renamed = Change::Set([at(0), vec![Step::Key("name".into())]].concat(), "bob".into());
    let Some(Call::Plan(_, wanted)) = ours.change(renamed) else {
        panic!("{ours:?}");
    };
    assert_eq!(wanted.passwords.users.len(), 0);
    assert_eq!(ours.password_word(&at(0)), "not set");
}

#[test]
fn news_are_looked_at_unless_they_are_our_own() {
    let mut ours = planned();
    assert_eq!(ours.on_news(), None, "the save is on the screen");
    let mut ours = Configuration::default();
    assert_eq!(ours.on_news(), None, "nobody has looked at the configuration yet");
    ours.on(Reply::Config(Ok(config(4, DOCUMENT))));
    assert_eq!(ours.on_news(), Some(Call::Config));
    assert_eq!(ours.on_news(), None, "it is asked for already");
}
