//! How wide text is at most, without knowing the font that it will be shown in.

use crate::app::scan::graph::words::at_most;

/// Widths of the characters from space to `~` in thousandths of the font's size: the wider of `DejaVu` Sans Bold 2.37 and
/// Liberation Sans Bold 2.1.5, which has the measures of Arial (their tables `hmtx`).
const WIDTHS: [u32; 95] = [
    349, 457, 521, 838, 696, 1002, 873, 307, 458, 458, 523, 838, 380, 416, 380, 366, 696, 696, 696, 696, 696,
    696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 763, 734, 831, 684, 684, 821, 837, 373,
    557, 775, 638, 996, 837, 851, 733, 851, 771, 721, 683, 813, 774, 1104, 771, 725, 726, 458, 366, 458, 838,
    557, 500, 675, 716, 593, 716, 679, 436, 716, 712, 343, 343, 666, 343, 1042, 712, 688, 716, 716, 494, 596,
    479, 712, 652, 924, 646, 652, 583, 712, 366, 712, 838,
];
/// What other fonts may be wider, in percent.
const MORE: u32 = 106;
/// Any other character that is shown: the widest fill a square.
const SQUARE: u32 = 1250;

/// The width of a text in a bold font of this size, both in pixels.
pub(super) fn width(text: &str, size: u32) -> u32 {
    let thousandths: u32 = text.chars().map(thousandths).fold(0, u32::saturating_add);
    thousandths.saturating_mul(size).div_ceil(1000)
}

fn thousandths(c: char) -> u32 {
    let place = usize::try_from(u32::from(c).wrapping_sub(u32::from(' '))).unwrap_or(usize::MAX);
    WIDTHS.get(place).map_or(SQUARE, |width| width * MORE / 100)
}

/// As much of a text as is this wide at most: the middle is left out.
pub(super) fn fitting(text: &str, size: u32, most: u32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    // Nothing is narrower than a fifth of its size: what is longer does not fit anyway.
    let mut length = text.chars().count().min(usize::try_from(most / size * 5).unwrap_or(usize::MAX));
    let mut fitting = at_most(text, length);
    while width(&fitting, size) > most && length > 0 {
        length -= 1;
        fitting = at_most(text, length);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Widths of the same characters in `DejaVu` Sans Oblique 2.37, which quiet text is shown in.
    const OBLIQUE: [u32; 95] = [
        318, 401, 460, 838, 637, 951, 780, 275, 391, 391, 500, 838, 318, 361, 318, 337, 637, 637, 637, 637,
        637, 637, 637, 637, 637, 637, 337, 337, 838, 838, 838, 531, 1000, 685, 687, 699, 771, 632, 576, 775,
        752, 295, 295, 656, 558, 863, 749, 788, 604, 788, 695, 635, 611, 732, 685, 989, 686, 611, 686, 391,
        337, 391, 838, 500, 500, 613, 635, 550, 635, 616, 353, 635, 634, 278, 278, 580, 278, 975, 634, 612,
        635, 635, 412, 521, 393, 634, 592, 818, 592, 592, 525, 637, 337, 637, 838,
    ];

    /// Check that no character is wider in another face than is reckoned with, and that those outside the table are
    /// reckoned with as well.
    #[test]
    fn measures_are_generous() {
        for (c, real) in (' '..='~').zip(OBLIQUE) {
            assert!(thousandths(c) >= real, "{c:?} is {real} wide, not {}", thousandths(c));
        }
        assert_eq!(
            (thousandths('\u{7f}'), thousandths('\u{1f}'), thousandths('漢')),
            (SQUARE, SQUARE, SQUARE)
        );
        assert!(width("WWWW", 10) > 44 && width("iiii", 10) < 20);
    }

    /// Check that what is cut fits, whatever it is made of.
    #[test]
    fn long_text_is_made_to_fit() {
        for text in ["short", &"W".repeat(300), &"漢字".repeat(90), &"i".repeat(5000), ""] {
            let cut = fitting(text, 13, 200);
            assert!(width(&cut, 13) <= 200, "{cut}");
        }
        assert_eq!(fitting("short", 13, 200), "short");
    }
}
