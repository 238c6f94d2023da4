(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");

  // Says what a button did, to eyes and to screen readers.
  var said = document.getElementById("said"), timer = 0;
  function say(text) {
    said.textContent = text;
    said.classList.add("on");
    clearTimeout(timer);
    timer = setTimeout(function () { said.classList.remove("on"); }, 1800);
  }

  // The theme: as the system has it, light, dark. Kept where the browser lets a file keep anything.
  var themes = ["auto", "light", "dark"], theme = "auto", button = document.getElementById("theme");
  try { theme = localStorage.getItem("offaxis-theme") || "auto"; } catch (e) { /* kept for this view alone */ }
  function applyTheme() {
    if (themes.indexOf(theme) < 0) theme = "auto";
    if (theme === "auto") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", theme);
    button.textContent = "Theme: " + theme;
  }
  button.addEventListener("click", function () {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("offaxis-theme", theme); } catch (e) { /* as above */ }
    applyTheme();
  });
  applyTheme();

  // Tables sort by a click on a heading; rows without a value stay last.
  function sortBy(table, column, direction) {
    var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows);
    function key(row) {
      var cell = row.cells[column], number = cell.getAttribute("data-sort");
      if (number !== null) return Number(number);
      var text = cell.textContent.trim();
      return text === "" ? null : text;
    }
    rows.map(function (row, i) { return { row: row, key: key(row), i: i }; }).sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.i - b.i;
      var order = typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key
        : String(a.key).localeCompare(String(b.key), "en", { numeric: true });
      return direction * order || a.i - b.i;
    }).forEach(function (entry) { body.appendChild(entry.row); });
  }
  Array.prototype.forEach.call(document.querySelectorAll("table.sortable"), function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell, column) {
      var name = cell.textContent, control = document.createElement("button");
      control.type = "button";
      control.textContent = name;
      cell.textContent = "";
      cell.appendChild(control);
      control.addEventListener("click", function () {
        var ascending = cell.getAttribute("aria-sort") !== "ascending";
        Array.prototype.forEach.call(table.tHead.rows[0].cells, function (other) { other.removeAttribute("aria-sort"); });
        cell.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sortBy(table, column, ascending ? 1 : -1);
        say("Sorted by " + name + (ascending ? ", ascending" : ", descending"));
      });
    });
  });

  function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    var area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    document.body.removeChild(area);
    return done ? Promise.resolve() : Promise.reject(new Error("not allowed"));
  }
  Array.prototype.forEach.call(document.querySelectorAll("button[data-copy]"), function (control) {
    control.addEventListener("click", function () {
      copy(document.getElementById(control.getAttribute("data-copy")).textContent).then(
        function () { say("Copied"); }, function () { say("The browser does not allow copying; select the text"); });
    });
  });

  // Saving: the JSON as it is embedded; the SVG with the colours that it has here.
  function save(name, type, text) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: type }));
    link.download = name;
    document.body.appendChild(link);
    link.click();
    document.body.removeChild(link);
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    say("Saved " + name);
  }
  function standalone(figure) {
    var source = figure.querySelector(".chart.wide svg"), svg = source.cloneNode(true);
    var from = source.querySelectorAll("*"), to = svg.querySelectorAll("*");
    var names = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-weight", "font-family"];
    for (var i = 0; i < from.length; i++) {
      var style = getComputedStyle(from[i]), text = "";
      for (var k = 0; k < names.length; k++) text += names[k] + ":" + style.getPropertyValue(names[k]) + ";";
      to[i].setAttribute("style", text);
    }
    svg.style.background = getComputedStyle(figure).backgroundColor;
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + new XMLSerializer().serializeToString(svg) + "\n";
  }
  Array.prototype.forEach.call(document.querySelectorAll("button[data-save]"), function (control) {
    control.addEventListener("click", function () {
      var id = control.getAttribute("data-of");
      if (control.getAttribute("data-save") === "json") {
        var data = JSON.parse(document.getElementById(id + "-data").textContent);
        save(id + ".json", "application/json", JSON.stringify(data, null, 2) + "\n");
      } else {
        save(id + ".svg", "image/svg+xml", standalone(document.getElementById(id)));
      }
    });
  });
})();
