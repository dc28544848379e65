//! Huffman codes of limited length.

/// Symbols of the largest alphabet here.
pub const SYMBOLS: usize = 286;

/// Bits of each symbol's code, 0 for those that do not occur; no more than `limit`.
///
/// A single symbol gets one bit. The code is complete otherwise.
pub fn lengths(counts: &[u32], limit: u8, out: &mut [u8]) {
    out.fill(0);
    let mut leaves = [(0_u32, 0_u16); SYMBOLS];
    let mut used = 0;
    for (symbol, count) in (0_u16..).zip(counts.iter().take(SYMBOLS)) {
        if *count > 0 {
            leaves[used] = (*count, symbol);
            used += 1;
        }
    }
    let leaves = &mut leaves[..used];
    if let [(_, symbol)] = leaves {
        out[usize::from(*symbol)] = 1;
        return;
    }
    loop {
        leaves.sort_unstable();
        if grow(leaves, out) <= limit {
            return;
        }
        // The rarest come nearer to the others until the tree is low enough.
        for (count, _) in &mut *leaves {
            *count = count.div_ceil(2);
        }
    }
}

/// Build the tree over sorted leaves, two at least; return the length of its longest code.
fn grow(leaves: &[(u32, u16)], out: &mut [u8]) -> u8 {
    // Nodes 0.. are the leaves, those from `count` on join two: the smallest that are left of
    // two rows which are both in order.
    let count = leaves.len();
    let mut weights = [0_u32; SYMBOLS];
    let mut parents = [0_u16; 2 * SYMBOLS];
    let (mut leaf, mut join) = (0, 0);
    let joins = count.saturating_sub(1);
    for made in 0..joins {
        let mut weight = 0;
        for _ in 0..2 {
            let child = if leaf < count && (join >= made || leaves[leaf].0 <= weights[join]) {
                weight += leaves[leaf].0;
                leaf += 1;
                leaf - 1
            } else {
                weight += weights[join];
                join += 1;
                count + join - 1
            };
            #[allow(clippy::cast_possible_truncation, reason = "some hundred joins")]
            let parent = made as u16;
            parents[child] = parent;
        }
        weights[made] = weight;
    }
    let mut depths = [0_u8; SYMBOLS];
    for join in (0..joins.saturating_sub(1)).rev() {
        depths[join] = depths[usize::from(parents[count + join])].saturating_add(1);
    }
    let mut longest = 0;
    for (node, (_, symbol)) in leaves.iter().enumerate() {
        let depth = depths[usize::from(parents[node])].saturating_add(1);
        out[usize::from(*symbol)] = depth;
        longest = longest.max(depth);
    }
    longest
}

/// The canonical code of each symbol, its bits in the order in which deflate sends them.
pub fn codes(lengths: &[u8], out: &mut [u16]) {
    let mut counts = [0_u16; 16];
    for length in lengths.iter().filter(|length| **length > 0) {
        counts[usize::from(*length)] += 1;
    }
    let mut next = [0_u16; 16];
    for length in 1..16 {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    for (code, length) in out.iter_mut().zip(lengths) {
        if *length > 0 {
            let place = &mut next[usize::from(*length)];
            *code = place.reverse_bits() >> (16 - length);
            *place += 1;
        }
    }
}
