//! A block's share of the checksum, with more than one byte in work at a time.
//!
//! Each byte's step is `h = (h ^ byte) * PRIME`, which waits for the one before. But `h ^ byte` is `h` plus a number that
//! depends on the low byte of `h` alone, so whoever knows the low byte at some place can go on from there, and the whole checksum
//! is made up for afterwards: it is linear in what was not known. Several chains that begin at different places of a block take about as
//! long as one.
//!
//! The low byte itself follows `low = (low ^ byte) * 0xb3`, modulo 256. A bit of that product is the same bit of `low ^ byte`, flipped
//! or not by the lower bits. Bit by bit from the lowest, each is therefore a running exclusive or, and those of many places are
//! found at once: a word holds one bit for 64 of them.

use super::PRIME;

/// Words that are worked on side by side; compilers make vectors of them.
const WIDTH: usize = 2;
/// A block is cut into so many lanes of bytes that follow each other.
const LANES: usize = 64 * WIDTH;
const LANE: usize = 16;
pub(super) const BLOCK: usize = LANES * LANE;

/// A block is also cut into chains, for the whole checksum: as many as a processor needs to multiply without waiting.
const CHAINS: usize = 4;
const CHAIN: usize = BLOCK / CHAINS;

/// A bit for each lane; lane `i` is bit `i % 64` of word `i / 64`.
type Bits = [u64; WIDTH];
const NONE: Bits = [0; WIDTH];

/// One bit of all bytes: those at one place of the lanes stand together.
type Plane = [Bits; LANE];

/// Goes on from a checksum with a block.
pub(super) fn add(hash: u64, block: &[u8; BLOCK]) -> u64 {
    let lows = low_bytes(&planes(block), hash);
    let starts: [u64; CHAINS] = std::array::from_fn(|chain| {
        let lane = chain * (LANES / CHAINS);
        let bit = |bits: &Bits| bits[lane / 64] >> (lane % 64) & 1;
        (0..)
            .zip(&lows)
            .map(|(place, bits)| bit(bits) << place)
            .sum()
    });
    let mut ends = [hash, starts[1], starts[2], starts[3]];
    let [one, two, three, four] =
        std::array::from_fn(|chain| &block[chain * CHAIN..(chain + 1) * CHAIN]);
    for (((one, two), three), four) in one.iter().zip(two).zip(three).zip(four) {
        for (end, byte) in ends.iter_mut().zip([one, two, three, four]) {
            *end = (*end ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
    // A chain went on from a low byte with nothing above it; what is above is multiplied once for each byte.
    let above = |hash: u64, low: u64| hash.wrapping_sub(low).wrapping_mul(PRIME_TO_CHAIN);
    let rest = ends.iter().zip(starts).skip(1);
    rest.fold(ends[0], |hash, (end, low)| {
        end.wrapping_add(above(hash, low))
    })
}

const PRIME_TO_CHAIN: u64 = {
    let (mut power, mut count) = (1_u64, 0);
    while count < CHAIN {
        power = power.wrapping_mul(PRIME);
        count += 1;
    }
    power
};

/// The bits of the low byte as it is where each lane begins, the lowest bit first.
fn low_bytes(planes: &[Plane; 8], hash: u64) -> [Bits; 8] {
    // 0xb3 * x is x + 2x, and 16 times that, and 128x. Of each bit of these sums everything but the bit of x is known from the
    // bits below.
    let mut starts = [NONE; 8];
    // The bits of x one and two below this one.
    let (mut below, mut second_below) = ([NONE; LANE], [NONE; LANE]);
    // Of 3x: what is carried to this bit; all but the bit of x; the low bits, which are added to the high ones.
    let (mut carry, mut triple, mut tripled) = ([NONE; LANE], [NONE; LANE], [[NONE; LANE]; 4]);
    // What the sum of the low bits of 3x and the high ones carries to this bit.
    let mut sum_carry = [NONE; LANE];
    for bit in 0..8 {
        // How the bit has been flipped since the lane began: in all, and before each byte.
        let (mut flips, mut flipped) = (NONE, [NONE; LANE]);
        for at in 0..LANE {
            carry[at] = majority(below[at], second_below[at], carry[at]);
            triple[at] = xor(below[at], carry[at]);
            let mut flip = xor(planes[bit][at], triple[at]);
            if bit >= 4 {
                flip = xor(flip, xor(tripled[bit - 4][at], sum_carry[at]));
            }
            if bit == 7 {
                // Of 3x the lowest bit is that of x.
                flip = xor(flip, tripled[0][at]);
            }
            flipped[at] = flips;
            flips = xor(flips, flip);
        }
        starts[bit] = before_lanes(flips, hash >> bit & 1);
        for at in 0..LANE {
            let x = xor(planes[bit][at], xor(flipped[at], starts[bit]));
            (second_below[at], below[at]) = (below[at], x);
            let triple = xor(x, triple[at]);
            if bit < 4 {
                tripled[bit][at] = triple;
            } else {
                sum_carry[at] = majority(triple, tripled[bit - 4][at], sum_carry[at]);
            }
        }
    }
    starts
}

/// A bit as it is where each lane begins, from how the lanes flip it and how it is at first.
fn before_lanes(flips: Bits, first: u64) -> Bits {
    let mut now = first;
    flips.map(|word| {
        let mut running = word;
        for distance in [1, 2, 4, 8, 16, 32] {
            running ^= running << distance;
        }
        let before = (running << 1) ^ now.wrapping_neg();
        now ^= running >> 63;
        before
    })
}

fn xor(one: Bits, two: Bits) -> Bits {
    std::array::from_fn(|word| one[word] ^ two[word])
}

fn majority(one: Bits, two: Bits, three: Bits) -> Bits {
    std::array::from_fn(|word| (one[word] & two[word]) | (three[word] & (one[word] | two[word])))
}

/// The bits of a block's bytes, the lowest first.
fn planes(block: &[u8; BLOCK]) -> [Plane; 8] {
    let (lanes, _) = block.as_chunks::<LANE>();
    let mut planes = [[NONE; LANE]; 8];
    for part in 0..LANE / 8 {
        let word_of = |lane: usize| {
            let (words, _) = lanes[lane].as_chunks();
            u64::from_le_bytes(words[part])
        };
        // Eight places of all lanes.
        let mut columns = [[NONE; 8]; 8];
        for group in 0..8 {
            let mut words: [Bits; 8] = std::array::from_fn(|row| {
                std::array::from_fn(|word| word_of(64 * word + 8 * row + group))
            });
            // Eight bytes of eight lanes become eight lanes of eight places.
            transpose(&mut words, 4, 32, 0x0000_0000_ffff_ffff);
            transpose(&mut words, 2, 16, 0x0000_ffff_0000_ffff);
            transpose(&mut words, 1, 8, 0x00ff_00ff_00ff_00ff);
            for (column, word) in columns.iter_mut().zip(words) {
                column[group] = word;
            }
        }
        for (at, mut words) in (8 * part..).zip(columns) {
            // Eight bits of eight groups become eight groups of eight bits.
            transpose(&mut words, 4, 4, 0x0f0f_0f0f_0f0f_0f0f);
            transpose(&mut words, 2, 2, 0x3333_3333_3333_3333);
            transpose(&mut words, 1, 1, 0x5555_5555_5555_5555);
            for (plane, bits) in planes.iter_mut().zip(words) {
                plane[at] = bits;
            }
        }
    }
    planes
}

/// One step of turning rows into columns: of words `distance` apart, the upper part of the one and the lower part of the other, `mask`,
/// change places.
fn transpose(words: &mut [Bits; 8], distance: usize, shift: u32, mask: u64) {
    for row in (0..8).filter(|row| row & distance == 0) {
        let (above, below) = words.split_at_mut(row + distance);
        for (one, other) in above[row].iter_mut().zip(&mut below[0]) {
            let change = ((*one >> shift) ^ *other) & mask;
            *one ^= change << shift;
            *other ^= change;
        }
    }
}
