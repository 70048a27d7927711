//! Where labels of points go, so that none hides another.

/// The upper left and the lower right corner of what takes room, in pixels.
pub(super) type Rect = ((i32, i32), (i32, i32));

/// How far a label is from its point at least.
const GAP: i32 = 12;
/// How far apart the places are that are tried.
const STEP: i32 = 10;

/// The upper left corner of a label of `size` for the point at `(x, y)`: of the places to its right and to its
/// left, the nearest that is `inside` and free of what is `taken`; to its right if there is none.
pub(super) fn place((x, y): (i32, i32), size: (i32, i32), inside: Rect, taken: &[Rect]) -> (i32, i32) {
    let beside = |step: i32| {
        let height = y - size.1 / 2 + step * STEP;
        [(x + GAP, height), (x - GAP - size.0, height)]
    };
    let away = (0..40).flat_map(|step| [-step, step]);
    let free = |corner: &(i32, i32)| {
        let label = (*corner, (corner.0 + size.0, corner.1 + size.1));
        let ((left, top), (right, bottom)) = label;
        let ((first, highest), (last, lowest)) = inside;
        let within = left >= first && right <= last && top >= highest && bottom <= lowest;
        within && !taken.iter().any(|other| overlap(label, *other))
    };
    away.flat_map(beside).find(free).unwrap_or(beside(0)[0])
}

fn overlap(one: Rect, other: Rect) -> bool {
    let apart = |from: i32, to: i32, other_from: i32, other_to: i32| to <= other_from || other_to <= from;
    !apart(one.0.0, one.1.0, other.0.0, other.1.0) && !apart(one.0.1, one.1.1, other.0.1, other.1.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = ((0, 0), (400, 300));

    #[test]
    fn a_label_is_right_of_its_point_and_left_of_it_at_the_edge() {
        assert_eq!(place((100, 100), (50, 20), PAGE, &[]), (112, 90));
        assert_eq!(place((390, 100), (50, 20), PAGE, &[]), (328, 90));
    }

    #[test]
    fn labels_of_points_that_lie_together_do_not_overlap() {
        let mut taken: Vec<Rect> = Vec::new();
        for _ in 0..20 {
            let corner = place((200, 150), (60, 20), PAGE, &taken);
            let label = (corner, (corner.0 + 60, corner.1 + 20));
            assert!(!taken.iter().any(|other| overlap(label, *other)), "{label:?}");
            taken.push(label);
        }
    }
}
