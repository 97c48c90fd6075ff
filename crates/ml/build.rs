//! Reads from the lock file which versions of its libraries the crate is built with. Deliberately no other input.

use std::{error::Error, fs};

const LIBRARIES: [(&str, &str); 3] = [
    ("linfa", "VERSION_OF_LINFA"),
    ("linfa-logistic", "VERSION_OF_LINFA_LOGISTIC"),
    ("ndarray", "VERSION_OF_NDARRAY"),
];

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo runs this in the folder of the crate; a path that was compiled in would be wrong where two clones share a build folder.
    let path = "../../Cargo.lock";
    println!("cargo:rerun-if-changed={path}");
    let lock = fs::read_to_string(path)?;
    for (library, variable) in LIBRARIES {
        let version =
            version(&lock, library).ok_or_else(|| format!("{library} is not in {path}"))?;
        println!("cargo:rustc-env={variable}={version}");
    }
    Ok(())
}

fn version<'l>(lock: &'l str, library: &str) -> Option<&'l str> {
    let (_, rest) = lock.split_once(&format!("name = \"{library}\"\nversion = \""))?;
    rest.split('"').next()
}
