//! A page that is drawn once, as SVG and as pixels.

use super::raster::{Lettering, Raster};
use plotters::prelude::SVGBackend;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};
use std::io::Error;

type Drawn = Result<(), DrawingErrorKind<Error>>;

/// What plotters draws on.
pub(super) struct Page<'a> {
    svg: SVGBackend<'a>,
    raster: &'a mut Raster,
}

impl<'a> Page<'a> {
    /// A page of `size` pixels whose SVG goes to `svg`, and its pixels to `raster`.
    pub fn new(size: (u32, u32), svg: &'a mut String, raster: &'a mut Raster) -> Page<'a> {
        Page { svg: SVGBackend::with_string(svg, size), raster }
    }
}

fn corners((left, top): BackendCoord, (right, bottom): BackendCoord) -> [BackendCoord; 5] {
    [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
}

impl DrawingBackend for Page<'_> {
    type ErrorType = Error;

    fn get_size(&self) -> (u32, u32) {
        self.svg.get_size()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        self.svg.ensure_prepared()
    }

    fn present(&mut self) -> Drawn {
        self.svg.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Drawn {
        self.raster.fill_between(at, (at.0 + 1, at.1 + 1), colour);
        self.svg.draw_pixel(at, colour)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.raster.stroke(&[from, to], style.stroke_width(), style.color());
        self.svg.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        one: BackendCoord,
        other: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        match fill {
            true => self.raster.fill_between(one, other, style.color()),
            false => self.raster.stroke(&corners(one, other), style.stroke_width(), style.color()),
        }
        self.svg.draw_rect(one, other, style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let path: Vec<BackendCoord> = path.into_iter().collect();
        self.raster.stroke(&path, style.stroke_width(), style.color());
        self.svg.draw_path(path, style)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawn {
        let corners: Vec<BackendCoord> = corners.into_iter().collect();
        self.raster.fill(&corners, style.color());
        self.svg.fill_polygon(corners, style)
    }

    /// All circles of figures are filled.
    fn draw_circle<S: BackendStyle>(
        &mut self,
        centre: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.raster.disc(centre, radius, style.color());
        self.svg.draw_circle(centre, radius, style, fill)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        self.raster.write(
            text,
            &Lettering {
                at,
                // As the SVG backend has it.
                size: style.size() / 1.24,
                anchor: style.anchor(),
                turned: style.transform(),
                colour: style.color(),
            },
        );
        self.svg.draw_text(text, style, at)
    }
}
