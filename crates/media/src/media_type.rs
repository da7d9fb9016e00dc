//! What bytes are, found from the bytes.

mod detection;

use std::fmt;

/// The type of some bytes, found from the bytes and never from a name or a declared type.
///
/// The list is closed on purpose: what is not on it is [`MediaType::Unknown`] and is served as
/// `application/octet-stream`. HTML, SVG, XML and scripts are not on it, so that nothing a stranger uploads is ever
/// served under a type that a browser would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// JPEG picture.
    Jpeg,
    /// PNG picture, animated or not.
    Png,
    /// GIF picture, animated or not.
    Gif,
    /// WebP picture, animated or not.
    Webp,
    /// Windows bitmap.
    Bmp,
    /// HEIC picture, the usual one of an iPhone.
    Heic,
    /// PDF document.
    Pdf,
    /// Word document since 2007.
    Docx,
    /// Excel workbook since 2007.
    Xlsx,
    /// `PowerPoint` presentation since 2007.
    Pptx,
    /// Word document before 2007.
    Doc,
    /// Excel workbook before 2007.
    Xls,
    /// `PowerPoint` presentation before 2007.
    Ppt,
    /// `OpenDocument` text.
    Odt,
    /// `OpenDocument` spreadsheet.
    Ods,
    /// `OpenDocument` presentation.
    Odp,
    /// Rich text.
    Rtf,
    /// ZIP archive.
    Zip,
    /// RAR archive.
    Rar,
    /// 7-Zip archive.
    SevenZip,
    /// gzip stream.
    Gzip,
    /// MPEG-4 video.
    Mp4,
    /// `QuickTime` video.
    QuickTime,
    /// `WebM` video.
    Webm,
    /// Matroska video.
    Matroska,
    /// AVI video.
    Avi,
    /// MP3 sound.
    Mp3,
    /// MPEG-4 sound.
    M4a,
    /// AAC sound.
    Aac,
    /// AMR sound, the voice recorder of old telephones.
    Amr,
    /// Ogg sound: Vorbis or Opus.
    Ogg,
    /// FLAC sound.
    Flac,
    /// WAV sound.
    Wav,
    /// UTF-8 text without markup.
    PlainText,
    /// Everything else.
    Unknown,
}

impl MediaType {
    const ALL: [Self; 35] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::Webp,
        Self::Bmp,
        Self::Heic,
        Self::Pdf,
        Self::Docx,
        Self::Xlsx,
        Self::Pptx,
        Self::Doc,
        Self::Xls,
        Self::Ppt,
        Self::Odt,
        Self::Ods,
        Self::Odp,
        Self::Rtf,
        Self::Zip,
        Self::Rar,
        Self::SevenZip,
        Self::Gzip,
        Self::Mp4,
        Self::QuickTime,
        Self::Webm,
        Self::Matroska,
        Self::Avi,
        Self::Mp3,
        Self::M4a,
        Self::Aac,
        Self::Amr,
        Self::Ogg,
        Self::Flac,
        Self::Wav,
        Self::PlainText,
        Self::Unknown,
    ];

    /// Finds the type of `bytes`, which must be the whole content: a text is one only if all of it is.
    pub fn of(bytes: &[u8]) -> Self {
        detection::detect(bytes)
    }

    /// The type whose [`as_str`](Self::as_str) is `name`, exactly. For reading back what was stored.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|candidate| candidate.as_str() == name)
    }

    /// The registered name, fit for `Content-Type`, such as `image/jpeg`.
    pub const fn as_str(self) -> &'static str {
        self.name_and_extension().0
    }

    /// The usual file extension without a dot, such as `jpg`; `bin` for [`MediaType::Unknown`].
    pub const fn extension(self) -> &'static str {
        self.name_and_extension().1
    }

    /// Whether it is one of the six kinds that a chat shows as a picture (Ozon contract §11.13).
    pub const fn is_image(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Gif | Self::Webp | Self::Bmp | Self::Heic)
    }

    /// Whether a browser may show it in place instead of saving it.
    pub const fn is_inline_safe(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Gif | Self::Webp)
    }

    const fn name_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("image/jpeg", "jpg"),
            Self::Png => ("image/png", "png"),
            Self::Gif => ("image/gif", "gif"),
            Self::Webp => ("image/webp", "webp"),
            Self::Bmp => ("image/bmp", "bmp"),
            Self::Heic => ("image/heic", "heic"),
            Self::Pdf => ("application/pdf", "pdf"),
            Self::Docx => {
                ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx")
            }
            Self::Xlsx => {
                ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
            }
            Self::Pptx => (
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
                "pptx",
            ),
            Self::Doc => ("application/msword", "doc"),
            Self::Xls => ("application/vnd.ms-excel", "xls"),
            Self::Ppt => ("application/vnd.ms-powerpoint", "ppt"),
            Self::Odt => ("application/vnd.oasis.opendocument.text", "odt"),
            Self::Ods => ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
            Self::Odp => ("application/vnd.oasis.opendocument.presentation", "odp"),
            Self::Rtf => ("application/rtf", "rtf"),
            Self::Zip => ("application/zip", "zip"),
            Self::Rar => ("application/vnd.rar", "rar"),
            Self::SevenZip => ("application/x-7z-compressed", "7z"),
            Self::Gzip => ("application/gzip", "gz"),
            Self::Mp4 => ("video/mp4", "mp4"),
            Self::QuickTime => ("video/quicktime", "mov"),
            Self::Webm => ("video/webm", "webm"),
            Self::Matroska => ("video/x-matroska", "mkv"),
            Self::Avi => ("video/x-msvideo", "avi"),
            Self::Mp3 => ("audio/mpeg", "mp3"),
            Self::M4a => ("audio/mp4", "m4a"),
            Self::Aac => ("audio/aac", "aac"),
            Self::Amr => ("audio/amr", "amr"),
            Self::Ogg => ("audio/ogg", "ogg"),
            Self::Flac => ("audio/flac", "flac"),
            Self::Wav => ("audio/wav", "wav"),
            Self::PlainText => ("text/plain", "txt"),
            Self::Unknown => ("application/octet-stream", "bin"),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for media_type in MediaType::ALL {
            assert_eq!(MediaType::from_name(media_type.as_str()), Some(media_type));
        }
        assert_eq!(MediaType::from_name("text/html"), None);
    }

    #[test]
    fn six_kinds_are_images_and_four_may_be_shown_in_place() {
        assert_eq!(MediaType::ALL.iter().filter(|kind| kind.is_image()).count(), 6);
        assert_eq!(MediaType::ALL.iter().filter(|kind| kind.is_inline_safe()).count(), 4);
        assert!(!MediaType::Pdf.is_inline_safe());
    }
}
