//! Adaptive average pooling as a part of the dense layer behind it.

/// The weights by which `AdaptiveAvgPool2d` brings `size` cells to `grid`: for each cell of the grid those of all cells.
fn weights(size: usize, grid: usize) -> Vec<Vec<f64>> {
    let window = |place: usize| {
        let (start, end) = (place * size / grid, ((place + 1) * size).div_ceil(grid));
        (0..size).map(|cell| if (start..end).contains(&cell) { 1.0 / (end - start) as f64 } else { 0.0 }).collect()
    };
    (0..grid).map(window).collect()
}

/// A dense layer's weights `[out, c, grid_h, grid_w]` as those `[out, c, h, w]` of one that takes maps before the pooling:
/// both are linear, so the product of their matrices computes the same.
pub fn before_pooling(values: &[f32], grid: [usize; 2], map: [usize; 2]) -> Vec<f32> {
    let [rows, columns] = [0, 1].map(|axis| weights(map[axis], grid[axis]));
    let cells = (grid[0] * grid[1]).max(1);
    let mut folded = Vec::with_capacity(values.len() / cells * map[0] * map[1]);
    // Of one map of the grid: its rows with the columns of the map.
    let mut widened = vec![0.0; grid[0] * map[1]];
    for values in values.chunks_exact(cells) {
        for (values, widened) in values.chunks_exact(grid[1]).zip(widened.chunks_exact_mut(map[1])) {
            widened.fill(0.0);
            for (value, shares) in values.iter().zip(&columns) {
                for (sum, share) in widened.iter_mut().zip(shares) {
                    *sum += f64::from(*value) * share;
                }
            }
        }
        for y in 0..map[0] {
            for x in 0..map[1] {
                let cells = rows.iter().zip(widened.chunks_exact(map[1]));
                folded.push(cells.map(|(shares, widened)| shares[y] * widened[x]).sum::<f64>() as f32);
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PyTorch's documentation gives: cell `i` is the mean from `floor(i n / m)` to before `ceil((i + 1) n / m)`.
    #[test]
    fn maps_are_spread_and_averaged() {
        let near = |found: &[f32], wanted: &[f32]| {
            assert_eq!(found.len(), wanted.len());
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, not {wanted:?}");
        };
        // One cell is repeated; of three cells for two, the middle one is in both.
        near(&before_pooling(&[1.0, 2.0, 3.0, 4.0], [2, 2], [1, 1]), &[10.0]);
        near(&before_pooling(&[2.0, 4.0, 6.0, 8.0], [1, 2], [1, 3]), &[1.0, 3.0, 2.0, 3.0, 7.0, 4.0]);
        // Two cells for three: the middle one of the grid is the mean of both.
        near(&before_pooling(&[1.0, 10.0, 100.0], [3, 1], [2, 1]), &[6.0, 105.0]);
        near(&before_pooling(&[1.0, 2.0], [1, 1], [1, 1]), &[1.0, 2.0]);
    }
}
