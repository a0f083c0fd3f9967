#!/usr/bin/env bash
# Checks that the engine, which is the library without the features `host` and `cli`, compiles for browsers.
set -euo pipefail
cd "$(dirname "$0")/.."
target=wasm32-unknown-unknown

check() {
    cargo check --release --no-default-features --lib --target $target "$@"
}

# Where rustup has no standard library for the target, Debian has a compiler with its sources. Prints the compiler's path.
debian_compiler() {
    local folder=$PWD/target/rustc-web
    if [ ! -x "$folder/usr/bin/rustc" ]; then
        mkdir -p "$folder"
        local packages
        packages=$(apt-cache depends --recurse --important rustc-web | grep -E '^(libstd-rust-web-[0-9.]+|libllvm[0-9.]+)$')
        # shellcheck disable=SC2086
        (cd "$folder" && apt-get download -q rustc-web rust-web-src $packages >&2)
        for package in "$folder"/*.deb; do
            dpkg -x "$package" "$folder"
        done
    fi
    local libraries=$folder/usr/lib/$(uname -m)-linux-gnu
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/usr/bin/rustc "$@"\n' "$libraries" "$folder" >"$folder/rustc"
    chmod +x "$folder/rustc"
    "$folder/rustc" --version >&2 && echo "$folder/rustc"
}

installed() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]
}

if installed || rustup target add $target; then
    check
elif compiler=$(debian_compiler); then
    RUSTC=$compiler RUSTC_BOOTSTRAP=1 check -Zbuild-std=std,panic_abort
else
    echo "neither rustup nor Debian has a standard library for $target: not checked"
fi
