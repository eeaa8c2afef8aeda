# How a check is run and reported: one line each on the console, and a count of those that failed.
#
# A check is a function. It passes when it returns 0; what it prints is shown when it does not. Each runs in a process of its own with `set -e`
# in force; all share one folder, because one check uses the keys that another made.

failures=0
work=/tmp/work
rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 1

# step NAME FUNCTION ARGUMENT…
step() {
    name=$1
    shift
    (
        set -e
        "$@"
    ) >/tmp/out 2>&1
    if [ $? -eq 0 ]; then
        say "ok $name"
    else
        failures=$((failures + 1))
        say "FAILED $name: $(tr '\n' ' ' </tmp/out | cut -c 1-600)"
    fi
}

skip() { say "skipped $1: $2"; }

# The command must fail, and say something that matches.
refused() {
    pattern=$1
    shift
    if "$@" >refusal 2>&1; then
        echo "accepted: $*"
        return 1
    fi
    grep -q -i -E "$pattern" refusal && return 0
    echo "refused, but not with $pattern:"
    cat refusal
    return 1
}

same() {
    [ "$1" = "$2" ] && return 0
    echo "'$1' is not '$2'"
    return 1
}

# Bytes of a file as hexadecimal: hex FILE [OFFSET LENGTH]
hex() {
    if [ $# -eq 3 ]; then
        tail -c +$(($2 + 1)) "$1" | head -c "$3" | xxd -p | tr -d '\n'
    else
        xxd -p "$1" | tr -d '\n'
    fi
}

size_of() { stat -c %s "$1"; }
random_file() { head -c "$2" /dev/urandom >"$1"; }
