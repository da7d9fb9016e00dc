//! Whether a JPEG is all there.

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

/// Whether the segments of a JPEG, followed one by one, lead to its end-of-image marker.
///
/// A search for the marker alone would find the one of the thumbnail inside the EXIF segment. What follows the end is
/// not looked at: cameras put more pictures there.
pub(super) fn reaches_its_end(bytes: &[u8]) -> bool {
    let Some(mut rest) = bytes.strip_prefix(&[0xFF, 0xD8]) else {
        return false;
    };
    loop {
        let Some((marker, behind)) = next_marker(rest) else {
            return false;
        };
        match marker {
            END_OF_IMAGE => return true,
            // Markers that stand alone: temporary, restart, and a start of image, which nobody should repeat.
            0x01 | 0xD0..=0xD8 => rest = behind,
            _ => {
                let Some(after_segment) = skip_segment(behind) else {
                    return false;
                };
                rest =
                    if marker == START_OF_SCAN { skip_scan(after_segment) } else { after_segment };
            }
        }
    }
}

/// The marker's code and what follows. Any number of `FF` may stand before the code.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0xFF)?;
    let code_at = at + bytes.get(at..)?.iter().position(|byte| *byte != 0xFF)?;
    let (code, behind) = bytes.get(code_at..)?.split_first()?;
    Some((*code, behind))
}

/// Goes past a segment, whose length counts its own two bytes.
fn skip_segment(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*bytes.first_chunk::<2>()?);
    bytes.get(usize::from(length.max(2))..)
}

/// Goes past entropy-coded data, in which `FF 00` is a byte and `FF D0` to `FF D7` are restarts.
fn skip_scan(bytes: &[u8]) -> &[u8] {
    let ends_scan = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    bytes.windows(2).position(ends_scan).and_then(|at| bytes.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_behind_segments_scans_and_fill_bytes() {
        assert!(reaches_its_end(
            b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xDA\0\x02\x12\xFF\0\x34\xFF\xD0\x56\xFF\xFF\xD9"
        ));
        assert!(reaches_its_end(b"\xFF\xD8\xFF\xD9 and a trailer"));
    }

    #[test]
    fn an_end_inside_a_segment_is_not_the_end() {
        assert!(!reaches_its_end(b"\xFF\xD8\xFF\xE1\0\x06\xFF\xD8\xFF\xD9\xFF\xDA\0\x02\x12\x34"));
    }

    #[test]
    fn what_is_cut_anywhere_has_no_end() {
        let whole = b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xDA\0\x02\x12\xFF\0\x34\xFF\xD9";
        assert!(reaches_its_end(whole));
        for length in 0..whole.len() {
            assert!(!reaches_its_end(&whole[..length]), "cut to {length}");
        }
    }
}
