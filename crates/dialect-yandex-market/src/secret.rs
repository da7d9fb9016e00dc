//! The form of Api-Keys.

use engine::random::Random;

/// What every token begins with.
const PREFIX: &str = "ACMA:";
/// Letters and digits behind the prefix.
const BODY_CHARS: usize = 40;
/// Hexadecimal digits behind the second colon.
const TAIL_CHARS: usize = 8;
const ALPHANUMERICS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What is wrong with the form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It begins otherwise.
    Prefix,
    /// It is shorter or longer.
    Length,
    /// It holds other characters.
    Format,
}

/// A fresh Api-Key: `ACMA:`, 40 letters and digits (238 random bits), `:`, 8 hexadecimal digits (contract §2.1).
pub fn new_secret(random: &dyn Random) -> String {
    let mut secret = PREFIX.to_owned();
    let random_byte = || {
        let mut byte = [0];
        random.fill(&mut byte);
        byte[0]
    };
    while secret.len() < PREFIX.len() + BODY_CHARS {
        // Two of the 64 values have no letter and are thrown away, so that no letter is likelier than others.
        let candidate = usize::from(random_byte() & 63);
        if let Some(&letter) = ALPHANUMERICS.get(candidate) {
            secret.push(char::from(letter));
        }
    }
    secret.push(':');
    for _ in 0..TAIL_CHARS {
        secret.push(char::from(b"0123456789abcdef"[usize::from(random_byte() & 15)]));
    }
    secret
}

/// Checks the form of `token` before anybody looks for it.
pub(crate) fn check_form(token: &[u8]) -> Result<&str, Malformed> {
    let rest = token.strip_prefix(PREFIX.as_bytes()).ok_or(Malformed::Prefix)?;
    if rest.len() != BODY_CHARS + 1 + TAIL_CHARS {
        return Err(Malformed::Length);
    }
    let (body, tail) = rest.split_at(BODY_CHARS);
    let tail = tail.strip_prefix(b":").ok_or(Malformed::Format)?;
    let well_formed =
        body.iter().all(u8::is_ascii_alphanumeric) && tail.iter().all(u8::is_ascii_hexdigit);
    if !well_formed {
        return Err(Malformed::Format);
    }
    std::str::from_utf8(token).map_err(|_| Malformed::Format)
}

#[cfg(test)]
mod tests {
    use engine::random::SeededRandom;

    use super::*;

    #[test]
    fn a_fresh_secret_has_the_form_and_is_not_the_last_one() {
        let random = SeededRandom::new(7);
        let (first, second) = (new_secret(&random), new_secret(&random));
        assert_eq!(first.len(), 54);
        assert_eq!(check_form(first.as_bytes()), Ok(first.as_str()));
        assert_ne!(first, second);
    }

    #[test]
    fn what_is_wrong_with_a_form_is_told_in_the_wire_s_order() {
        let body = "Zp3mQ0kW9sLx2RtYbVn6HcUe1GdAf7JiKoPq5TzE";
        let cases = [
            (format!("ACMA:{body}:9c04e1ab"), Ok(())),
            (format!("ACME:{body}:9c04e1ab"), Err(Malformed::Prefix)),
            ("Bearer".to_owned(), Err(Malformed::Prefix)),
            (format!("ACMA:{body}:9c04e1a"), Err(Malformed::Length)),
            (format!("ACMA:{body}:9c04e1ab0"), Err(Malformed::Length)),
            (format!("ACMA:{body}:9c04e1ag"), Err(Malformed::Format)),
            (format!("ACMA:{body}-9c04e1ab"), Err(Malformed::Format)),
            (format!("ACMA:{}ё:9c04e1ab", &body[2..]), Err(Malformed::Format)),
        ];
        for (token, expected) in cases {
            assert_eq!(check_form(token.as_bytes()).map(drop), expected, "{token}");
        }
    }
}
