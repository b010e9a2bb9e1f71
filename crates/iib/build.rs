//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A megabyte of relocations that every start would read. Linkers that do not know it say so and go on.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells build scripts in the environment what they build for"
    )]
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
