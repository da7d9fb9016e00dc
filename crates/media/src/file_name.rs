//! What a file is called.

use std::fmt;

/// A file name fit to be stored, shown and offered for download: 1 to 255 characters, no path, nothing invisible
/// that misleads.
///
/// It is a label. Where bytes lie is decided by their [`ContentHash`](crate::ContentHash) alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// The longest name, in characters (Unicode code points): Ozon contract §11.13, Yandex contract §9 row 31.
    pub const CHARS_MAX: usize = 255;

    /// Longer "extensions" are part of a sentence, and not worth keeping when a name is cut.
    const EXTENSION_CHARS_MAX: usize = 16;

    /// Makes a name of whatever a client sent; never fails.
    ///
    /// Keeps the last segment of a path of either kind, drops control characters, line breaks and what turns the
    /// direction of writing (with them `gpj.exe` reads as `exe.jpg`), and cuts the stem rather than the extension. What
    /// leaves nothing but dots becomes `file`.
    pub fn clean(raw: &str) -> Self {
        let last_segment = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        let visible: String = last_segment
            .chars()
            .filter(|c| !c.is_control() && !breaks_line_or_turns_direction(*c))
            .collect();
        let trimmed = visible.trim();
        if trimmed.chars().all(|c| c == '.') {
            return Self("file".to_owned());
        }
        Self(cut(trimmed))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the last dot, if that is at most 16 characters and something stands before it.
    pub fn extension(&self) -> Option<&str> {
        split_extension(&self.0).1
    }

    /// The same name with another extension, for content that was converted: `photo.webp` becomes `photo.jpg`.
    #[must_use]
    pub fn with_extension(&self, extension: &str) -> Self {
        let (stem, _) = split_extension(&self.0);
        Self::clean(&format!("{stem}.{extension}"))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn breaks_line_or_turns_direction(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn split_extension(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && !extension.is_empty()
                && extension.chars().count() <= FileName::EXTENSION_CHARS_MAX =>
        {
            (stem, Some(extension))
        }
        _ => (name, None),
    }
}

fn cut(name: &str) -> String {
    if name.chars().count() <= FileName::CHARS_MAX {
        return name.to_owned();
    }
    let (stem, extension) = split_extension(name);
    let Some(extension) = extension else {
        return name.chars().take(FileName::CHARS_MAX).collect();
    };
    let stem_chars = FileName::CHARS_MAX - 1 - extension.chars().count();
    let mut cut: String = stem.chars().take(stem_chars).collect();
    cut.push('.');
    cut.push_str(extension);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        assert_eq!(FileName::clean(raw).as_str(), expected);
    }

    #[test]
    fn a_path_leaves_its_last_segment() {
        check("../../etc/passwd", "passwd");
        check(r"C:\fakepath\photo.jpg", "photo.jpg");
        check(r"a/b\c.txt", "c.txt");
    }

    #[test]
    fn cyrillic_and_spaces_stay() {
        check("Накладная № 7 (копия).pdf", "Накладная № 7 (копия).pdf");
        assert_eq!(FileName::clean("фото.ЖПГ").extension(), Some("ЖПГ"));
    }

    #[test]
    fn what_cannot_be_seen_is_dropped() {
        check("pho\0to\r\n\u{2028}.jpg", "photo.jpg");
        check("photo\u{202E}gpj.exe", "photogpj.exe");
        check("  tempor  ", "tempor");
    }

    #[test]
    fn nothing_but_dots_becomes_file() {
        for raw in ["", ".", "..", "...", "folder/", "a/..", " . ", "\0", "\u{202E}"] {
            check(raw, "file");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = FileName::clean(&format!("{}.jpeg", "ж".repeat(300)));
        assert_eq!(name.as_str().chars().count(), FileName::CHARS_MAX);
        assert_eq!(name.extension(), Some("jpeg"));

        let plain = FileName::clean(&"x".repeat(300));
        assert_eq!(plain.as_str().chars().count(), FileName::CHARS_MAX);
        assert_eq!(plain.extension(), None);

        let exact = "я".repeat(251) + ".pdf";
        check(&exact, &exact);
    }

    #[test]
    fn an_extension_is_short_and_follows_something() {
        for without in ["tempor", ".htaccess", "ends.", "Dr. Ivanov writes about parts"] {
            assert_eq!(FileName::clean(without).extension(), None, "{without}");
        }
        assert_eq!(FileName::clean("a.tar.gz").extension(), Some("gz"));
    }

    #[test]
    fn converted_content_gets_another_extension() {
        assert_eq!(FileName::clean("photo.webp").with_extension("jpg").as_str(), "photo.jpg");
        assert_eq!(FileName::clean("photo").with_extension("jpg").as_str(), "photo.jpg");
    }
}
