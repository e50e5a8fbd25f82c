//! The build script of every function: an executable that is loaded where it was linked.
//! The table of relocations, which a shared object needs and a Lambda bootstrap does not, is an eighth of the binary.

fn main() {
    println!("cargo::rerun-if-changed=../link.rs");
    println!("cargo::rustc-link-arg-bins=-no-pie");
}
