#!/bin/sh
# Fills a folder with all that the service needs to run and nothing else: Python, its libraries,
# csep, NumPy, Pillow, the web server, app.py.  A container may consist of it (Containerfile).
#
#     sh fill_image.sh /image
#
# NumPy is built without a BLAS, which csep has no use for: 28 MB less.
set -eu
image=$1
service=$(cd "$(dirname "$0")" && pwd)
packages=$image/app/packages
python=$(python3 -c 'import sys; print(sys.executable)')
stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$packages" "$image$(dirname "$python")" "$image$stdlib" "$image/tmp"
chmod 1777 "$image/tmp"

# What pip installs, without what tests and compilers want, and without formats that are not read.
python3 -m pip wheel -q --no-deps --no-binary numpy -Csetup-args=-Dallow-noblas=true \
    -w "$work" "numpy>=2"
python3 -m pip install -q --no-compile --target "$packages" --find-links "$work" "$work"/numpy-*.whl \
    "$service/../..[service]"
find "$packages" \( -name tests -o -name include -o -name bin \) -type d -prune -exec rm -rf {} +
find "$packages" \( -name '*.pyi' -o -name '*.a' -o -name '_*tests.*.so' -o -name '_simd.*.so' \
    -o -name '_avif.*.so' -o -name 'libavif*' -o -name '_imagingft.*.so' -o -name '_imagingtk.*.so' \
    -o -name '_webp.*.so' \) -delete
rm -rf "$packages/numpy/f2py" "$packages/numpy/distutils" "$packages/numpy/typing/tests"
cp "$service"/*.py "$image/app"

# Python itself, without its tests, its editor and what installs packages.
cp "$(readlink -f "$python")" "$image$python"
(cd "$stdlib" && tar cf - --exclude=test --exclude=tests --exclude=idlelib --exclude=tkinter \
    --exclude=turtledemo --exclude=ensurepip --exclude=lib2to3 --exclude=pydoc_data \
    --exclude=site-packages --exclude=dist-packages --exclude='config-*' --exclude=__pycache__ \
    --exclude='_test*.so' --exclude='_tkinter*.so' --exclude='_sqlite3*.so' --exclude=sqlite3 \
    --exclude='_codecs_*.so' --exclude='*dbm*.so' --exclude='_curses*.so' --exclude='readline*.so' .) |
    tar xf - -C "$image$stdlib"

# The shared libraries of all of that, where the loader looks for them.
find "$image" -type f \( -name '*.so*' -o -path "$image$python" \) | while read -r file; do
    ldd "$file" 2>/dev/null | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\) .*/\1/p'
done | sort -u | grep -v "^$image" | while read -r library; do
    mkdir -p "$image$(dirname "$library")"
    cp -L "$library" "$image$library"
done
find "$image" -name '*.so*' -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
python3 -m compileall -q -j 0 -s "$image" "$packages" "$image/app" "$image$stdlib" || true
du -sm "$image"
