//! Colours that colour-blind readers can tell apart, and a scale of them.

use plotters::style::RGBColor;

// The colours of Okabe and Ito ("Color Universal Design", 2008).
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const YELLOW: RGBColor = RGBColor(240, 228, 66);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);

/// How many lines have a colour of their own.
pub(super) const COLOURS: usize = 7;

/// For lines in one figure, the most different first.
const LINES: [RGBColor; COLOURS] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY];

/// Viridis at nine equal steps (van der Walt and Smith, 2015): from dark to light in steps that look equal, in
/// grey, too.
const SCALE: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

/// The colour of line `index` of `count`. Of more lines than there are colours, neighbours look alike.
pub(super) fn of_line(index: usize, count: usize) -> RGBColor {
    match LINES.get(index) {
        Some(colour) if count <= COLOURS => *colour,
        // Not up to the lightest, which is hard to see on white.
        _ => of_share(0.9 * index as f64 / (count - 1) as f64),
    }
}

/// The colour of a share from 0, dark, to 1, light.
pub(super) fn of_share(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let below = (place.floor() as usize).min(SCALE.len() - 2);
    let part = place - below as f64;
    let mix = |channel: usize| {
        let [from, to] = [SCALE[below][channel], SCALE[below + 1][channel]].map(f64::from);
        (from + (to - from) * part).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// Whether black is easier to read on a colour than white is.
pub(super) fn is_light(RGBColor(red, green, blue): RGBColor) -> bool {
    299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) > 140_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_begins_dark_ends_light_and_goes_through_its_table() {
        assert_eq!(of_share(0.0), RGBColor(68, 1, 84));
        assert_eq!(of_share(0.5), RGBColor(33, 144, 141));
        assert_eq!(of_share(1.0), RGBColor(253, 231, 37));
        assert!(!is_light(of_share(0.3)) && is_light(of_share(0.9)));
    }

    #[test]
    fn the_lines_of_a_figure_have_different_colours() {
        for count in [1, 2, 7, 8, 40] {
            let colours: Vec<RGBColor> = (0..count).map(|index| of_line(index, count)).collect();
            for (index, colour) in colours.iter().enumerate() {
                assert!(!colours[..index].contains(colour), "{index} of {count}");
            }
        }
    }
}
