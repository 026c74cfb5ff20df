//! Blocks as GRUB's own tools write them, and damaged ones.

use super::*;
use proptest::prelude::*;

fn envs() -> impl Iterator<Item = GrubEnv> {
    Slot::ALL.into_iter().flat_map(|good| {
        let trial = |slot| (0..=MOST_TRIES).map(move |tries| Some(Trial { slot, tries }));
        std::iter::once(None)
            .chain(trial(Slot::A))
            .chain(trial(Slot::B))
            .map(move |trial| GrubEnv { good, trial })
    })
}

#[test]
fn every_state_comes_back_and_lies_in_one_sector() {
    for env in envs() {
        let block = env.render();
        assert_eq!(block.len(), BLOCK_BYTES);
        assert!(block[SECTOR..].iter().all(|byte| *byte == b'#'));
        assert_eq!(GrubEnv::parse(&block), Ok(env));
    }
}

#[test]
fn the_text_is_that_of_the_manual() {
    let env = GrubEnv {
        good: Slot::A,
        trial: Some(Trial {
            slot: Slot::B,
            tries: 3,
        }),
    };
    let block = env.render();
    assert!(block.starts_with(b"# GRUB Environment Block\ngood=a\ntrial=b\ntries=3\n####"));
}

#[test]
fn an_empty_block_of_grubs_tools_has_no_good_slot() {
    let block = render_variables(&[]).expect("fits");
    assert_eq!(parse_variables(&block), Ok(Vec::new()));
    assert!(matches!(
        GrubEnv::parse(&block),
        Err(GrubEnvError::Value { name: "good", .. })
    ));
}

#[test]
fn escapes_are_undone() {
    let block = render_variables(&[("a", "x\\y\nz"), ("b", "1")]).expect("fits");
    let expected = vec![("a".to_owned(), "x\\y\nz".to_owned()), ("b".to_owned(), "1".to_owned())];
    assert_eq!(parse_variables(&block), Ok(expected));
}

#[test]
fn what_is_no_block_is_said() {
    assert_eq!(parse_variables(b"x"), Err(GrubEnvError::Size { found: 1 }));
    assert_eq!(parse_variables(&[b'#'; BLOCK_BYTES]), Err(GrubEnvError::Signature));
    let wrong = render_variables(&[("good", "a"), ("trial", "b"), ("tries", "10")]).expect("fits");
    assert_eq!(
        GrubEnv::parse(&wrong).unwrap_err().to_string(),
        "the GRUB variable tries has the value \"10\", expected one digit"
    );
    assert!(render_variables(&[("x", &"y".repeat(600))]).is_err());
}

proptest! {
    #[test]
    fn arbitrary_changes_never_panic(changes in prop::collection::vec((0..BLOCK_BYTES, any::<u8>()), 0..40)) {
        let mut block = GrubEnv { good: Slot::A, trial: None }.render();
        for (at, value) in changes {
            block[at] = value;
        }
        let _ = GrubEnv::parse(&block);
    }
}
