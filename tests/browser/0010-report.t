# The report of a night in a real browser: of three workers with trouble, of one that a gate held back behind 60 graded ones, of 64, of
# 1,000, and of a generation without its night. Nothing is fetched, nothing complains, nothing is wider than the window, and both colour
# schemes can be read. NIGHTJAR_LOOK=DIR keeps the screenshots.
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${NIGHTJAR_BIN:?the folder of nightjar}"
bin=$(cd "$NIGHTJAR_BIN" && pwd)
look=${NIGHTJAR_LOOK:-}
unset NIGHTJAR_LOOK
browser=$(command -v chromium || command -v chromium-browser || true)
if [[ -z $browser ]]; then
    echo "SKIPPED: chromium is missing (Debian package chromium): no page is looked at"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
generation=$(sed 's/.*"generation": *"\(gen-[0-9A-Z]*\)".*/\1/' "$source_dir/tests/data/night-report.json" | head -c 30)
mkdir -p store/reports pages "${look:-pages}"
python3 "$source_dir/tests/browser/nights.py" "$source_dir/tests/data/night-report.json" .
for night in few held 64 1000 store; do
    cp "$night.json" "store/reports/$generation.json"
    [[ $night != held ]] || cp grades/* store/reports/
    "$bin/nightjar" report "$generation" --store store --out "pages/$night.html" >/dev/null
done
grep -q "What users took of the lists" pages/held.html
python3 "$source_dir/tests/browser/look.py" "$browser" "${look:-pages}" pages/few.html pages/held.html pages/64.html pages/1000.html pages/store.html
