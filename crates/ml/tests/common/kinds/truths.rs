//! The true log-odds of every kind, and the columns that it has.
//!
//! Deliberately one function per kind: what they have in common is drawn by `Draw`.

use ml::{Role, Values};
use rand::Rng;

use super::super::{normal, sigmoid};
use super::{Draw, REGIONS};

pub(super) fn small_linear(d: &mut Draw) {
    let u = d.usual();
    let place = [0.6, 0.0, -0.3, -0.4];
    d.truth(|r| -6.0 * (u.ratio[r] - 0.9) - 0.1 * (u.weeks[r] - 6.0) + place[u.region[r]]);
}

pub(super) fn noisy(d: &mut Draw) {
    let u = d.usual();
    let noise: Vec<Vec<f64>> = (0..6).map(|_| d.normals()).collect();
    for (k, values) in noise.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.truth(|r| -0.8 - 1.5 * (u.ratio[r] - 0.9) + 0.15 * noise[0][r] - 0.1 * noise[1][r]);
}

pub(super) fn drifting(d: &mut Draw) {
    let u = d.usual();
    let rows = d.rows as f64;
    d.truth(|r| {
        let t = r as f64 / rows;
        -1.0 + 0.8 * t - (4.0 + 6.0 * t) * (u.ratio[r] - 0.9) - 0.2 * (u.weeks[r] - 6.0) * (1.0 - t)
    });
}

pub(super) fn interactions(d: &mut Draw) {
    let u = d.usual();
    let size = d.each(|r| r.random_range(-2.0..2.0));
    d.numbers("size", Role::Feature, &size);
    d.dated = false;
    d.truth(|r| {
        let steep = if u.region[r] == 0 { -14.0 } else { -2.0 };
        let late = u.weeks[r] > 8.0 && size[r] > 0.0;
        0.8 + steep * (u.ratio[r] - 0.9) - 1.1 * size[r].powi(2) + if late { 0.3 } else { 0.0 }
    });
}

pub(super) fn slopes(d: &mut Draw) {
    let u = d.usual();
    d.dated = false;
    let steep = [-16.0, -8.0, -4.0, -1.0];
    d.truth(|r| -0.2 + steep[u.region[r]] * (u.ratio[r] - 0.9));
}

/// Many levels of unequal frequency with an effect each.
pub(super) fn of_levels(d: &mut Draw, count: usize, spread: f64) {
    let u = d.usual();
    let effect: Vec<f64> = (0..count).map(|_| spread * normal(&mut d.rng)).collect();
    let mut sums = Vec::with_capacity(count);
    let mut sum = 0.0;
    for _ in 0..count {
        let x: f64 = d.rng.random_range(1e-9..1.0);
        sum += x.powf(-1.0 / 1.5) - 1.0 + 0.3;
        sums.push(sum);
    }
    let who: Vec<usize> = (0..d.rows)
        .map(|_| {
            let at = d.rng.random_range(0.0..sum);
            sums.partition_point(|&s| s <= at).min(count - 1)
        })
        .collect();
    d.texts("customer", &who, |w| format!("k{w}"));
    d.truth(|r| -0.5 - 5.0 * (u.ratio[r] - 0.9) + effect[who[r]]);
}

pub(super) fn customers(d: &mut Draw) {
    of_levels(d, 1500, 1.2);
}

pub(super) fn products(d: &mut Draw) {
    of_levels(d, 300, 0.8);
}

pub(super) fn missing(d: &mut Draw) {
    let u = d.usual();
    let x = d.normals();
    let gone: Vec<bool> = x
        .iter()
        .map(|&x| d.rng.random::<f64>() < sigmoid(x - 1.0))
        .collect();
    let known = |(x, gone): (&f64, &bool)| if *gone { f64::NAN } else { *x };
    let rating: Vec<f64> = x.iter().zip(&gone).map(known).collect();
    d.numbers("rating", Role::Feature, &rating);
    let kept = d.each(|r| {
        if r.random::<f64>() > 0.3 {
            0.0
        } else {
            f64::NAN
        }
    });
    let weeks: Vec<f64> = u.weeks.iter().zip(&kept).map(|(w, k)| w + k).collect();
    let at = d.columns.iter().position(|c| c.name == "weeks").unwrap();
    d.columns[at].values = Values::Number(weeks);
    d.dated = false;
    d.truth(|r| -0.3 - 4.0 * (u.ratio[r] - 0.9) + if gone[r] { -1.5 } else { 0.8 * x[r] });
}

pub(super) fn rare(d: &mut Draw) {
    let u = d.usual();
    d.truth(|r| {
        let north = if u.region[r] == 0 { 0.8 } else { 0.0 };
        -4.2 - 8.0 * (u.ratio[r] - 0.9) + north - 0.2 * (u.weeks[r] - 6.0)
    });
}

pub(super) fn wide(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..200).map(|_| d.normals()).collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| {
        0.9 * x[0][r] - 0.7 * x[1][r] + 0.5 * x[2][r] - 0.5 * x[3][r] + 0.4 * x[4][r].abs()
    });
}

pub(super) fn steps(d: &mut Draw) {
    let u = d.usual();
    let rival = d.each(|r| 0.92 + 0.04 * normal(r));
    let quoted: Vec<f64> = u.list.iter().zip(&rival).map(|(l, r)| l * r).collect();
    d.numbers("rival", Role::Feature, &quoted);
    let quantity = d.each(|r| (3.0 + normal(r)).exp().round() + 1.0);
    d.numbers("quantity", Role::Feature, &quantity);
    d.dated = false;
    d.truth(|r| {
        let cheaper = if u.ratio[r] < rival[r] { 1.2 } else { -1.4 };
        cheaper + if quantity[r] > 50.0 { 0.8 } else { 0.0 }
    });
}

pub(super) fn levels(d: &mut Draw) {
    let mut sums = vec![-0.6; d.rows];
    for k in 0..8 {
        let effect: Vec<f64> = (0..10).map(|_| 0.45 * normal(&mut d.rng)).collect();
        let at = d.codes(10);
        d.texts(&format!("c{k}"), &at, |a| format!("v{a}"));
        sums.iter_mut().zip(&at).for_each(|(s, &a)| *s += effect[a]);
    }
    d.dated = false;
    d.truth(|r| sums[r]);
}

pub(super) fn heavy(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..6)
        .map(|_| d.each(|r| (2.0 * normal(r)).exp()))
        .collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| 0.5 * x[0][r].ln() - 0.4 * x[1][r].ln() + 0.5 * x[2][r].ln().sin());
}

/// Bends that no straight line follows, none of them sharp.
pub(super) fn curved(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..8).map(|_| d.normals()).collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| 0.2 - 0.6 * x[0][r].powi(2) + (2.0 * x[1][r]).sin() + 0.5 * x[2][r]);
}

/// Two categories whose levels act together only, and a straight number.
pub(super) fn crossed(d: &mut Draw) {
    let u = d.usual();
    let segment = d.codes(3);
    d.texts("segment", &segment, |s| format!("s{s}"));
    d.truth(|r| {
        let same = (u.region[r] + segment[r]).is_multiple_of(2);
        -0.4 - 4.0 * (u.ratio[r] - 0.9) + if same { 0.5 } else { -0.5 }
    });
}

/// Nothing that the columns say has to do with the outcome.
pub(super) fn no_signal(d: &mut Draw) {
    d.usual();
    for k in 0..4 {
        let values = d.normals();
        d.numbers(&format!("n{k}"), Role::Feature, &values);
    }
    let who = d.codes(40);
    d.texts("who", &who, |w| format!("k{w}"));
    d.truth(|_| -0.8);
}

/// The first function of Friedman (1991) in log-odds, with seven columns that do nothing.
pub(super) fn friedman(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..12)
        .map(|_| d.each(|r| r.random_range(0.0..1.0)))
        .collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| {
        let wave = 10.0 * (std::f64::consts::PI * x[0][r] * x[1][r]).sin();
        let bend = 20.0 * (x[2][r] - 0.5).powi(2);
        (wave + bend + 10.0 * x[3][r] + 5.0 * x[4][r] - 14.0) / 3.0
    });
}

/// About one quote in twenty is lost.
pub(super) fn seldom_lost(d: &mut Draw) {
    let u = d.usual();
    let place = [0.7, 0.0, -0.4, -0.6];
    d.truth(|r| 3.3 - 7.0 * (u.ratio[r] - 0.9) + place[u.region[r]]);
}

/// Values are missing the more often the worse they are, and the level of a category says which are.
pub(super) fn gaps(d: &mut Draw) {
    let u = d.usual();
    let x: Vec<Vec<f64>> = (0..3).map(|_| d.normals()).collect();
    for (k, values) in x.iter().enumerate() {
        let known = d.each(|r| r.random());
        let seen = values
            .iter()
            .zip(&known)
            .enumerate()
            .map(|(r, (&x, &u01))| {
                let gone = u01 < sigmoid(-1.0 - 1.5 * x + if u.region[r] == 0 { 1.0 } else { 0.0 });
                if gone { f64::NAN } else { x }
            });
        let seen: Vec<f64> = seen.collect();
        d.numbers(&format!("n{k}"), Role::Feature, &seen);
    }
    // What is not seen has no effect, so that the truth is a function of what is.
    let seen: Vec<Vec<f64>> = (0..3)
        .map(|k| match &d.columns[d.columns.len() - 3 + k].values {
            Values::Number(v) => v
                .iter()
                .map(|x| if x.is_nan() { -0.8 } else { *x })
                .collect(),
            _ => Vec::new(),
        })
        .collect();
    d.truth(|r| {
        -0.4 - 4.0 * (u.ratio[r] - 0.9) + 0.6 * seen[0][r] + 0.4 * seen[1][r] - 0.3 * seen[2][r]
    });
}

/// As `valutai sample` draws: two effects depend on another column, three columns have none.
pub(super) fn sampler(d: &mut Draw) {
    let people = (d.rows / 15).clamp(12, 192);
    let home: Vec<(usize, usize)> = (0..people)
        .map(|_| (d.rng.random_range(0..4), d.rng.random_range(0..4)))
        .collect();
    let who = d.codes(people);
    let product = d.codes(6);
    let quantity = d.each(|r| [1.0, 2.0, 5.0, 10.0, 50.0, 100.0][r.random_range(0..6)]);
    let unit = [1180.0, 2640.0, 145.0, 410.0, 890.0, 3900.0];
    let list: Vec<f64> = product
        .iter()
        .map(|&p| unit[p] * (1.0 + 0.04 * normal(&mut d.rng)))
        .collect();
    let rivals =
        d.each(|r| [0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0][r.random_range(0..10)]);
    let days = d.each(|r| f64::from(r.random_range(5..38)));
    let ratio: Vec<f64> = rivals
        .iter()
        .map(|k| (0.89 + 0.085 * normal(&mut d.rng) - 0.01 * (k - 2.0)).clamp(0.66, 1.0))
        .collect();
    let price: Vec<f64> = list.iter().zip(&ratio).map(|(l, r)| l * r).collect();
    let cost: Vec<f64> = list
        .iter()
        .map(|l| l * 0.57 * (1.0 + 0.05 * normal(&mut d.rng)))
        .collect();
    d.texts("customer", &who, |w| format!("customer {w}"));
    let region: Vec<usize> = who.iter().map(|&w| home[w].0).collect();
    let segment: Vec<usize> = who.iter().map(|&w| home[w].1).collect();
    d.texts("region", &region, |c| REGIONS[c].to_owned());
    d.texts("segment", &segment, |c| format!("segment {c}"));
    d.texts("product", &product, |c| format!("product {c}"));
    d.numbers("quantity", Role::Quantity, &quantity);
    d.numbers("list", Role::ListPrice, &list);
    d.numbers("price", Role::Price, &price);
    d.numbers("cost", Role::Cost, &cost);
    let discount: Vec<f64> = ratio
        .iter()
        .map(|r| (1000.0 * (1.0 - r)).round() / 10.0)
        .collect();
    d.numbers("discount", Role::Discount, &discount);
    d.numbers("rivals", Role::Feature, &rivals);
    d.numbers("days", Role::Feature, &days);
    d.truth(|r| {
        let steep = if segment[r] == 3 { -22.0 } else { -11.0 };
        let (k, late) = (rivals[r] - 2.0, days[r] - 21.0);
        -0.5 + steep * (ratio[r] - 0.89)
            + [0.10, -0.20, -0.55, 0.65][region[r]]
            + [-0.45, 0.15, 0.35, -0.25][segment[r]]
            - 0.4 * k
            - 0.035 * late
            - 0.015 * late * k
    });
}
