//! Pictures made safe to publish.

mod jpeg_structure;

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use tokio::sync::Semaphore;

use crate::MediaType;

/// The longest side that any decoder is let into, in pixels: the most that JPEG can express.
const SIDE_PIXELS_MAX: u32 = 65_535;

/// What is asked of a picture. The default is the Partizap contract's §4.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureRules {
    /// Most pixels, width times height, decided from the header before anything is decoded.
    pub pixels_max: u64,
    /// Most bytes that a decoder may allocate for one picture. Pictures of 16 bits a channel reach it first.
    pub decoder_bytes_max: u64,
    /// The quality at which a JPEG is written, 1 to 100.
    pub jpeg_quality: u8,
}

impl Default for PictureRules {
    fn default() -> Self {
        Self { pixels_max: 50_000_000, decoder_bytes_max: 256 << 20, jpeg_quality: 90 }
    }
}

/// A picture that was decoded and written anew: nothing but pixels is left of the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The encoded picture.
    pub bytes: Bytes,
    /// What it is encoded as: JPEG, PNG or WebP.
    pub media_type: MediaType,
    /// Width in pixels, as seen.
    pub width: u32,
    /// Height in pixels, as seen.
    pub height: u32,
}

/// Why a picture is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureProblem {
    /// The bytes are something else than JPEG, PNG or WebP.
    #[error("expected a JPEG, PNG or WebP picture, found {0}")]
    WrongType(MediaType),
    /// The bytes begin like a picture and cannot be read to the end as one.
    #[error("the picture is damaged")]
    Corrupt,
    /// More pixels, a longer side or more memory than the rules allow.
    #[error("the picture is larger than {pixels_max} pixels or needs too much memory")]
    TooLarge {
        /// The bound of the rules.
        pixels_max: u64,
    },
    /// The process is shutting down; nothing is known about the picture.
    #[error("the work on the picture was interrupted")]
    Interrupted,
}

/// Reads a JPEG, PNG or WebP picture by its content, turns it as its EXIF orientation says, and writes it anew without
/// EXIF (and with it GPS), XMP, comments or colour profile.
///
/// JPEG stays JPEG and PNG stays PNG. WebP stays WebP if it has an alpha channel and becomes JPEG otherwise, because
/// the encoder writes lossless WebP only, and a photograph would grow tenfold. Of an animation the first frame stays.
///
/// This is work for the processor, up to seconds for the largest picture: never call it on a thread of the async
/// runtime. [`PictureDesk`] takes care of that.
pub fn prepare_picture(bytes: &[u8], rules: &PictureRules) -> Result<Picture, PictureProblem> {
    let format = readable_format(bytes)?;
    let original = decode_upright(bytes, format, rules)?;
    let (width, height) = (original.width(), original.height());
    let (encoded, media_type) = encode(original, format, rules)?;
    Ok(Picture { bytes: encoded.into(), media_type, width, height })
}

/// Where pictures wait for their turn: [`prepare_picture`] on blocking threads, two at a time.
///
/// The bound is for memory. One picture of 50 megapixels takes 200 MB decoded, twice that while it is turned, and a
/// progressive JPEG up to 300 MB more. Clones share the bound.
#[derive(Debug, Clone)]
pub struct PictureDesk {
    seats: Arc<Semaphore>,
}

impl PictureDesk {
    /// How many pictures are worked on at a time.
    pub const PARALLEL_PICTURES_MAX: usize = 2;

    /// An empty desk. One is enough for a process.
    pub fn new() -> Self {
        Self { seats: Arc::new(Semaphore::new(Self::PARALLEL_PICTURES_MAX)) }
    }

    /// Does [`prepare_picture`] when it is this picture's turn.
    ///
    /// A caller that stops waiting frees its place in the queue; work that has begun keeps its seat to the end.
    pub async fn prepare(
        &self,
        bytes: Bytes,
        rules: PictureRules,
    ) -> Result<Picture, PictureProblem> {
        let seat = Arc::clone(&self.seats)
            .acquire_owned()
            .await
            .map_err(|_closed| PictureProblem::Interrupted)?;
        let work = tokio::task::spawn_blocking(move || {
            // The seat moves in here: the work outlives a caller that went away.
            let _seat = seat;
            prepare_picture(&bytes, &rules)
        });
        match work.await {
            Ok(outcome) => outcome,
            Err(failure) if failure.is_panic() => {
                tracing::error!("a picture made its decoder panic");
                Err(PictureProblem::Corrupt)
            }
            Err(_cancelled) => Err(PictureProblem::Interrupted),
        }
    }
}

impl Default for PictureDesk {
    fn default() -> Self {
        Self::new()
    }
}

fn readable_format(bytes: &[u8]) -> Result<ImageFormat, PictureProblem> {
    let media_type = MediaType::of(bytes);
    if media_type == MediaType::Jpeg {
        // The decoder fills what is missing of a cut JPEG with grey.
        let is_whole = jpeg_structure::reaches_its_end(bytes);
        return if is_whole { Ok(ImageFormat::Jpeg) } else { Err(PictureProblem::Corrupt) };
    }
    if media_type == MediaType::Png {
        return Ok(ImageFormat::Png);
    }
    if media_type == MediaType::Webp {
        return Ok(ImageFormat::WebP);
    }
    Err(PictureProblem::WrongType(media_type))
}

fn decode_upright(
    bytes: &[u8],
    format: ImageFormat,
    rules: &PictureRules,
) -> Result<DynamicImage, PictureProblem> {
    let problem = |error: ImageError| match error {
        ImageError::Limits(_) => PictureProblem::TooLarge { pixels_max: rules.pixels_max },
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => PictureProblem::Corrupt,
    };

    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(rules.decoder_bytes_max);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());

    let mut decoder = reader.into_decoder().map_err(problem)?;
    let (width, height) = decoder.dimensions();
    if rules.pixels_max < u64::from(width) * u64::from(height) {
        return Err(PictureProblem::TooLarge { pixels_max: rules.pixels_max });
    }
    // The decoder counts its own buffers; the one for the result is ours to count.
    limits.reserve(decoder.total_bytes()).map_err(problem)?;
    decoder.set_limits(limits).map_err(problem)?;

    let orientation = decoder.orientation().map_err(problem)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(problem)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Writes the pixels, at 8 bits a channel, and says as what.
fn encode(
    picture: DynamicImage,
    original: ImageFormat,
    rules: &PictureRules,
) -> Result<(Vec<u8>, MediaType), PictureProblem> {
    let color = picture.color();
    let mut bytes = Vec::new();
    let (outcome, media_type) = if original == ImageFormat::Png {
        let picture = match (color.has_color(), color.has_alpha()) {
            (true, true) => DynamicImage::from(picture.into_rgba8()),
            (true, false) => DynamicImage::from(picture.into_rgb8()),
            (false, true) => DynamicImage::from(picture.into_luma_alpha8()),
            (false, false) => DynamicImage::from(picture.into_luma8()),
        };
        (picture.write_with_encoder(PngEncoder::new(&mut bytes)), MediaType::Png)
    } else if original == ImageFormat::WebP && color.has_alpha() {
        let picture = DynamicImage::from(picture.into_rgba8());
        (picture.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)), MediaType::Webp)
    } else {
        let picture = if color.has_color() {
            DynamicImage::from(picture.into_rgb8())
        } else {
            DynamicImage::from(picture.into_luma8())
        };
        let jpeg = JpegEncoder::new_with_quality(&mut bytes, rules.jpeg_quality);
        (picture.write_with_encoder(jpeg), MediaType::Jpeg)
    };
    outcome.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a decoded picture could not be encoded"
        );
        PictureProblem::Corrupt
    })?;
    Ok((bytes, media_type))
}

#[cfg(test)]
mod tests;
