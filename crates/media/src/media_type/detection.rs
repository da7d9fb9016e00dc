//! The type of bytes, by what stands in them.

use super::MediaType;

/// Finds the type of a whole content.
pub(super) fn detect(bytes: &[u8]) -> MediaType {
    if let Some(found) = image_by_signature(bytes) {
        return found;
    }
    if bytes.starts_with(b"%PDF-") {
        return MediaType::Pdf;
    }
    if bytes.starts_with(b"{\\rtf") {
        return MediaType::Rtf;
    }
    // Text goes before the binary signatures, since several of those are words: a note that begins with "ID3"
    // is not a song.
    if let Some(text) = as_text(bytes) {
        return if is_markup_or_script(text) { MediaType::Unknown } else { MediaType::PlainText };
    }
    if bytes.starts_with(&COMPOUND_FILE_SIGNATURE) {
        return office_before_2007(bytes).unwrap_or(MediaType::Unknown);
    }
    infer::get(bytes).map_or(MediaType::Unknown, |found| by_detected_name(found.mime_type()))
}

/// The image kinds by their whole signatures. The detection library is content with "BM" or "GIF", with which texts
/// begin, too.
fn image_by_signature(bytes: &[u8]) -> Option<MediaType> {
    if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(MediaType::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
        return Some(MediaType::Png);
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        return Some(MediaType::Gif);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(MediaType::Webp);
    }
    if is_bitmap(bytes) {
        return Some(MediaType::Bmp);
    }
    is_heic(bytes).then_some(MediaType::Heic)
}

/// "BM", and behind the file header an information header of a size that exists.
fn is_bitmap(bytes: &[u8]) -> bool {
    let Some(&information_header_size) = bytes.get(14..18).and_then(|size| size.first_chunk::<4>())
    else {
        return false;
    };
    bytes.starts_with(b"BM")
        && matches!(
            u32::from_le_bytes(information_header_size),
            12 | 16 | 40 | 52 | 56 | 64 | 108 | 124
        )
}

/// A file type box whose brands speak of HEVC pictures.
fn is_heic(bytes: &[u8]) -> bool {
    const HEIC_BRANDS: [&[u8; 4]; 6] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"];
    const GENERAL_BRANDS: [&[u8; 4]; 2] = [b"mif1", b"msf1"];
    let (Some(&length), Some(b"ftyp"), Some(major)) =
        (bytes.first_chunk::<4>(), bytes.get(4..8), bytes.get(8..12))
    else {
        return false;
    };
    let is_one_of = |brand: &[u8], brands: &[&[u8; 4]]| brands.iter().any(|known| brand == *known);
    if is_one_of(major, &HEIC_BRANDS) {
        return true;
    }
    let box_end =
        usize::try_from(u32::from_be_bytes(length)).map_or(bytes.len(), |end| end.min(bytes.len()));
    let compatible = bytes.get(16..box_end).unwrap_or_default();
    is_one_of(major, &GENERAL_BRANDS)
        && compatible.chunks_exact(4).any(|brand| is_one_of(brand, &HEIC_BRANDS))
}

/// The bytes as text, if all of them are: UTF-8 without the control characters that only binary formats hold.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_binary_control =
        |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{C}');
    (!text.is_empty() && !text.contains(is_binary_control)).then_some(text)
}

/// Whether a text holds anything that could be a tag, a declaration or the first line of a script.
///
/// A script without such a mark (a bare `alert(1)`) cannot be told from prose; as `text/plain` with `nosniff` it does
/// nothing.
fn is_markup_or_script(text: &str) -> bool {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    let holds_a_tag = text.as_bytes().windows(2).any(|pair| {
        pair[0] == b'<' && matches!(pair[1], b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'?' | b'/' | b'%')
    });
    holds_a_tag || text.starts_with("#!") || text.starts_with("%!PS")
}

const COMPOUND_FILE_SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// Looks at one field of a compound file, the class of its root entry.
///
/// The detection library would parse the whole allocation table, whose size a hostile file can multiply.
fn office_before_2007(bytes: &[u8]) -> Option<MediaType> {
    /// Where the class stands in a directory entry.
    const CLASS_OFFSET: usize = 80;
    /// The last twelve bytes are the same in all classes of Office.
    const OFFICE_CLASS_TAIL: [u8; 12] = [0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46];
    const POWER_POINT_CLASS: [u8; 16] = [
        0x10, 0x8D, 0x81, 0x64, 0x9B, 0x4F, 0xCF, 0x11, 0x86, 0xEA, 0x00, 0xAA, 0x00, 0xB9, 0x29,
        0xE8,
    ];

    let sector_bytes = match bytes.get(30..32)? {
        [9, 0] => 512,
        [12, 0] => 4096,
        _ => return None,
    };
    let directory_sector = u32::from_le_bytes(*bytes.get(48..52)?.first_chunk::<4>()?);
    // The first sector follows the header, which takes the room of one sector.
    let root_entry =
        usize::try_from(directory_sector).ok()?.checked_add(1)?.checked_mul(sector_bytes)?;
    let class = bytes.get(root_entry.checked_add(CLASS_OFFSET)?..)?.first_chunk::<16>()?;
    if *class == POWER_POINT_CLASS {
        return Some(MediaType::Ppt);
    }
    let (number, tail) = class.split_first_chunk::<4>()?;
    if tail != OFFICE_CLASS_TAIL {
        return None;
    }
    match u32::from_le_bytes(*number) {
        0x0002_0810 | 0x0002_0820 => Some(MediaType::Xls),
        0x0002_0906 => Some(MediaType::Doc),
        _ => None,
    }
}

/// The allow-list for what the detection library finds. Images are not on it: their own signatures above are stricter.
fn by_detected_name(name: &str) -> MediaType {
    match name {
        "audio/m4a" => MediaType::M4a,
        "audio/opus" => MediaType::Ogg,
        "audio/x-flac" => MediaType::Flac,
        "audio/x-wav" => MediaType::Wav,
        "video/x-m4v" => MediaType::Mp4,
        _ => MediaType::from_name(name)
            .filter(|found| !found.is_image())
            .unwrap_or(MediaType::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, expected: MediaType) {
        assert_eq!(MediaType::of(bytes.as_ref()), expected);
    }

    #[test]
    fn images_are_known_by_their_signatures() {
        check(b"\xFF\xD8\xFF\xE0\0\x10JFIF", MediaType::Jpeg);
        check(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", MediaType::Png);
        check(b"GIF89a\x01\0\x01\0", MediaType::Gif);
        check(b"RIFF\x24\0\0\0WEBPVP8 ", MediaType::Webp);
        check(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0", MediaType::Bmp);
        check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", MediaType::Heic);
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", MediaType::Heic);
    }

    #[test]
    fn a_format_beside_the_list_is_not_an_image() {
        check(b"\0\0\0\x1Cftypavif\0\0\0\0avifmif1miaf", MediaType::Unknown);
        check(b"\0\0\0\x14ftypmif1\0\0\0\0mif1heic", MediaType::Unknown); // "heic" stands behind the box
        check(b"II*\0\x08\0\0\0\0\0\0\0", MediaType::Unknown);
    }

    #[test]
    fn documents_archives_and_sound_are_known() {
        check(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3", MediaType::Pdf);
        check(b"{\\rtf1\\ansi hello}", MediaType::Rtf);
        check(b"PK\x03\x04\x14\0\0\0\x08\0", MediaType::Zip);
        check(zip_entry_named(b"word/document.xml"), MediaType::Docx);
        check(zip_entry_named(b"xl/workbook.xml"), MediaType::Xlsx);
        check(b"Rar!\x1A\x07\x01\0", MediaType::Rar);
        check(b"\x1F\x8B\x08\0\0\0\0\0", MediaType::Gzip);
        check(b"\0\0\0\x18ftypisom\0\0\x02\0isommp41", MediaType::Mp4);
        check(b"ID3\x04\0\0\0\0\0\0", MediaType::Mp3);
        check(b"OggS\0\x02\0\0\0\0\0\0", MediaType::Ogg);
        check(b"RIFF\x24\0\0\0WAVEfmt ", MediaType::Wav);
    }

    #[test]
    fn office_files_before_2007_are_known_by_the_class_of_their_root() {
        check(compound_file(0x0002_0906), MediaType::Doc);
        check(compound_file(0x0002_0820), MediaType::Xls);
        check(compound_file(0x000C_1084), MediaType::Unknown); // an installer
        check(&compound_file(0x0002_0906)[..1030], MediaType::Unknown);
        check(COMPOUND_FILE_SIGNATURE, MediaType::Unknown);
    }

    #[test]
    fn text_is_text_also_when_it_begins_like_a_picture() {
        check("Здравствуйте! Есть в наличии?\r\n", MediaType::PlainText);
        check("BMW X5, GIF, ID3", MediaType::PlainText);
        check("GIF animations wanted", MediaType::PlainText);
        check("ID3 is a tag format", MediaType::PlainText);
        check("price < 5000 and 3 <3", MediaType::PlainText);
    }

    #[test]
    fn what_a_browser_would_run_is_unknown() {
        check("<!DOCTYPE html><title>x</title>", MediaType::Unknown);
        check("hello <script>alert(1)</script>", MediaType::Unknown);
        check("\u{FEFF}  <html>", MediaType::Unknown);
        check("<?xml version=\"1.0\"?><a/>", MediaType::Unknown);
        check("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", MediaType::Unknown);
        check("#!/bin/sh\nrm -rf /\n", MediaType::Unknown);
        check("<?php system($_GET['c']);", MediaType::Unknown);
        check(b"<html>\xFF\xFE", MediaType::Unknown);
    }

    #[test]
    fn programs_and_noise_are_unknown() {
        check(b"", MediaType::Unknown);
        check(b"MZ\x90\0\x03\0\0\0", MediaType::Unknown);
        check(b"\x7FELF\x02\x01\x01\0", MediaType::Unknown);
        check(b"\0\x01\x02\x03\x80\x81", MediaType::Unknown);
    }

    fn compound_file(class: u32) -> Vec<u8> {
        let mut bytes = vec![0; 1536];
        bytes[..8].copy_from_slice(&COMPOUND_FILE_SIGNATURE);
        bytes[30] = 9;
        bytes[48] = 1;
        bytes[1104..1108].copy_from_slice(&class.to_le_bytes());
        bytes[1108..1120].copy_from_slice(&[0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46]);
        bytes
    }

    fn zip_entry_named(name: &[u8]) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name);
        bytes
    }
}
