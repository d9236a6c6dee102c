//! The page is embedded from `ui/dist`; where it has not been built, the folder is made empty, so that cargo has something to watch.

fn main() {
    let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/dist");
    // A read-only checkout has no page either: `assets.rs` allows the folder to be missing.
    let _ = std::fs::create_dir_all(dist);
    println!("cargo:rerun-if-changed={dist}");
    println!("cargo:rerun-if-changed=build.rs");
}
