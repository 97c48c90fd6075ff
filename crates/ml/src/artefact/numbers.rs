//! The numbers that stand for enumerated values in everything that is stored.
//!
//! Deliberately by place in a list: a list may grow at its end, and nothing in it ever moves.

use super::corrupt;
use crate::Error;
use crate::table::Role;

const ROLES: [Role; 9] = [
    Role::Feature,
    Role::Price,
    Role::ListPrice,
    Role::Cost,
    Role::Discount,
    Role::Quantity,
    Role::Date,
    Role::ReferencePrice,
    Role::Growing,
];

/// The number that stands for a role.
pub(crate) fn role_number(role: Role) -> u32 {
    number_of(&ROLES, &role)
}

/// The role that a number stands for.
pub(crate) fn role_of(number: u32) -> Result<Role, Error> {
    value_of(&ROLES, number)
}

/// The number that stands for `value`.
pub(super) fn number_of<T: PartialEq>(all: &[T], value: &T) -> u32 {
    all.iter()
        .position(|v| v == value)
        .map_or(u32::MAX, |at| at as u32)
}

/// The value that a number stands for.
pub(super) fn value_of<T: Copy>(all: &[T], number: u32) -> Result<T, Error> {
    all.get(number as usize)
        .copied()
        .ok_or_else(|| corrupt("it uses a value that this version does not know"))
}
