//! Pictures of every kind, made in memory.

use std::time::{Duration, Instant};

use image::{GenericImageView as _, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

const RED: Rgb<u8> = Rgb([220, 20, 20]);
const BLUE: Rgb<u8> = Rgb([20, 20, 220]);
const MARK_IN_EXIF: &[u8] = b"iPhone of Ivan";

#[test]
fn a_jpeg_loses_its_position_and_everything_else_that_is_not_pixels() {
    let original = with_exif(&jpeg(64, 48), 1);
    assert!(
        holds(&original, b"Exif\0\0")
            && holds(&original, MARK_IN_EXIF)
            && holds(&original, &latitude())
    );

    let picture = prepare(&original).unwrap();
    for trace in [b"Exif".as_slice(), MARK_IN_EXIF, &latitude()] {
        assert!(!holds(&picture.bytes, trace));
    }
    assert_eq!((picture.media_type, picture.width, picture.height), (MediaType::Jpeg, 64, 48));
    assert_eq!(MediaType::of(&picture.bytes), MediaType::Jpeg);
}

#[test]
fn a_jpeg_is_turned_as_its_exif_says() {
    // Orientation 6: to be turned by 90 degrees clockwise, so that the left half comes to the top.
    let picture = prepare(&with_exif(&jpeg(64, 48), 6)).unwrap();
    assert_eq!((picture.width, picture.height), (48, 64));

    let pixels = image::load_from_memory(&picture.bytes).unwrap();
    assert_eq!(pixels.dimensions(), (48, 64));
    assert_like(pixels.get_pixel(24, 4), RED);
    assert_like(pixels.get_pixel(24, 60), BLUE);
}

#[test]
fn a_cut_jpeg_is_corrupt_wherever_it_is_cut() {
    // The thumbnail in the EXIF segment has an end of its own.
    let whole = with_exif(&jpeg(200, 200), 1);
    assert!(prepare(&whole).is_ok());
    for length in [3, 20, 100, whole.len() / 2, whole.len() - 100, whole.len() - 2] {
        assert_eq!(prepare(&whole[..length]), Err(PictureProblem::Corrupt), "cut to {length}");
    }
}

#[test]
fn a_cut_png_or_webp_is_corrupt() {
    for whole in [noise(ImageFormat::Png), noise(ImageFormat::WebP)] {
        assert!(prepare(&whole).is_ok());
        for length in [20, 40, whole.len() / 2, whole.len() - 100] {
            assert_eq!(prepare(&whole[..length]), Err(PictureProblem::Corrupt), "cut to {length}");
        }
    }
}

#[test]
fn random_damage_is_survived() {
    let mut random = 7_u32;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(random >> 8).unwrap() % below
    };
    let originals = [
        with_exif(&jpeg(40, 30), 6),
        png(40, 30),
        png_with_chunk(*b"tEXt", b"Comment\0text"),
        noise(ImageFormat::WebP),
        animated_webp(&[RED, BLUE]),
    ];
    for original in originals {
        for _ in 0..100 {
            let mut damaged = original.clone();
            for _ in 0..=next(8) {
                let at = next(damaged.len());
                damaged[at] = damaged[at].wrapping_add(1 << next(8));
            }
            if let Ok(picture) = prepare(&damaged) {
                assert_eq!(MediaType::of(&picture.bytes), picture.media_type);
            }
        }
    }
}

#[test]
fn too_many_pixels_are_refused_by_the_header() {
    let bomb = png_header(13_000, 13_000);
    let start = Instant::now();
    assert_eq!(prepare(&bomb), Err(PictureProblem::TooLarge { pixels_max: 50_000_000 }));
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());

    // Few pixels on paper, and a side that no decoder should be asked for.
    assert_eq!(
        prepare(&png_header(1, u32::MAX >> 1)),
        Err(PictureProblem::TooLarge { pixels_max: 50_000_000 })
    );
}

#[test]
fn the_bounds_are_inclusive() {
    let picture = png(100, 50);
    let pixels = |pixels_max| PictureRules { pixels_max, ..PictureRules::default() };
    assert!(prepare_picture(&picture, &pixels(5_000)).is_ok());
    assert_eq!(
        prepare_picture(&picture, &pixels(4_999)),
        Err(PictureProblem::TooLarge { pixels_max: 4_999 })
    );

    let memory = PictureRules { decoder_bytes_max: 1_000, ..PictureRules::default() };
    assert_eq!(
        prepare_picture(&picture, &memory),
        Err(PictureProblem::TooLarge { pixels_max: 50_000_000 })
    );
}

#[test]
fn the_name_does_not_make_a_picture() {
    // Uploaded as photo.jpg.
    assert_eq!(
        prepare("just a note".as_bytes()),
        Err(PictureProblem::WrongType(MediaType::PlainText))
    );
    assert_eq!(prepare(b""), Err(PictureProblem::WrongType(MediaType::Unknown)));
    assert_eq!(
        prepare(b"<svg onload='alert(1)'/>"),
        Err(PictureProblem::WrongType(MediaType::Unknown))
    );
    assert_eq!(prepare(&noise(ImageFormat::Gif)), Err(PictureProblem::WrongType(MediaType::Gif)));
}

#[test]
fn a_png_stays_a_png_with_the_same_pixels() {
    let original = png(30, 20);
    let picture = prepare(&original).unwrap();
    assert_eq!((picture.media_type, picture.width, picture.height), (MediaType::Png, 30, 20));
    assert_eq!(
        image::load_from_memory(&picture.bytes).unwrap(),
        image::load_from_memory(&original).unwrap()
    );
}

#[test]
fn a_png_loses_its_comments() {
    let original = png_with_chunk(*b"tEXt", b"Comment\0shot at home");
    assert!(holds(&original, b"shot at home"));
    assert!(!holds(&prepare(&original).unwrap().bytes, b"shot at home"));
}

#[test]
fn a_webp_keeps_its_transparency_and_becomes_a_jpeg_without_it() {
    let opaque = encoded(&two_halves(40, 30).into(), ImageFormat::WebP);
    let picture = prepare(&opaque).unwrap();
    assert_eq!((picture.media_type, picture.width, picture.height), (MediaType::Jpeg, 40, 30));
    assert_eq!(MediaType::of(&picture.bytes), MediaType::Jpeg);

    let glass = RgbaImage::from_pixel(40, 30, Rgba([10, 20, 30, 128]));
    let picture = prepare(&encoded(&glass.clone().into(), ImageFormat::WebP)).unwrap();
    assert_eq!(picture.media_type, MediaType::Webp);
    assert_eq!(image::load_from_memory(&picture.bytes).unwrap().into_rgba8(), glass);
}

#[test]
fn an_animation_leaves_its_first_frame() {
    let picture = prepare(&animated_webp(&[RED, BLUE])).unwrap();
    assert_eq!((picture.width, picture.height), (16, 16));
    assert_like(image::load_from_memory(&picture.bytes).unwrap().get_pixel(8, 8), RED);
}

#[test]
fn sixteen_bits_a_channel_become_eight() {
    let deep = image::ImageBuffer::from_pixel(8, 8, Rgb([40_000_u16, 20_000, 10_000]));
    let picture = prepare(&encoded(&DynamicImage::from(deep), ImageFormat::Png)).unwrap();
    assert_eq!(image::load_from_memory(&picture.bytes).unwrap().color(), image::ColorType::Rgb8);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_works_on_two_pictures_at_a_time() {
    let desk = PictureDesk::new();
    let picture = Bytes::from(jpeg(64, 48));
    let first = desk.seats.clone().acquire_owned().await.unwrap();
    let second = desk.seats.clone().acquire_owned().await.unwrap();

    let waiting = tokio::spawn({
        let (desk, picture) = (desk.clone(), picture.clone());
        async move { desk.prepare(picture, PictureRules::default()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished());

    drop(first);
    assert_eq!(waiting.await.unwrap().unwrap().media_type, MediaType::Jpeg);
    drop(second);
    assert_eq!(desk.seats.available_permits(), PictureDesk::PARALLEL_PICTURES_MAX);
}

fn prepare(bytes: &[u8]) -> Result<Picture, PictureProblem> {
    prepare_picture(bytes, &PictureRules::default())
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// JPEG changes colours a little.
#[track_caller]
fn assert_like(Rgba([r, g, b, _]): Rgba<u8>, Rgb(expected): Rgb<u8>) {
    let is_near = [r, g, b].iter().zip(expected).all(|(found, wanted)| found.abs_diff(wanted) < 30);
    assert!(is_near, "{r} {g} {b} is not like {expected:?}");
}

/// The left half red, the right half blue.
fn two_halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(&two_halves(width, height).into(), ImageFormat::Jpeg)
}

fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(&two_halves(width, height).into(), ImageFormat::Png)
}

/// Something that does not compress, so that a cut hits pixels.
fn noise(format: ImageFormat) -> Vec<u8> {
    let mut state = 1_u32;
    let pixels = RgbImage::from_fn(60, 60, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, r, g, b] = state.to_be_bytes();
        Rgb([r, g, b])
    });
    encoded(&pixels.into(), format)
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// 55° 45' 21" as EXIF writes it: three fractions of two 32-bit numbers.
fn latitude() -> Vec<u8> {
    [55_u32, 1, 45, 1, 21, 1].iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Puts an EXIF segment behind the first two bytes of a JPEG: camera, orientation, GPS position and something that
/// looks like a thumbnail's end.
fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    const ASCII: u16 = 2;
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    // Offsets count from the start of the TIFF header: 8 bytes of header, 2 + 3 * 12 + 4 of the first directory,
    // 2 + 2 * 12 + 4 of the GPS directory, then the values that do not fit into an entry.
    let (gps_directory, latitude_at, camera_at) = (50_u32, 80_u32, 104_u32);
    let [high, low] = orientation.to_be_bytes();
    let camera_length = u32::try_from(MARK_IN_EXIF.len()).unwrap();
    let tiff = [
        b"MM\0\x2A\0\0\0\x08\0\x03".to_vec(),
        entry(0x0110, ASCII, camera_length, camera_at.to_be_bytes()),
        entry(0x0112, SHORT, 1, [high, low, 0, 0]),
        entry(0x8825, LONG, 1, gps_directory.to_be_bytes()),
        b"\0\0\0\0\0\x02".to_vec(),
        entry(0x0001, ASCII, 2, *b"N\0\0\0"),
        entry(0x0002, RATIONAL, 3, latitude_at.to_be_bytes()),
        vec![0; 4],
        latitude(),
        MARK_IN_EXIF.to_vec(),
        b"\xFF\xD8\xFF\xD9".to_vec(),
    ]
    .concat();
    assert_eq!(tiff[80..104], latitude());

    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xFF\xE1", &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

/// A WebP of 16 by 16 pixels that shows one colour after the other.
fn animated_webp(colors: &[Rgb<u8>]) -> Vec<u8> {
    const HAS_ANIMATION: u8 = 2;
    const RIFF_HEADER_BYTES: usize = 12;
    let riff_chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let padding = vec![0; content.len() % 2];
        [kind.as_slice(), &length, content, &padding].concat()
    };
    let mut chunks = b"WEBP".to_vec();
    chunks.extend(riff_chunk(b"VP8X", &[HAS_ANIMATION, 0, 0, 0, 15, 0, 0, 15, 0, 0]));
    chunks.extend(riff_chunk(b"ANIM", &[0; 6]));
    for color in colors {
        let still = encoded(&RgbImage::from_pixel(16, 16, *color).into(), ImageFormat::WebP);
        // Position, size less one, duration in milliseconds, flags; then the still picture's own chunk.
        let placed = [0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0];
        chunks.extend(riff_chunk(b"ANMF", &[&placed, &still[RIFF_HEADER_BYTES..]].concat()));
    }
    riff_chunk(b"RIFF", &chunks)
}

/// A PNG that promises `width` times `height` pixels and brings hardly any.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1A\n".to_vec(), chunk(*b"IHDR", &header), chunk(*b"IDAT", &[0x78, 0x9C])]
        .concat()
}

/// A PNG with one more chunk behind its header.
fn png_with_chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 25;
    let png = png(10, 10);
    [&png[..HEADER_END], &chunk(kind, content), &png[HEADER_END..]].concat()
}

fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let checked = [&kind[..], content].concat();
    [&length[..], &checked, &crc32(&checked).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}
