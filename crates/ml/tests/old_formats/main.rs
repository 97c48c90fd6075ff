//! Artefacts that older versions of the program wrote are still read, and answer as they did then.
//!
//! `formatN-*.model` are what the last version with format N made of [`quotes`], `formatN-*.answers` what it said of twelve
//! fresh ones: probability, both ends of the interval, and the contribution of each column. Deliberately files of those
//! versions and none that today's code writes, which would only agree with itself.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use ml::{Column, Error, Model, Role, Table, Values};

macro_rules! old {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!($name, ".model")).as_slice(),
            include_str!(concat!($name, ".answers")),
        )
    };
}

/// Name, artefact and answers.
const FILES: [(&str, &[u8], &str); 8] = [
    old!("format1-signal"),
    old!("format1-noise"),
    old!("format2-signal"),
    old!("format2-noise"),
    old!("format3-signal"),
    old!("format3-noise"),
    old!("format4-signal"),
    old!("format4-noise"),
];

/// The numerical recipes generator x -> 1664525 x + 1013904223 mod 2^32, as a number in 0..1.
fn draw(state: &mut u32) -> f64 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    f64::from(*state) / 4_294_967_296.0
}

/// Quotes with gaps; the draws are in the order in which the older versions made them.
fn quotes(rows: usize, mut state: u32) -> Table {
    let s = &mut state;
    let (mut list, mut price, mut size, mut region, mut day) =
        (vec![], vec![], vec![], vec![], vec![]);
    for row in 0..rows {
        let l = 100.0 + 50.0 * (2.0 * draw(s)).floor();
        let ratio = 0.7 + (8.0 * draw(s)).floor() / 20.0;
        let x = (8.0 * draw(s)).floor() / 2.0 - 1.75;
        let gone = draw(s) < 0.1;
        let place = (4.0 * draw(s)) as usize;
        draw(s); // Of the outcome.
        list.push(l);
        price.push(l * ratio);
        size.push(if gone { f64::NAN } else { x });
        region.push((place < 3).then_some(["north", "east", "south"][place % 3]));
        day.push((row % 9 > 0).then_some(18_000 + 9 * (row as i32 % 20)));
    }
    Table {
        columns: vec![
            Column::new("list", Role::ListPrice, Values::Number(list)),
            Column::new("price", Role::Price, Values::Number(price)),
            Column::new("size", Role::Feature, Values::Number(size)),
            Column::from_texts("region", Role::Feature, &region),
            Column::new("day", Role::Date, Values::Date(day)),
        ],
    }
}

fn answers(text: &str) -> Vec<Vec<f64>> {
    let line = |l: &str| l.split(' ').map(|x| x.parse().unwrap()).collect();
    text.lines().map(line).collect()
}

fn told(model: &Model) -> Vec<Vec<f64>> {
    let told = |p: &ml::Prediction| {
        let ends = [p.probability, p.low, p.high].into_iter();
        ends.chain(p.contributions.iter().map(|c| c.log_odds))
            .collect()
    };
    model
        .predict(&quotes(12, 7))
        .unwrap()
        .iter()
        .map(told)
        .collect()
}

#[test]
fn older_formats_answer_as_they_did() {
    for (name, bytes, then) in FILES {
        let format: u8 = name["format".len()..][..1].parse().unwrap();
        // The envelope's first field is the format.
        assert_eq!(bytes[..2], [8, format], "{name}");
        let model = Model::from_bytes(bytes).unwrap();
        let [linear, boosted, _] = model.blend();
        assert_eq!(model.serves_base_rate(), name.ends_with("noise"), "{name}");
        if name.ends_with("signal") {
            assert_eq!(boosted > 0.0, format > 1, "{name}: {boosted}");
            assert!(format > 1 || linear == 1.0, "{name}: {linear}");
        }
        let (now, then) = (told(&model), answers(then));
        assert_eq!((now.len(), then.len()), (12, 12), "{name}");
        for (now, then) in now.iter().zip(&then) {
            assert_eq!(now.len(), then.len(), "{name}");
            let close = now.iter().zip(then).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{name}: {now:?} was {then:?}");
        }
        // Written anew in today's format it still says the same.
        let again = Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(told(&again), now, "{name}");
        assert_eq!(model.to_bytes()[1], ml::FORMAT as u8);
    }
}

#[test]
fn a_format_that_does_not_exist_is_refused() {
    let (_, bytes, _) = FILES[0];
    for format in [0, ml::FORMAT as u8 + 1] {
        let mut changed = bytes.to_vec();
        changed[1] = format;
        assert!(matches!(
            Model::from_bytes(&changed),
            Err(Error::UnsupportedFormat { found, .. }) if found == u32::from(format)
        ));
    }
}
