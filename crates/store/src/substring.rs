//! Finding a text inside a text: how both are folded, and how an index of words can answer for any stretch of letters.

/// Text as it is compared: without upper case, in every alphabet.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The pairs of neighbouring code points of `folded`, from left to right.
pub(crate) fn neighbours(folded: &str) -> impl Iterator<Item = (char, char)> {
    folded.chars().zip(folded.chars().skip(1))
}

/// One word for each pair of neighbouring code points of `folded`, with spaces between: `ab cd` becomes words for `ab`,
/// `b `, ` c` and `cd`. A text holds a needle of two or more code points exactly when the words of the needle stand one
/// after the other among the words of the text. The words are of letters and digits, whatever the text is of, and begin
/// with `mark`, so that words with one mark are never taken for words with another.
pub(crate) fn pairs(folded: &str, mark: &str) -> String {
    let words: Vec<String> = neighbours(folded)
        // No number in base 16 holds an x, so the two never run into one another.
        .map(|(first, second)| format!("{mark}x{:x}x{:x}", u32::from(first), u32::from(second)))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_in_every_alphabet() {
        assert_eq!(fold("ФАРА Ёлка ÄÖ İ 100%_"), "фара ёлка äö i\u{307} 100%_");
    }

    #[test]
    fn every_pair_of_neighbours_is_a_word() {
        assert_eq!(pairs("ab", "7"), "7x61x62");
        assert_eq!(pairs("я z", "0"), "0x44fx20 0x20x7a");
        assert_eq!(pairs("я", "0"), "");
        assert_eq!(pairs("", "0"), "");
    }

    #[test]
    fn a_needle_is_found_exactly_where_it_stands() {
        let stands_in = |text: &str, needle: &str| {
            let (text, needle) = (pairs(&fold(text), "1"), pairs(&fold(needle), "1"));
            format!(" {text} ").contains(&format!(" {needle} "))
        };
        assert!(stands_in("Подойдёт на Камри?", "КАМР"));
        assert!(stands_in("100% торг", "% "));
        assert!(!stands_in("аб бв", "абв"));
        assert!(!stands_in("колодки", "колодка"));
    }
}
