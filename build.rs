//! The page is embedded as it is at build time, so a new page is a new build.

fn main() {
    println!("cargo::rerun-if-changed=public/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
