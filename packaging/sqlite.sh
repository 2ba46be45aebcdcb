#!/bin/sh
# Build SQLite as libsqlite3.so.0 in the folder $1, from the sources that an npm package carries.
#
# The library of Debian 12 has a race that can lose committed rows; 3.51.3 is the first without it. Python's own
# sqlite3 module finds ours by its name. A new version: change the two lines below and packaging/sqlite.sha256.
set -eu

package=better-sqlite3@13.2.0
sources="package/deps/sqlite3/sqlite3.c package/deps/sqlite3/sqlite3.h"

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
target=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

command -v npm >/dev/null || { echo "npm is needed to get the sources of SQLite" >&2; exit 1; }
npm pack --silent --ignore-scripts "$package" >/dev/null
mv ./*.tgz sqlite.tgz
tar -xzf sqlite.tgz $sources
sha256sum --check --strict --quiet "$here/sqlite.sha256"

# What Python's module and the desk need, and what Debian's library has set as well: deleted rows are overwritten,
# and as many values in a statement.
${CC:-cc} -shared -fPIC -O2 -s -Wl,-soname,libsqlite3.so.0 -o libsqlite3.so.0 \
  -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 \
  -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
  -DSQLITE_THREADSAFE=1 \
  -DSQLITE_ENABLE_FTS5 \
  -DSQLITE_ENABLE_MATH_FUNCTIONS \
  -DSQLITE_ENABLE_COLUMN_METADATA \
  -DSQLITE_ENABLE_DBSTAT_VTAB \
  -DSQLITE_ENABLE_STMTVTAB \
  -DSQLITE_ENABLE_UNLOCK_NOTIFY \
  -DSQLITE_ENABLE_API_ARMOR \
  -DSQLITE_SECURE_DELETE \
  -DSQLITE_USE_URI=1 \
  -DSQLITE_MAX_VARIABLE_NUMBER=250000 \
  -DSQLITE_LIKE_DOESNT_MATCH_BLOBS \
  -DHAVE_USLEEP=1 -DHAVE_FDATASYNC=1 -DHAVE_LOCALTIME_R=1 -DHAVE_ISNAN=1 -DHAVE_MALLOC_USABLE_SIZE=1 \
  package/deps/sqlite3/sqlite3.c -lpthread -lm

mv libsqlite3.so.0 "$target/libsqlite3.so.0.new"
mv "$target/libsqlite3.so.0.new" "$target/libsqlite3.so.0"
