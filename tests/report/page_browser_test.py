"""Drives pages of `offaxis report` in a headless Chromium. usage: page_browser_test.py OFFAXIS SOURCE_DIRECTORY [SHOTS]

Exit code 77 where chromium and chromedriver are not installed. SHOTS: a folder for screenshots to look at."""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402

if browser.missing():
    print(f"skipped: {browser.missing()}")
    sys.exit(77)

offaxis, source = sys.argv[1], sys.argv[2]
shots = sys.argv[3] if len(sys.argv) > 3 else None


def check(condition, *what):
    if not condition:
        raise AssertionError(what)


def brightness(page, selector):
    """0 to 255 of the background that an element has."""
    text = page.run(f"return getComputedStyle(document.querySelector({selector!r})).backgroundColor")
    return sum(float(part) for part in text[text.index("(") + 1:-1].split(",")[:3]) / 3


def drive(page, path, name):
    page.size(1280, 900)
    page.media(prefers_color_scheme="light")
    page.open(path)
    # Quiet: nothing on the console, nothing over the network, everything inside.
    check(page.log("browser") == [], name, "console")
    asked = [url for url in page.requests() if not url.startswith(("data:", "file:"))]
    check(asked == [], name, "requests", asked)
    check(len(page.run("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:'))")) == 0, name)
    # Every image decodes and says what it shows.
    images = page.wait("""const done = arguments[arguments.length - 1];
        Promise.all([...document.images].map(i => i.decode().then(() => [i.naturalWidth, i.alt], e => [0, String(e)]))).then(done)""")
    check(all(width > 0 and alt for width, alt in images), name, images)
    # Charts: those shown have a size and a spoken text; every embedded chart is JSON.
    charts = page.run("""return [...document.querySelectorAll('figure .chart svg')].filter(s => s.getBoundingClientRect().width > 0)
        .map(s => [s.getBoundingClientRect().height, s.getAttribute('role'), s.getAttribute('aria-label')])""")
    check(charts and all(height > 50 and role == "img" and label for height, role, label in charts), name, charts)
    data = page.run("return [...document.querySelectorAll('script[type=\"application/json\"]')].map(s => s.textContent)")
    check(len(data) == len(charts) and all(json.loads(text)["format"] == "offaxis-chart" for text in data), name)
    # No two elements share an id; every control has a name; headings do not skip a level.
    ids = page.run("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    check(len(ids) == len(set(ids)), name, "ids")
    check(page.run("return [...document.querySelectorAll('button, summary, a')].every(b => (b.getAttribute('aria-label') || b.textContent).trim())"), name)
    levels = page.run("return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    check(levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), name, levels)
    check(page.run("return [...document.querySelectorAll('nav a')].every(a => document.querySelector(a.getAttribute('href')))"), name)
    # Nothing but the scrolling boxes is wider than the screen, down to 380 pixels, in both themes.
    for width in (1280, 700, 380):
        for scheme in ("light", "dark"):
            page.size(width, 900)
            page.media(prefers_color_scheme=scheme)
            check(page.run("return document.documentElement.scrollWidth") <= width, name, width, scheme)
            dark = brightness(page, "body") < 80
            check(dark == (scheme == "dark"), name, scheme)
            if shots and width != 700:
                page.screenshot(os.path.join(shots, f"{name}-{width}-{scheme}.png"))
    check(page.run("return [...document.querySelectorAll('.chart.narrow svg')].every(s => s.getBoundingClientRect().width > 250)"), name)
    # Text on a phone stays readable: charts are not shrunken pictures of wide ones.
    small = page.run("""return Math.min(...[...document.querySelectorAll('.chart.narrow text')].map(t => t.getBoundingClientRect().height))""")
    check(small > 7, name, small)
    page.size(1280, 900)
    page.media(prefers_color_scheme="light")


def drive_tables(page, path):
    page.open(path)
    cells = "[...document.querySelectorAll('#table tbody tr')].map(r => r.cells[{column}].textContent)"
    column = page.run("return [...document.querySelectorAll('#table thead th')].findIndex(h => h.textContent.trim() === 'MIG')")
    read = "return [...document.querySelectorAll('#table tbody tr')].map(r => Number(r.cells[%d].dataset.sort))" % column
    before = page.run(read)
    header = f"document.querySelectorAll('#table thead th')[{column}]"
    page.run(f"{header}.querySelector('button').click()")
    ascending = page.run(read)
    check(ascending == sorted(before) and ascending != before, "ascending", ascending)
    check(page.run(f"return {header}.getAttribute('aria-sort')") == "ascending")
    page.run(f"{header}.querySelector('button').focus()")
    page.press("Enter")
    check(page.run(read) == sorted(before, reverse=True), "descending by the keyboard")
    check(page.run(f"return {header}.getAttribute('aria-sort')") == "descending")
    check("Sorted by MIG" in page.run("return document.getElementById('said').textContent"))
    names = page.run("return " + cells.format(column=0))
    page.run("document.querySelectorAll('#table thead th')[0].querySelector('button').click()")
    check(page.run("return " + cells.format(column=0)) == sorted(names), "by name")
    check(page.run("return document.querySelector('#table tfoot tr').cells[0].textContent") == "perfect codes", "the foot stays")


def drive_theme(page, path):
    page.open(path)
    page.run("try { localStorage.clear() } catch (e) {}")
    page.open(path)
    seen = []
    for _ in range(3):
        page.run("document.getElementById('theme').click()")
        seen.append((page.run("return document.getElementById('theme').textContent"), brightness(page, "body") < 80,
                     brightness(page, "figure") < 80))
    check(seen == [("Theme: light", False, False), ("Theme: dark", True, True), ("Theme: auto", False, False)], seen)
    # The first stop of the keyboard is the way past the head.
    page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.press("Tab")
    check(page.run("return document.activeElement.className") == "skip")


def drive_saving(page, path):
    page.open(path)
    check(page.run("return document.querySelectorAll('button[data-copy]').length") > 5)
    page.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.run("document.querySelector('button[data-copy]').closest('details')?.setAttribute('open', '')")
    page.run("document.querySelector('button[data-copy]').click()")
    deadline = time.time() + 5
    while time.time() < deadline and not page.run("return document.getElementById('said').textContent"):
        time.sleep(0.05)
    check(page.run("return document.getElementById('said').textContent") == "Copied")
    embedded = json.loads(page.run("return document.getElementById('mig-data').textContent"))
    for kind in ("svg", "json"):
        page.run(f"document.querySelector('button[data-save={kind}][data-of=mig]').click()")
        saved = os.path.join(page.downloads, f"mig.{kind}")
        deadline = time.time() + 10
        while time.time() < deadline and not (os.path.exists(saved) and os.path.getsize(saved)):
            time.sleep(0.05)
        with open(saved, encoding="utf-8") as file:
            text = file.read()
        if kind == "svg":
            check("<svg" in text and "font-size" in text)
            continue
        check(json.loads(text) == embedded, "the saved data are the embedded ones")
        drawn = os.path.join(page.downloads, "drawn.svg")
        subprocess.run([offaxis, "plot", "chart", saved, "-o", drawn], check=True, stdout=subprocess.DEVNULL)
        alone = os.path.join(page.downloads, "alone.svg")
        subprocess.run([offaxis, "report", source + "/results/shapes3d-r-third", "--figure", "mig", "-o", alone], check=True,
                       stdout=subprocess.DEVNULL)
        with open(drawn, "rb") as a, open(alone, "rb") as b:
            check(a.read() == b.read(), "the saved data draw the figure again")
        page.open(drawn)
        check(page.log("browser") == [], "the picture alone")


with tempfile.TemporaryDirectory() as directory, browser.Browser() as page:
    made = {"grid": source + "/results/shapes3d-r-third", "run": source + "/results/xysquares-s1-quick",
            "version": source + "/manifests/xysquares-s1-quick/1.0.0.json", "half": source + "/results/shapes3d-r-quick"}
    paths = {}
    for name, folder in made.items():
        paths[name] = os.path.join(directory, name + ".html")
        images = ["--no-images"] if name == "half" else ["--samples", "128", "--pairs", "100"]
        subprocess.run([offaxis, "report", folder, "-o", paths[name]] + images, check=True, stdout=subprocess.DEVNULL)
        drive(page, paths[name], name)
    page.open(paths["half"])
    check("seeds 2003, 2007, 2011" in page.run("return document.getElementById('missing').textContent"), "what is missing is said")
    drive_tables(page, paths["grid"])
    drive_theme(page, paths["grid"])
    drive_saving(page, paths["grid"])
    # Without JavaScript the page is whole, but for the buttons that need it.
    page.cdp("Emulation.setScriptExecutionDisabled", value=True)
    page.open(paths["grid"])
    check(page.cdp("DOM.getDocument")["root"]["childNodeCount"] > 0)
    if shots:
        page.screenshot(os.path.join(shots, "no-script.png"))
print("the pages behave")
