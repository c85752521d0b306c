# Shortens what go test -v writes: a line for each test as it ends, with all its output only if it
# failed. Everything that belongs to no test is passed on.
#
#   go test -v ./… | awk -f test/progress.awk

/^=== / { running = 1; next }
/^--- FAIL/ { printf "%s%s\n", said, $0; said = ""; running = 0; fflush(); next }
/^--- / { print; said = ""; running = 0; fflush(); next }
/^ +--- / && !running { print; fflush(); next }
running { said = said $0 "\n"; next }
{ print; fflush() }
END { printf "%s", said } # of a test that never ended
