//! Settings hold passwords in their URLs. What is shown of a setting, in a log or a refusal, is shown without them.

/// What stands in place of what is not shown.
const HIDDEN: &str = "…";
/// How URLs, lists of options and our own settings name what is not shown.
const SECRET_NAMES: [&str; 2] = ["password", "secret_access_key"];

/// `text` without what looks like the user and the password of a URL, well written or not. It hides too much rather than
/// too little.
pub(super) fn without_secrets(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| without_options(&without_user(line))).collect();
    lines.join("\n")
}

/// Without what stands before the last `@`, which follows user and password.
fn without_user(line: &str) -> String {
    let Some(at) = line.rfind('@') else { return line.to_owned() };
    let before = &line[..at];
    let begin = match (before.find("://"), before.find(':')) {
        (Some(scheme_ends), _) => scheme_ends + "://".len(),
        (None, Some(_)) => 0,
        (None, None) => return line.to_owned(),
    };
    format!("{}{HIDDEN}{}", &line[..begin], &line[at..])
}

/// Without the values of options such as `password=…`.
fn without_options(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    let ends = |rest: &str| {
        SECRET_NAMES.iter().filter_map(|name| Some(rest.find(name)? + name.len())).min()
    };
    while let Some(name_ends) = ends(rest) {
        let value = rest[name_ends..].trim_start();
        let value = value.strip_prefix('=').map_or(value, str::trim_start);
        shown.push_str(&rest[..rest.len() - value.len()]);
        shown.push_str(HIDDEN);
        rest = &value[value.find(['&', ' ']).unwrap_or(value.len())..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_url_is_shown() {
        for (text, shown) in [
            ("postgres://torg:hush@db/torg?a=b", "postgres://…@db/torg?a=b"),
            ("postgres://torg:hu@sh/@db/torg", "postgres://…@db/torg"),
            ("postgres:torg:hush@db/torg", "…@db/torg"),
            (
                "postgres://db/torg?password=hush&user=torg",
                "postgres://db/torg?password=…&user=torg",
            ),
            ("host=db password=hush user=torg", "host=db password=… user=torg"),
            ("1 | store = 'nats://a:hush@b\n  | ^", "1 | store = 'nats://…@b\n  | ^"),
            ("2 | secret_access_key = 'hush", "2 | secret_access_key = …"),
            ("postgres://db/torg", "postgres://db/torg"),
            ("[\"somebody@example\"]", "[\"somebody@example\"]"),
            ("10.0.0.0/8", "10.0.0.0/8"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }
}
