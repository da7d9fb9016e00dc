//! The text of a message, checked once and then trusted.

use crate::policy::TextRules;
use crate::refusal::Refusal;

/// Text that a policy accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Accepts `raw` by `rules`, or names what is wrong with it. Length is counted in Unicode code points.
    pub fn new(raw: &str, rules: &TextRules) -> Result<Self, Refusal> {
        let text = if rules.tidied { tidy(raw) } else { raw.to_owned() };
        let blank = text.chars().all(char::is_whitespace);
        if text.is_empty() || (blank && !rules.blank_allowed) {
            return Err(Refusal::TextEmpty);
        }
        let length = text.chars().count();
        if rules.chars_max < length {
            return Err(Refusal::TextTooLong { length, limit: rules.chars_max });
        }
        if let Some(character) = text.chars().find(|&c| is_forbidden(c, rules)) {
            return Err(Refusal::TextHasForbiddenCharacter { character });
        }
        Ok(Self(text))
    }

    /// The text as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes the text out.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Trims white space at both ends and writes CR LF as one line feed.
fn tidy(raw: &str) -> String {
    raw.trim().replace("\r\n", "\n")
}

/// NUL is never accepted: one of the databases cannot hold it.
fn is_forbidden(character: char, rules: &TextRules) -> bool {
    let harmless = matches!(character, '\t' | '\n');
    character == '\0' || (rules.control_characters_refused && character.is_control() && !harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBATIM: TextRules = TextRules {
        chars_max: 5,
        tidied: false,
        blank_allowed: false,
        control_characters_refused: false,
    };
    const TIDIED: TextRules = TextRules {
        chars_max: 5,
        tidied: true,
        blank_allowed: false,
        control_characters_refused: true,
    };

    #[test]
    fn length_is_counted_in_code_points() {
        assert_eq!(Text::new("ёёёёё", &VERBATIM).map(Text::into_string), Ok("ёёёёё".to_owned()));
        assert_eq!(
            Text::new("🚗🚗🚗🚗🚗🚗", &VERBATIM),
            Err(Refusal::TextTooLong { length: 6, limit: 5 })
        );
    }

    #[test]
    fn verbatim_text_keeps_its_spaces_and_breaks() {
        assert_eq!(Text::new(" a\r\n", &VERBATIM).map(Text::into_string), Ok(" a\r\n".to_owned()));
    }

    #[test]
    fn tidied_text_is_trimmed_before_it_is_counted() {
        assert_eq!(
            Text::new("\u{3000} a\r\nb \n", &TIDIED).map(Text::into_string),
            Ok("a\nb".to_owned())
        );
    }

    #[test]
    fn blank_text_is_empty_unless_allowed() {
        assert_eq!(Text::new(" \n", &VERBATIM), Err(Refusal::TextEmpty));
        assert!(Text::new(" ", &TextRules { blank_allowed: true, ..VERBATIM }).is_ok());
        assert_eq!(
            Text::new("", &TextRules { blank_allowed: true, ..VERBATIM }),
            Err(Refusal::TextEmpty)
        );
    }

    #[test]
    fn control_characters_are_refused_where_the_rules_say_so_and_nul_everywhere() {
        assert!(Text::new("a\u{7}", &VERBATIM).is_ok());
        assert_eq!(
            Text::new("a\u{7}", &TIDIED),
            Err(Refusal::TextHasForbiddenCharacter { character: '\u{7}' })
        );
        assert_eq!(
            Text::new("a\0", &VERBATIM),
            Err(Refusal::TextHasForbiddenCharacter { character: '\0' })
        );
    }
}
