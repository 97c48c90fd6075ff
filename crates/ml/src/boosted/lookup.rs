//! The trees of an ensemble as tables: what a row gets of a tree is looked up instead of walked to.
//!
//! A tree tells few bins of a feature apart, and asks few features, so its rows fall into few cells. A table holds for each
//! cell what the tree adds and the Shapley values of its features, worked out once by the tree itself. Which cell a row is
//! in is a sum of one step per feature, and steps lie feature by feature and bin by bin, so that a row reads them in a
//! stretch. Deliberately not for trees with many cells: those are walked (see `tree`) and explained leaf by leaf (`shap`).

use super::binning::{Binned, Feature};
use super::member::Member;
use super::tree::Tree;

/// Rows that a tree is walked for while it is at hand.
const STRETCH: usize = 512;
/// Most numbers that the table of one tree may hold.
const MOST_ENTRIES: usize = 1024;

/// A feature and the trees that ask it.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    feature: usize,
    /// Places among the tables, ascending.
    tables: Vec<u32>,
    /// Of every bin one after the other: the step in each of the tables.
    steps: Vec<u16>,
}

impl Asked {
    fn steps(&self, bin: u8) -> impl Iterator<Item = (usize, u32)> {
        let (bin, count) = (usize::from(bin), self.tables.len());
        let steps = &self.steps[bin * count..(bin + 1) * count];
        let tables = self.tables.iter().map(|&table| table as usize);
        tables.zip(steps.iter().map(|&step| u32::from(step)))
    }
}

/// One tree as a table.
#[derive(Debug, Clone, PartialEq)]
struct Table {
    member: u32,
    /// Where its features begin and end in [`Lookup::features`]; as many Shapley values stand behind each value.
    features: [u32; 2],
}

/// A tree with too many cells for a table.
#[derive(Debug, Clone, PartialEq)]
struct Walked {
    member: u32,
    /// Place among the trees of the member.
    tree: u32,
}

/// The trees of all members.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Lookup {
    asked: Vec<Asked>,
    tables: Vec<Table>,
    /// First entry of each table.
    starts: Vec<u32>,
    features: Vec<u32>,
    /// Cell after cell: what the tree adds, then the Shapley values of its features.
    entries: Vec<f64>,
    walked: Vec<Walked>,
}

/// Bins of a feature that a tree does not tell apart, as one class.
struct Classes {
    feature: usize,
    /// Class of every bin.
    of: Vec<u16>,
    /// A bin of every class.
    bins: Vec<u8>,
}

impl Lookup {
    pub fn of(features: &[Feature], members: &[Member]) -> Self {
        let mut lookup = Self::default();
        let mut asked: Vec<Asked> = (0..features.len())
            .map(|feature| Asked {
                feature,
                tables: Vec::new(),
                steps: Vec::new(),
            })
            .collect();
        let mut steps: Vec<Vec<Vec<u16>>> = vec![Vec::new(); features.len()];
        for (member, trees) in members.iter().map(|m| &m.trees).enumerate() {
            for (at, tree) in trees.iter().enumerate() {
                let classes = classes(tree, features);
                let sides = classes.iter().map(|c| c.bins.len());
                let entries = sides.fold(classes.len() + 1, usize::saturating_mul);
                if entries > MOST_ENTRIES {
                    lookup.walked.push(Walked {
                        member: member as u32,
                        tree: at as u32,
                    });
                    continue;
                }
                let mut stride = classes.len() + 1;
                for class in &classes {
                    asked[class.feature].tables.push(lookup.tables.len() as u32);
                    let step = |&c: &u16| c * stride as u16;
                    steps[class.feature].push(class.of.iter().map(step).collect());
                    stride *= class.bins.len();
                }
                lookup.push(member, tree, &classes, features.len());
            }
        }
        for (asked, steps) in asked.iter_mut().zip(steps) {
            let bins = features[asked.feature].count();
            let of_bin = |bin: usize| steps.iter().map(move |s| s[bin]);
            asked.steps = (0..bins).flat_map(of_bin).collect();
        }
        asked.retain(|a| !a.tables.is_empty());
        lookup.asked = asked;
        lookup
    }

    /// How many trees are looked up, and how many are walked.
    #[cfg(test)]
    pub fn kinds(&self) -> [usize; 2] {
        [self.tables.len(), self.walked.len()]
    }

    /// Adds the table of a tree.
    fn push(&mut self, member: usize, tree: &Tree, classes: &[Classes], width: usize) {
        let from = self.features.len() as u32;
        let of = classes.iter().map(|c| c.feature as u32);
        self.features.extend(of);
        self.tables.push(Table {
            member: member as u32,
            features: [from, self.features.len() as u32],
        });
        self.starts.push(self.entries.len() as u32);
        let cells: usize = classes.iter().map(|c| c.bins.len()).product();
        let (mut row, mut shapley) = (vec![0; width], vec![0.0; width]);
        for cell in 0..cells {
            let mut rest = cell;
            for class in classes {
                row[class.feature] = class.bins[rest % class.bins.len()];
                rest /= class.bins.len();
                shapley[class.feature] = 0.0;
            }
            tree.add_shapley(&row, 1.0, &mut shapley);
            self.entries.push(tree.value(&row));
            let values = classes.iter().map(|class| shapley[class.feature]);
            self.entries.extend(values);
        }
    }

    /// Where the value of every table is for a row.
    fn cells(&self, row: &[u8]) -> Vec<u32> {
        let mut cells = self.starts.clone();
        for asked in &self.asked {
            for (table, step) in asked.steps(row[asked.feature]) {
                cells[table] += step;
            }
        }
        cells
    }

    /// Adds to the log-odds of each member what its trees add for a row.
    pub fn add_answers(&self, members: &[Member], row: &[u8], answers: &mut [f64]) {
        for (table, cell) in self.tables.iter().zip(self.cells(row)) {
            answers[table.member as usize] += self.entries[cell as usize];
        }
        for walked in &self.walked {
            answers[walked.member as usize] += walked.tree(members).value(row);
        }
    }

    /// Adds to `sums` what all trees add to each of `rows`.
    pub fn add_to_all(&self, members: &[Member], rows: &Binned, sums: &mut [f64]) {
        for (row, sum) in sums.iter_mut().enumerate() {
            let cells = self.cells(rows.row(row)).into_iter();
            *sum += cells.map(|cell| self.entries[cell as usize]).sum::<f64>();
        }
        for (at, stretch) in sums.chunks_mut(STRETCH).enumerate() {
            for walked in &self.walked {
                let tree = walked.tree(members);
                let sums = stretch.iter_mut().enumerate();
                sums.for_each(|(i, sum)| *sum += tree.value(rows.row(at * STRETCH + i)));
            }
        }
    }

    /// Adds the Shapley values of all features for a row, each times `scale`.
    pub fn add_contributions(&self, members: &[Member], row: &[u8], scale: f64, into: &mut [f64]) {
        for (table, cell) in self.tables.iter().zip(self.cells(row)) {
            let [from, to] = table.features.map(|at| at as usize);
            let values = &self.entries[cell as usize + 1..][..to - from];
            for (&feature, value) in self.features[from..to].iter().zip(values) {
                into[feature as usize] += scale * value;
            }
        }
        for walked in &self.walked {
            walked.tree(members).add_shapley(row, scale, into);
        }
    }

    /// Adds to `sums` what all trees add to each of `rows`, which differ in the `varying` features alone.
    pub fn add_versions(
        &self,
        members: &[Member],
        rows: &Binned,
        varying: &[bool],
        sums: &mut [f64],
    ) {
        if sums.is_empty() {
            return;
        }
        let mut moving = self.moving(rows.row(0), varying);
        let mut before: Option<(usize, f64)> = None;
        for (row, sum) in sums.iter_mut().enumerate() {
            let bins = rows.row(row);
            let added = match before {
                Some((before, added)) if moving.stands(rows.row(before), bins) => added,
                _ => moving.sum(&self.entries, bins),
            };
            *sum += added;
            before = Some((row, added));
        }
        let mut order: Vec<usize> = (0..sums.len()).collect();
        for walked in &self.walked {
            let tree = walked.tree(members);
            tree.add_values(rows, varying, &mut order, sums);
        }
    }

    /// The tables that move when the `varying` features of `row` do.
    fn moving(&self, row: &[u8], varying: &[bool]) -> Moving<'_> {
        let mut cells = self.starts.clone();
        let (vary, same): (Vec<&Asked>, Vec<&Asked>) =
            self.asked.iter().partition(|asked| varying[asked.feature]);
        for asked in same {
            for (table, step) in asked.steps(row[asked.feature]) {
                cells[table] += step;
            }
        }
        let mut places = vec![None; self.tables.len()];
        let mut moved = Vec::new();
        for &table in vary.iter().flat_map(|asked| &asked.tables) {
            let place = &mut places[table as usize];
            if place.is_none() {
                *place = Some(moved.len());
                moved.push(cells[table as usize]);
            }
        }
        let still = cells.iter().zip(&places).filter(|(_, p)| p.is_none());
        let place = |&table: &u32| places[table as usize];
        Moving {
            still: still.map(|(&cell, _)| self.entries[cell as usize]).sum(),
            places: vary
                .iter()
                .map(|asked| asked.tables.iter().filter_map(place).collect())
                .collect(),
            now: moved.clone(),
            moved,
            vary,
        }
    }
}

/// The tables that ask a varying feature, side by side.
struct Moving<'a> {
    vary: Vec<&'a Asked>,
    /// For each of them: places of its tables.
    places: Vec<Vec<usize>>,
    /// Where the values would be without the varying features.
    moved: Vec<u32>,
    /// Where they are.
    now: Vec<u32>,
    /// What the other tables add.
    still: f64,
}

impl Moving<'_> {
    /// Whether no varying feature differs between two rows.
    fn stands(&self, before: &[u8], now: &[u8]) -> bool {
        let mut features = self.vary.iter().map(|asked| asked.feature);
        features.all(|f| before[f] == now[f])
    }

    /// What all tables add to a row.
    fn sum(&mut self, entries: &[f64], row: &[u8]) -> f64 {
        self.now.copy_from_slice(&self.moved);
        for (asked, places) in self.vary.iter().zip(&self.places) {
            let steps = asked.steps(row[asked.feature]);
            for (&place, (_, step)) in places.iter().zip(steps) {
                self.now[place] += step;
            }
        }
        let moved = self.now.iter().map(|&cell| entries[cell as usize]);
        self.still + moved.sum::<f64>()
    }
}

impl Walked {
    fn tree<'m>(&self, members: &'m [Member]) -> &'m Tree {
        &members[self.member as usize].trees[self.tree as usize]
    }
}

/// The features that a tree asks, ascending, each with the bins that it tells apart.
fn classes(tree: &Tree, features: &[Feature]) -> Vec<Classes> {
    let splits = || tree.nodes.iter().filter(|node| !node.is_leaf());
    let mut asked: Vec<u32> = splits().map(|node| node.feature).collect();
    asked.sort_unstable();
    asked.dedup();
    let of = |feature: u32| {
        let sets: Vec<_> = splits()
            .filter(|node| node.feature == feature)
            .map(|node| node.set)
            .collect();
        let mut seen: Vec<Vec<bool>> = Vec::new();
        let mut classes = Classes {
            feature: feature as usize,
            of: Vec::new(),
            bins: Vec::new(),
        };
        for bin in 0..features[feature as usize].count() {
            let bin = u8::try_from(bin).unwrap_or(u8::MAX);
            let inside: Vec<bool> = sets.iter().map(|set| set.contains(bin)).collect();
            let class = seen.iter().position(|s| *s == inside).unwrap_or_else(|| {
                seen.push(inside);
                classes.bins.push(bin);
                seen.len() - 1
            });
            classes.of.push(class as u16);
        }
        classes
    };
    asked.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosted::{BinSet, Bins, Node};
    use crate::encode::Origin;

    #[test]
    fn a_tree_of_more_cells_than_can_be_counted_is_walked() {
        let splits: usize = 70;
        let features: Vec<Feature> = (0..splits)
            .map(|column| Feature {
                origin: Origin::Column(column),
                bins: Bins::Edges(vec![0.5]),
                falling: false,
            })
            .collect();
        let mut nodes = Vec::new();
        for feature in 0..splits as u32 {
            nodes.push(Node {
                feature,
                first: 2 * feature + 1,
                second: 2 * feature + 2,
                set: BinSet::up_to(1, false),
                ..Node::leaf(0.0, 2.0)
            });
            nodes.push(Node::leaf(f64::from(feature), 1.0));
        }
        nodes.push(Node::leaf(-1.0, 1.0));
        let member = Member {
            trees: vec![Tree::new(nodes)],
            ..Member::default()
        };
        let lookup = Lookup::of(&features, std::slice::from_ref(&member));
        assert_eq!(lookup.kinds(), [0, 1]);
        let mut answers = [0.0];
        lookup.add_answers(&[member], &vec![2; splits], &mut answers);
        assert_eq!(answers, [-1.0]);
    }
}
