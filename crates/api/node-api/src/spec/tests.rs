//! What a spec may say, and what is answered when it says something else.

use corbel_model::ByteSize;
use proptest::prelude::*;

use super::*;

fn refuse(json: &str) -> String {
    let error = match parse_request::<VmSpec>(json.as_bytes()) {
        Err(error) => error,
        Ok(spec) => model::VmSpec::try_from(spec).expect_err(json),
    };
    error.to_string()
}

#[test]
fn a_short_spec_gets_the_defaults() {
    let wire: VmSpec = parse_request(br#"{"name":"a","memory":"512 MiB","networks":[{"nat":"default"}]}"#).unwrap();
    let spec = model::VmSpec::try_from(wire.clone()).unwrap();
    assert_eq!(spec.cpus, 1);
    assert_eq!(spec.memory, ByteSize::mib(512));
    assert_eq!(spec.firmware, model::Firmware::Bios);
    let text = serde_json::to_vec(&wire).unwrap();
    assert_eq!(parse_request::<VmSpec>(&text).unwrap(), wire);
}

#[test]
fn a_refusal_names_the_field_in_one_sentence() {
    let cases = [
        (r#"{"name":"a","memory":"1 GiB","cpu":2}"#, "cpu: unknown field `cpu`"),
        (r#"{"name":"a"}"#, "memory: is missing"),
        (r#"{"name":"a b","memory":"1 GiB"}"#, "name: VM name \"a b\" has ' '"),
        (r#"{"name":"a","memory":"lots"}"#, "memory: \"lots\" is not a size"),
        (r#"{"name":"a","memory":-1}"#, "memory: invalid value: integer `-1`"),
        (
            r#"{"name":"a","memory":"1 GiB","cpus":0}"#,
            "cpus: 0 is not possible: give 1 to 255",
        ),
        (r#"{"name":"a","memory":"1 GiB","cpus":70000}"#, "cpus: invalid value"),
        (
            r#"{"name":"a","memory":"1 GiB","disks":[{"volume":"x","size":0}]}"#,
            "disks[0].size: is 0",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","disks":[{"volume":"x","sise":1}]}"#,
            "disks[0].sise: unknown field `sise`",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","disks":[{"volume":"../x"}]}"#,
            "disks[0].volume: pool name",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","disks":[{"volume":"x","bus":"ide"}]}"#,
            "disks[0].bus: unknown variant `ide`",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","networks":[{}]}"#,
            "networks[0]: give exactly one of nat and bridge",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","networks":[{"nat":"d","mac":"x"}]}"#,
            "networks[0].mac: \"x\" is not a MAC",
        ),
        (
            r#"{"name":"a","memory":"1 GiB","direct_boot":{"kernel":""}}"#,
            "direct_boot.kernel: volume name is empty",
        ),
        (
            r#"{"name":"a","memory":"1 GiB"} x"#,
            "body: has more behind the JSON value",
        ),
        ("{", "body: is not valid JSON"),
        ("", "body: is not valid JSON"),
        ("[]", "body: "),
        ("null", "body: is not a JSON object"),
        (r#"["a",1,"1 GiB"]"#, "body: is not a JSON object"),
        (
            r#"{"name":"a","memory":"1 GiB","disks":[{}]}"#,
            "disks[0].volume: is missing",
        ),
    ];
    for (json, start) in cases {
        let said = refuse(json);
        assert!(said.starts_with(start), "{json}\n said: {said}\n want: {start}");
        assert!(!said.contains('\n'), "{said}");
    }
    let deep = "[".repeat(100_000);
    assert!(refuse(&deep).contains("body"));
}

proptest! {
    #[test]
    fn no_body_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(spec) = parse_request::<VmSpec>(&bytes) {
            let _ = model::VmSpec::try_from(spec);
        }
    }

    #[test]
    fn no_text_in_a_field_panics(name in ".{0,80}", size in ".{0,20}", volume in ".{0,20}", mac in ".{0,20}") {
        let json = serde_json::json!({"name": name, "memory": size, "disks": [{"volume": volume, "size": size}],
            "networks": [{"nat": name, "mac": mac}], "direct_boot": {"kernel": volume}});
        if let Ok(spec) = parse_request::<VmSpec>(json.to_string().as_bytes()) {
            let _ = model::VmSpec::try_from(spec);
        }
    }
}
