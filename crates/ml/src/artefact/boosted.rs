//! Between the boosted part of a model and its stored messages.
//!
//! Trees are stored in preorder, so that children need no numbers and no loop can be written down. Deliberately
//! distrustful on the way in, as in `convert`.

use super::convert::{origin_numbers, origin_of};
use super::{corrupt, messages};
use crate::Error;
use crate::blend::Blend;
use crate::boosted::{BinSet, Bins, Ensemble, Feature, Grid, Member, Node, Pair, Shape, Tree};
use crate::calibrate::Calibration;
use crate::model::Model;

/// Deepest tree that is read; fits stay below 64 leaves.
const DEEPEST: usize = 64;

pub(super) fn blend_message(model: &Model) -> messages::Blend {
    let [linear, boosted, base] = model.blend();
    let (map, map_parameters) = model.calibration.parts();
    messages::Blend {
        linear,
        boosted,
        base,
        map,
        map_parameters,
        falling: model.falling,
    }
}

/// Blend, calibration and whether the price may only lower; format 1 had the linear part alone.
pub(super) fn blend_of(
    message: Option<&messages::Blend>,
) -> Result<(Blend, Calibration, bool), Error> {
    let Some(message) = message else {
        let blend = Blend {
            weights: vec![1.0, 0.0],
            base_weight: 0.0,
        };
        return Ok((blend, Calibration::Identity, false));
    };
    let weights = [message.linear, message.boosted, message.base];
    if weights.iter().any(|w| !(0.0..=1.0).contains(w)) {
        return Err(corrupt("its blend has impossible weights"));
    }
    let blend = Blend {
        weights: vec![message.linear, message.boosted],
        base_weight: message.base,
    };
    let map = Calibration::from_parts(message.map, &message.map_parameters)?;
    Ok((blend, map, message.falling))
}

pub(super) fn message_of(ensemble: &Ensemble) -> messages::Boosted {
    messages::Boosted {
        features: ensemble.features.iter().map(feature_message).collect(),
        members: ensemble.members.iter().map(member_message).collect(),
        share: ensemble.share,
    }
}

fn feature_message(feature: &Feature) -> messages::Feature {
    let (origin, first, second) = origin_numbers(feature.origin);
    let mut message = messages::Feature {
        origin,
        first,
        second,
        falling: feature.falling,
        ..messages::Feature::default()
    };
    match &feature.bins {
        Bins::Edges(edges) => message.edges.clone_from(edges),
        Bins::Names(names) => (message.bins, message.names) = (1, names.clone()),
        Bins::Month => message.bins = 2,
        Bins::Weekday => message.bins = 3,
    }
    message
}

fn member_message(member: &Member) -> messages::Member {
    let shape = |s: &Shape| messages::Shape {
        feature: s.feature,
        values: s.values.clone(),
        mean: s.mean,
    };
    let grid = |g: &Grid| messages::Grid {
        first: g.pair.features[0],
        second: g.pair.features[1],
        first_map: g.pair.maps[0].clone(),
        second_map: g.pair.maps[1].clone(),
        values: g.values.clone(),
        first_known: g.known[0].clone(),
        second_known: g.known[1].clone(),
        mean: g.mean,
    };
    messages::Member {
        base: member.base,
        shapes: member.shapes.iter().map(shape).collect(),
        grids: member.grids.iter().map(grid).collect(),
        trees: member.trees.iter().map(tree_message).collect(),
    }
}

fn tree_message(tree: &Tree) -> messages::Tree {
    let mut message = messages::Tree::default();
    let mut open = vec![0usize];
    while let Some(node) = open.pop().map(|at| tree.nodes[at]) {
        if node.is_leaf() {
            message.features.push(0);
            message.values.push(node.value);
            message.covers.push(node.cover as u64);
            continue;
        }
        message.features.push(node.feature + 1);
        match node.set.as_cut() {
            Some((last, missing)) => message.cuts.push(u32::from(last) * 2 + u32::from(missing)),
            None => {
                message.cuts.push(0);
                message.sets.extend(node.set.0);
            }
        }
        open.extend([node.second as usize, node.first as usize]);
    }
    message
}

pub(super) fn ensemble_of(message: messages::Boosted, columns: usize) -> Result<Ensemble, Error> {
    let features: Vec<Feature> = message
        .features
        .into_iter()
        .map(|f| feature_of(f, columns))
        .collect::<Result<_, _>>()?;
    let members: Vec<Member> = message
        .members
        .into_iter()
        .map(|m| member_of(m, &features))
        .collect::<Result<_, _>>()?;
    let usable =
        !features.is_empty() && !members.is_empty() && message.share > 0.0 && message.share < 1.0;
    if !usable {
        return Err(corrupt("its boosted part is incomplete"));
    }
    Ok(Ensemble::new(features, members, message.share))
}

fn feature_of(message: messages::Feature, columns: usize) -> Result<Feature, Error> {
    let origin = origin_of(message.origin, message.first, message.second, columns)?;
    let bins = match message.bins {
        0 => Bins::Edges(message.edges),
        1 => Bins::Names(message.names),
        2 => Bins::Month,
        3 => Bins::Weekday,
        _ => return Err(corrupt("a boosted feature has unknown bins")),
    };
    let feature = Feature {
        origin,
        bins,
        falling: message.falling,
    };
    if feature.count() > 256 {
        return Err(corrupt("a boosted feature has too many bins"));
    }
    Ok(feature)
}

fn member_of(message: messages::Member, features: &[Feature]) -> Result<Member, Error> {
    let shape = |s: messages::Shape| {
        let bins = features.get(s.feature as usize).map(Feature::count);
        if bins != Some(s.values.len()) {
            return Err(corrupt("a boosted function does not fit its feature"));
        }
        Ok(Shape {
            feature: s.feature,
            values: s.values,
            mean: s.mean,
        })
    };
    Ok(Member {
        base: message.base,
        shapes: message
            .shapes
            .into_iter()
            .map(shape)
            .collect::<Result<_, _>>()?,
        grids: message
            .grids
            .into_iter()
            .map(|g| grid_of(g, features))
            .collect::<Result<_, _>>()?,
        trees: message
            .trees
            .into_iter()
            .map(|t| tree_of(&t, features.len()))
            .collect::<Result<_, _>>()?,
    })
}

fn grid_of(message: messages::Grid, features: &[Feature]) -> Result<Grid, Error> {
    let pair = Pair {
        features: [message.first, message.second],
        bins: [message.first_known.len(), message.second_known.len()],
        maps: [message.first_map, message.second_map],
    };
    let fits = |axis: usize| {
        let bins = features
            .get(pair.features[axis] as usize)
            .map(Feature::count);
        bins == Some(pair.maps[axis].len())
            && pair.maps[axis]
                .iter()
                .all(|&c| usize::from(c) < pair.bins[axis])
    };
    if !fits(0) || !fits(1) || message.values.len() != pair.bins[0] * pair.bins[1] {
        return Err(corrupt(
            "a boosted function of two features does not fit them",
        ));
    }
    Ok(Grid {
        pair,
        values: message.values,
        known: [message.first_known, message.second_known],
        mean: message.mean,
    })
}

/// The parts of a stored tree that have not been read yet.
struct Reader<'a> {
    features: std::slice::Iter<'a, u32>,
    cuts: std::slice::Iter<'a, u32>,
    sets: std::slice::ChunksExact<'a, u64>,
    leaves: std::iter::Zip<std::slice::Iter<'a, f64>, std::slice::Iter<'a, u64>>,
    width: usize,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    /// Reads the subtree whose root has the place `at`; `None` where the parts do not fit. Returns its training rows.
    fn read(&mut self, at: usize, depth: usize) -> Option<f64> {
        let feature = *self.features.next()?;
        if feature == 0 {
            let (&value, &cover) = self.leaves.next()?;
            self.nodes[at] = Node::leaf(value, cover as f64);
            return Some(cover as f64);
        }
        if feature as usize > self.width || depth >= DEEPEST {
            return None;
        }
        let set = match *self.cuts.next()? {
            0 => BinSet(self.sets.next()?.try_into().ok()?),
            cut => BinSet::up_to(u8::try_from(cut / 2).ok()?, cut % 2 == 1),
        };
        let first = self.nodes.len();
        self.nodes.extend([Node::leaf(0.0, 0.0); 2]);
        let cover = self.read(first, depth + 1)? + self.read(first + 1, depth + 1)?;
        self.nodes[at] = Node {
            feature: feature - 1,
            first: first as u32,
            second: first as u32 + 1,
            set,
            value: 0.0,
            cover,
        };
        Some(cover)
    }
}

fn tree_of(message: &messages::Tree, width: usize) -> Result<Tree, Error> {
    let mut reader = Reader {
        features: message.features.iter(),
        cuts: message.cuts.iter(),
        sets: message.sets.chunks_exact(4),
        leaves: message.values.iter().zip(&message.covers),
        width,
        nodes: vec![Node::leaf(0.0, 0.0)],
    };
    let whole = reader.read(0, 0).is_some()
        && reader.features.next().is_none()
        && reader.cuts.next().is_none()
        && reader.leaves.next().is_none();
    if !whole {
        return Err(corrupt("a tree is broken"));
    }
    Ok(Tree::new(reader.nodes))
}
