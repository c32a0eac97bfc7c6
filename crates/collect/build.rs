//! Builds the probe: a library for the inside of programs, which is part of this room as bytes.
//!
//! Nobody links the probe, so it is no dependency that cargo could build for us; and a cargo in
//! cargo would need the network, a lock and another target directory. Two calls of the compiler
//! that builds us anyway do it: `pitstop-wire` as a library, then the probe with it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let variable = |name| env::var_os(name).unwrap_or_default();
    let crates = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    let out = PathBuf::from(variable("OUT_DIR"));
    let target = variable("TARGET");
    for room in ["wire", "probe"] {
        println!("cargo::rerun-if-changed={}", crates.join(room).display());
    }
    let rustc = |name: &str, root: &Path| {
        let mut command = Command::new(variable("RUSTC"));
        command
            .arg(root)
            .args([
                "--crate-name",
                name,
                "--edition",
                "2024",
                "--cap-lints",
                "allow",
            ])
            .arg("--target")
            .arg(&target)
            .args([
                "-C",
                "panic=abort",
                "-C",
                "opt-level=3",
                "-C",
                "codegen-units=1",
            ])
            .args(["-C", "debuginfo=0", "-C", "relocation-model=pic"]);
        if let Some(linker) = env::var_os("RUSTC_LINKER") {
            command
                .arg("-C")
                .arg(format!("linker={}", linker.display()));
        }
        command
    };
    let wire = out.join("libpitstop_wire.rlib");
    let mut command = rustc("pitstop_wire", &crates.join("wire/src/lib.rs"));
    run(command.args(["--crate-type", "rlib", "-o"]).arg(&wire));

    let library = out.join("libpitstop_probe.so");
    let mut command = rustc("pitstop_probe", &crates.join("probe/src/lib.rs"));
    command
        .arg("--extern")
        .arg(format!("pitstop_wire={}", wire.display()))
        .args([
            "--crate-type",
            "cdylib",
            "-C",
            "lto=fat",
            "-C",
            "strip=symbols",
        ]);
    // No start files, no C library: what is undefined is found in the program that loads it.
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-Wl,-z,now",
        "-Wl,--gc-sections",
    ] {
        command.arg("-C").arg(format!("link-arg={argument}"));
    }
    run(command.arg("-o").arg(&library));
}

fn run(command: &mut Command) {
    let status = command.status().expect("the compiler can be started");
    assert!(status.success(), "the probe does not build: {command:?}");
}
