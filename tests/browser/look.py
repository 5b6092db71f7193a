"""Opens pages in a headless Chromium and looks at them: see CHECKS.

    look.py BROWSER SHOTS PAGE...

Speaks the DevTools protocol over a pipe (--remote-debugging-pipe: JSON with a NUL behind it), so it needs no module and no port.
Screenshots are left in SHOTS: PAGE-SCHEME-WIDTH.png.
"""
import base64
import json
import os
import pathlib
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

WAIT_S = 60

# What the page itself can tell; every line it returns is a complaint.
CHECKS = """(() => {
    const wrong = [];
    const root = document.documentElement;
    const light = c => { const v = c.match(/[\\d.]+/g).map(Number).slice(0, 3)
        .map(x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
    const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    const paper = getComputedStyle(document.body).backgroundColor;
    if (root.scrollWidth > innerWidth) wrong.push(`${root.scrollWidth} px wide in a window of ${innerWidth}`);
    if (document.querySelector("script, link, img, iframe, object")) wrong.push("needs more than itself");
    if (document.querySelectorAll("h1").length !== 1) wrong.push("has not one h1");
    for (const element of document.querySelectorAll("p, th, td, dt, dd, h1, h2, h3, summary, figcaption"))
        if (element.textContent.trim() && contrast(getComputedStyle(element).color, paper) < 4.5)
            { wrong.push(`cannot be read: ${element.textContent.slice(0, 40)}`); break; }
    for (const svg of document.querySelectorAll("svg")) {
        const title = svg.querySelector("title"), box = svg.viewBox.baseVal;
        if (!title || !title.textContent.trim() || svg.getAttribute("role") !== "img") wrong.push("a picture without a title");
        for (const text of svg.querySelectorAll("text")) {
            const b = text.getBBox();
            if (b.width > 0 && (b.x < -2 || b.y < -2 || b.x + b.width > box.width + 2 || b.y + b.height > box.height + 2))
                wrong.push(`"${text.textContent}" leaves "${title.textContent}"`);
            if (contrast(getComputedStyle(text).fill, paper) < 4.5) wrong.push(`cannot be read: ${text.textContent}`);
        }
        const names = [...svg.querySelectorAll("text")].filter(t => t.textContent.trim()).map(t => [t, t.getBoundingClientRect()]);
        for (let i = 0; i < names.length; i++)
            for (let j = i + 1; j < names.length; j++) {
                const [a, b] = [names[i][1], names[j][1]];
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 2 && down > 5) wrong.push(`"${names[i][0].textContent}" lies on "${names[j][0].textContent}"`);
            }
        const bottom = svg.closest("figure").nextElementSibling;
        if (!bottom) wrong.push(`nothing stands behind "${title.textContent}"`);
    }
    for (const table of document.querySelectorAll("table")) {
        if (!table.closest(".wide")) wrong.push("a table that may be wider than the page");
        if ([...table.querySelectorAll("thead th")].some(th => th.scope !== "col")) wrong.push("a column without a scope");
    }
    for (const link of document.querySelectorAll("nav a"))
        if (!document.querySelector(link.getAttribute("href"))) wrong.push(`${link.getAttribute("href")} leads nowhere`);
    return wrong.slice(0, 8);
})()"""


class Browser:
    def __init__(self, program, profile):
        ours, theirs = os.pipe(), os.pipe()  # commands to it, answers from it
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
                   "--disable-dev-shm-usage", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
                   "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]

        def take_pipes():
            for number, fd in ((3, os.dup(ours[0])), (4, os.dup(theirs[1]))):
                high = os.dup(fd) if fd < 10 else fd
                os.dup2(high, number)

        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        preexec_fn=take_pipes, close_fds=False)
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.back = ours[1], theirs[0]
        self.number, self.rest, self.events, self.session = 0, b"", [], None

    def read(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], max(0, deadline - time.monotonic()))[0]:
                raise SystemExit(f"look: no answer for {WAIT_S} s")
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise SystemExit("look: the browser has ended")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **arguments):
        self.number += 1
        message = {"id": self.number, "method": method, "params": arguments}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = self.read(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"look: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def await_event(self, method):
        deadline = time.monotonic() + WAIT_S
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read(deadline))

    def evaluate(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"look: {result['exceptionDetails']}")
        return result["result"].get("value")


def colours(png):
    """How many different colours an 8-bit PNG without interlacing has, and the one of its upper left corner."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    size, at, data = {2: 3, 6: 4}[kind], 8, b""
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at:at + 8])
        data += png[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += 12 + length
    raw, stride = zlib.decompress(data), width * size
    rows = [raw[y * (stride + 1):(y + 1) * (stride + 1)] for y in range(height)]
    first = tuple(rows[0][1:1 + 3])  # the first pixel of the first row is itself in every filter
    return len(set(rows)), first


def look_at(browser, page, shots):
    wrong, papers = [], {}
    url = pathlib.Path(page).resolve().as_uri()
    browser.events.clear()
    browser.ask("Page.navigate", url=url)
    browser.await_event("Page.loadEventFired")
    for scheme in ("light", "dark"):
        browser.ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for width in (400, 1200):
            browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            for folded in ("false", "true"):
                browser.evaluate(f"document.querySelectorAll('details').forEach(d => d.open = {folded})")
                wrong += [f"{scheme}, {width} px: {line}" for line in browser.evaluate(CHECKS)]
            browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
            shot = base64.b64decode(browser.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])
            pathlib.Path(shots, f"{pathlib.Path(page).stem}-{scheme}-{width}.png").write_bytes(shot)
            lines, papers[scheme] = colours(shot)
            if lines < 200:
                wrong.append(f"{scheme}, {width} px: the page is blank: {lines} different lines of pixels")
    if not (min(papers["light"]) > 200 and max(papers["dark"]) < 90):
        wrong.append(f"light is {papers['light']}, dark is {papers['dark']}")
    browser.ask("Emulation.setEmulatedMedia", media="", features=[])
    pdf = base64.b64decode(browser.ask("Page.printToPDF", printBackground=False)["data"])
    if not pdf.startswith(b"%PDF") or len(pdf) < 20000:
        wrong.append(f"printed, it has {len(pdf)} bytes")
    for event in browser.events:
        method, told = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent" and told["request"]["url"] != url:
            wrong.append(f"asks for {told['request']['url']}")
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            wrong.append(f"log: {told['entry']['text']}")
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            wrong.append(f"{method}: {json.dumps(told)[:200]}")
    return wrong


def main(program, shots, pages):
    profile, failed = tempfile.mkdtemp(), 0
    browser = Browser(program, profile)
    try:
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            browser.ask(f"{domain}.enable")
        for page in pages:
            wrong = look_at(browser, page, shots)
            failed += len(wrong)
            print(f"{'not ok' if wrong else 'ok'} - {pathlib.Path(page).name}")
            for line in wrong:
                print(f"    {line}")
    finally:
        browser.process.kill()
        browser.process.wait()
        shutil.rmtree(profile, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
