//! Points of a curve y^2 = x^3 - 3 x + b of prime order, and their multiples in constant time.
//!
//! Points come from [`curve`](super), which has checked that they lie on the curve; scalars are below the order. A point is added by the
//! complete formulas of Renes, Costello and Batina (<https://eprint.iacr.org/2015/1060>, algorithms 4 and 5): they have no exceptional
//! case, so infinity, equal and opposite points need no test that could be forgotten or seen. A run of doublings goes through Jacobian
//! coordinates, in which one costs 8 products instead of 11 and has no exceptional case either, since no point has order two.
//!
//! A scalar is read in windows of five bits with signed digits from -16 to 16 (Booth), so that sixteen multiples are enough; the one that is
//! needed is found by reading all of them. Multiples of the generator come from a table, with next to no doublings left;
//! it is computed when it is needed for the first time.

use super::{field::Element, parameters::Parameters};
use crate::montgomery::{bits_at, equal_mask};
use alloc::vec::Vec;
use zeroize::Zeroize;

/// Bits of a window.
const WINDOW: usize = 5;
/// Multiples of a point that a digit can ask for.
pub(super) const ENTRIES: usize = 1 << (WINDOW - 1);

/// A point with coordinates x = X / Z, y = Y / Z; infinity has Z = 0, X = 0 and some Y other than 0.
#[derive(Clone, Copy)]
pub(super) struct Point<C, const N: usize> {
    x: Element<C, N>,
    y: Element<C, N>,
    z: Element<C, N>,
}

/// A point other than infinity, by its coordinates.
#[derive(Clone, Copy)]
pub(super) struct Affine<C, const N: usize> {
    pub(super) x: Element<C, N>,
    pub(super) y: Element<C, N>,
}

impl<C, const N: usize> Zeroize for Point<C, N> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
        self.z.zeroize();
    }
}

impl<C, const N: usize> Zeroize for Affine<C, N> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
    }
}

/// The digit of a big-endian scalar at a window: its magnitude, and all ones when it is negative. A digit takes in the highest bit of the
/// window below, as a carry.
fn digit(scalar: &[u8], window: usize) -> (u64, u64) {
    let bits = match window {
        0 => bits_at(scalar, 0, WINDOW) << 1,
        _ => bits_at(scalar, window * WINDOW - 1, WINDOW + 1),
    };
    let negative = (bits >> WINDOW).wrapping_neg();
    let bits = bits ^ (negative & ((1 << (WINDOW + 1)) - 1));
    ((bits >> 1) + (bits & 1), negative)
}

impl<C: Parameters<N>, const N: usize> Affine<C, N> {
    pub(super) const GENERATOR: Self = Self {
        x: Element::enter(C::GENERATOR[0]),
        y: Element::enter(C::GENERATOR[1]),
    };

    pub(super) fn is_on_curve(&self) -> bool {
        let Self { x, y } = self;
        let cube = x.square().multiply(x);
        let right = cube.subtract(&x.add(x).add(x)).add(&Point::<C, N>::B);
        y.square().subtract(&right).is_zero()
    }

    /// A multiple from a row of the table, with the digit's sign; zeros for digit 0.
    fn select(row: &[Self; ENTRIES], magnitude: u64, negative: u64) -> Self {
        let mut out = Self {
            x: Element::ZERO,
            y: Element::ZERO,
        };
        for (i, entry) in (1..).zip(row) {
            let mask = equal_mask(i, magnitude);
            out.x.take(&entry.x, mask);
            out.y.take(&entry.y, mask);
        }
        let opposite = Element::ZERO.subtract(&out.y);
        out.y.assign(&opposite, negative);
        out
    }
}

impl<C: Parameters<N>, const N: usize> Point<C, N> {
    const B: Element<C, N> = Element::enter(C::B);
    const INFINITY: Self = Self {
        x: Element::ZERO,
        y: Element::ONE,
        z: Element::ZERO,
    };
    /// Windows of a scalar, and of the carry above it.
    const WINDOWS: usize = (C::BITS + 1).div_ceil(WINDOW);
    /// Rows of the generator's table.
    const ROWS: usize = Self::WINDOWS.div_ceil(C::SPREAD);
    /// Bytes of the generator's table.
    pub(super) const TABLE_BYTES: usize = Self::ROWS * size_of::<[Affine<C, N>; ENTRIES]>();
    /// Bytes that its making takes besides: the points, and a product for each.
    pub(super) const MAKING_BYTES: usize =
        Self::ROWS * (size_of::<[Self; ENTRIES]>() + ENTRIES * size_of::<Element<C, N>>());

    pub(super) fn new(point: &Affine<C, N>) -> Self {
        Self {
            x: point.x,
            y: point.y,
            z: Element::ONE,
        }
    }

    /// The coordinates, or nothing for infinity.
    pub(super) fn coordinates(&self) -> Option<Affine<C, N>> {
        if self.z.is_zero() {
            return None;
        }
        let inverse = self.z.invert();
        Some(Affine {
            x: self.x.multiply(&inverse),
            y: self.y.multiply(&inverse),
        })
    }

    /// Algorithm 4.
    pub(super) fn add(&self, other: &Self) -> Self {
        let xx = self.x.multiply(&other.x);
        let yy = self.y.multiply(&other.y);
        let zz = self.z.multiply(&other.z);
        let xy = self.x.add(&self.y).multiply(&other.x.add(&other.y));
        let yz = self.y.add(&self.z).multiply(&other.y.add(&other.z));
        let xz = self.x.add(&self.z).multiply(&other.x.add(&other.z));
        Self::sum(
            [&xx, &yy, &zz],
            &xy.subtract(&xx.add(&yy)),
            &yz.subtract(&yy.add(&zz)),
            &xz.subtract(&xx.add(&zz)),
        )
    }

    /// Algorithm 5: the other point has Z = 1.
    fn add_affine(&self, other: &Affine<C, N>) -> Self {
        let xx = self.x.multiply(&other.x);
        let yy = self.y.multiply(&other.y);
        let xy = self.x.add(&self.y).multiply(&other.x.add(&other.y));
        Self::sum(
            [&xx, &yy, &self.z],
            &xy.subtract(&xx.add(&yy)),
            &other.y.multiply(&self.z).add(&self.y),
            &other.x.multiply(&self.z).add(&self.x),
        )
    }

    /// What both algorithms do with X1 X2, Y1 Y2, Z1 Z2 and the mixed terms X1 Y2 + X2 Y1, Y1 Z2 + Y2 Z1 and X1 Z2 + X2 Z1.
    fn sum([xx, yy, zz]: [&Element<C, N>; 3], xy: &Element<C, N>, yz: &Element<C, N>, xz: &Element<C, N>) -> Self {
        let t = xz.subtract(&Self::B.multiply(zz));
        let t = t.add(&t).add(&t);
        let plus = yy.add(&t);
        let minus = yy.subtract(&t);
        let zz3 = zz.add(zz).add(zz);
        let t = Self::B.multiply(xz).subtract(&zz3).subtract(xx);
        let t = t.add(&t).add(&t);
        let u = xx.add(xx).add(xx).subtract(&zz3);
        Self {
            x: xy.multiply(&plus).subtract(&yz.multiply(&t)),
            y: plus.multiply(&minus).add(&u.multiply(&t)),
            z: yz.multiply(&minus).add(&xy.multiply(&u)),
        }
    }

    /// `2^count * self`, in Jacobian coordinates (x = X / Z^2, y = Y / Z^3): dbl-2001-b of the Explicit-Formulas
    /// Database, with a product for two of its squares where that saves sums.
    fn double_times(&self, count: usize) -> Self {
        let mut x = self.x.multiply(&self.z);
        let mut y = self.y.multiply(&self.z.square());
        let mut z = self.z;
        // Infinity would become the triple of zeros, which is no point.
        y.assign(&Element::ONE, self.z.zero_mask());
        for _ in 0..count {
            let delta = z.square_fast();
            let gamma = y.square_fast();
            let gamma2 = gamma.add(&gamma);
            let gamma4 = gamma2.add(&gamma2);
            let beta4 = x.multiply_fast(&gamma4);
            let alpha = x.subtract(&delta).multiply_fast(&x.add(&delta));
            let alpha = alpha.add(&alpha).add(&alpha);
            let half = y.multiply_fast(&z);
            z = half.add(&half);
            x = alpha.square_fast().subtract(&beta4.add(&beta4));
            y = alpha
                .multiply_fast(&beta4.subtract(&x))
                .subtract(&gamma2.multiply_fast(&gamma4));
        }
        let square = z.square();
        Self {
            x: x.multiply(&z),
            y,
            z: square.multiply(&z),
        }
    }

    /// The points 1 to 16 times this one.
    fn multiples(&self) -> [Self; ENTRIES] {
        let mut out = [*self; ENTRIES];
        for i in 1..ENTRIES {
            out[i] = out[i - 1].add(self);
        }
        out
    }

    /// A multiple from the table, with the digit's sign; infinity for digit 0.
    fn select(table: &[Self; ENTRIES], magnitude: u64, negative: u64) -> Self {
        let mut out = Self {
            x: Element::ZERO,
            y: Element::ZERO,
            z: Element::ZERO,
        };
        for (i, entry) in (1..).zip(table) {
            let mask = equal_mask(i, magnitude);
            out.x.take(&entry.x, mask);
            out.y.take(&entry.y, mask);
            out.z.take(&entry.z, mask);
        }
        out.y.take(&Element::ONE, equal_mask(0, magnitude));
        let opposite = Element::ZERO.subtract(&out.y);
        out.y.assign(&opposite, negative);
        out
    }

    /// `scalar * self`.
    pub(super) fn multiply(&self, scalar: &[u8]) -> Self {
        let table = self.multiples();
        let mut sum = Self::INFINITY;
        for window in (0..Self::WINDOWS).rev() {
            if window + 1 != Self::WINDOWS {
                sum = sum.double_times(WINDOW);
            }
            let (magnitude, negative) = digit(scalar, window);
            let mut term = Self::select(&table, magnitude, negative);
            sum = sum.add(&term);
            term.zeroize();
        }
        sum
    }

    /// `scalar * generator`.
    pub(super) fn multiply_generator(scalar: &[u8]) -> Self {
        let mut sum = Self::INFINITY;
        for offset in (0..C::SPREAD).rev() {
            if offset + 1 != C::SPREAD {
                sum = sum.double_times(WINDOW);
            }
            for (row, window) in C::table().iter().zip((offset..Self::WINDOWS).step_by(C::SPREAD)) {
                let (magnitude, negative) = digit(scalar, window);
                let mut term = Affine::select(row, magnitude, negative);
                // Zeros are no point: what comes of them is thrown away.
                let next = sum.add_affine(&term);
                let used = !equal_mask(0, magnitude);
                sum.x.assign(&next.x, used);
                sum.y.assign(&next.y, used);
                sum.z.assign(&next.z, used);
                term.zeroize();
            }
        }
        sum
    }
}

/// The generator's multiples: row `r` has 1 to 16 times `2^(5 * SPREAD * r) * generator`. All become affine with one inversion.
pub(super) fn generator_table<C: Parameters<N>, const N: usize>() -> Vec<[Affine<C, N>; ENTRIES]> {
    let mut base = Point::<C, N>::new(&Affine::GENERATOR);
    let rows = Point::<C, N>::ROWS;
    let mut points = Vec::with_capacity(rows);
    // The products of all Z before each point's (Montgomery's trick).
    let mut products = Vec::with_capacity(rows * ENTRIES);
    let mut product = Element::ONE;
    for _ in 0..rows {
        let row = base.multiples();
        base = row[ENTRIES - 1].double_times(WINDOW * C::SPREAD - (WINDOW - 1));
        for point in row {
            products.push(product);
            product = product.multiply(&point.z);
        }
        points.push(row);
    }
    let mut inverse = product.invert();
    let mut table = alloc::vec![[Affine::GENERATOR; ENTRIES]; points.len()];
    let places = table.as_flattened_mut().iter_mut().zip(points.as_flattened());
    for ((place, Point { x, y, z }), product) in places.zip(products).rev() {
        let z_inverse = inverse.multiply(&product);
        inverse = inverse.multiply(z);
        *place = Affine {
            x: x.multiply(&z_inverse),
            y: y.multiply(&z_inverse),
        };
    }
    table
}
