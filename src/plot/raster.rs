//! Pixels: areas, strokes and letters with smooth edges, as PNG.
//!
//! plotters' own bitmaps are not used: they set each letter on a whole pixel, and linking a font into plotters
//! moves the texts of the SVG, too. All arithmetic is IEEE basic operations and square roots, so that the same
//! figure has the same bytes everywhere.

use super::PlotError;
use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, Point, point};
use ab_glyph_rasterizer::Rasterizer;
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendCoord, FontTransform};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// DejaVu Sans 2.37; its licence lies beside it.
const FONT: &[u8] = include_bytes!("DejaVuSans.ttf");
/// The pixels of an image are this much finer than those of the page, so that it is sharp on a projector.
const SCALE: f32 = 2.0;
/// An edge has this many shades at most: few enough for a palette.
const SHADES: f32 = 8.0;
/// How far the control points of a quarter of a circle are from its ends, in radii.
const CIRCLE: f32 = 0.552_284_8;
/// The height of an x, in em.
const X_HEIGHT: f32 = 0.547;

/// The font, read once.
fn font() -> &'static FontRef<'static> {
    static READ: OnceLock<FontRef<'static>> = OnceLock::new();
    READ.get_or_init(|| FontRef::try_from_slice(FONT).expect("the embedded font is one"))
}

/// The width of a text in em, and its letters, each with where it begins.
fn set(text: &str) -> (f32, Vec<(GlyphId, f32)>) {
    let font = font();
    let em = font.units_per_em().unwrap_or(1000.0);
    let (mut glyphs, mut width, mut before) = (Vec::new(), 0.0, None);
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        width += before.map_or(0.0, |before| font.kern_unscaled(before, glyph)) / em;
        glyphs.push((glyph, width));
        // What the font lacks, another will have, and it may be wide.
        width += if glyph == GlyphId(0) { 1.0 } else { font.h_advance_unscaled(glyph) / em };
        before = Some(glyph);
    }
    (width, glyphs)
}

/// The width of a text in pixels. An SVG may be shown in another font, of which most are narrower.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    (f64::from(set(text).0) * size).ceil() as i32
}

/// An image of a page, white at first. Positions and widths are in pixels of the page.
pub(super) struct Raster {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

/// Where and how a text is written.
pub(super) struct Lettering {
    pub at: BackendCoord,
    /// An em.
    pub size: f64,
    pub anchor: Pos,
    pub turned: FontTransform,
    pub colour: BackendColor,
}

impl Raster {
    pub fn new((width, height): (u32, u32)) -> Raster {
        let [width, height] = [width, height].map(|size| size as usize * SCALE as usize);
        Raster { width, height, rgb: vec![[255; 3]; width * height] }
    }

    /// Fills a rectangle, whose edges are those of pixels.
    pub fn fill_between(&mut self, one: BackendCoord, other: BackendCoord, colour: BackendColor) {
        let range = |from: i32, to: i32, end: usize| {
            let [low, high] = [from.min(to), from.max(to)].map(|at| (at.max(0) as usize) * SCALE as usize);
            low.min(end)..high.min(end)
        };
        let (columns, rows) = (range(one.0, other.0, self.width), range(one.1, other.1, self.height));
        for row in rows {
            let pixels = &mut self.rgb[row * self.width..][columns.clone()];
            if colour.alpha == 1.0 {
                pixels.fill(colour.rgb.into());
            } else {
                pixels.iter_mut().for_each(|pixel| blend(pixel, colour, 1.0));
            }
        }
    }

    /// Fills a polygon.
    pub fn fill(&mut self, corners: &[BackendCoord], colour: BackendColor) {
        let corners: Vec<Point> = corners.iter().map(|corner| on_page(*corner)).collect();
        self.paint(&polygon(&corners), colour);
    }

    /// Draws lines of `width` from point to point, with round corners.
    pub fn stroke(&mut self, path: &[BackendCoord], width: u32, colour: BackendColor) {
        let path: Vec<Point> = path.iter().map(|corner| on_page(*corner)).collect();
        let radius = width as f32 * SCALE / 2.0;
        let mut outline = Vec::new();
        for ends in path.windows(2) {
            let along = ends[1] - ends[0];
            let length = (along.x * along.x + along.y * along.y).sqrt();
            if length > 0.0 {
                let aside = point(-along.y * radius / length, along.x * radius / length);
                outline.extend(polygon(&[
                    ends[0] + aside,
                    ends[1] + aside,
                    ends[1] - aside,
                    ends[0] - aside,
                ]));
            }
        }
        let inner = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
        // A hair's corners do not show.
        for corner in inner.iter().filter(|_| width > 1) {
            outline.extend(circle(*corner, radius));
        }
        self.paint(&outline, colour);
    }

    /// Fills a circle.
    pub fn disc(&mut self, centre: BackendCoord, radius: u32, colour: BackendColor) {
        self.paint(&circle(on_page(centre), radius as f32 * SCALE), colour);
    }

    /// Writes a text, as an SVG would.
    pub fn write(&mut self, text: &str, lettering: &Lettering) {
        let size = lettering.size as f32 * SCALE;
        let unit = size / font().units_per_em().unwrap_or(1000.0);
        let (width, glyphs) = set(text);
        let left = match lettering.anchor.h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width * size / 2.0,
            HPos::Right => -width * size,
        };
        let base = size
            * match lettering.anchor.v_pos {
                VPos::Top => 0.76,
                VPos::Center => X_HEIGHT / 2.0,
                VPos::Bottom => -X_HEIGHT / 2.0,
            };
        let anchor = on_page(lettering.at);
        for (glyph, from) in glyphs {
            let Some(outline) = font().outline(glyph) else { continue };
            let place = |p: Point| {
                let (x, y) = (left + from * size + p.x * unit, base - p.y * unit);
                anchor
                    + match lettering.turned {
                        FontTransform::None => point(x, y),
                        FontTransform::Rotate90 => point(-y, x),
                        FontTransform::Rotate180 => point(-x, -y),
                        FontTransform::Rotate270 => point(y, -x),
                    }
            };
            let placed: Vec<OutlineCurve> = outline.curves.iter().map(|curve| map(curve, place)).collect();
            self.paint(&placed, lettering.colour);
        }
    }

    /// The image as a PNG file; with a palette, which makes it a third of the size, if its colours fit into one.
    pub fn encode(&self) -> Result<Vec<u8>, PlotError> {
        // Most pixels are like the one before them.
        let areas: Vec<&[[u8; 3]]> = self.rgb.chunk_by(|one, next| one == next).collect();
        let colours: BTreeSet<[u8; 3]> = areas.iter().map(|area| area[0]).collect();
        let palette: Vec<[u8; 3]> = colours.into_iter().collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        let image = if palette.len() <= 256 {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette.as_flattened());
            let mut indices = Vec::with_capacity(self.rgb.len());
            for area in areas {
                let index = palette.binary_search(&area[0]).unwrap_or_default() as u8;
                indices.resize(indices.len() + area.len(), index);
            }
            Cow::Owned(indices)
        } else {
            encoder.set_color(png::ColorType::Rgb);
            Cow::Borrowed(self.rgb.as_flattened())
        };
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&image));
        written.map_err(|error| PlotError::Drawing(error.to_string()))?;
        Ok(bytes)
    }

    /// Paints what closed curves go round, each pixel by the share of it that is inside.
    fn paint(&mut self, outline: &[OutlineCurve], colour: BackendColor) {
        let bounds = |of: fn(Point) -> f32, end: usize| {
            let places = outline.iter().flat_map(points).map(of);
            let (low, high) =
                places.fold((f32::MAX, f32::MIN), |(low, high), at| (low.min(at), high.max(at)));
            let low = low.floor().clamp(0.0, end as f32) as usize;
            low..(high.ceil().clamp(0.0, end as f32) as usize).max(low)
        };
        let (columns, rows) = (bounds(|p| p.x, self.width), bounds(|p| p.y, self.height));
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        let mut coverage = Rasterizer::new(columns.len(), rows.len());
        let local = |p: Point| point(p.x - columns.start as f32, p.y - rows.start as f32);
        for curve in outline {
            match *curve {
                OutlineCurve::Line(a, b) => coverage.draw_line(local(a), local(b)),
                OutlineCurve::Quad(a, b, c) => coverage.draw_quad(local(a), local(b), local(c)),
                OutlineCurve::Cubic(a, b, c, d) => {
                    coverage.draw_cubic(local(a), local(b), local(c), local(d));
                }
            }
        }
        coverage.for_each_pixel_2d(|x, y, share| {
            let level = (share.min(1.0) * SHADES + 0.5).floor();
            if level > 0.0 {
                let row = (rows.start + y as usize) * self.width;
                blend(&mut self.rgb[row + columns.start + x as usize], colour, level / SHADES);
            }
        });
    }
}

/// Covers a share of a pixel with a colour.
fn blend(pixel: &mut [u8; 3], colour: BackendColor, share: f32) {
    let opacity = share * colour.alpha as f32;
    let over: [u8; 3] = colour.rgb.into();
    for (under, over) in pixel.iter_mut().zip(over) {
        let (below, above) = (f32::from(*under), f32::from(over));
        *under = (below + (above - below) * opacity + 0.5) as u8;
    }
}

fn on_page((x, y): BackendCoord) -> Point {
    point(x as f32 * SCALE, y as f32 * SCALE)
}

fn polygon(corners: &[Point]) -> Vec<OutlineCurve> {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(from, to)| OutlineCurve::Line(*from, *to)).collect()
}

/// A circle, the same way round as a stroke.
fn circle(centre: Point, radius: f32) -> [OutlineCurve; 4] {
    let quarters = [(1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0)];
    quarters.map(|(x, y)| {
        let (from, to) = (point(x, y), point(y, -x));
        let at = |p: Point| centre + point(p.x * radius, p.y * radius);
        let towards = |p: Point, q: Point| at(point(p.x + q.x * CIRCLE, p.y + q.y * CIRCLE));
        OutlineCurve::Cubic(at(from), towards(from, to), towards(to, from), at(to))
    })
}

fn points(curve: &OutlineCurve) -> Vec<Point> {
    match *curve {
        OutlineCurve::Line(a, b) => vec![a, b],
        OutlineCurve::Quad(a, b, c) => vec![a, b, c],
        OutlineCurve::Cubic(a, b, c, d) => vec![a, b, c, d],
    }
}

fn map(curve: &OutlineCurve, place: impl Fn(Point) -> Point) -> OutlineCurve {
    match *curve {
        OutlineCurve::Line(a, b) => OutlineCurve::Line(place(a), place(b)),
        OutlineCurve::Quad(a, b, c) => OutlineCurve::Quad(place(a), place(b), place(c)),
        OutlineCurve::Cubic(a, b, c, d) => OutlineCurve::Cubic(place(a), place(b), place(c), place(d)),
    }
}
