"""metrics.py URL|FILE [NAME[{LABELS}]]: the whole text, or one value; a URL is asked for until it answers 200."""
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 100


def read(where):
    if not where.startswith("http://"):
        with open(where, encoding="utf-8") as file:
            return file.read()
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(where, timeout=5) as answer:
                return answer.read().decode("utf-8")
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{where} does not answer")


text = read(sys.argv[1])
if len(sys.argv) == 2:
    print(text, end="")
else:
    values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.rsplit(" ", 1)[0] == sys.argv[2]]
    print(values[0] if len(values) == 1 else f"{len(values)} values of {sys.argv[2]}")
