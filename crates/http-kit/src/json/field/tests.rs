use serde_json::json;

use super::super::problem::REJECTED_CHARS_MAX;
use super::*;

fn wrong(expected: JsonType, found: JsonType) -> FieldProblemKind {
    FieldProblemKind::WrongType { expected, found }
}

#[test]
fn an_explicit_null_is_the_same_as_absence() {
    let body = json!({"text": null, "limit": null, "filter": null, "ids": null, "flag": null});
    let fields = Fields::of_body(&body).unwrap();
    assert_eq!(fields.optional_text("text"), Ok(None));
    assert_eq!(fields.optional_i64("limit"), Ok(None));
    assert_eq!(fields.optional_u64_lenient("limit"), Ok(None));
    assert_eq!(fields.optional_bool("flag"), Ok(None));
    assert!(fields.optional_object("filter").unwrap().is_none());
    assert!(fields.optional_array("ids").unwrap().is_none());
    assert_eq!(fields.optional_text("absent"), Ok(None));
    assert!(fields.field("limit").is_unset() && fields.field("absent").is_unset());
}

#[test]
fn a_required_member_tells_absence_from_null() {
    let body = json!({"limit": null});
    let fields = Fields::of_body(&body).unwrap();
    let problem = fields.required_i64("limit").unwrap_err();
    assert_eq!((problem.kind, problem.rejected.as_str()), (FieldProblemKind::Null, "null"));
    let problem = fields.required_text("chat_id").unwrap_err();
    assert_eq!(
        (problem.kind, problem.path.as_str(), problem.rejected.as_str()),
        (FieldProblemKind::Missing, "chat_id", "")
    );
}

#[test]
fn lenient_numbers_keep_every_digit() {
    let body = json!({"number": u64::MAX, "text": "18446744073709551615", "empty": "", "minus": "-5", "low": i64::MIN});
    let fields = Fields::of_body(&body).unwrap();
    assert_eq!(fields.optional_u64_lenient("number"), Ok(Some(u64::MAX)));
    assert_eq!(fields.optional_u64_lenient("text"), Ok(Some(u64::MAX)));
    assert_eq!(fields.optional_u64_lenient("empty"), Ok(None));
    assert_eq!(fields.optional_i64_lenient("minus"), Ok(Some(-5)));
    assert_eq!(fields.optional_i64("low"), Ok(Some(i64::MIN)));
}

#[test]
fn a_wrong_number_is_out_of_range_or_no_number() {
    let body: Value = serde_json::from_str(
        r#"{"huge": 18446744073709551616, "minus": -1, "big": 9223372036854775808, "part": 1.5, "zero": 1.0,
            "digits": "99999999999999999999", "dash": "-", "hex": "0x1", "space": " 1", "plus": "+1", "flag": true}"#,
    )
    .unwrap();
    let fields = Fields::of_body(&body).unwrap();
    let out_of_range = FieldProblemKind::OutOfRange;
    let cases = [
        ("huge", out_of_range),
        ("minus", out_of_range),
        ("part", wrong(JsonType::Integer, JsonType::Number)),
        ("zero", wrong(JsonType::Integer, JsonType::Number)),
        ("digits", out_of_range),
        ("dash", wrong(JsonType::Integer, JsonType::Text)),
        ("hex", wrong(JsonType::Integer, JsonType::Text)),
        ("space", wrong(JsonType::Integer, JsonType::Text)),
        ("plus", wrong(JsonType::Integer, JsonType::Text)),
        ("flag", wrong(JsonType::Integer, JsonType::Boolean)),
    ];
    for (name, kind) in cases {
        assert_eq!(fields.optional_u64_lenient(name).unwrap_err().kind, kind, "{name}");
    }
    assert_eq!(fields.optional_i64("big").unwrap_err().kind, out_of_range);
    assert_eq!(
        fields.optional_i64("digits").unwrap_err().kind,
        wrong(JsonType::Integer, JsonType::Text)
    );
}

#[test]
fn a_problem_carries_the_path_and_the_rejected_value() {
    let body =
        json!({"contexts": [{"type": "ORDER"}, {"type": 5}, null], "filter": {"ids": ["1", 2]}});
    let fields = Fields::of_body(&body).unwrap();

    let contexts = fields.required_array("contexts").unwrap();
    assert_eq!(contexts.len(), 3);
    let items: Vec<_> = contexts.iter().collect();
    assert_eq!(items[0].required_object().unwrap().required_text("type"), Ok("ORDER"));
    let problem = items[1].required_object().unwrap().required_text("type").unwrap_err();
    assert_eq!(problem.path, "contexts[1].type");
    assert_eq!(problem.rejected, "5");
    assert_eq!(problem.kind, wrong(JsonType::Text, JsonType::Integer));
    let problem = items[2].required_object().unwrap_err();
    assert_eq!((problem.path.as_str(), problem.kind), ("contexts[2]", FieldProblemKind::Null));

    let ids = fields.required_object("filter").unwrap().required_array("ids").unwrap();
    let ids: Result<Vec<_>, _> = ids.iter().map(|id| id.required_u64_lenient()).collect();
    assert_eq!(ids, Ok(vec![1, 2]));
}

#[test]
fn a_long_rejected_value_is_cut() {
    let body = json!({"limit": "ж".repeat(100_000), "text": [1, 2]});
    let fields = Fields::of_body(&body).unwrap();
    assert_eq!(
        fields.optional_i64("limit").unwrap_err().rejected.chars().count(),
        REJECTED_CHARS_MAX
    );
    assert_eq!(fields.optional_text("text").unwrap_err().rejected, "[...]");
}

#[test]
fn a_body_that_is_no_object_is_refused_at_the_root() {
    for body in [json!(null), json!([]), json!("text"), json!(1)] {
        let problem = Fields::of_body(&body).unwrap_err();
        assert_eq!(problem.path, "");
        assert_eq!(problem.kind, wrong(JsonType::Object, JsonType::of(&body)));
    }
}

#[test]
fn booleans_are_only_booleans() {
    let body = json!({"yes": true, "text": "true", "number": 1});
    let fields = Fields::of_body(&body).unwrap();
    assert_eq!(fields.required_bool("yes"), Ok(true));
    assert_eq!(
        fields.optional_bool("text").unwrap_err().kind,
        wrong(JsonType::Boolean, JsonType::Text)
    );
    assert_eq!(
        fields.optional_bool("number").unwrap_err().kind,
        wrong(JsonType::Boolean, JsonType::Integer)
    );
}
